"""The tables of the bench and its bounds; times differ between machines, the bounds are ratios and counts."""

from collections.abc import Iterable, Mapping, Sequence

from bench.draining.contenders import DEFAULT, LEAN, SLOTS, SQUISS
from bench.draining.runs import STOP_SECONDS, Drained, Stopped
from bench.storms.bounds import Bound
from rich.markup import escape
from rich.table import Table

PAUSE_SECONDS = 0.05
IDEAL_RATE = SLOTS / PAUSE_SECONDS
LEAST_SHARE_OF_IDEAL = 0.95
LEAN_TIMES = 2.5
MOST_CALLS = 0.25
MOST_SERVER_SHARE = 0.7
MEGABYTE = 1e6


def drains(title: str, runs: Mapping[str, Sequence[Drained]]) -> Table:
    """Return the table of what draining cost: of each contender the run that took the least CPU time."""
    columns = (
        "messages/s",
        "CPU ms per 1,000",
        "calls/message",
        "RSS MB",
        "redelivered",
        "server's core",
        "others' cores",
    )
    table = _table(title, *columns)
    for name, found in runs.items():
        run = best(found)
        table.add_row(
            escape(name),
            f"{run.rate:,.0f}{'' if run.drained else ' (time over)'}",
            f"{run.cpu_milliseconds_per_1000:,.1f}",
            f"{run.calls_per_message:.3f}",
            f"{run.resident_bytes / MEGABYTE:.0f}",
            str(run.redelivered),
            f"{run.server_share:.0%}",
            f"{run.others_cores:.1f}",
        )
    return table


def stops(title: str, runs: Mapping[str, Stopped]) -> Table:
    """Return the table of how contenders stopped while they were busy."""
    table = _table(title, "seconds", "left in flight")
    for name, run in runs.items():
        seconds = f"killed after {STOP_SECONDS}" if run.seconds is None else f"{run.seconds:.2f}"
        table.add_row(escape(name), seconds, str(run.stranded))
    return table


def best(runs: Iterable[Drained]) -> Drained:
    """Return the run that took the least CPU time for a message: others on the machine only ever add to it."""
    return min(runs, key=lambda run: run.cpu_milliseconds_per_1000)


def bounds(idle: Mapping[str, Sequence[Drained]], busy: Mapping[str, Sequence[Drained]]) -> list[Bound]:
    """Return the promises about our own consumer, as far as they were measured.

    Args:
        idle: runs whose handler does nothing.
        busy: runs whose handler sleeps 50 ms.
    """
    kept = [Bound("share of a core that the server used", _server_share(idle, busy), MOST_SERVER_SHARE)]
    for name, times in ((DEFAULT, 1.0), (LEAN, LEAN_TIMES)):
        if name in idle and SQUISS in idle:
            ratio = best(idle[SQUISS]).cpu_milliseconds_per_1000 / best(idle[name]).cpu_milliseconds_per_1000
            kept.append(Bound(f"{name}: messages per CPU second, {SQUISS} = 1", ratio, times, least=True))
        if name in idle:
            calls = max(run.calls_per_message for run in idle[name])
            kept.append(Bound(f"{name}: calls a message", calls, MOST_CALLS))
        if name in busy:
            rate = max(run.rate for run in busy[name])
            least = LEAST_SHARE_OF_IDEAL * IDEAL_RATE
            kept.append(Bound(f"{name}: messages/s of {IDEAL_RATE:,.0f} at 50 ms", rate, least, least=True))
    return kept


def _server_share(*tables: Mapping[str, Sequence[Drained]]) -> float:
    return max((run.server_share for table in tables for runs in table.values() for run in runs), default=0.0)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("consumer")
    for column in columns:
        table.add_column(column, justify="right")
    return table
