"""The tables of the bench, and what a run must not exceed."""

from collections.abc import Iterable, Sequence

from bench.outage.runs import MODEL, Fate, Run
from bench.storms.bounds import Bound
from rich.console import Console
from rich.table import Table

from autocloudops.investigation import UNAVAILABLE

QUESTIONS_PER_ANSWER = 1.1
PROBES_PER_ANSWER = 0.1
COLUMNS = ("incidents", "model", "unavailable", "otherwise", "requests", "questions", "a answer", "worst wait")


def show(run: Run, beside: Run, title: str) -> None:
    """Print one table with a row for each phase of a run, and beneath it the sums of the run beside it."""
    table = Table(title=title, title_justify="left")
    table.add_column("phase (by arrival)")
    for column in COLUMNS:
        table.add_column(column, justify="right")
    for number, phase in enumerate(run.scenario.phases):
        fates = [fate for fate in run.fates if fate.phase == number]
        table.add_row(f"{phase.name}, {phase.seconds / 60:g} min", *_cells(fates))
    table.add_section()
    table.add_row("all", *_cells(run.fates))
    table.add_row("all, with the SDK's retries instead", *_cells(beside.fates))
    sent, begun = run.ledger.sent[None], run.ledger.begun[None]
    Console(width=150).print(
        table,
        f"{sent} probes of one token beside them, of which an endpoint began to run {begun}",
        f"{run.ledger.changes} lines in the log about the health of endpoints",
        sep="\n",
    )


def bounds(run: Run) -> list[Bound]:
    """Return the promises of a run."""
    return [
        Bound("incidents undecided", sum(fate.decided is None for fate in run.fates), 0),
        Bound("incidents decided neither by the model nor as unavailable", len(_otherwise(run.fates)), 0),
        Bound("questions an answer", round(_per_answer(run.fates), 4), QUESTIONS_PER_ANSWER),
        Bound("probes of one token an answer", round(_probes_per_answer(run), 4), PROBES_PER_ANSWER),
        Bound("messages in the dead-letter queue", run.dead, 0),
        Bound("messages left in the queue", run.left, 0),
    ]


def _cells(fates: Sequence[Fate]) -> Iterable[str]:
    by = [fate.decided for fate in fates]
    counts = (len(fates), by.count(MODEL), by.count(UNAVAILABLE), len(_otherwise(fates)))
    spent = (sum(fate.sent for fate in fates), sum(fate.begun for fate in fates))
    worst = max((fate.waited_seconds for fate in fates), default=0.0)
    return (*map(str, (*counts, *spent)), f"{_per_answer(fates):.3f}", f"{worst:.0f} s")


def _otherwise(fates: Iterable[Fate]) -> list[Fate]:
    return [fate for fate in fates if fate.decided not in {MODEL, UNAVAILABLE, None}]


def _per_answer(fates: Iterable[Fate]) -> float:
    """Return questions by answer, both counted where the incident began; infinite where nobody was answered."""
    counted = list(fates)
    answers, begun = sum(fate.answers for fate in counted), sum(fate.begun for fate in counted)
    return begun / answers if answers else float("inf" if begun else 0)


def _probes_per_answer(run: Run) -> float:
    """Return the probes that an endpoint began to run, by answer; infinite where nobody was answered."""
    answers, begun = sum(fate.answers for fate in run.fates), run.ledger.begun[None]
    return begun / answers if answers else float("inf" if begun else 0)
