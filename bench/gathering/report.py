"""The tables of the bench, and what must hold."""

from collections.abc import Mapping, Sequence
from statistics import median

from bench.gathering.measuring import Measured
from bench.storms.bounds import Bound
from rich.table import Table

from autocloudops.diagnosis.gathering import WALL_SECONDS, Gathered


def by_source(runs: Sequence[Measured]) -> Table:
    """Return one row for each source: what it costs an incident."""
    incidents = f"{len(runs)} incidents of {len({run.kind for run in runs})} kinds"
    table = Table(
        "source", title=f"per incident, by source; {incidents}; AWS is an emulator here", title_justify="left"
    )
    columns = ("calls p50", "calls max", "ms p50", "ms max", "pieces p50", "characters p50", "tokens p50", "tokens max")
    for column in (*columns, "failed"):
        table.add_column(column, justify="right")
    for source in (use.kind for use in runs[0].gathered.uses):
        table.add_row(source, *_cells(source, runs))
    table.add_section()
    calls, tokens = [sum(run.calls.values()) for run in runs], [_tokens(run) for run in runs]
    walls = [run.wall_seconds * 1e3 for run in runs]
    texts = [[piece.text for piece in run.gathered.pieces] for run in runs]
    table.add_row("all, in parallel", *_row(calls, walls, texts, tokens), str(sum(map(len, map(_failures, runs)))))
    return table


def by_kind(runs: Sequence[Measured]) -> Table:
    """Return one row for each kind of alarm."""
    table = Table("alarm on", title="by kind of alarm", title_justify="left")
    for column in ("calls", "wall ms p50", "wall ms max", "pieces", "not read", "tokens"):
        table.add_column(column, justify="right")
    for kind in dict.fromkeys(run.kind for run in runs):
        of_kind = [run for run in runs if run.kind == kind]
        walls, first = [run.wall_seconds * 1e3 for run in of_kind], of_kind[0]
        missing = sum(piece.missing for piece in first.gathered.pieces)
        cells = (f"{median(walls):.0f}", f"{max(walls):.0f}", str(len(first.gathered.pieces)), str(missing))
        table.add_row(kind, str(sum(first.calls.values())), *cells, str(_tokens(first)))
    return table


def wall(runs: Sequence[Measured]) -> str:
    """Return the real time of the whole step beside its limit, about this machine too: nothing is asserted."""
    longest = max(run.wall_seconds for run in runs)
    over = sum(run.wall_seconds > WALL_SECONDS for run in runs)
    return f"longest gathering {longest:.2f} s, limit {WALL_SECONDS:g} s; over it {over} of {len(runs)}"


def bounds(runs: Sequence[Measured], hung: Mapping[str, tuple[Gathered, float]]) -> list[Bound]:
    """Return what must hold of gatherings that were answered, and of those in which everything hung."""
    silent = [
        len(gathered.uses) - sum(use.failure is not None for use in gathered.uses) for gathered, _ in hung.values()
    ]
    return [
        Bound("sources that failed", sum(map(len, map(_failures, runs))), 0),
        Bound(
            "every service hanging: longest gathering, virtual seconds", max(s for _, s in hung.values()), WALL_SECONDS
        ),
        Bound("every service hanging: sources that do not say so", max(silent), 0),
    ]


def _cells(source: str, runs: Sequence[Measured]) -> list[str]:
    calls = [run.calls.get(source, 0) for run in runs]
    milliseconds = [run.seconds(source) * 1e3 for run in runs]
    tokens = [run.tokens(source) for run in runs]
    row = _row(calls, milliseconds, [run.texts(source) for run in runs], tokens)
    return [*row, str(sum(source in _failures(run) for run in runs))]


def _row(calls: Sequence[int], walls: Sequence[float], texts: Sequence[list[str]], tokens: Sequence[int]) -> list[str]:
    times = (f"{median(calls):g}", str(max(calls)), f"{median(walls):.0f}", f"{max(walls):.0f}")
    sizes = (f"{median(map(len, texts)):g}", f"{median(sum(map(len, each)) for each in texts):.0f}")
    return [*times, *sizes, f"{median(tokens):.0f}", str(max(tokens))]


def _tokens(run: Measured) -> int:
    return sum(run.tokens(use.kind) for use in run.gathered.uses)


def _failures(run: Measured) -> list[str]:
    return [use.kind for use in run.gathered.uses if use.failure]
