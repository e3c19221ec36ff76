"""Counters of hot incidents, added up for a moment so that a storm costs one write a moment and not one an alarm."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from autocloudops.clock import Clock

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.type_defs import UniversalAttributeValueTypeDef

FLUSH_SECONDS = 0.2


@dataclass(slots=True)
class Tally:
    """What is to be added to one incident. `guarded` tallies are refused once the incident is resolved."""

    incident_id: UUID
    guarded: bool
    members: int = 0
    firing: int = 0
    last_member_at: datetime | None = None
    families: set[str] = field(default_factory=set)
    places: "dict[int, list[UniversalAttributeValueTypeDef]]" = field(default_factory=dict)

    def add(self, other: "Tally") -> None:
        """Take another tally of the same incident in."""
        self.members += other.members
        self.firing += other.firing
        self.last_member_at = max(filter(None, (self.last_member_at, other.last_member_at)), default=None)
        self.families |= other.families
        for slot, places in other.places.items():
            self.places.setdefault(slot, []).extend(places)


Write = Callable[[Tally], Awaitable[bool]]


class Tallies:
    """Adds tallies up and writes each sum once.

    Args:
        write: makes one tally durable; False where its incident took no more.
        clock: time between two writes of one incident.
    """

    def __init__(self, write: Write, clock: Clock) -> None:
        self._write = write
        self._clock = clock
        self._sums: dict[tuple[UUID, bool], tuple[Tally, asyncio.Task[bool]]] = {}

    async def add(self, tally: Tally) -> bool:
        """Return whether `tally` is durable, once the sum that it became part of was written."""
        key = (tally.incident_id, tally.guarded)
        if key in self._sums:
            total, writing = self._sums[key]
            total.add(tally)
        else:
            writing = asyncio.create_task(self._later(key))
            self._sums[key] = (tally, writing)
        return await asyncio.shield(writing)

    async def _later(self, key: tuple[UUID, bool]) -> bool:
        await self._clock.sleep(FLUSH_SECONDS)
        total, _ = self._sums.pop(key)
        return await self._write(total)
