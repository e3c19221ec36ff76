"""Evidence for whoever may never need it: what reads it is imported and opened for the first question."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from autocloudops.alarms.model import Alarm
from autocloudops.clock import Clock
from autocloudops.diagnosis.gathering import Gathered, Gatherer, Subject
from autocloudops.entrypoints.stored import State
from autocloudops.incidents.track_record import SelfClearing
from autocloudops.settings import EvidenceSettings


class LateGatherer:
    """A `Reader` of evidence that is opened when it is first asked.

    Args:
        opener: opens it; it is called again only where it failed.
    """

    def __init__(self, opener: Callable[[], Awaitable[Gatherer | None]]) -> None:
        self._opener = opener
        self._opening = asyncio.Lock()
        self._opened: Gatherer | None = None

    async def self_clearing(self, alarm: Alarm) -> SelfClearing | None:
        """Return how an alarm cleared by itself until now, where that is known."""
        opened = await self._open()
        return await opened.self_clearing(alarm) if opened else None

    async def gather(self, subject: Subject) -> Gathered:
        """Return what else is known about an incident."""
        opened = await self._open()
        return await opened.gather(subject) if opened else Gathered()

    async def _open(self) -> Gatherer | None:
        async with self._opening:
            self._opened = self._opened or await self._opener()
        return self._opened


def late_gatherer(
    stack: AsyncExitStack, settings: EvidenceSettings, state: State, account: str, clock: Clock
) -> LateGatherer | None:
    """Return what will read the facts of incidents, None where the settings switch it off."""

    async def opened() -> Gatherer | None:
        from autocloudops.entrypoints.evidence import open_gatherer  # noqa: PLC0415 - a quarter of a cold start

        return await open_gatherer(stack, settings, state, account, clock)

    return LateGatherer(opened) if settings.gather else None
