"""What else alarms within a quarter of an hour: on the owner, on what it depends on, in its zone and account."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from autocloudops.alarms.changes.dependencies import keys_of
from autocloudops.alarms.model import Alarm
from autocloudops.diagnosis.gathering import Piece, Subject
from autocloudops.incidents.past import Nearby, Neighbour
from autocloudops.knowledge.calls import CALL_SECONDS
from autocloudops.knowledge.records import GET_MANY, QUERY, in_time
from autocloudops.knowledge.wording import bounded, quoted

SPAN = timedelta(minutes=15)
SOURCE = "incidents of AutoCloudOps"
WORTH, TIED_WORTH, NOTHING_WORTH = 45, 66, 30
SHOWN = 6
ZONE = "AvailabilityZone"
SAME_OWNER, NAMED, SAME_ZONE, ELSEWHERE = (
    "of the same owner",
    "of what its alarms name",
    "in the same zone",
    "elsewhere",
)
ORDER = (SAME_OWNER, NAMED, SAME_ZONE, ELSEWHERE)


class NearbyIncidents(Protocol):
    """Where incidents are kept."""

    async def nearby(self, account: str, region: str, since: datetime, but: UUID) -> Nearby:
        """Return the other incidents of an account and region with an alarm from `since` on."""
        ...


class Neighbours:
    """Reads what else alarms.

    Args:
        incidents: where incidents are kept.
        seconds: how long reading them may take.
    """

    kind = "related"
    essential = False
    permissions = frozenset({QUERY, GET_MANY})

    def __init__(self, incidents: NearbyIncidents, seconds: float = CALL_SECONDS) -> None:
        self._incidents = incidents
        self._seconds = seconds

    async def read(self, subject: Subject) -> Sequence[Piece]:
        """Return how much alarms in the account and region, and the incidents nearest to the owner.

        Raises:
            ServiceFailed: the records could not be read.
        """
        resource, since = subject.resource, subject.alarm.at - SPAN
        reading = self._incidents.nearby(resource.account, resource.region, since, subject.incident_id)
        nearby = await in_time(reading, self._seconds)
        until = subject.alarm.at + SPAN
        neighbours = [each for each in nearby.neighbours if each.incident.opened_at <= until]
        ties = _ties(neighbours, subject)
        text = bounded(*_lines(nearby, ties))
        tied = any(tie != ELSEWHERE for tie, _ in ties)
        worth = TIED_WORTH if tied else WORTH if ties else NOTHING_WORTH
        return (Piece(kind=self.kind, source=SOURCE, text=text, worth=worth),)


def _ties(neighbours: Sequence[Neighbour], subject: Subject) -> list[tuple[str, Neighbour]]:
    """Return how each neighbour is tied to the incident, the closest first."""
    named = {*keys_of(subject.resource, subject.alarms).around}
    zones = {zone for alarm in subject.alarms if (zone := _zone(alarm))}
    found = [(_tie(each, subject, named, zones), each) for each in neighbours]
    return sorted(found, key=lambda each: (ORDER.index(each[0]), -each[1].incident.last_member_at.timestamp()))


def _tie(neighbour: Neighbour, subject: Subject, named: set[str], zones: set[str]) -> str:
    resource = neighbour.incident.resource
    if resource.owner_key == subject.resource.owner_key:
        return SAME_OWNER
    if resource.owner in named or f"{resource.type.replace(':', '-')}/{resource.id}" in named:
        return NAMED
    zone = _zone(neighbour.opener) if neighbour.opener else None
    return SAME_ZONE if zone in zones else ELSEWHERE


def _zone(alarm: Alarm) -> str | None:
    dimensions = alarm.metric.dimensions if alarm.metric else {}
    return dimensions.get(ZONE) or alarm.contributor_labels.get(ZONE)


def _lines(nearby: Nearby, ties: Sequence[tuple[str, Neighbour]]) -> Iterator[str]:
    minutes = SPAN // timedelta(minutes=1)
    yield f"distinct resources that alarmed in this account and region since {minutes} min before: {nearby.resources}"
    if not ties:
        none = "none" if nearby.complete else "none among those that were read, which are not all"
        yield f"other incidents within {minutes} min: {none}"
        return
    counts = ", ".join(f"{count} {tie}" for tie in ORDER if (count := sum(each == tie for each, _ in ties)))
    least = "" if nearby.complete else "at least "
    yield f"other incidents within {minutes} min: {least}{len(ties)} ({counts})"
    for tie, neighbour in ties[:SHOWN]:
        yield _line(tie, neighbour)


def _line(tie: str, neighbour: Neighbour) -> str:
    incident, opener = neighbour.incident, neighbour.opener
    name = f", first alarm {quoted(opener.key.name)}{_metric(opener)}" if opener else ""
    alarms = "1 alarm" if incident.members == 1 else f"{incident.members} alarms"
    firing = "all OK again" if incident.resolved else f"{incident.firing} still in ALARM"
    since = f"since {incident.opened_at:%H:%M:%SZ}"
    return f"{tie}: {quoted(incident.resource.owner)} {since}, {alarms}, {firing}{name}"


def _metric(alarm: Alarm) -> str:
    return f" on {quoted(f'{alarm.metric.namespace} {alarm.metric.name}')}" if alarm.metric else ""
