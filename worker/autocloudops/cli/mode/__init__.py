"""`mode`: every verb with its options, and the module that does it."""
# ruff: noqa: PLC0415 - a verb loads its libraries when it runs, so that `--version` and a usage error cost nothing

from typing import Annotated

import typer

mode = typer.Typer(help="The control item, which lowers what every worker may do: the kill switch.")


@mode.command("get")
def mode_get(context: typer.Context) -> int:
    """Print the control item and its last switches; exit 1 where there is none, because then nothing is done."""
    from autocloudops.cli.mode.switching import get_mode

    return get_mode(context.obj)


@mode.command("set")
def mode_set(
    context: typer.Context,
    mode: Annotated[str, typer.Argument(help="off, dry-run, approve or active.")],
    reason: Annotated[str, typer.Option(help="Why; kept with the switch and shown by mode get.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; needed where nobody is at a terminal.")] = False,
) -> int:
    """Say what a switch would change, and switch; without AutoCloudOps: docs/kill-switch.md."""
    from autocloudops.cli.mode.switching import set_mode

    return set_mode(mode, reason, context.obj, yes=yes)
