"""What every verb shares: global options anywhere, errors on one line, exit codes after the AWS CLI."""

import os
import sys
import traceback
from collections.abc import Sequence
from enum import IntEnum
from itertools import islice

import typer
from typer.core import TyperGroup

from autocloudops.errors import AutoCloudOpsError, InputUnreadable, ModelError, ServiceFailed, SettingsInvalid, cause_of
from autocloudops.redaction import redact, visible


class ExitCode(IntEnum):
    """How the process ends.

    https://docs.aws.amazon.com/cli/latest/topic/return-codes.html; 1 is ours.
    """

    OK = 0
    CHECK_FAILED = 1
    INTERRUPTED = 130
    USAGE = 252
    CONFIGURATION = 253
    SERVICE = 254
    OTHER = 255


class Program(TyperGroup):
    """The top of the command line.

    It never shows a traceback unless `--debug` is given, and takes the global options before or after the verb.
    """

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: object,
    ) -> int:
        """Run a command line, and leave the process with its exit code unless `standalone_mode` is off."""
        arguments = globals_first(sys.argv[1:] if args is None else args)
        try:
            done = super().main(arguments, prog_name, complete_var, False, windows_expand_args, **extra)
            sys.stdout.flush()
            code = int(done or ExitCode.OK)
        except Exception as error:  # noqa: BLE001 - the last resort: one line and an exit code for whatever happened
            code = told(cause_of(error), debug="--debug" in arguments)
        if standalone_mode:
            sys.exit(code)
        return code


def globals_first(arguments: Sequence[str]) -> list[str]:
    """Return a command line with the global options moved before the verb; nothing behind `--` is touched."""
    first: list[str] = []
    rest: list[str] = []
    left = iter(arguments)
    for each in left:
        if each == "--debug" or each.startswith("--output="):
            first.append(each)
        elif each == "--output":
            first += [each, *islice(left, 1)]
        else:
            rest += [each, *left] if each == "--" else [each]
    return first + rest


def told(error: Exception, *, debug: bool) -> ExitCode:
    """Say on standard error what happened and what to do next, and return the exit code for it.

    Args:
        error: what a verb raised.
        debug: whether the traceback is shown too.
    """
    if isinstance(error, BrokenPipeError):
        return _hang_up()
    if debug:
        typer.echo(redact("".join(traceback.format_exception(error))), err=True)
    typer.echo(f"autocloudops: {in_one_line(error)}", err=True)
    return code_of(error)


def in_one_line(error: Exception) -> str:
    """Return an error's words without a line break, and what to do next."""
    said = redact(" ".join(visible(str(error)).split()))
    if isinstance(error, typer.TyperException):
        return f"{' '.join(visible(error.format_message()).split()).rstrip('.')}: see {_command(error)} --help"
    if isinstance(error, AutoCloudOpsError):
        return said
    return f"unexpected {type(error).__name__}: {said}: run it again with --debug and report the traceback"


def code_of(error: Exception) -> ExitCode:
    """Return the exit code that tells a script what kind of error it was."""
    match error:
        case typer.TyperException() | InputUnreadable():
            return ExitCode.USAGE
        case SettingsInvalid():
            return ExitCode.CONFIGURATION
        case ServiceFailed() | ModelError():
            return ExitCode.SERVICE
        case _:
            return ExitCode.OTHER


def _command(error: typer.TyperException) -> str:
    context: typer.Context | None = getattr(error, "ctx", None)
    return context.command_path if context else "autocloudops"


def _hang_up() -> ExitCode:
    """Close standard output without a complaint: whoever read it, as `head` does, has had enough."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return ExitCode.OK
