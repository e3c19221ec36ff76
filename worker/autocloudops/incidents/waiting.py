"""Whether an incident may clear by itself before anybody is asked about it."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from autocloudops.alarms.model import Alarm
from autocloudops.incidents.model import Incident, family
from autocloudops.incidents.track_record import SelfClearing
from autocloudops.values import Value

MOST_ALARMS = 5
LONGEST = timedelta(minutes=10)


class Wait(Value):
    """Why nobody is asked about an incident until `until`."""

    reason: str
    until: datetime


def waiting_alarms(incident: Incident, alarms: Iterable[Alarm]) -> tuple[Alarm, ...]:
    """Return the newest state change of each alarm of an incident that could wait; none where it could not.

    It could where this is its first question, and a few alarms report one kind of trouble.

    Args:
        incident: the incident.
        alarms: its members.
    """
    newest = {alarm.key: alarm for alarm in sorted(alarms, key=lambda alarm: alarm.at)}
    families = incident.families | {family(alarm) for alarm in newest.values()}
    if incident.revision or len(families) > 1 or len(newest) > MOST_ALARMS:
        return ()
    return tuple(newest.values())


def wait_for(alarms: Sequence[Alarm], records: Sequence[SelfClearing | None], now: datetime) -> Wait | None:
    """Return how long alarms may take to clear by themselves, None where one does not, or lasts too long already.

    Nine of ten fires of each were over by `until`. Whoever has a real incident waits ten minutes at most.

    Args:
        alarms: the newest state change of each.
        records: how each of them clears by itself, None where it does not.
        now: the wall time.
    """
    found = [(alarm.at + _patience(record), record) for alarm, record in zip(alarms, records, strict=True) if record]
    if not found or len(found) < len(alarms):
        return None
    until, slowest = max(found, key=lambda each: each[0])
    return Wait(reason=_reason(len(found), slowest), until=until) if until > now else None


def _patience(record: SelfClearing) -> timedelta:
    return min(timedelta(seconds=record.p90_seconds), LONGEST)


def _reason(alarms: int, record: SelfClearing) -> str:
    soon = round(record.share * record.fires)
    who = "clears by itself" if alarms == 1 else f"its {alarms} alarms clear by themselves, the slowest"
    minutes = _patience(record).total_seconds() / 60
    return f"{who}: {soon} of {record.fires} fires within 5 min; asked about if it lasts longer than {minutes:.1f} min"
