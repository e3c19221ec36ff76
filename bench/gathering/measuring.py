"""One gathering, and what it came to by source."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from bench.gathering.counting import Ledger

from autocloudops.alarms.model import Alarm
from autocloudops.clock import Clock
from autocloudops.diagnosis.gathering import Gathered, Gatherer, Source, Subject
from autocloudops.diagnosis.tokens import estimated_tokens

ASKED_AFTER = timedelta(seconds=2)
SHARED = {"companions": "metric"}
"""Pieces of a kind of their own, and the source that reads them."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What gathering about one alarm came to.

    Args:
        kind: the type of the alarm's resource.
        gathered: the facts.
        wall_seconds: from the first call to the last answer.
        calls: requests by source.
    """

    kind: str
    gathered: Gathered
    wall_seconds: float
    calls: Mapping[str, int]

    def texts(self, source: str) -> list[str]:
        """Return the pieces of one source."""
        return [piece.text for piece in self.gathered.pieces if SHARED.get(piece.kind, piece.kind) == source]

    def tokens(self, source: str) -> int:
        """Return the estimated tokens of one source."""
        return sum(map(estimated_tokens, self.texts(source)))

    def seconds(self, source: str) -> float:
        """Return how long one source took."""
        return next(use.seconds for use in self.gathered.uses if use.kind == source)


def subject_of(alarm: Alarm) -> Subject:
    """Return the incident of one alarm, asked about a moment after it."""
    return Subject(
        incident_id=UUID(int=1),
        resource=alarm.resource,
        alarm=alarm,
        alarms=(alarm,),
        at=alarm.at + ASKED_AFTER,
    )


async def measured(sources: Sequence[Source], alarm: Alarm, clock: Clock, ledger: Ledger) -> Measured:
    """Return what gathering about `alarm` comes to."""
    ledger.calls = Counter()
    began = clock.monotonic()
    gathered = await Gatherer(sources, clock).gather(subject_of(alarm))
    return Measured(alarm.resource.type, gathered, clock.monotonic() - began, dict(ledger.calls))
