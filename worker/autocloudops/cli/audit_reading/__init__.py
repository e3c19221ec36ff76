"""The verbs of `audit` that read: every verb with its options, and the module that does it."""
# ruff: noqa: PLC0415 - a verb loads its libraries when it runs, so that `--version` and a usage error cost nothing

from datetime import datetime
from typing import Annotated

import typer

readings = typer.Typer()

Location = Annotated[
    str | None,
    typer.Option(help="s3://BUCKET or s3://BUCKET/PREFIX, or a folder; else AUTOCLOUDOPS_AUDIT_LOCATION counts."),
]
FirstDay = Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="From this day on (UTC).")]
LastDay = Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Until this day, inclusive.")]


@readings.command(
    "query",
    epilog="The views are decisions (one row each), records (every line) and actions (every step of every claim); "
    "DESCRIBE records lists columns; times are UTC. "
    'Examples: "SELECT verdict, count(*) FROM decisions GROUP BY ALL"; '
    '"SELECT time, resource, refused_by FROM decisions WHERE refused_by IS NOT NULL ORDER BY time DESC LIMIT 20"; '
    '"SELECT dt, sum(cost_usd) AS usd FROM decisions GROUP BY dt ORDER BY dt"; '
    '"SELECT d.time, d.root_cause, a.state, a.helped FROM actions a JOIN decisions d USING (decision_id) '
    "WHERE a.step = 'verification'\". A bucket is copied below XDG_CACHE_HOME, or ~/.cache, and only what is new is "
    "fetched.",
)
def audit_query(
    context: typer.Context,
    sql: Annotated[str, typer.Argument(help="One query in DuckDB's SQL.")],
    location: Location = None,
    first: FirstDay = None,
    last: LastDay = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print rows as CSV.")] = False,
) -> None:
    """Ask the audit in SQL, read-only: no other file, and no network, can be reached from a query."""
    from autocloudops.cli.audit_reading.days import days
    from autocloudops.cli.audit_reading.query import Asked, query_audit

    query_audit(location, Asked(sql, days(first, last), csv), context.obj)


@readings.command("tail")
def audit_tail(
    location: Location = None,
    since: Annotated[str, typer.Option(help="How far back to begin: 90s, 10m, 2h or 3d.")] = "10m",
    follow: Annotated[bool, typer.Option(help="Go on with what is added, until Ctrl-C.")] = True,
) -> None:
    """Print what is added to the audit, as JSON lines: records, and entries of the action log."""
    from autocloudops.cli.audit_reading.tail import tail_audit

    tail_audit(location, since, follow=follow)


@readings.command("reconcile")
def audit_reconcile(
    context: typer.Context,
    location: Location = None,
    first: FirstDay = None,
    last: LastDay = None,
    place: Annotated[
        list[str] | None,
        typer.Option(help="ACCOUNT/REGION to look at too, beside yours and where claims acted; more than once."),
    ] = None,
    role: Annotated[str | None, typer.Option(help="A role, by name, that is assumed in other accounts.")] = None,
) -> int:
    """Compare the action log with Systems Manager's executions, by default of the last week; exit 1 on findings."""
    from autocloudops.cli.audit_reading.days import days
    from autocloudops.cli.audit_reading.reconcile import Wanted, reconcile_audit

    return reconcile_audit(location, Wanted(days(first, last), place or (), role), context.obj)


@readings.command("coverage")
def audit_coverage(
    context: typer.Context,
    location: Location = None,
    first: FirstDay = None,
    last: LastDay = None,
    region: Annotated[list[str] | None, typer.Option(help="A region; may be given more than once.")] = None,
) -> int:
    """Compare CloudWatch's alarm history with the audit: which changes were never seen, and why; exit 1 on findings."""
    from autocloudops.cli.audit_reading.coverage import Wanted, show_coverage
    from autocloudops.cli.audit_reading.days import days

    return show_coverage(location, Wanted(days(first, last), region or ()), context.obj)
