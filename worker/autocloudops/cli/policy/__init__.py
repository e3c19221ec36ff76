"""`policy`: every verb with its options, and the module that does it."""
# ruff: noqa: PLC0415 - a verb loads its libraries when it runs, as in `cli.app`

from pathlib import Path
from typing import Annotated

import typer

policy = typer.Typer(help="Check what a policy file allows, and why.")

PolicyFile = Annotated[Path, typer.Argument(help="A policy in YAML or JSON; see docs/policy.md.")]


@policy.command("check")
def policy_check(context: typer.Context, file: PolicyFile) -> int:
    """Say what a policy file means, or everything that is wrong with it, by line; exit 1 where something is."""
    from autocloudops.cli.policy.checking import check_file

    return check_file(file, context.obj)


@policy.command("explain")
def policy_explain(  # noqa: PLR0913, PLR0917 - typer makes each option of a parameter
    context: typer.Context,
    file: PolicyFile,
    account: Annotated[str, typer.Option(help="The target's account.")],
    action: Annotated[str, typer.Option(help="An action of the catalogue.")],
    alarm: Annotated[str, typer.Option(help="The alarm's name.")],
    region: Annotated[str | None, typer.Option(help="The target's region.")] = None,
    metric: Annotated[str | None, typer.Option(help="The alarm's metric, as AWS/ECS/CPUUtilization.")] = None,
    tags: Annotated[
        list[str] | None, typer.Option("--tag", "--tags", help="A tag of the target, KEY=VALUE; may be repeated.")
    ] = None,
) -> None:
    """Say which mode holds for one case and by what, what refuses it already, and what still may."""
    from autocloudops.cli.policy.checking import Asked, explain_file

    asked = Asked(account, action, alarm, region, metric, tuple(tags or ()))
    explain_file(file, asked, context.obj)


@policy.command("schema")
def policy_schema() -> None:
    """Print the JSON Schema of a policy file, for editors and pipelines."""
    from autocloudops.cli.policy.checking import print_schema

    print_schema()


@policy.command("permissions")
def policy_permissions(
    context: typer.Context,
    account: Annotated[str, typer.Option(help="The account of the targets.")] = "*",
    region: Annotated[str, typer.Option(help="The region of the targets.")] = "*",
    other_role: Annotated[str, typer.Option(help="The role that is assumed in other accounts, by name.")] = "",
) -> None:
    """Print what a worker needs in IAM to act: nothing of it changes a target, only the runbooks' own roles do."""
    from autocloudops.actions.policy import ActingPlace
    from autocloudops.cli.policy.permissions import print_permissions

    print_permissions(ActingPlace(account=account, region=region, other_role=other_role), context.obj)
