"""`endpoint`: every verb, and the module that does it.

Only these modules import `nim_endpoint`, and only when a verb runs.
"""
# ruff: noqa: PLC0415 - a verb loads its libraries when it runs, as in `cli.app`

from pathlib import Path
from typing import Annotated

import typer

from autocloudops.cli.endpoint.options import (
    AdoptOptions,
    Consumer,
    CostOptions,
    DeleteOptions,
    EnsureOptions,
    Name,
    ProbeOptions,
    Region,
    SpecOptions,
    taking,
)
from autocloudops.cli.program import ExitCode

endpoint = typer.Typer(help="The model's SageMaker endpoint: created or reused, shared by leases, probed and priced.")


@endpoint.command("plan")
@taking(SpecOptions)
def endpoint_plan(context: typer.Context, options: SpecOptions) -> ExitCode:
    """Say what `ensure` would do, what it costs, and why the model fits; exit 1 where it would refuse."""
    from autocloudops.cli.endpoint.deploying import show_plan

    return show_plan(options, context.obj)


@endpoint.command("ensure")
@taking(EnsureOptions)
def endpoint_ensure(context: typer.Context, options: EnsureOptions) -> ExitCode:
    """Make the endpoint as the spec says, or find it so, and take a lease; may be run again, and after Ctrl-C."""
    from autocloudops.cli.endpoint.deploying import ensure_endpoint

    return ensure_endpoint(options, context.obj)


@endpoint.command("status")
def endpoint_status(context: typer.Context, name: Name, region: Region = None) -> ExitCode:
    """Say what is there under a name: status, reason, components, leases; exit 1 where it is not in service."""
    from autocloudops.cli.endpoint.sharing import show_status

    return show_status(name, region, context.obj)


@endpoint.command("probe")
@taking(ProbeOptions)
def endpoint_probe(context: typer.Context, options: ProbeOptions) -> ExitCode:
    """Ask the endpoint for one answer, as a worker does, and say which schema dialect it obeys."""
    from autocloudops.cli.endpoint.probing import probe_endpoint

    return probe_endpoint(options, context.obj)


@endpoint.command("adopt")
@taking(AdoptOptions)
def endpoint_adopt(context: typer.Context, options: AdoptOptions) -> ExitCode:
    """Use an endpoint as it is: probe it, take a lease where it was made here, and print what a worker needs."""
    from autocloudops.cli.endpoint.probing import adopt_endpoint

    return adopt_endpoint(options, context.obj)


@endpoint.command("leases")
def endpoint_leases(context: typer.Context, name: Name, region: Region = None) -> None:
    """List who uses an endpoint, and since when."""
    from autocloudops.cli.endpoint.sharing import list_leases

    list_leases(name, region, context.obj)


@endpoint.command("release")
def endpoint_release(context: typer.Context, name: Name, consumer: Consumer, region: Region = None) -> ExitCode:
    """Give a lease back; the endpoint stays. Exit 1 where there was none."""
    from autocloudops.cli.endpoint.sharing import release_lease

    return release_lease(name, consumer, region, context.obj)


@endpoint.command("delete")
@taking(DeleteOptions)
def endpoint_delete(context: typer.Context, options: DeleteOptions) -> ExitCode:
    """Delete an endpoint that was made here, with its components and models; refused while others hold a lease."""
    from autocloudops.cli.endpoint.deploying import delete_endpoint

    return delete_endpoint(options, context.obj)


@endpoint.command("cost")
@taking(CostOptions)
def endpoint_cost(context: typer.Context, options: CostOptions) -> ExitCode:
    """Print what an endpoint costs a month by each way of running it, beside two naive estimates and their errors."""
    from autocloudops.cli.endpoint.costing import show_costs

    return show_costs(options, context.obj)


@endpoint.command("key")
def endpoint_key(
    context: typer.Context,
    secret: Annotated[str, typer.Option(help="The Secrets Manager secret that keeps it.")],
    file: Annotated[Path | None, typer.Option(help="A file that holds it.")] = None,
    variable: Annotated[str | None, typer.Option(help="The NAME of an environment variable that holds it.")] = None,
    region: Region = None,
) -> None:
    """Keep the NGC key in Secrets Manager, from a file, a variable, or standard input; never from the command line."""
    from autocloudops.cli.endpoint.keys import keep_key

    keep_key(secret, file, variable, region, context.obj)
