"""Every verb with its options, and the module that does it."""
# ruff: noqa: PLC0415 - a verb loads its libraries when it runs, so that `--version` and a usage error cost nothing

from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from autocloudops.cli.approvals import approvals
from autocloudops.cli.audit_reading import readings
from autocloudops.cli.audit_verbs import proofs
from autocloudops.cli.endpoint import endpoint
from autocloudops.cli.engines import DemoMode, EngineName
from autocloudops.cli.knowledge import knowledge
from autocloudops.cli.mode import mode
from autocloudops.cli.output import Output
from autocloudops.cli.policy import policy
from autocloudops.cli.program import Program
from autocloudops.cli.runbooks import runbooks

DEMO_FOLDER = Path(".autocloudops/demo")

app = typer.Typer(
    name="autocloudops",
    cls=Program,
    add_completion=False,
    help="CloudWatch alarm triage by a language model that you host, under safety gates that you write.",
    epilog="--output and --debug may stand before or after the verb. Exit codes: 0 done, 1 a check failed, "
    "130 interrupted, 252 usage, or a file or id that cannot be read, 253 settings or credentials, 254 AWS or the "
    "model, 255 anything else.",
)
audit = typer.Typer(help="Read what was decided, and why.")
audit.add_typer(proofs)
audit.add_typer(readings)
app.add_typer(audit, name="audit")

worker = typer.Typer(
    epilog="Exit codes: 0 stopped after a drain, 1 a health check failed, 70 the receive loop stood still, 130 or 143 "
    "forced by a second SIGINT or SIGTERM, 252 usage, 253 settings or credentials, 254 a permission or a name, "
    "255 anything else.",
)
app.add_typer(worker, name="worker")
alarms = typer.Typer(help="Look at alarms without asking a model.")
app.add_typer(alarms, name="alarms")
silence = typer.Typer(help="Say that an owner's alarms are known about, for a while.")
app.add_typer(silence, name="silence")
change = typer.Typer(help="Say that something changed.")
app.add_typer(change, name="change")
evidence = typer.Typer(help="What is read about an incident, and what that needs.")
app.add_typer(evidence, name="evidence")
app.add_typer(knowledge, name="knowledge")
app.add_typer(approvals, name="approvals")
app.add_typer(mode, name="mode")
app.add_typer(policy, name="policy")
app.add_typer(runbooks, name="runbooks")
app.add_typer(endpoint, name="endpoint")

MessageFile = Annotated[
    str, typer.Argument(help="A file with one message body in any known shape, or - for standard input.")
]
Owner = Annotated[str, typer.Option(help="ACCOUNT/REGION/KIND/ID, as `audit show` writes an owner.")]
Model = Annotated[
    EngineName,
    typer.Option(
        "--model", help="What answers: rules, a stand-in, no model; or llama, a real but tiny one (extra llama)."
    ),
]
Location = Annotated[
    str | None,
    typer.Option(help="s3://BUCKET or s3://BUCKET/PREFIX, or a folder; else AUTOCLOUDOPS_AUDIT_LOCATION counts."),
]


def main() -> None:
    """Run the command line of this process."""
    app(prog_name="autocloudops")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"autocloudops {version('autocloudops')}")
        raise typer.Exit


