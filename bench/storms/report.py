"""The tables of the bench. Only numbers that are the same on every machine: counts, shares and virtual times."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from bench.storms.bounds import Bound
from bench.storms.measures import Pairs, Unknowable, pairs
from bench.storms.results import Result
from bench.storms.storm import Storm
from bench.storms.waits import Waits, quantile
from rich.console import Console
from rich.table import Table

SHARES = (0.5, 0.99)


@dataclass(frozen=True, slots=True)
class Grouped:
    """One way of grouping: how many requests it takes, how many questions are asked again, its groups, its pairs."""

    name: str
    requests: int
    reasked: int
    groups: int
    pairs: Pairs


def grouped(name: str, result: Result, causes: Mapping[UUID, str]) -> Grouped:
    """Return how a run grouped the alarms that `causes` labels."""
    return Grouped(name, result.requests, result.reasked, result.incidents, pairs(causes, result.groups))


def asked_for_each(name: str, groups: Mapping[UUID, Hashable], causes: Mapping[UUID, str]) -> Grouped:
    """Return what a way of grouping would have taken that asks once for each group."""
    number = len({groups.get(alarm, alarm) for alarm in causes})
    return Grouped(name, number, 0, number, pairs(causes, groups))


def groupings(title: str, ways: Iterable[Grouped]) -> Table:
    """Return the table that sets ways of grouping side by side."""
    table = _table(title, "way of grouping", "model requests", "asked again", "groups", "precision", "recall")
    for way in ways:
        precision = f"{way.pairs.precision:.4f}" if way.pairs.grouped else "no pairs"
        counts = (f"{way.requests:,}", str(way.reasked), f"{way.groups:,}")
        table.add_row(way.name, *counts, precision, f"{way.pairs.recall:.4f}")
    return table


def sorts(name: str, storm: Storm, causes: Mapping[UUID, str], result: Result) -> Table:
    """Return the table of what the storm consisted of, and how each sort of cause fared in one run."""
    table = _table(f"Causes: {name}", "sort of cause", "causes", "alarms", "incidents", "linked", "recall")
    labels: defaultdict[str, dict[UUID, str]] = defaultdict(dict)
    for alarm, cause in causes.items():
        labels[storm.sorts[cause]][alarm] = cause
    for sort, number in Counter(storm.sorts.values()).items():
        alarms = labels[sort]
        incidents = {result.groups[alarm] for alarm in alarms if alarm in result.groups}
        linked = len(incidents & result.linked)
        recall = pairs(alarms, result.groups).recall
        table.add_row(sort, str(number), f"{len(alarms):,}", str(len(incidents)), str(linked), f"{recall:.4f}")
    return table


def times(waits: Waits) -> Table:
    """Return the table of how long decisions took."""
    waited = [seconds for seconds in waits.alarms if seconds]
    table = _table("Seconds to a decision that stands, in virtual time", "counted from", "counted", "p50", "p99")
    rows: Sequence[tuple[str, Sequence[float]]] = (
        ("the first alarm of each incident", waits.incidents),
        ("every alarm; 0 where a decision stood already", waits.alarms),
        ("every alarm that came before its decision", waited),
    )
    for name, values in rows:
        table.add_row(name, f"{len(values):,}", *(f"{quantile(values, share):.1f}" for share in SHARES))
    return table


def in_words(unknowable: Unknowable, found: Pairs) -> str:
    """Return what no grouping could know, as sentences for people."""
    knowable = found.caused - unknowable.scattered
    recall, precision = knowable / found.caused, knowable / (knowable + unknowable.entangled)
    return (
        f"Of {found.caused:,} pairs of alarms with one cause, {unknowable.scattered:,} have neither owner nor "
        f"composite alarm in common. No grouping by those finds them: recall is {recall:.4f} at best. "
        f"{unknowable.entangled:,} pairs have one owner and two causes at the same time. Grouping by owner joins them: "
        f"precision is {precision:.4f} at best."
    )


def promises(name: str, bounds: Iterable[Bound]) -> Table:
    """Return the table of the bounds of one run."""
    table = _table(f"Bounds: {name}", "about", "measured", "allowed", "kept")
    for bound in bounds:
        sign = "at least" if bound.least else "at most"
        kept = "yes" if bound.kept else "[bold red]NO"
        table.add_row(bound.about, f"{bound.measured:,.6g}", f"{sign} {bound.allowed:,.6g}", kept)
    return table


def show(*parts: Table | str) -> None:
    """Print tables and sentences, wide enough to be read in a log."""
    console = Console(width=120)
    for part in parts:
        console.print(part)


def _table(title: str, first: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column(first)
    for column in columns:
        table.add_column(column, justify="right")
    return table
