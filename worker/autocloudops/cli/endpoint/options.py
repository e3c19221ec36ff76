"""What the endpoint verbs are told: values whose fields are options.

Typer makes an option of each parameter of a function, and a verb that needs ten of them would have ten parameters.
`taking` shows typer the parameters of a dataclass instead, and hands the verb the dataclass.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import typer

from autocloudops.cli.program import ExitCode

AnyOptions = TypeVar("AnyOptions")
Verb = Callable[[typer.Context, AnyOptions], ExitCode]

Name = Annotated[str, typer.Argument(help="The endpoint's name; case matters.")]
Region = Annotated[str | None, typer.Option(help="The region; else AWS_REGION counts.")]
Consumer = Annotated[str, typer.Option(help="Who uses the endpoint, as its lease says: a team or a deployment.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask; needed where nobody is at a terminal.")]
Minutes = Annotated[int, typer.Option("--timeout-minutes", min=1, help="After how long waiting is given up.")]


@dataclass(frozen=True, kw_only=True)
class SpecOptions:
    """Which endpoint is wanted, who will use it, and what is allowed to get there."""

    spec: Annotated[str, typer.Argument(metavar="SPEC", help="A spec file, or the name of a bundled one as llm-s3.")]
    consumer: Consumer
    name: Annotated[str | None, typer.Option(help="The endpoint's name, instead of the spec's.")] = None
    values: Annotated[
        list[str] | None,
        typer.Option("--set", help="NAME=VALUE for a placeholder of the spec; account, region and prefix are known."),
    ] = None
    region: Region = None
    adopt: Annotated[
        bool, typer.Option("--adopt", help="Use an endpoint that was not made here, after a probe; never change it.")
    ] = False
    recreate: Annotated[
        bool, typer.Option("--recreate", help="Delete what failed and was made here, and make it anew.")
    ] = False
    disturb: Annotated[bool, typer.Option("--disturb", help="Update it although others hold a lease.")] = False
    key_in_environment: Annotated[
        bool,
        typer.Option(
            "--key-in-environment",
            help="Route ecr: put the NGC key into the model's environment, where DescribeModel shows it.",
        ),
    ] = False


@dataclass(frozen=True, kw_only=True)
class EnsureOptions(SpecOptions):
    """The same, and how long it may take."""

    timeout_minutes: Minutes = 90
    yes: Yes = False


@dataclass(frozen=True, kw_only=True)
class ProbeOptions:
    """Which endpoint is asked, and what it serves."""

    name: Name
    model: Annotated[str, typer.Option(help="The model that it serves.")] = "nemotron-nano-8b"
    component: Annotated[str | None, typer.Option(help="The inference component, where the endpoint has some.")] = None
    region: Region = None


@dataclass(frozen=True, kw_only=True)
class AdoptOptions(ProbeOptions):
    """The same, and who will use it."""

    consumer: Consumer


@dataclass(frozen=True, kw_only=True)
class DeleteOptions:
    """Which endpoint goes."""

    name: Name
    consumer: Annotated[
        str | None, typer.Option(help="Your consumer name: its own lease does not block the deletion.")
    ] = None
    region: Region = None
    timeout_minutes: Minutes = 30
    yes: Yes = False


@dataclass(frozen=True, kw_only=True)
class CostOptions:
    """Which endpoint is priced, under which load, and where its price comes from."""

    instance_type: Annotated[str, typer.Option(help="An instance type for hosting.")] = "ml.g6e.xlarge"
    model: Annotated[str, typer.Option(help="The model, for its licence and whether it fits.")] = "nemotron-nano-8b"
    instances: Annotated[int, typer.Option(min=1, help="How many instances.")] = 1
    alarms: Annotated[int, typer.Option(min=1, help="Alarms in a month.")] = 10_000
    incident_ratio: Annotated[float, typer.Option(min=0.000001, max=1, help="Incidents for each alarm.")] = 0.1
    office_hours: Annotated[float, typer.Option(min=1, max=24, help="Hours of a working day.")] = 10
    price: Annotated[float | None, typer.Option(min=0, help="Dollars an hour of one instance, if you know.")] = None
    live: Annotated[bool, typer.Option("--live", help="Ask the Price List API for today's price.")] = False
    region: Region = None


def taking(options: Callable[..., AnyOptions]) -> Callable[[Verb[AnyOptions]], Callable[..., ExitCode]]:
    """Give a verb the fields of a dataclass for options."""

    def given(verb: Verb[AnyOptions]) -> Callable[..., ExitCode]:
        def typed(context: typer.Context, **said: Any) -> ExitCode:  # noqa: ANN401 - typer has checked each
            return verb(context, options(**said))

        typed.__doc__ = verb.__doc__
        shown = inspect.signature(options)
        context = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
        typed.__signature__ = shown.replace(  # type: ignore[attr-defined] # PEP 362 has it, typeshed has not
            parameters=[context, *shown.parameters.values()]
        )
        return typed

    return given
