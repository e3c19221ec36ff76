"""The nouns of grouping.

Change      one recorded state change of one alarm key, and what it was to its incident
History     what is recorded of one key: its changes, and the composite incident that waits for it
Incident    the alarms of one owner that one question to the model answers
Placement   what a new state change is to the incidents that exist
"""

from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from uuid import UUID, uuid5

from autocloudops.alarms.model import Alarm, AlarmState, ResourceRef
from autocloudops.values import Value

INCIDENT_NAMESPACE = UUID("0c2f2b54-6d0b-5a0c-8d0e-4b6c2a6a7a11")


class Role(StrEnum):
    """What one state change was to its incident. The messages of openers and reopeners are its work tokens."""

    OPENER = "opener"
    REOPENER = "reopener"
    JOINER = "joiner"
    CLEAR = "clear"
    NOTED = "noted"


class IncidentStatus(StrEnum):
    """How far an incident is: only a conditional write moves it."""

    OPEN = "open"
    ASKING = "asking"
    DECIDED = "decided"


class Change(Value):
    """One recorded state change of one alarm key.

    `revision` is the question that an opener or reopener asked for; `rests` says that this question was left out,
    because the alarm flapped and had been asked about. `approximate` marks a time taken from alarm history.
    """

    event_id: UUID
    state: AlarmState
    at: datetime
    role: Role
    incident_id: UUID | None = None
    revision: int = 0
    rests: bool = False
    approximate: bool = False


class History(Value):
    """What is recorded of one alarm key: its newest changes, and the incident of a composite alarm that named it.

    `pending` are changes that are being counted at this moment: soon they are among `changes`, or gone.
    """

    changes: tuple[Change, ...] = ()
    pending: tuple[Change, ...] = ()
    parent: UUID | None = None

    def beyond(self, seen: "History") -> tuple[Change, ...]:
        """Return the changes that `seen` does not hold."""
        known = {change.event_id for change in (*seen.changes, *seen.pending)}
        return tuple(change for change in (*self.changes, *self.pending) if change.event_id not in known)


class Incident(Value):
    """Alarms of one owner, decided together.

    `attempt` counts who asked so far; a reply counts only while its attempt is the current one. `token` is the state
    change whose message lives until the current `revision` is decided. `firing` is how many of its alarms have not
    returned to OK; at zero the incident takes no more members. `families` are digests of the metrics and resource types
    that were seen in it, `asked_families` of those that its questions showed. `decision_id` and `record_sha256` name
    the effective decision and its audit record.
    `asked_anew` says that its question was raised by no state change, so that its decision ends none.
    `suppressed_until` is present where nobody was asked or told: until then the reason holds for whoever joins.
    `retry_at` is present where its question was deferred: nobody asks before then, and no message stands for it any
    more, so that only a sweeper asks.
    """

    incident_id: UUID
    owner_key: str
    resource: ResourceRef
    token: UUID
    opened_at: datetime
    last_member_at: datetime
    status: IncidentStatus = IncidentStatus.OPEN
    revision: int = 0
    attempt: int = 0
    asker: str | None = None
    lease_until: datetime | None = None
    retry_at: datetime | None = None
    members: int = 1
    firing: int = 1
    families: frozenset[str] = frozenset()
    asked_families: frozenset[str] = frozenset()
    reopened_at: datetime | None = None
    asked_anew: bool = False
    decided_at: datetime | None = None
    decision_id: UUID | None = None
    record_sha256: str | None = None
    suppressed_until: datetime | None = None
    previous: UUID | None = None

    @property
    def resolved(self) -> bool:
        """Whether every alarm in it has returned to OK."""
        return self.firing <= 0

    @property
    def waiting_since(self) -> datetime:
        """When the question of its current revision was raised."""
        return self.reopened_at or self.opened_at

    def left_alone_until(self, patience: timedelta) -> datetime:
        """Return until when nobody but its asker looks after an undecided incident.

        Args:
            patience: how long whoever opened an incident may take to claim it.
        """
        return self.lease_until or self.retry_at or self.waiting_since + patience

    def hushed(self, now: datetime) -> bool:
        """Whether nobody was asked or told, and the reason for that still holds."""
        return self.suppressed_until is not None and now <= self.suppressed_until

    def waits_for(self, revision: int) -> bool:
        """Whether the question that `revision` asked is still to be decided."""
        return self.revision == revision and self.status is not IncidentStatus.DECIDED


class Windows(Value):
    """How long an incident waits for company, and how often it is asked about again.

    `join` is counted from its last member; `quiet` and `batch` bound the wait before the model is asked; a member that
    brings something new asks again after `reask`, `revisions` times at most.
    """

    join: timedelta = timedelta(minutes=15)
    quiet: timedelta = timedelta(seconds=1)
    batch: timedelta = timedelta(seconds=10)
    reask: timedelta = timedelta(seconds=60)
    revisions: int = 3


class Opens(Value):
    """The change opens an incident and its message is the work token.

    `leaves` is the older incident in which the same alarm was firing until now; `rests` is as in `Change`.
    """

    incident: Incident
    leaves: UUID | None = None
    rests: bool = False


class Reopens(Value):
    """The change brings something new to a decided incident and asks for `revision`; the rest is as in `Opens`."""

    incident_id: UUID
    revision: int
    leaves: UUID | None = None
    rests: bool = False

    def unasked(self) -> "Joins":
        """Return the same without its question: the change is a member that the next question shows."""
        return Joins(incident_id=self.incident_id, leaves=self.leaves)


class Joins(Value):
    """The change belongs to an incident that exists.

    `starts_episode` is false where the same alarm was firing in it already; `leaves` is as in `Opens`. `late` marks an
    ALARM that arrived after a newer turn of its alarm: it joins that turn's incident, which may be unknown, and opens
    nothing.
    """

    incident_id: UUID | None
    starts_episode: bool = True
    late: bool = False
    leaves: UUID | None = None


class Clears(Value):
    """The change is an OK; `incident_id` is that of the alarm before it.

    `ends_episode` is false where a newer turn of the alarm was recorded already: nothing stops firing by this one.
    """

    incident_id: UUID | None = None
    ends_episode: bool = True


class Notes(Value):
    """The change says nothing that an incident needs, but it is recorded."""

    incident_id: UUID | None = None


class Repeats(Value):
    """The change was recorded before: another copy, another path, or a redelivery.

    `ends_episode` is true of an OK that is still the newest turn of its alarm: whoever recorded it may have died before
    doing what follows from it.
    """

    change: Change
    ends_episode: bool = False


Placement = Opens | Reopens | Joins | Clears | Notes | Repeats


def incident_id(alarm: Alarm) -> UUID:
    """Return the id of the incident that `alarm` would open."""
    return uuid5(INCIDENT_NAMESPACE, f"{alarm.resource.owner_key}\x1f{alarm.event_id}")


def family(alarm: Alarm) -> str:
    """Return what kind of trouble an alarm reports: its resource type and its metric, or its kind without one.

    It is one of 256 digests, so that an incident of any number of alarms can list all that it has seen. Two kinds in
    256 look alike, and the second of them asks nothing again.
    """
    watched = f"{alarm.metric.namespace}/{alarm.metric.name}" if alarm.metric else str(alarm.kind)
    return sha256(f"{alarm.resource.type} {watched}".encode()).hexdigest()[:2]
