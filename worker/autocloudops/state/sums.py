"""Counters of hot incidents, added up for a moment so that a storm costs few writes a second and not one an alarm.

A change that is counted carries a mark: the sum that it is to be part of, and its own name in it. The sum is written
once, as an item that lists the names, in one transaction with the incident's counters. So a change counts from the
moment that its sum exists with its name, and whoever finds a sum without it knows that it never will.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

from autocloudops.cancelling import cancel
from autocloudops.clock import EPOCH, Clock, epoch_milliseconds

FLUSH_SECONDS = 0.2
HOT_SECONDS = 1.5
CLOSE_SECONDS = 2.0
MOST_IN_SUM = 80
COUNTED_IN = "COUNTED#"
MEMBERS_IN = "MEMBERS#"
TIME_DIGITS = 13
NAME_LENGTH = 8


class Into(NamedTuple):
    """Which sums may be one: of one incident, refused or not once it is resolved, from one incident that is left."""

    incident_id: UUID
    guarded: bool
    brings_members: bool
    leaves: UUID | None = None


class Tally(NamedTuple):
    """What one change adds to an incident; `place` and `family` are of one that joins it."""

    into: Into
    firing: int
    at: datetime
    place: bytes | None = None
    family: str | None = None


class Mark(NamedTuple):
    """What a change is counted by: its sum's sort key beside the incident, and its own name in that sum."""

    incident_id: UUID
    sum_id: str
    name: str

    @property
    def at(self) -> datetime:
        """When the sum was begun."""
        return EPOCH + timedelta(milliseconds=int(self.sum_id.partition("#")[2][:TIME_DIGITS]))


def mark_of_its_own(incident_id: UUID, now: datetime) -> Mark:
    """Return the mark of a change that is counted by itself, in a sum that names nothing else."""
    return Mark(incident_id, _sum_id(COUNTED_IN, now), uuid4().hex[:NAME_LENGTH])


def _sum_id(kind: str, now: datetime) -> str:
    return f"{kind}{epoch_milliseconds(now):0{TIME_DIGITS}d}-{uuid4().hex[:12]}"


@dataclass(slots=True)
class Sum:
    """Tallies added up: what one write makes durable."""

    into: Into
    sum_id: str
    tallies: dict[str, Tally] = field(default_factory=dict)
    given: int = 0
    held: int = 0
    let_go: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def places(self) -> list[bytes]:
        """The places of its members, in the order of their arrival."""
        return [tally.place for tally in self.tallies.values() if tally.place]

    @property
    def families(self) -> set[str]:
        """What its members report."""
        return {tally.family for tally in self.tallies.values() if tally.family}

    @property
    def kinds(self) -> dict[str, bytes]:
        """The place of one member for each kind of trouble."""
        return {tally.family: tally.place for tally in self.tallies.values() if tally.family and tally.place}

    @property
    def firing(self) -> int:
        """How many more alarms fire in the incident."""
        return sum(tally.firing for tally in self.tallies.values())

    @property
    def newest_at(self) -> datetime:
        """When the last of its tallies was made."""
        return max(tally.at for tally in self.tallies.values())


@dataclass(slots=True)
class Ticket:
    """A change's place in a sum that is not closed before the ticket is given back."""

    mark: Mark
    _sum: Sum
    _writing: "asyncio.Task[bool]"

    def count(self, tally: Tally) -> None:
        """Put a tally into the sum."""
        self._sum.tallies[self.mark.name] = tally

    async def durable(self) -> bool:
        """Return whether the sum is durable; False where its incident took no more."""
        return await asyncio.shield(self._writing)


Write = Callable[[Sum], Awaitable[bool]]


class Sums:
    """Adds tallies up and writes each sum once: a moment after it was begun, and not too soon after the one before.

    Args:
        write: makes one sum durable; False where its incident took no more.
        clock: time between two writes of one incident.
    """

    def __init__(self, write: Write, clock: Clock) -> None:
        self._write = write
        self._clock = clock
        self._open: dict[Into, tuple[Sum, asyncio.Task[bool]]] = {}
        self._due: dict[Into, float] = {}
        self._writing: set[asyncio.Task[bool]] = set()

    @contextmanager
    def ticket(self, into: Into) -> Iterator[Ticket]:
        """Hold a sum open for one change, which is written meanwhile with the ticket's mark."""
        total, writing = self._open.get(into) or self._begin(into)
        total.given, total.held = total.given + 1, total.held + 1
        if total.given == MOST_IN_SUM:
            del self._open[into]
        try:
            yield Ticket(Mark(into.incident_id, total.sum_id, uuid4().hex[:NAME_LENGTH]), total, writing)
        finally:
            total.held -= 1
            total.let_go.set()

    async def aclose(self) -> None:
        """Return when everything that waits was written, or given up: its changes are placed anew, as after a crash."""
        if self._writing:
            await asyncio.wait(self._writing, timeout=CLOSE_SECONDS)
        await cancel(self._writing, 0)

    def _begin(self, into: Into) -> tuple[Sum, "asyncio.Task[bool]"]:
        now = self._clock.now()
        kind = MEMBERS_IN if into.brings_members else COUNTED_IN
        total = Sum(into, _sum_id(kind, now))
        writing = asyncio.create_task(self._later(total, self._wait_seconds(into)))
        self._writing.add(writing)
        writing.add_done_callback(self._writing.discard)
        self._open[into] = total, writing
        return total, writing

    def _wait_seconds(self, into: Into) -> float:
        now = self._clock.monotonic()
        self._due = {each: due for each, due in self._due.items() if due > now - HOT_SECONDS}
        due = max(now + FLUSH_SECONDS, self._due.get(into, -HOT_SECONDS) + HOT_SECONDS)
        self._due[into] = due
        return due - now

    async def _later(self, total: Sum, seconds: float) -> bool:
        await self._clock.sleep(seconds)
        if self._open.get(total.into, (None,))[0] is total:
            del self._open[total.into]
        while total.held:
            total.let_go.clear()
            await total.let_go.wait()
        return bool(total.tallies) and await self._write(total)