@app.callback()
def choose(
    context: typer.Context,
    output: Annotated[Output, typer.Option(help="How results are written.")] = Output.TABLE,
    debug: Annotated[bool, typer.Option("--debug", help="Log everything, and show tracebacks.")] = False,
    version: Annotated[  # noqa: ARG001 - its callback has answered already
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Take the global options."""
    context.obj = output
    if debug:
        from autocloudops.telemetry import configure_logging

        configure_logging("DEBUG")


@worker.callback(invoke_without_command=True)
def worker_run(
    context: typer.Context,
    health_port: Annotated[
        int | None,
        typer.Option(min=0, max=65_535, help="Port of /live and /ready; else AUTOCLOUDOPS_HEALTH_PORT counts."),
    ] = None,
) -> None:
    """Take alarms from the queue until SIGTERM, against AWS or whatever AWS_ENDPOINT_URL names."""
    if context.invoked_subcommand is None:
        from autocloudops.cli.worker import run_worker

        run_worker(health_port, debug=bool(context.find_root().params["debug"]))


@worker.command("health")
def worker_health(
    context: typer.Context,
    ready: Annotated[
        bool, typer.Option("--ready", help="Also ask whether everything answers that the worker needs.")
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65_535, help="The worker's port; else AUTOCLOUDOPS_HEALTH_PORT counts."),
    ] = None,
) -> int:
    """Say how the worker on this machine is; exit 1 where it is not well. This is a container's health check."""
    from autocloudops.cli.health import show_health

    return show_health(port, context.obj, ready=ready)


@app.command()
def doctor(context: typer.Context) -> int:
    """Try everything a worker needs, by calls that take, send and delete nothing; exit 1 where something failed."""
    from autocloudops.cli.doctor import examine_settings

    return examine_settings(context.obj)


@app.command()
def decide(
    context: typer.Context,
    file: MessageFile,
    simulated: Annotated[
        bool,
        typer.Option("--simulated", help="Ask simulated/rules, a stand-in that follows rules, instead of a model."),
    ] = False,
) -> int:
    """Decide about one message, always as a dry run: no queue, no audit, no state, nothing done."""
    from autocloudops.cli.decide import decide_file

    return decide_file(file, simulated=simulated, output=context.obj)


@audit.command("ls")
def audit_ls(
    context: typer.Context,
    day: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only this day (UTC).")] = None,
    location: Location = None,
    verdict: Annotated[str | None, typer.Option(help="Only decisions with this verdict.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest decisions, at most this many.")] = 50,
) -> None:
    """List decisions, the newest first."""
    from autocloudops.cli.audit import Wanted, list_decisions

    wanted = Wanted(day=f"{day:%Y-%m-%d}" if day else None, verdict=verdict, limit=limit)
    list_decisions(location, wanted, context.obj)


@audit.command("show")
def audit_show(
    context: typer.Context,
    id: Annotated[  # noqa: A002 - the name in the usage line
        str, typer.Argument(help="An incident's, decision's or event's id, or its first characters.")
    ],
    location: Location = None,
) -> None:
    """Tell one decision's story from its record, and show where that stands."""
    from autocloudops.cli.show import show_record

    show_record(location, id, context.obj)


@app.command()
def explain(
    context: typer.Context,
    id: Annotated[  # noqa: A002 - the name in the usage line
        str, typer.Argument(help="An incident's, decision's or event's id, or its first characters.")
    ],
    location: Location = None,
    prompt: Annotated[
        bool, typer.Option("--prompt", help="Also show what the model was asked, in full, and what it replied.")
    ] = False,
) -> int:
    """Tell everything that is known of one incident; exit 1 where a prompt shown is not proved to be what was sent."""
    from autocloudops.cli.explain import explain as explain_incident

    return explain_incident(location, id, context.obj, prompt=prompt)


@alarms.command("parse")
def alarms_parse(context: typer.Context, file: MessageFile) -> int:
    """Print what is read in a message: alarms, events, and what cannot be read."""
    from autocloudops.cli.alarms import parse_file

    return parse_file(file, context.obj)


@alarms.command("lint")
def alarms_lint(context: typer.Context, file: MessageFile) -> int:
    """Print what is wrong with the alarms in a message; exit 1 where one is proved wrong."""
    from autocloudops.cli.alarms import lint_file

    return lint_file(file, context.obj)


@alarms.command("inventory")
def alarms_inventory(
    context: typer.Context,
    history: Annotated[
        str | None, typer.Option(help="Also read this much of the alarms' history: 12h, 7d, at most 30d.")
    ] = None,
    region: Annotated[list[str] | None, typer.Option(help="A region; may be given more than once.")] = None,
    save: Annotated[bool, typer.Option("--save", help="Keep the inventory in the state table.")] = False,
) -> int:
    """List what alarms the account has, read-only: candidates, excluded, wrong, without owner, and what they cost."""
    from autocloudops.cli.inventory import Wanted, list_inventory

    return list_inventory(Wanted(history=history, regions=region or (), save=save), context.obj)


@silence.command("add")
def silence_add(
    owner: Owner,
    span: Annotated[str, typer.Option("--for", help="How long: 90s, 30m or 2h, at most 24h.")],
    reason: Annotated[str, typer.Option(help="Why, for whoever reads the audit.")],
    by: Annotated[str, typer.Option(help="Who says so.", envvar="USER")],
) -> None:
    """Silence an owner: its alarms are grouped and audited, but nobody is asked or told."""
    from autocloudops.cli.silence import add_silence

    add_silence(owner, span, reason, by)


@silence.command("list")
def silence_list(context: typer.Context) -> None:
    """List the silences that hold now."""
    from autocloudops.cli.silence import list_silences

    list_silences(context.obj)


@silence.command("lift")
def silence_lift(owner: Owner) -> int:
    """End the silence of an owner now; exit 1 where there was none."""
    from autocloudops.cli.silence import lift_silence

    return lift_silence(owner)


@change.command(
    "put",
    epilog="Without AutoCloudOps: aws events put-events --entries "
    """'[{"Source":"autocloudops.change","DetailType":"Change","Detail":"{\\"service\\":\\"ecs-service/shop/orders\\","""
    """\\"what\\":\\"deploy 4512\\",\\"by\\":\\"ci\\",\\"version\\":\\"88\\"}"}]'""",
)
def change_put(
    owner: Annotated[
        str, typer.Option(help="ACCOUNT/REGION/KIND/ID as `audit show` writes it, KIND/ID, or a service's bare name.")
    ],
    what: Annotated[str, typer.Option(help="What changed, in a few words.")],
    by: Annotated[str, typer.Option(help="Who changed it.", envvar="USER")],
    version: Annotated[str, typer.Option(help="The version that is running now.")] = "",
    url: Annotated[str, typer.Option(help="Where to read more.")] = "",
    bus: Annotated[str, typer.Option(help="The event bus, by name or ARN.")] = "default",
) -> None:
    """Say that something changed, as a CI does after a deployment: incidents of two hours are shown it."""
    from autocloudops.alarms.changes.put import SaidChange
    from autocloudops.cli.change import put_change

    put_change(SaidChange(service=owner, what=what, by=by, version=version, url=url), bus)


@evidence.command("policy")
def evidence_policy(
    context: typer.Context,
    account: Annotated[str, typer.Option(help="The account, as in an ARN.")] = "*",
    region: Annotated[str, typer.Option(help="The region, as in an ARN.")] = "*",
    partition: Annotated[str, typer.Option(help="aws, aws-cn or aws-us-gov.")] = "aws",
) -> None:
    """Print the IAM policy that reading evidence needs: read-only, and no more than that. JSON is ready to paste."""
    from autocloudops.cli.evidence import print_policy
    from autocloudops.knowledge.policy import Place

    print_policy(Place(partition=partition, region=region, account=account), context.obj)


@app.command()
def label(
    id: Annotated[  # noqa: A002 - the name in the usage line
        str, typer.Argument(help="An incident's id, or its first eight characters or more.")
    ],
    judgement: Annotated[str, typer.Argument(help="right, wrong-cause, wrong-action or not-actionable.")],
    by: Annotated[str, typer.Option(help="Who says so.", envvar="USER")],
    cause: Annotated[str, typer.Option(help="With wrong-cause: what it really was, in at most 300 characters.")] = "",
    note: Annotated[str, typer.Option(help="What to know about it, in at most 200 characters.")] = "",
) -> None:
    """Say whether a decision was right: later questions about the same owner or metric are shown it."""
    from autocloudops.cli.label import Said, add_label

    add_label(id, Said(judgement, by, note, cause))


@app.command()
def settings(context: typer.Context) -> None:
    """List every setting: its variable, its value, and what it is for."""
    from autocloudops.cli.settings import list_settings

    list_settings(context.obj)


@app.command()
def sandbox(context: typer.Context, model: Model = EngineName.RULES) -> None:
    """Run local stand-ins for AWS and the model until Ctrl-C, and print the variables that point a shell at them."""
    from autocloudops.cli.sandbox import run_sandbox

    run_sandbox(model, context.obj)


@app.command()
def demo(
    context: typer.Context,
    model: Model = EngineName.RULES,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the sandbox running until Ctrl-C.")] = False,
    folder: Annotated[Path, typer.Option(help="Where the audit is copied; the last demo's is replaced.")] = DEMO_FOLDER,
    mode: Annotated[
        DemoMode, typer.Option(help="active: a few alarms, and a worker that acts on them.")
    ] = DemoMode.DRY_RUN,
) -> int:
    """Triage bundled alarms with a real worker, local stand-ins for AWS, and a simulated model endpoint."""
    if mode is DemoMode.ACTIVE:
        from autocloudops.cli.demo.acting import run_acting

        return run_acting(folder, context.obj)
    from autocloudops.cli.demo.run import Wanted, run_demo

    return run_demo(Wanted(engine=model, folder=folder, keep=keep), context.obj)
