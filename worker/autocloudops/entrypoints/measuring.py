"""Metrics, where the settings ask for them."""

import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from logging import getLogger
from typing import TextIO

from autocloudops.audit.writer import AuditWriter
from autocloudops.clock import Clock
from autocloudops.decisions.claims import Ledger
from autocloudops.environment import read
from autocloudops.errors import ServiceFailed
from autocloudops.metrics import EmbeddedMetrics, Measuring, Standing
from autocloudops.settings import MetricsSettings, StateSettings

log = getLogger(__name__)

TABLE_ENDS = "-state"
CANARY = "-canary"


def measuring_of(clock: Clock, stream: TextIO | None = None) -> Measuring | None:
    """Return what measures, for the deployment that the state table is named after; None where nothing is measured.

    Args:
        clock: time.
        stream: where a log group reads; standard output by default.
    """
    namespace = read(MetricsSettings).namespace
    if not namespace:
        return None
    service = read(StateSettings).table.removesuffix(TABLE_ENDS)
    metrics = EmbeddedMetrics(stream or sys.stdout, clock, namespace, service)
    return Measuring(metrics, clock, f"{service}{CANARY}")


@dataclass(frozen=True, slots=True)
class Lookout:
    """Reads what no single event tells, and measures it.

    Attributes:
        measuring: hears of it.
        clock: time.
        audit: whose records wait.
        overturned: tells of how many decisions people said on a day that they were wrong.
        ledger: who may act; None where nothing is done.
        most: how many actions there may be in an hour.
    """

    measuring: Measuring
    clock: Clock
    audit: AuditWriter
    overturned: Callable[[datetime], Awaitable[int]]
    ledger: Ledger | None = None
    most: int = 0

    async def look(self) -> None:
        """Look once. What cannot be read is logged, and hides nothing else; it never raises: a sweep comes after it."""
        self.measuring.unflushed(self.audit.waiting, self.audit.oldest_seconds)
        for reading in (self._overturned, self._standing):
            try:
                await reading()
            except ServiceFailed as error:
                log.warning("it is not measured how things stand: %s", error)
            except Exception:
                log.exception("it is not measured how things stand")

    async def _overturned(self) -> None:
        self.measuring.overturned(await self.overturned(self.clock.now()))

    async def _standing(self) -> None:
        if self.ledger is None:
            return
        claimed = await self.ledger.claimed(self.clock.now())
        unfinished, control = await self.ledger.unfinished(), await self.ledger.control()
        self.measuring.stands(Standing(unfinished, control, claimed, self.most))
