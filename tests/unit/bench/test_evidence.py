import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

import pytest
from bench.gathering import site
from bench.gathering.counting import Counted, CountedCalls, Ledger
from bench.gathering.kinds import KINDS
from bench.gathering.measuring import Measured, measured, subject_of
from bench.gathering.report import bounds
from bench.storms.bounds import missed
from triage import cpu_alarm, database_alarm, disk_alarm
from virtual_time import VirtualClock, run

from autocloudops.alarms.model import Alarm
from autocloudops.diagnosis.gathering import Gathered, Gatherer, Piece, Subject


class Asking:
    """A source that makes some calls, each in a task of its own."""

    essential = False
    permissions: frozenset[str] = frozenset()

    def __init__(self, kind: str, calls: int, ledger: Ledger, seconds: float = 0.1) -> None:
        self.kind = kind
        self._calls = calls
        self._ledger = ledger
        self._seconds = seconds

    async def read(self, subject: Subject) -> Sequence[Piece]:
        assert subject.alarm.key.name
        await asyncio.gather(*(self._call() for _ in range(self._calls)))
        return [Piece(kind=self.kind, source="test", text="seven words of a fact are here")]

    async def _call(self) -> None:
        await asyncio.sleep(self._seconds)
        self._ledger.note()


def gathering(*calls: int, seconds: float = 0.1) -> Measured:
    """Return what sources with so many calls come to."""

    async def one() -> Measured:
        ledger = Ledger()
        sources = [Counted(Asking(f"source-{'abc'[n]}", count, ledger, seconds)) for n, count in enumerate(calls)]
        return await measured(sources, cpu_alarm(), VirtualClock(), ledger)

    return run(one())


def hung(alarm: Alarm) -> tuple[Gathered, float]:
    """Return what the real sources come to where nothing answers."""

    async def one() -> tuple[Gathered, float]:
        clock = VirtualClock()
        found = await Gatherer(site.hanging(clock), clock).gather(subject_of(alarm))
        return found, clock.monotonic()

    return run(one())


def test_calls_are_counted_by_the_source_that_made_them() -> None:
    """Sources read at once, and calls in tasks of their own, are told apart."""
    found = gathering(2, 0, 5)
    assert found.calls == {"source-a": 2, "source-c": 5}
    assert found.wall_seconds == pytest.approx(0.1)
    assert found.tokens("source-a") > 0


def test_calls_of_aws_are_counted_without_a_share_of_a_quota() -> None:
    """A hundred incidents at once are no storm of one account here."""

    async def hundred() -> int:
        async with AsyncExitStack() as stack:
            ledger = Ledger()
            calls = CountedCalls(stack, VirtualClock(), ledger)
            calls._clients[("rds", "eu-west-1")] = asyncio.create_task(asyncio.sleep(0))
            await asyncio.gather(
                *(
                    calls.make("rds:DescribeDBInstances", "1", "eu-west-1", lambda _: asyncio.sleep(0))
                    for _ in range(100)
                )
            )
            return ledger.calls.total()

    assert run(hundred()) == 100


@pytest.mark.parametrize("alarm", [cpu_alarm(), database_alarm(), disk_alarm()])
def test_every_source_hanging_stays_under_the_wall(alarm: Alarm) -> None:
    """The real sources over services that never answer: 1.5 s at most, and each says what is missing."""
    found, seconds = hung(alarm)
    assert seconds <= 1.5
    assert len(found.uses) == 9
    assert all(piece.missing for piece in found.pieces)


def test_ten_kinds_of_alarm_are_measured() -> None:
    """Ten, on ten types of resource."""
    assert len({kind.resource for kind in KINDS}) == len(KINDS) == 10


def test_the_bounds_miss_a_source_that_failed() -> None:
    """A gathering that reached its wall fails the run; a quick one does not."""
    silent = {"one": hung(database_alarm())}
    assert missed(bounds([gathering(1)], silent)) == []
    assert [bound.about for bound in missed(bounds([gathering(1, seconds=5)], silent))] == ["sources that failed"]
