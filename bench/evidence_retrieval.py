"""How often the right runbook is among the five that are found for an alarm: exact match, stand-in, and embedding.

    python bench/evidence_retrieval.py

Library and alarms are in bench/retrieval/, written by hand by the same authors: 166 runbooks, many of them about
neighbours of each other and 66 without a `match`, and 125 alarm texts with the one runbook that an engineer would want.
Both embedders are asked over HTTP, as a Retrieval NIM is. `exact+...` is what the worker does: exact matches first,
then neighbours. Recall is without a threshold of likeness; the last table shows what a threshold costs.
"""

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from rich.console import Console
from rich.table import Table

from autocloudops.alarms.model import Alarm, AlarmKey, AlarmKind, AlarmState, Metric, ResourceRef
from autocloudops.cli.knowledge.opening import open_local
from autocloudops.clock import SystemClock
from autocloudops.knowledge.embedding import Embedder
from autocloudops.knowledge.files import FolderFiles
from autocloudops.knowledge.front_matter import asked_of
from autocloudops.knowledge.index import Indexer, IndexFile, runbook_passages
from autocloudops.knowledge.library import Library, Shelf
from autocloudops.knowledge.runbooks import question_of
from autocloudops.knowledge.vectors import VectorIndex
from autocloudops.sandbox.embedding import MiniLmEngine
from autocloudops.sandbox.endpoint import EmbeddingEngine, HashEmbeddingEngine

FOLDER = Path(__file__).parent / "retrieval"
FIRST = 5
THRESHOLDS = (0.2, 0.25, 0.3, 0.35, 0.4, 0.45)
CLOCK = SystemClock()


@dataclass(frozen=True, slots=True)
class Case:
    """An alarm, and the runbook that is right for it."""

    alarm: Alarm
    runbook: str


@dataclass(frozen=True, slots=True)
class Ranking:
    """What was found for one case, the best first, with the score of each where there is one."""

    names: tuple[str, ...]
    scores: tuple[float, ...] = ()


def cases() -> Iterator[Case]:
    """Yield the alarms with their right runbooks."""
    for line in (FOLDER / "alarms.jsonl").read_text().splitlines():
        said = json.loads(line)
        resource = ResourceRef(
            type=said["resource_type"],
            id=said["owner"].rpartition("/")[2],
            account="111122223333",
            region="eu-west-1",
            owner=said["owner"],
        )
        alarm = Alarm(
            key=AlarmKey(account="111122223333", region="eu-west-1", name=said["name"]),
            state=AlarmState.ALARM,
            at=datetime(2026, 3, 1, tzinfo=UTC),
            kind=AlarmKind.METRIC,
            shape="bench",
            resource=resource,
            raw_sha256="0" * 64,
            metric=Metric(namespace=said["namespace"], name=said["metric"]),
            description=said["description"],
        )
        yield Case(alarm, said["runbook"])


def exact(shelf: Shelf, case: Case) -> Ranking:
    """Return what was written for a case."""
    found = shelf.written_for(asked_of(case.alarm), CLOCK.now().date())
    return Ranking(tuple(each.name for each in found))


async def near(index: VectorIndex, embedder: Embedder, case: Case) -> Ranking:
    """Return the runbooks in order of likeness."""
    asked = await embedder.query(question_of(case.alarm))
    hits = index.nearest(asked.vectors[0], len(index), -1, lambda _: True)
    best = {hit.entry.name: hit.score for hit in reversed(hits)}
    ordered = sorted(best, key=lambda name: -best[name])
    return Ranking(tuple(ordered), tuple(best[name] for name in ordered))


def joined(first: Ranking, then: Ranking) -> Ranking:
    """Return exact matches, and then neighbours."""
    return Ranking(tuple(dict.fromkeys(first.names + then.names)))


def recall(found: list[Ranking], wanted: list[Case], first: int) -> float:
    """Return the share of cases whose runbook is among the first."""
    return sum(case.runbook in each.names[:first] for each, case in zip(found, wanted, strict=True)) / len(wanted)


async def embedded(engine: EmbeddingEngine, shelf: Shelf, wanted: list[Case]) -> tuple[list[Ranking], float, float]:
    """Return the rankings of one embedder, its passages a second, and milliseconds for a question with its search."""
    passages = runbook_passages(shelf.runbooks)
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory())
        file = IndexFile(FolderFiles(Path(folder)))
        embedder = await open_local(stack, engine, CLOCK)
        started = perf_counter()
        async for _ in Indexer(file, embedder, CLOCK).update(passages, None):
            pass
        rate = len(passages) / (perf_counter() - started)
        index = await file.load()
        assert index is not None
        started = perf_counter()
        found = [await near(index, embedder, case) for case in wanted]
        return found, rate, (perf_counter() - started) / len(wanted) * 1e3


def thresholds(found: list[Ranking], wanted: list[Case]) -> Table:
    """Return, by threshold, how many right runbooks it keeps among the first five, and how many wrong ones."""
    table = Table("least score", "right kept", "wrong shown per alarm", title="embedding: the threshold")
    for least in THRESHOLDS:
        kept = [
            [name for name, score in zip(each.names[:FIRST], each.scores, strict=False) if score >= least]
            for each in found
        ]
        right = sum(case.runbook in names for names, case in zip(kept, wanted, strict=True))
        wrong = sum(map(len, kept)) - right
        table.add_row(f"{least:.2f}", f"{right / len(wanted):.0%}", f"{wrong / len(wanted):.1f}")
    return table


async def main() -> None:
    """Measure, print the tables, and name what was missed where an argument is given."""
    shelf = await Library(FolderFiles(FOLDER / "library")).shelf()
    assert not shelf.problems, shelf.problems
    wanted = list(cases())
    by_match = [exact(shelf, case) for case in wanted]
    hashed, hash_rate, hash_ms = await embedded(HashEmbeddingEngine(), shelf, wanted)
    real, real_rate, real_ms = await embedded(MiniLmEngine(), shelf, wanted)
    both = [joined(first, then) for first, then in zip(by_match, real, strict=True)]
    table = Table("search", "recall@1", "recall@3", "recall@5", "passages/s", "ms a question")
    rows = (
        ("exact match", by_match, "", ""),
        ("simulated/hash-embedding", hashed, f"{hash_rate:,.0f}", f"{hash_ms:.1f}"),
        (MiniLmEngine.model, real, f"{real_rate:,.0f}", f"{real_ms:.1f}"),
        ("exact+hash", [joined(first, then) for first, then in zip(by_match, hashed, strict=True)], "", ""),
        ("exact+MiniLM", both, "", ""),
    )
    for name, found, rate, milliseconds in rows:
        table.add_row(name, *(f"{recall(found, wanted, first):.0%}" for first in (1, 3, FIRST)), rate, milliseconds)
    console = Console(width=100)
    console.print(f"{len(shelf.runbooks)} runbooks, {len(wanted)} alarms")
    console.print(table)
    console.print(thresholds(real, wanted))
    for each, case in zip(both, wanted, strict=True) if sys.argv[1:] else ():
        if case.runbook not in each.names[:FIRST]:
            console.print(f"missed: {case.alarm.key.name} -> {case.runbook}; found {', '.join(each.names[:FIRST])}")


if __name__ == "__main__":
    asyncio.run(main())
