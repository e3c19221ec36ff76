"""`runbooks`: every verb with its options, and the module that does it."""
# ruff: noqa: PLC0415 - a verb loads its libraries when it runs, as in `cli.app`

from pathlib import Path
from typing import Annotated

import typer

runbooks = typer.Typer(help="Look at what may be run about an alarm, and check it.")

Folder = Annotated[
    Path | None, typer.Option(exists=True, file_okay=False, help="A folder of documents; else those of this version.")
]


@runbooks.command("list")
def runbooks_list(context: typer.Context) -> None:
    """List what may be run: its runbook, its risk, whether it may be repeated, and what it is done to."""
    from autocloudops.cli.runbooks.showing import list_runbooks

    list_runbooks(context.obj)


@runbooks.command("show")
def runbooks_show(
    context: typer.Context, name: Annotated[str, typer.Argument(help="An action, or the name of its runbook.")]
) -> None:
    """Show one runbook: its exact steps and parameters, what its role may do, and how it is undone."""
    from autocloudops.cli.runbooks.showing import show_runbook

    show_runbook(name, context.obj)


@runbooks.command("test")
def runbooks_test(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="An action, or the name of its runbook; all without one.")] = None,
    folder: Folder = None,
    live: Annotated[bool, typer.Option("--live", help="Also compare with the documents that AWS has.")] = False,
) -> int:
    """Check runbooks: their form, ways, references, guards, and every AWS call; exit 1 where one is wrong."""
    from autocloudops.cli.runbooks.testing import check_runbooks

    return check_runbooks(name, folder, context.obj, live=live)


@runbooks.command("reset")
def runbooks_reset(
    name: Annotated[str, typer.Argument(help="An action, or the name of its runbook.")],
    reason: Annotated[str, typer.Option(help="Why, for whoever reads the audit.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> int:
    """Let a runbook be claimed again after its verifications failed; exit 1 where its breaker is not open."""
    from autocloudops.cli.breaker import reset_breaker

    return reset_breaker(name, reason, yes=yes)
