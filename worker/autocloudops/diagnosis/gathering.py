"""What is read about an incident before the model is asked: every source at once, within one bound of time.

Source      the port: one kind of fact, read by an adapter
Piece       one fact, or why it could not be read
Gathered    the facts of one incident, the worthiest first, and which essential ones are missing
TrackRecords the port: whether an alarm clears by itself
"""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from logging import getLogger
from typing import Protocol
from uuid import UUID

from autocloudops.alarms.model import Alarm, ResourceRef
from autocloudops.alarms.standing import AlarmStanding
from autocloudops.clock import Clock
from autocloudops.diagnosis.evidence import Evidence
from autocloudops.diagnosis.prompt import LABEL_CHARACTERS, TEXT_CHARACTERS
from autocloudops.diagnosis.use import SourceUse
from autocloudops.errors import AccessDenied, AccountUnread, AutoCloudOpsError, ServiceFailed, TargetMissing, Throttled
from autocloudops.incidents.track_record import SelfClearing
from autocloudops.redaction import clean
from autocloudops.values import Value

log = getLogger(__name__)

WALL_SECONDS = 1.5


class Subject(Value):
    """What facts are gathered about: an incident, the alarm that its question is about, and the alarms in it."""

    incident_id: UUID
    resource: ResourceRef
    alarm: Alarm
    alarms: tuple[Alarm, ...]
    at: datetime


class Piece(Value):
    """One fact in words and numbers. `worth` orders pieces; `missing` marks what could not be read, and `text` why.

    `kind` is as in `Evidence`. `source` says where it was read, and when, if that is not now. `standing` is what the
    gates may need of an alarm's own piece; `robots` are sentences about what else acts on alarms of the incident,
    `vetoes` about alarms of it that cannot be right.
    """

    kind: str
    source: str
    text: str
    worth: int = 50
    missing: bool = False
    standing: AlarmStanding | None = None
    robots: tuple[str, ...] = ()
    vetoes: tuple[str, ...] = ()


class Source(Protocol):
    """One kind of fact about an incident.

    `kind` names it in the prompt; where an `essential` source could not be read, nothing may be executed.
    `permissions` are the IAM actions that it needs.
    """

    @property
    def kind(self) -> str:
        """What it reads, as the prompt names it."""
        ...

    @property
    def essential(self) -> bool:
        """Whether an action without it would be blind."""
        ...

    @property
    def permissions(self) -> frozenset[str]:
        """The IAM actions that it needs, as `cloudwatch:DescribeAlarms`."""
        ...

    async def read(self, subject: Subject) -> Sequence[Piece]:
        """Return what there is to know, nothing where there is nothing.

        Raises:
            ServiceFailed: it could not be read.
        """
        ...


class TrackRecords(Protocol):
    """How alarms behaved before."""

    async def self_clearing(self, alarm: Alarm) -> SelfClearing | None:
        """Return how an alarm clears by itself, None where it does not.

        Raises:
            ServiceFailed: nobody could tell.
        """
        ...


class Gathered(Value):
    """What was read about one incident: pieces in order of worth, and the kinds of essential ones that are missing."""

    pieces: tuple[Piece, ...] = ()
    unread: tuple[str, ...] = ()
    uses: tuple[SourceUse, ...] = ()

    @property
    def standing(self) -> AlarmStanding | None:
        """How the alarm stood when it was read, None where it was not."""
        return next((piece.standing for piece in self.pieces if piece.standing), None)

    @property
    def robots(self) -> tuple[str, ...]:
        """What else acts on alarms of the incident, as sentences."""
        return tuple(dict.fromkeys(robot for piece in self.pieces for robot in piece.robots))

    @property
    def vetoes(self) -> tuple[str, ...]:
        """Why alarms of the incident cannot be right, as sentences."""
        return tuple(dict.fromkeys(veto for piece in self.pieces for veto in piece.vetoes))


def numbered(pieces: Iterable[Piece]) -> tuple[Evidence, ...]:
    """Return pieces as evidence, cleaned and bounded, with ids from `E1` on."""
    return tuple(
        Evidence(
            id=f"E{number}",
            kind=piece.kind,
            source=" ".join(clean(piece.source, LABEL_CHARACTERS).split()),
            text=clean(piece.text, TEXT_CHARACTERS),
            missing=piece.missing,
        )
        for number, piece in enumerate(pieces, 1)
    )


class Gatherer:
    """Reads every source at once.

    Args:
        sources: what is read.
        clock: time.
        wall_seconds: after this long, whatever a source has not said is counted as not read.
        track_records: tells which alarms clear by themselves; without it none does.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        clock: Clock,
        wall_seconds: float = WALL_SECONDS,
        track_records: TrackRecords | None = None,
    ) -> None:
        self._sources = tuple(sources)
        self._clock = clock
        self._wall_seconds = wall_seconds
        self._track_records = track_records

    async def self_clearing(self, alarm: Alarm) -> SelfClearing | None:
        """Return how `alarm` clears by itself, None where it does not, or where that could not be read in time."""
        if self._track_records is None:
            return None
        try:
            async with asyncio.timeout(self._wall_seconds):
                return await self._track_records.self_clearing(alarm)
        except (TimeoutError, AutoCloudOpsError) as error:
            log.info("whether an alarm clears by itself could not be read: %r", error)
            return None

    async def gather(self, subject: Subject) -> Gathered:
        """Return what is known about `subject`; a source that fails or hangs costs its own facts and nothing else."""
        read = await asyncio.gather(*(self._read(source, subject) for source in self._sources))
        pieces = sorted((piece for found, _ in read for piece in found), key=lambda piece: -piece.worth)
        together = zip(self._sources, read, strict=True)
        unread = [source.kind for source, (found, use) in together if source.essential and _unread(found, use)]
        return Gathered(pieces=tuple(pieces), unread=tuple(unread), uses=tuple(use for _, use in read))

    async def _read(self, source: Source, subject: Subject) -> tuple[Sequence[Piece], SourceUse]:
        started = self._clock.monotonic()
        failure: str | None = None
        pieces: Sequence[Piece] = ()
        try:
            async with asyncio.timeout(self._wall_seconds):
                pieces = await source.read(subject)
        except TimeoutError:
            failure = f"no answer within {self._wall_seconds:g} s"
        except ServiceFailed as error:
            failure = not_read(error)
        except Exception:
            log.exception("reading %s", source.kind)
            failure = "the worker met a fault of its own, which it has logged"
        if failure:
            pieces = [
                Piece(kind=source.kind, source="AutoCloudOps", text=f"NOT READ: {failure}", worth=0, missing=True)
            ]
        seconds = round(self._clock.monotonic() - started, 3)
        return pieces, SourceUse(kind=source.kind, pieces=len(pieces), seconds=seconds, failure=failure)


def not_read(error: ServiceFailed) -> str:
    """Return in a few words why something could not be read."""
    match error:
        case AccessDenied():
            return f"no permission {error.operation}"
        case AccountUnread():
            return f"{error.operation}: it is in another account than the role of this worker"
        case Throttled():
            return f"{error.operation} was throttled"
        case TargetMissing():
            return f"{error.operation}: {error.target} is not there"
        case _:
            return f"{error.operation} failed"


def _unread(pieces: Sequence[Piece], use: SourceUse) -> bool:
    return use.failure is not None or any(piece.missing for piece in pieces)
