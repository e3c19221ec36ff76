"""`endpoint`: every verb with its options, and the module that does it.

Only these modules import `nim_endpoint`, and only when a verb runs.
"""
# ruff: noqa: PLC0415 - a verb loads its libraries when it runs, as in `cli.app`

from pathlib import Path
from typing import Annotated

import typer

endpoint = typer.Typer(help="The model's SageMaker endpoint: created or reused, shared by leases, probed and priced.")

SpecFile = Annotated[str, typer.Argument(metavar="SPEC", help="A spec file, or the name of a bundled one as llm-s3.")]
Name = Annotated[str, typer.Argument(help="The endpoint's name; case matters.")]
Rename = Annotated[str | None, typer.Option("--name", help="The endpoint's name, instead of the spec's.")]
Values = Annotated[
    list[str] | None,
    typer.Option("--set", help="NAME=VALUE for a placeholder of the spec; account and region are known."),
]
Region = Annotated[str | None, typer.Option(help="The region; else AWS_REGION counts.")]
Consumer = Annotated[str, typer.Option(help="Who uses the endpoint, as its lease says: a team or a deployment.")]
Adopt = Annotated[
    bool, typer.Option("--adopt", help="Use an endpoint that was not made here, after a probe; never change it.")
]
Recreate = Annotated[bool, typer.Option("--recreate", help="Delete what failed and was made here, and make it anew.")]
Disturb = Annotated[bool, typer.Option("--disturb", help="Update it although others hold a lease.")]
KeyInEnvironment = Annotated[
    bool,
    typer.Option(
        "--key-in-environment",
        help="Route ecr: put the NGC key into the model's environment, where DescribeModel shows it.",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask; needed where nobody is at a terminal.")]


@endpoint.command("plan")
def endpoint_plan(  # noqa: PLR0913, PLR0917 - typer makes each option of a parameter
    context: typer.Context,
    spec: SpecFile,
    consumer: Consumer,
    name: Rename = None,
    values: Values = None,
    region: Region = None,
    adopt: Adopt = False,
    recreate: Recreate = False,
    disturb: Disturb = False,
    key_in_environment: KeyInEnvironment = False,
) -> int:
    """Say what `ensure` would do, what it costs, and why the model fits; exit 1 where it would refuse."""
    from autocloudops.cli.endpoint.deploying import show_plan
    from autocloudops.cli.endpoint.opening import Asked

    asked = Asked(spec=spec, name=name, values=tuple(values or ()), region=region, shows_key=key_in_environment)
    return show_plan(asked.allowing(consumer, adopt=adopt, recreate=recreate, disturb=disturb), context.obj)


@endpoint.command("ensure")
def endpoint_ensure(  # noqa: PLR0913, PLR0917 - likewise
    context: typer.Context,
    spec: SpecFile,
    consumer: Consumer,
    name: Rename = None,
    values: Values = None,
    region: Region = None,
    adopt: Adopt = False,
    recreate: Recreate = False,
    disturb: Disturb = False,
    key_in_environment: KeyInEnvironment = False,
    timeout_minutes: Annotated[int, typer.Option(min=1, help="After how long waiting is given up.")] = 90,
    yes: Yes = False,
) -> int:
    """Make the endpoint as the spec says, or find it so, and take a lease; may be run again, and after Ctrl-C."""
    from autocloudops.cli.endpoint.deploying import ensure_endpoint
    from autocloudops.cli.endpoint.opening import Asked

    asked = Asked(spec=spec, name=name, values=tuple(values or ()), region=region, shows_key=key_in_environment)
    allowed = asked.allowing(consumer, adopt=adopt, recreate=recreate, disturb=disturb)
    return ensure_endpoint(allowed, timeout_minutes * 60.0, context.obj, yes=yes)


@endpoint.command("status")
def endpoint_status(context: typer.Context, name: Name, region: Region = None) -> int:
    """Say what is there under a name: status, reason, components, leases; exit 1 where it is not in service."""
    from autocloudops.cli.endpoint.sharing import show_status

    return show_status(name, region, context.obj)


@endpoint.command("probe")
def endpoint_probe(
    context: typer.Context,
    name: Name,
    model: Annotated[str, typer.Option(help="The model that it serves.")] = "nemotron-nano-8b",
    component: Annotated[str | None, typer.Option(help="The inference component, where the endpoint has some.")] = None,
    region: Region = None,
) -> int:
    """Ask the endpoint for one answer, as a worker does, and say which schema dialect it obeys."""
    from autocloudops.cli.endpoint.probing import probe_endpoint

    return probe_endpoint(name, model, component, region, context.obj)


@endpoint.command("adopt")
def endpoint_adopt(
    context: typer.Context,
    name: Name,
    consumer: Consumer,
    model: Annotated[str, typer.Option(help="The model that it serves.")] = "nemotron-nano-8b",
    component: Annotated[str | None, typer.Option(help="The inference component, where the endpoint has some.")] = None,
    region: Region = None,
) -> int:
    """Use an endpoint as it is: probe it, take a lease where it was made here, and print what a worker needs."""
    from autocloudops.cli.endpoint.probing import adopt_endpoint

    return adopt_endpoint(name, consumer, model, component, region, output=context.obj)


@endpoint.command("leases")
def endpoint_leases(context: typer.Context, name: Name, region: Region = None) -> None:
    """List who uses an endpoint, and since when."""
    from autocloudops.cli.endpoint.sharing import list_leases

    list_leases(name, region, context.obj)


@endpoint.command("release")
def endpoint_release(name: Name, consumer: Consumer, region: Region = None) -> int:
    """Give a lease back; the endpoint stays. Exit 1 where there was none."""
    from autocloudops.cli.endpoint.sharing import release_lease

    return release_lease(name, consumer, region)


@endpoint.command("delete")
def endpoint_delete(
    context: typer.Context,
    name: Name,
    consumer: Annotated[str | None, typer.Option(help="Whose own lease is no hindrance.")] = None,
    region: Region = None,
    timeout_minutes: Annotated[int, typer.Option(min=1, help="After how long waiting is given up.")] = 30,
    yes: Yes = False,
) -> int:
    """Delete an endpoint that was made here, with its components and models; refused while others hold a lease."""
    from autocloudops.cli.endpoint.deploying import delete_endpoint

    return delete_endpoint(name, consumer, region, timeout_minutes * 60.0, output=context.obj, yes=yes)


@endpoint.command("cost")
def endpoint_cost(  # noqa: PLR0913, PLR0917 - likewise
    context: typer.Context,
    instance_type: Annotated[str, typer.Option(help="An instance type for hosting.")] = "ml.g6e.xlarge",
    model: Annotated[str, typer.Option(help="The model, for its licence and whether it fits.")] = "nemotron-nano-8b",
    instances: Annotated[int, typer.Option(min=1, help="How many instances.")] = 1,
    alarms: Annotated[int, typer.Option(min=1, help="Alarms in a month.")] = 10_000,
    incident_ratio: Annotated[float, typer.Option(min=0.000001, max=1, help="Incidents for each alarm.")] = 0.1,
    office_hours: Annotated[float, typer.Option(min=1, max=24, help="Hours of a working day.")] = 10,
    price: Annotated[float | None, typer.Option(min=0, help="Dollars an hour of one instance, if you know.")] = None,
    live: Annotated[bool, typer.Option("--live", help="Ask the Price List API for today's price.")] = False,
    region: Region = None,
) -> int:
    """Print what an endpoint costs a month by each way of running it, beside two sums published elsewhere."""
    from autocloudops.cli.endpoint.costing import Wanted, show_costs

    wanted = Wanted(
        instance_type=instance_type, model=model, instances=instances, price=price, live=live, region=region
    )
    return show_costs(wanted.loaded(alarms, incident_ratio, office_hours), context.obj)


@endpoint.command("key")
def endpoint_key(
    secret: Annotated[str, typer.Option(help="The Secrets Manager secret that keeps it.")],
    file: Annotated[Path | None, typer.Option(help="A file that holds it.")] = None,
    variable: Annotated[str | None, typer.Option(help="The NAME of an environment variable that holds it.")] = None,
    region: Region = None,
) -> None:
    """Keep the NGC key in Secrets Manager, from a file, a variable, or standard input; never from the command line."""
    from autocloudops.cli.endpoint.keys import keep_key

    keep_key(secret, file, variable, region)
