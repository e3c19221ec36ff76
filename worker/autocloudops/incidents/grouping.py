"""Where a state change belongs. A decision on values only: the store makes it true, or says that it came too late."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from autocloudops.alarms.model import Alarm, AlarmState
from autocloudops.incidents.flapping import flapping
from autocloudops.incidents.model import (
    Change,
    Clears,
    History,
    Incident,
    IncidentStatus,
    Joins,
    Notes,
    Opens,
    Placement,
    Reopens,
    Repeats,
    Role,
    Windows,
    family,
    incident_id,
)

APPROXIMATE_WITHIN = timedelta(seconds=2)
NO_RESOURCE = "alarm"


def place(alarm: Alarm, history: History, current: Incident | None, windows: Windows, now: datetime) -> Placement:
    """Return what `alarm` is to the incidents that exist.

    Args:
        alarm: the state change that arrived.
        history: what is recorded of the same key.
        current: the incident that the alarm could belong to: its composite's or its children's where that takes it,
            else the newest one of its owner, or the one that this was tied to.
        windows: how long an incident takes members.
        now: the wall time.
    """
    repeated = next((change for change in history.changes if _is_same(change, alarm)), None)
    if repeated:
        closing = repeated.state is AlarmState.OK and repeated == _newest_turn(history.changes)
        return Repeats(change=repeated, ends_episode=closing)
    if alarm.state is AlarmState.ALARM:
        return _fired(alarm, history, current, windows, now)
    episode = running_episode(history.changes, alarm.at)
    if alarm.state is AlarmState.INSUFFICIENT_DATA:
        return Notes(incident_id=episode.incident_id if episode else None)
    if episode is None:
        return Clears()
    return Clears(incident_id=episode.incident_id, ends_episode=episode == _newest_turn(history.changes))


def running_episode(changes: Sequence[Change], at: datetime) -> Change | None:
    """Return the newest ALARM up to `at` that no OK has ended."""
    newest = _newest_turn([change for change in changes if change.at <= at])
    return newest if newest and newest.state is AlarmState.ALARM else None


def _newest_turn(changes: Sequence[Change]) -> Change | None:
    """Return the newest change to ALARM or OK; of two at the same time the OK counts as later."""
    turns = [change for change in changes if change.state is not AlarmState.INSUFFICIENT_DATA]
    return max(turns, key=lambda turn: (turn.at, turn.state is AlarmState.OK), default=None)


class End(NamedTuple):
    """An OK that was recorded without an incident, the incident of the episode before it, and whether that ends by it.

    `ends_episode` is as in `Clears`.
    """

    closing: Change
    incident_id: UUID
    ends_episode: bool = True

    @property
    def closed(self) -> Change:
        """The OK as it is once that is recorded."""
        return self.closing.model_copy(update={"incident_id": self.incident_id})


def left_unended(changes: Sequence[Change]) -> Iterator[End]:
    """Yield each OK that was recorded as if nothing were firing, beside an ALARM before it that was.

    Whoever recorded such an OK saw the ALARM afterwards, unless it died there. An ALARM after the OK was placed before
    that was there, as the continuation of the episode: then nothing stops firing.
    """
    for closing in changes:
        if closing.state is not AlarmState.OK or closing.incident_id:
            continue
        episode = running_episode([change for change in changes if change != closing], closing.at)
        if episode and episode.incident_id:
            yield End(closing, episode.incident_id, ends_episode=closing == _newest_turn(changes))


def takes(incident: Incident, alarm: Alarm, windows: Windows, now: datetime) -> bool:
    """Return whether an incident still takes `alarm` as a member."""
    if incident.resolved or _hides(incident, windows, now):
        return False
    return max(alarm.at, now) - incident.last_member_at <= windows.join


def _hides(incident: Incident, windows: Windows, now: datetime) -> bool:
    """Return whether a suppressed incident would hide a member for longer than its reason holds or may be trusted."""
    if incident.status is not IncidentStatus.DECIDED or not incident.suppressed_until or not incident.decided_at:
        return False
    if now - incident.decided_at > windows.join:
        return True
    return now > incident.suppressed_until and incident.revision >= windows.revisions


def change_of(alarm: Alarm, placement: Placement) -> Change:
    """Return the line that is recorded for `alarm` once it is placed."""
    match placement:
        case Opens(incident=incident):
            return _change(alarm, Role.OPENER, incident.incident_id, rests=placement.rests)
        case Reopens(incident_id=reopened, revision=revision):
            return _change(alarm, Role.REOPENER, reopened, revision=revision, rests=placement.rests)
        case Joins():
            return _change(alarm, Role.JOINER, placement.incident_id)
        case Clears():
            return _change(alarm, Role.CLEAR, placement.incident_id)
        case Notes():
            return _change(alarm, Role.NOTED, placement.incident_id)
        case Repeats(change=change):
            return change


def _change(alarm: Alarm, role: Role, incident_id: UUID | None, *, revision: int = 0, rests: bool = False) -> Change:
    return Change(
        event_id=alarm.event_id,
        state=alarm.state,
        at=alarm.at,
        role=role,
        incident_id=incident_id,
        revision=revision,
        rests=rests,
        approximate=alarm.approximate,
    )


def _is_same(change: Change, alarm: Alarm) -> bool:
    """Return whether a recorded change is `alarm`; alarm history gives times that are off by up to two seconds.

    Either may be the one from alarm history: a backfill may come before the message that a queue held back.
    """
    if change.event_id == alarm.event_id:
        return True
    rough = alarm.approximate or change.approximate
    return rough and change.state is alarm.state and abs(change.at - alarm.at) <= APPROXIMATE_WITHIN


def _closing_ok(alarm: Alarm, changes: Sequence[Change]) -> Change | None:
    """Return the first recorded OK that is later than `alarm`: SQS may deliver it first."""
    later = [change for change in changes if change.state is AlarmState.OK and change.at >= alarm.at]
    return min(later, key=lambda change: change.at, default=None)


def _fired(
    alarm: Alarm, history: History, current: Incident | None, windows: Windows, now: datetime
) -> Opens | Reopens | Joins:
    newest = _closing_ok(alarm, history.changes) or _newest_turn(history.changes)
    if newest and newest.at >= alarm.at:
        return Joins(incident_id=newest.incident_id, starts_episode=False, late=True)
    runs_in = newest.incident_id if newest and newest.state is AlarmState.ALARM else None
    if current is None or not takes(current, alarm, windows, now):
        return Opens(incident=_opened(alarm, current, now), leaves=runs_in, rests=_rests(alarm, history))
    joined = current.incident_id
    if runs_in == joined:
        return Joins(incident_id=joined, starts_episode=False)
    if _worth_asking_again(alarm, current, windows, now):
        rests = _rests(alarm, history)
        return Reopens(incident_id=joined, revision=current.revision + 1, leaves=runs_in, rests=rests)
    return Joins(incident_id=joined, leaves=runs_in)


def _rests(alarm: Alarm, history: History) -> bool:
    """Return whether `alarm` flaps and was asked about within the hour."""
    marked = flapping((*history.changes, _change(alarm, Role.OPENER, None)), alarm.at)
    return marked is not None and marked.rests


def _worth_asking_again(alarm: Alarm, incident: Incident, windows: Windows, now: datetime) -> bool:
    """Return whether `alarm` shows a decided incident in a new light, and asking is not yet too much."""
    if not _may_ask_again(incident, windows):
        return False
    if incident.suppressed_until:
        news = may_clear(incident) and family(alarm) not in incident.families
        return news or not incident.hushed(now)
    return _rested(incident, windows, now) and family(alarm) not in incident.asked_families


def left_unasked(incident: Incident, windows: Windows, now: datetime) -> bool:
    """Return whether no question about an incident was ever answered, and it is time for another.

    What joined while a question was on its way asks none of its own, which in a storm would be a second question for
    two causes in three: the next one shows it.
    """
    if not _may_ask_again(incident, windows) or incident.hushed(now) or incident.resolved:
        return False
    return _rested(incident, windows, now) and not incident.asked_families


def awaits_parts(incident: Incident) -> bool:
    """Return whether an alarm that watches no resource opened an incident: most are composite, and their parts fire."""
    return incident.resource.type == NO_RESOURCE


def may_clear(incident: Incident) -> bool:
    """Return whether an incident was left to clear by itself: suppressed, and no question about it was ever decided."""
    return bool(incident.suppressed_until) and not incident.asked_families and not incident.resolved


def _may_ask_again(incident: Incident, windows: Windows) -> bool:
    return incident.status is IncidentStatus.DECIDED and incident.revision < windows.revisions


def _rested(incident: Incident, windows: Windows, now: datetime) -> bool:
    return incident.decided_at is not None and now - incident.decided_at >= windows.reask


def _opened(alarm: Alarm, current: Incident | None, now: datetime) -> Incident:
    return Incident(
        incident_id=incident_id(alarm),
        owner_key=alarm.resource.owner_key,
        resource=alarm.resource,
        token=alarm.event_id,
        opened_at=now,
        last_member_at=now,
        families=frozenset({family(alarm)}),
        previous=current.incident_id if current else None,
    )
