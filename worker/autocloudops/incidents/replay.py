"""Alarm history through the grouping rules once more, in order: what a worker would have asked, and when."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto
from heapq import heappop, heappush
from uuid import UUID

from autocloudops.alarms.inventory import Entry
from autocloudops.alarms.model import Alarm, AlarmKey, AlarmState
from autocloudops.incidents.flapping import WINDOW
from autocloudops.incidents.grouping import (
    APPROXIMATE_WITHIN,
    change_of,
    left_unasked,
    place,
    running_episode,
    takes,
)
from autocloudops.incidents.model import (
    Change,
    Clears,
    History,
    Incident,
    IncidentStatus,
    Joins,
    Opens,
    Placement,
    Reopens,
    Repeats,
    Windows,
    family,
)
from autocloudops.incidents.relatives import child_keys
from autocloudops.incidents.track_record import SelfClearing
from autocloudops.incidents.waiting import Wait, wait_for, waiting_alarms

ANSWERED_WITHIN = timedelta(seconds=10)
"""How long a question is assumed to be on its way."""
LOOKED_AT_AFTER = timedelta(seconds=10)
"""How much later than the rest between two questions a worker looks whether something was left unasked."""
SWEPT_WITHIN = timedelta(seconds=15)
"""How long after the end of a wait a sweeper comes by: half of the time between two sweeps."""
PARENT_KEPT = timedelta(hours=1)
KEPT = WINDOW + APPROXIMATE_WITHIN
REPLAYED = "alarm_history"


@dataclass(frozen=True, slots=True)
class Transition:
    """One change of state of one alarm."""

    key: AlarmKey
    state: AlarmState
    at: datetime


@dataclass(frozen=True, slots=True)
class Question:
    """One question that a model would have been asked.

    Args:
        key: the alarm that raised it.
        at: when it would have been asked.
    """

    key: AlarmKey
    at: datetime


@dataclass(slots=True)
class Outcome:
    """What a replay came to: incidents that were opened, questions, and those that were left out.

    `rested` because an alarm flapped, `spared` because what clears by itself did so in time.
    """

    incidents: int = 0
    rested: int = 0
    spared: int = 0
    questions: list[Question] = field(default_factory=list)


def alarm_of(entry: Entry) -> Alarm:
    """Return an alarm as it is configured today, for the changes of state that it once made."""
    return Alarm(
        key=entry.key,
        state=entry.state,
        at=entry.state_at,
        kind=entry.kind,
        shape=REPLAYED,
        resource=entry.resource,
        raw_sha256="",
        metric=entry.metric,
        children=entry.children,
        approximate=True,
    )


class _Step(Enum):
    """What is due for an incident."""

    ASK = auto()
    DECIDE = auto()
    LOOK = auto()


@dataclass(slots=True)
class _Standing:
    """What a replay keeps of an incident: the noun, its question, and the last ALARM of each alarm that is in it."""

    incident: Incident
    token: Alarm
    rests: bool
    alarms: dict[AlarmKey, Alarm]
    waits: bool = False
    steps: int = 0


class Replay:
    """Places transitions as a worker does, one after the other, with nobody else in the race.

    A delivery takes no time, an answer `ANSWERED_WITHIN` after the batch window's quiet stretch. Silences and mute
    rules of the past are unknown. What is kept is bounded by the alarms of the inventory and by what happened within an
    hour.

    Args:
        entries: the inventory, by key; holds every alarm whose transitions are given.
        windows: how long an incident takes members.
        clearing: the alarms that clear by themselves, and how.
    """

    def __init__(
        self, entries: Mapping[AlarmKey, Entry], windows: Windows, clearing: Mapping[AlarmKey, SelfClearing]
    ) -> None:
        self._entries = entries
        self._windows = windows
        self._clearing = clearing
        self._changes: defaultdict[AlarmKey, list[Change]] = defaultdict(list)
        self._alarms: dict[AlarmKey, Alarm] = {}
        self._parents: dict[AlarmKey, tuple[UUID, datetime]] = {}
        self._current: dict[str, UUID] = {}
        self._standing: dict[UUID, _Standing] = {}
        self._due: list[tuple[datetime, int, UUID, _Step]] = []
        self._steps = 0
        self.came_to = Outcome()

    def take(self, transition: Transition) -> None:
        """Place one transition; they come by time."""
        while self._due and self._due[0][0] <= transition.at:
            self._do_what_is_due()
        alarm = self._alarm(transition)
        history = History(changes=self._kept(alarm), parent=self._parent(alarm))
        placement = place(alarm, history, self._candidate(alarm, history), self._windows, alarm.at)
        if isinstance(placement, Repeats):
            return
        self._changes[alarm.key].append(change_of(alarm, placement))
        self._make_true(alarm, placement)

    def finish(self) -> Outcome:
        """Answer what is still on its way, and return what everything came to."""
        while self._due:
            self._do_what_is_due()
        return self.came_to

    def _alarm(self, transition: Transition) -> Alarm:
        alarm = self._alarms.get(transition.key)
        if alarm is None:
            alarm = self._alarms[transition.key] = alarm_of(self._entries[transition.key])
        return alarm.model_copy(update={"state": transition.state, "at": transition.at})

    def _kept(self, alarm: Alarm) -> tuple[Change, ...]:
        """Return the changes of the alarm's key that a placement can rest on: its last turn, and those of an hour."""
        changes = self._changes[alarm.key]
        recent = next((n for n, change in enumerate(changes) if alarm.at - change.at <= KEPT), len(changes))
        turns = (n for n in reversed(range(len(changes))) if changes[n].state is not AlarmState.INSUFFICIENT_DATA)
        del changes[: min(recent, next(turns, len(changes)))]
        return tuple(changes)

    def _parent(self, alarm: Alarm) -> UUID | None:
        incident_id, since = self._parents.get(alarm.key, (None, alarm.at))
        return incident_id if alarm.at - since <= PARENT_KEPT else None

    def _candidate(self, alarm: Alarm, history: History) -> Incident | None:
        """Return the incident that an alarm may join: its owner's, or one of a composite alarm and its children."""
        if alarm.state is not AlarmState.ALARM:
            return None
        own = self._incident(self._current.get(alarm.resource.owner_key))
        if own and takes(own, alarm, self._windows, alarm.at):
            return own
        children = (running_episode(self._changes.get(key, ()), alarm.at) for key in child_keys(alarm))
        related = (history.parent, *(child.incident_id for child in children if child))
        found = (self._incident(incident_id) for incident_id in related)
        tied = (incident for incident in found if incident and takes(incident, alarm, self._windows, alarm.at))
        return next(tied, own)

    def _incident(self, incident_id: UUID | None) -> Incident | None:
        standing = self._standing.get(incident_id) if incident_id else None
        return standing.incident if standing else None

    def _make_true(self, alarm: Alarm, placement: Placement) -> None:
        match placement:
            case Opens(incident=incident):
                self._leave(placement.leaves)
                self._open(incident, alarm, rests=placement.rests)
            case Reopens():
                self._leave(placement.leaves)
                self._reopen(alarm, placement)
            case Joins(incident_id=UUID() as joined):
                self._leave(placement.leaves)
                self._join(joined, alarm, int(placement.starts_episode))
            case Clears(incident_id=UUID() as cleared, ends_episode=True):
                self._leave(cleared)
        incident_id = change_of(alarm, placement).incident_id
        if incident_id:
            self._parents |= dict.fromkeys(child_keys(alarm), (incident_id, alarm.at))

    def _open(self, incident: Incident, alarm: Alarm, *, rests: bool) -> None:
        self.came_to.incidents += 1
        standing = self._standing[incident.incident_id] = _Standing(incident, alarm, rests, {alarm.key: alarm})
        self._current[incident.owner_key] = incident.incident_id
        self._when(alarm.at + self._windows.quiet, standing, _Step.ASK)

    def _reopen(self, alarm: Alarm, placement: Reopens) -> None:
        self._join(placement.incident_id, alarm, 1)
        standing = self._standing[placement.incident_id]
        standing.token, standing.rests = alarm, placement.rests
        self._ask_again(standing, alarm.at)

    def _ask_again(self, standing: _Standing, at: datetime) -> None:
        incident = standing.incident
        asked = {"status": IncidentStatus.OPEN, "revision": incident.revision + 1, "suppressed_until": None}
        standing.incident = incident.model_copy(update=asked)
        self._when(at + self._windows.quiet, standing, _Step.ASK)

    def _join(self, incident_id: UUID, alarm: Alarm, firing: int) -> None:
        standing = self._standing.get(incident_id)
        if standing is None:
            return
        incident = standing.incident
        standing.alarms[alarm.key] = alarm
        standing.incident = incident.model_copy(
            update={
                "firing": incident.firing + firing,
                "families": incident.families | {family(alarm)},
                "last_member_at": alarm.at,
            }
        )

    def _leave(self, incident_id: UUID | None) -> None:
        standing = self._standing.get(incident_id) if incident_id else None
        if standing:
            standing.incident = standing.incident.model_copy(update={"firing": standing.incident.firing - 1})
            self._forget_if_over(standing)

    def _forget_if_over(self, standing: _Standing) -> None:
        if not standing.incident.resolved or standing.steps:
            return
        if self._standing.pop(standing.incident.incident_id, None) and standing.waits:
            self.came_to.spared += 1

    def _when(self, at: datetime, standing: _Standing, step: _Step) -> None:
        self._steps += 1
        standing.steps += 1
        heappush(self._due, (at, self._steps, standing.incident.incident_id, step))

    def _do_what_is_due(self) -> None:
        at, _, incident_id, step = heappop(self._due)
        standing = self._standing[incident_id]
        standing.steps -= 1
        match step:
            case _Step.ASK:
                self._ask(standing, at)
            case _Step.DECIDE:
                self._decide(standing, at)
            case _Step.LOOK:
                if left_unasked(standing.incident, self._windows, at):
                    self._ask_again(standing, at)
        self._forget_if_over(standing)

    def _ask(self, standing: _Standing, at: datetime) -> None:
        """Ask about an incident, unless its only alarm flaps and was asked about within the hour, or it may clear."""
        rests = standing.rests and len(standing.alarms) == 1
        wait = None if rests else self._wait(standing, at)
        standing.waits = wait is not None
        if wait:
            self._suppress(standing, at, wait.until)
            self._when(wait.until + SWEPT_WITHIN, standing, _Step.LOOK)
            return
        families = standing.incident.asked_families | standing.incident.families
        standing.incident = standing.incident.model_copy(update={"asked_families": families})
        if rests:
            self.came_to.rested += 1
            self._suppress(standing, at, at)
            return
        self.came_to.questions.append(Question(standing.token.key, at))
        self._when(at + ANSWERED_WITHIN, standing, _Step.DECIDE)

    def _wait(self, standing: _Standing, at: datetime) -> Wait | None:
        newest = waiting_alarms(standing.incident, standing.alarms.values())
        return wait_for(newest, [self._clearing.get(alarm.key) for alarm in newest], at)

    def _suppress(self, standing: _Standing, at: datetime, until: datetime) -> None:
        standing.incident = standing.incident.model_copy(update={"suppressed_until": until})
        self._decide(standing, at)

    def _decide(self, standing: _Standing, at: datetime) -> None:
        update = {"status": IncidentStatus.DECIDED, "decided_at": at}
        standing.incident = standing.incident.model_copy(update=update)
        self._when(at + self._windows.reask + LOOKED_AT_AFTER, standing, _Step.LOOK)
