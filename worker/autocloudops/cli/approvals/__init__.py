"""`approvals`: every verb with its options, and the module that does it."""
# ruff: noqa: PLC0415 - a verb loads its libraries when it runs, so that `--version` and a usage error cost nothing

from typing import Annotated

import typer

approvals = typer.Typer(
    help="Answer what waits for a person.",
    epilog="Exit codes: 0 done, 1 you answered no, 252 usage, or no such id waits, 253 credentials, 254 AWS, "
    "255 it cannot be answered any more.",
)

Id = Annotated[str, typer.Argument(help="The id, or its first eight characters or more.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask; needed where nobody is at a terminal.")]
Role = Annotated[
    str | None,
    typer.Option(help="A role, by name, to answer with where the target is in another account than you are."),
]


@approvals.command("list")
def approvals_list(context: typer.Context) -> None:
    """List what waits for a person."""
    from autocloudops.cli.approvals.answering import list_approvals

    list_approvals(context.obj)


@approvals.command("approve")
def approvals_approve(context: typer.Context, id: Id, yes: Yes = False, role: Role = None) -> int:  # noqa: A002 - the name in the usage line
    """Show exactly what would be done, and let it be done: with your own credentials, as SSM checks who may approve."""
    from autocloudops.cli.approvals.answering import Answer, answer

    return answer(Answer(id, yes, role=role), context.obj)


@approvals.command("reject")
def approvals_reject(
    context: typer.Context,
    id: Id,  # noqa: A002 - the name in the usage line
    reason: Annotated[str, typer.Option(help="Why not, for whoever reads the audit.")],
    yes: Yes = False,
    role: Role = None,
) -> int:
    """Show what would be done, and let it not be done."""
    from autocloudops.cli.approvals.answering import Answer, answer

    return answer(Answer(id, yes, reason, role), context.obj)
