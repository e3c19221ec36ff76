"""The tables of the bench, and its promises. Only what is the same on every machine: shares and virtual times."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.storms.bounds import Bound
from bench.utilisation.reference import CEILING_SECONDS, References
from bench.utilisation.runs import OURS, Shared, Stepped
from rich.console import Console
from rich.table import Table

LEAST_SHARE, MOST_REGRET, LEAST_JAIN = 0.97, 0.10, 0.95
SAMPLING = 1.05


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything about one profile."""

    profile: str
    references: References
    stepped: Sequence[Stepped]
    shared: Sequence[Shared]


def bounds(measured: Measured) -> list[Bound]:
    """Return the promises about one profile."""
    ours = next(each for each in measured.stepped if each.strategy == OURS)
    return [
        *(Bound(f"{each.phase.name}: throughput", each.share, LEAST_SHARE, least=True) for each in ours.phases),
        *(Bound(f"{each.phase.name}: p95 s", each.p95_seconds, SAMPLING * CEILING_SECONDS) for each in ours.phases),
        Bound("regret", ours.regret, MOST_REGRET),
        Bound("questions without an answer", ours.lost, 0),
        *(Bound(f"{each.workers} workers: Jain", each.jain, LEAST_JAIN, least=True) for each in measured.shared),
    ]


def steps(measured: Iterable[Measured]) -> Table:
    """Return the table of all strategies on all profiles."""
    title = f"Token throughput against the best fixed limit with p95 <= {CEILING_SECONDS:g} s; p95 in brackets"
    phases = ("cold, 1 instance", "1 to 4", "4 to 1")
    table = _table(title, "profile", "strategy", *phases, "regret", "requests an answer")
    for one in measured:
        for run in one.stepped:
            cells = [f"{each.share:.1%} ({each.p95_seconds:.1f} s)" for each in run.phases]
            table.add_row(one.profile, run.strategy, *cells, f"{run.regret:.1%}", f"{run.requests_per_answer:.2f}")
    return table


def reference_points(measured: Iterable[Measured]) -> Table:
    """Return the table of the limits that sweeps found best, and how long a request takes there."""
    table = _table("Best fixed limits", "profile", "1 instance", "service", "4 instances", "service")
    for one in measured:
        points = (one.references.one, one.references.four)
        table.add_row(one.profile, *(text for at in points for text in (str(at.limit), f"{at.service_seconds:.1f} s")))
    return table


def sharing(measured: Iterable[Measured]) -> Table:
    """Return the table of workers that share one instance."""
    table = _table(
        "Workers that share an instance, last 10 of 30 minutes", "profile", "workers", "Jain", "share", "p95"
    )
    for one in measured:
        for each in one.shared:
            row = (str(each.workers), f"{each.jain:.3f}", f"{each.share:.1%}", f"{each.p95_seconds:.1f} s")
            table.add_row(one.profile, *row)
    return table


def promises(measured: Iterable[Measured]) -> Table:
    """Return the table of the promises that were missed, or one row that says that none was."""
    table = _table("Promises missed", "profile", "promise", "measured", "allowed")
    for one in measured:
        for bound in bounds(one):
            if not bound.kept:
                table.add_row(one.profile, bound.about, f"{bound.measured:.3f}", f"{bound.allowed:.3f}")
    if not table.row_count:
        table.add_row("all", "none was missed", "", "")
    return table


def show(*tables: Table) -> None:
    """Print tables, as wide as they need to be."""
    console = Console(width=150)
    for table in tables:
        console.print(table)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column)
    return table
