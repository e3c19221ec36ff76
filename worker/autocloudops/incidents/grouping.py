"""Where a state change belongs. A decision on values only: the store makes it true, or says that it came too late."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from autocloudops.alarms.model import Alarm, AlarmState
from autocloudops.incidents.model import (
    Change,
    Clears,
    Incident,
    Joins,
    Notes,
    Opens,
    Placement,
    Repeats,
    Role,
    Windows,
    incident_id,
)


def place(
    alarm: Alarm, history: Sequence[Change], current: Incident | None, windows: Windows, now: datetime
) -> Placement:
    """Return what `alarm` is to the incidents that exist.

    Args:
        alarm: the state change that arrived.
        history: recorded changes of the same key, in any order.
        current: the newest incident of the alarm's owner.
        windows: how long an incident takes members.
        now: the wall time.
    """
    repeated = next((change for change in history if change.event_id == alarm.event_id), None)
    if repeated:
        return Repeats(change=repeated)
    episode = _running_episode(alarm, history)
    if alarm.state is AlarmState.OK:
        return Clears(incident_id=episode.incident_id if episode else None)
    if alarm.state is AlarmState.INSUFFICIENT_DATA:
        return Notes(incident_id=episode.incident_id if episode else None)
    closed = _closing_ok(alarm, history)
    if closed:
        return Joins(incident_id=closed.incident_id, starts_episode=False, late=True)
    if current and _takes(current, alarm, windows, now):
        running_here = episode is not None and episode.incident_id == current.incident_id
        return Joins(incident_id=current.incident_id, starts_episode=not running_here)
    return Opens(incident=_opened(alarm, current, now))


def change_of(alarm: Alarm, placement: Placement) -> Change:
    """Return the line that is recorded for `alarm` once it is placed."""
    match placement:
        case Opens(incident=incident):
            return _change(alarm, Role.OPENER, incident.incident_id)
        case Joins():
            return _change(alarm, Role.JOINER, placement.incident_id)
        case Clears():
            return _change(alarm, Role.CLEAR, placement.incident_id)
        case Notes():
            return _change(alarm, Role.NOTED, placement.incident_id)
        case Repeats(change=change):
            return change


def _change(alarm: Alarm, role: Role, incident_id: UUID | None) -> Change:
    return Change(event_id=alarm.event_id, state=alarm.state, at=alarm.at, role=role, incident_id=incident_id)


def _running_episode(alarm: Alarm, history: Sequence[Change]) -> Change | None:
    """Return the newest ALARM before `alarm` that no OK has ended."""
    earlier = [c for c in history if c.at <= alarm.at and c.state is not AlarmState.INSUFFICIENT_DATA]
    newest = max(earlier, key=lambda change: change.at, default=None)
    return newest if newest and newest.state is AlarmState.ALARM else None


def _closing_ok(alarm: Alarm, history: Sequence[Change]) -> Change | None:
    """Return the first recorded OK that is later than `alarm`: SQS may deliver it first."""
    later = [change for change in history if change.state is AlarmState.OK and change.at >= alarm.at]
    return min(later, key=lambda change: change.at, default=None)


def _takes(incident: Incident, alarm: Alarm, windows: Windows, now: datetime) -> bool:
    if incident.resolved:
        return False
    return max(alarm.at, now) - incident.last_member_at <= windows.join


def _opened(alarm: Alarm, current: Incident | None, now: datetime) -> Incident:
    return Incident(
        incident_id=incident_id(alarm),
        owner_key=alarm.resource.owner_key,
        resource=alarm.resource,
        opener=alarm.event_id,
        opened_at=now,
        last_member_at=now,
        previous=current.incident_id if current else None,
    )
