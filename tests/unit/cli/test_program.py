import subprocess
import sys

import pytest
import typer
from command_line import typed
from typer.testing import CliRunner

from autocloudops.cli.program import ExitCode, Program, code_of, globals_first
from autocloudops.errors import (
    AccessDenied,
    AuditConflict,
    InputUnreadable,
    ModelTimedOut,
    SandboxFailed,
    SettingsInvalid,
    Throttled,
    cause_of,
)

HEAVY = ("aiobotocore", "botocore", "ministack", "aiohttp", "uvloop")


def failing(error: BaseException) -> typer.Typer:
    """Return a program whose one verb raises `error`."""
    program = typer.Typer(cls=Program, add_completion=False)

    @program.callback()
    def choose(debug: bool = False) -> None:
        assert debug in {True, False}

    @program.command()
    def fail() -> None:
        raise error

    return program


def test_the_version_is_printed() -> None:
    """`--version` names program and version on standard output."""
    result = typed("--version")
    assert result.exit_code == 0
    assert result.stdout.startswith("autocloudops 0.")


def test_starting_up_loads_no_aws_library() -> None:
    """`--version` answers at once: no AWS library, no emulator and no event loop is loaded for it."""
    script = (
        "import sys\n"
        "from autocloudops.cli.app import main\n"
        "sys.argv = ['autocloudops', '--version']\n"
        "try:\n    main()\n"
        f"finally:\n    print(sorted(set({HEAVY!r}) & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.splitlines()[1:] == ["[]"]


def test_the_package_runs_as_a_module() -> None:
    """`python -m autocloudops` is the same program under the same name."""
    done = subprocess.run(
        [sys.executable, "-m", "autocloudops", "nonsense"], capture_output=True, text=True, check=False
    )
    assert done.returncode == ExitCode.USAGE
    assert done.stderr.strip() == "autocloudops: No such command 'nonsense': see autocloudops --help"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Missing command: see autocloudops --help"),
        (["audit"], "Missing command: see autocloudops audit --help"),
        (["decide"], "Missing argument 'file': see autocloudops decide --help"),
        (["setings"], "Did you mean 'settings'?: see autocloudops --help"),
        (["settings", "--colour"], "--colour: see autocloudops settings --help"),
        (["settings", "--output", "xml"], "'xml' is not one of 'table', 'json', 'text': see autocloudops --help"),
        (["audit", "ls", "--limit", "0"], "see autocloudops audit ls --help"),
        (["audit", "ls", "--verdict", "maybe"], "manual, suppressed: see autocloudops audit ls --help"),
        (["audit", "show", "xyz"], "see autocloudops audit show --help"),
    ],
)
def test_a_usage_error_is_one_line_with_code_252(arguments: list[str], said: str) -> None:
    """Whatever was typed wrongly is told in one line that names the help to read, and exits as the AWS CLI does."""
    result = typed(*arguments)
    assert result.exit_code == ExitCode.USAGE
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("autocloudops: ")
    assert said in line


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SettingsInvalid("no region"), 253),
        (AccessDenied("sqs:ReceiveMessage", "queue", "denied", "allow it"), 254),
        (Throttled("s3:PutObject", "bucket", "slow down"), 254),
        (ModelTimedOut("sagemaker://nim", "no answer"), 254),
        (InputUnreadable("no such file"), 252),
        (AuditConflict("other bytes"), 255),
        (SandboxFailed("no emulator"), 255),
        (KeyError("x"), 255),
        (typer.BadParameter("no"), 252),
    ],
)
def test_each_kind_of_error_has_its_exit_code(error: Exception, code: int) -> None:
    """A script can tell usage, configuration, service and other errors apart."""
    assert code_of(error) == code


def test_an_error_says_what_to_do_next_in_one_line() -> None:
    """An error of ours is shown without a traceback, with its advice."""
    result = CliRunner().invoke(failing(SettingsInvalid("the region\nis missing", "set AWS_REGION")), ["fail"])
    assert result.exit_code == ExitCode.CONFIGURATION
    assert result.stderr == "autocloudops: the region is missing: set AWS_REGION\n"


def test_an_unexpected_error_is_one_line_too() -> None:
    """What nobody foresaw is one line that names the way to the traceback."""
    result = CliRunner().invoke(failing(ZeroDivisionError("division by zero")), ["fail"])
    assert result.exit_code == ExitCode.OTHER
    assert result.stderr == (
        "autocloudops: unexpected ZeroDivisionError: division by zero: "
        "run it again with --debug and report the traceback\n"
    )


def test_debug_shows_the_traceback() -> None:
    """With `--debug` after the verb, the traceback comes before the line."""
    result = CliRunner().invoke(failing(ZeroDivisionError("division by zero")), ["fail", "--debug"])
    assert result.exit_code == ExitCode.OTHER
    assert result.stderr.startswith("Traceback (most recent call last):")
    assert "autocloudops: unexpected ZeroDivisionError" in result.stderr.splitlines()[-1]


def test_what_a_task_group_wrapped_is_told_itself() -> None:
    """The error that a task raised decides line and code, however many groups are around it."""
    inner = SettingsInvalid("no region")
    assert cause_of(ExceptionGroup("outer", [ExceptionGroup("inner", [inner])])) is inner
    assert cause_of(inner) is inner


def test_an_interrupt_exits_with_130() -> None:
    """Ctrl-C is told apart from errors, and says nothing."""
    result = CliRunner().invoke(failing(KeyboardInterrupt()), ["fail"])
    assert result.exit_code == ExitCode.INTERRUPTED
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "moved"),
    [
        (["audit", "ls", "--output", "json"], ["--output", "json", "audit", "ls"]),
        (["demo", "--keep", "--output=json", "--debug"], ["--output=json", "--debug", "demo", "--keep"]),
        (["--debug", "settings"], ["--debug", "settings"]),
        (["decide", "--", "--debug"], ["decide", "--", "--debug"]),
        (["settings", "--output"], ["--output", "settings"]),
        ([], []),
    ],
)
def test_global_options_may_stand_anywhere(arguments: list[str], moved: list[str]) -> None:
    """`--output` and `--debug` count before and after the verb, but not behind `--`."""
    assert globals_first(arguments) == moved
