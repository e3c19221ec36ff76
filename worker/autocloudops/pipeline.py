"""The stages joined: one delivery in, its records durable, and how the message ends."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from logging import getLogger
from uuid import UUID

from autocloudops.alarms.model import Alarm, AwsEvent, Parsed, Unparseable
from autocloudops.alarms.parse import parse
from autocloudops.audit.record import AuditRecord, DeliveryFacts, Outcome
from autocloudops.audit.writer import AuditWriter
from autocloudops.clock import Clock
from autocloudops.decisions.story import Story
from autocloudops.errors import ServiceFailed, ServiceUnavailable
from autocloudops.incidents.grouping import place
from autocloudops.incidents.model import (
    Change,
    Clears,
    Incident,
    IncidentStatus,
    Joins,
    Notes,
    Opens,
    Placement,
    Repeats,
    Role,
    Windows,
)
from autocloudops.incidents.store import IncidentStore
from autocloudops.investigation import Case, Investigator
from autocloudops.notify.message import notification_of
from autocloudops.notify.sns import Notifier
from autocloudops.queue.client import Delivery
from autocloudops.queue.consumer import Done, Ending, Later, Park

log = getLogger(__name__)

PLACE_ATTEMPTS = 8
LEASE_MARGIN = timedelta(seconds=30)
ASKED_ELSEWHERE = Later(after_seconds=10)
ROLE_OUTCOMES = {
    Role.OPENER: Outcome.DECIDED,
    Role.JOINER: Outcome.JOINED,
    Role.CLEAR: Outcome.OK,
    Role.NOTED: Outcome.CONTEXT,
}


@dataclass(frozen=True, slots=True)
class Rooms:
    """The adapters that the pipeline joins."""

    incidents: IncidentStore
    audit: AuditWriter
    notifier: Notifier
    clock: Clock


class Pipeline:
    """Takes a delivery through every room.

    Args:
        rooms: where incidents, audit and notifications go.
        investigator: asks and decides about one incident.
        windows: how long incidents wait for company.
        name: who asks, written into the lease of an incident.
    """

    def __init__(self, rooms: Rooms, investigator: Investigator, windows: Windows, name: str) -> None:
        self._incidents = rooms.incidents
        self._audit = rooms.audit
        self._notifier = rooms.notifier
        self._clock = rooms.clock
        self._investigator = investigator
        self._windows = windows
        self._name = name

    async def handle(self, delivery: Delivery) -> Ending:
        """Return how a message ends, once everything in it is durable.

        Raises:
            ServiceFailed: state or queue cannot be reached; the message must come back.
        """
        with self._audit.in_flight():
            parts = parse(delivery.body)
            endings = await asyncio.gather(*(self._part(part, delivery) for part in parts), return_exceptions=True)
        for ending in endings:
            if isinstance(ending, BaseException):
                raise ending
        return _together([ending for ending in endings if not isinstance(ending, BaseException)])

    async def _part(self, part: Parsed, delivery: Delivery) -> Ending:
        match part:
            case Alarm():
                return await self._alarm(part, delivery)
            case AwsEvent():
                await self._audit.append(
                    AuditRecord(
                        outcome=Outcome.CONTEXT,
                        at=self._clock.now(),
                        event_id=part.event_id,
                        delivery=_facts(delivery),
                        event=part,
                    )
                )
                return Done()
            case Unparseable():
                await self._audit.append(
                    AuditRecord(
                        outcome=Outcome.PARKED, at=self._clock.now(), delivery=_facts(delivery), unparseable=part
                    )
                )
                return Park(code=part.code, reason=part.reason)

    async def _alarm(self, alarm: Alarm, delivery: Delivery) -> Ending:
        placement = await self._place(alarm)
        match placement:
            case Opens(incident=incident):
                return await self._investigate(incident.incident_id, alarm, delivery)
            case Repeats(change=change):
                return await self._repeat(change, alarm, delivery)
            case Joins(incident_id=incident_id, late=late):
                await self._record(delivery, alarm, Outcome.JOINED, incident_id=incident_id, late=late)
            case Clears(incident_id=incident_id):
                await self._record(delivery, alarm, Outcome.OK, incident_id=incident_id)
            case Notes(incident_id=incident_id):
                await self._record(delivery, alarm, Outcome.CONTEXT, incident_id=incident_id)
        return Done()

    async def _place(self, alarm: Alarm) -> Placement:
        """Place an alarm and make it true; whoever loses a race reads again."""
        for _ in range(PLACE_ATTEMPTS):
            now = self._clock.now()
            history = await self._incidents.history(alarm.key)
            current = await self._incidents.current(alarm.resource.owner_key)
            placement = place(alarm, history, current, self._windows, now)
            if isinstance(placement, Repeats) or await self._incidents.record(alarm, placement, now):
                return placement
        raise ServiceUnavailable("state:record", alarm.resource.owner_key, "lost every race for this owner")

    async def _repeat(self, change: Change, alarm: Alarm, delivery: Delivery) -> Ending:
        if change.role is Role.OPENER and change.incident_id:
            incident = await self._incidents.incident(change.incident_id)
            if incident is None or incident.status is not IncidentStatus.DECIDED:
                return await self._investigate(change.incident_id, alarm, delivery)
        await self._record(delivery, alarm, ROLE_OUTCOMES[change.role], incident_id=change.incident_id, repeated=True)
        return Done()

    async def _investigate(self, incident_id: UUID, opener: Alarm, delivery: Delivery) -> Ending:
        """Ask about an incident and make the decision effective. The opener's message lives until that is durable."""
        now = self._clock.now()
        lease = self._windows.batch + self._investigator.patience + LEASE_MARGIN
        asked = await self._incidents.claim(incident_id, self._name, now + lease, now)
        if asked is None:
            return ASKED_ELSEWHERE
        await self._wait_for_company(asked)
        alarms = await self._incidents.members(asked)
        case = await self._investigator.investigate(asked, alarms)
        receipt = await self._audit.append(_decided(case, asked, opener, delivery))
        if not await self._incidents.settle(asked, case.story.decision.decision_id, receipt.sha256):
            log.warning("incident %s: attempt %d was superseded", incident_id, asked.attempt)
            return ASKED_ELSEWHERE
        await self._tell(case.story)
        return Done()

    async def _wait_for_company(self, asked: Incident) -> None:
        """Let the batch window close: after a quiet while without a new member, or when it is as long as it may be."""
        members = asked.members
        waited = timedelta()
        while waited < self._windows.batch:
            await self._clock.sleep(self._windows.quiet.total_seconds())
            waited += self._windows.quiet
            incident = await self._incidents.incident(asked.incident_id)
            if incident is None or incident.members == members:
                return
            members = incident.members

    async def _tell(self, story: Story) -> None:
        """Tell people. The decision stands already, so a failure here is recorded and never undoes it."""
        try:
            await self._notifier.tell(notification_of(story))
        except ServiceFailed as error:
            log.error("incident %s is decided but nobody was told: %s", story.incident_id, error)  # noqa: TRY400

    async def _record(
        self,
        delivery: Delivery,
        alarm: Alarm,
        outcome: Outcome,
        *,
        incident_id: UUID | None,
        repeated: bool = False,
        late: bool = False,
    ) -> None:
        await self._audit.append(
            AuditRecord(
                outcome=outcome,
                at=self._clock.now(),
                event_id=alarm.event_id,
                incident_id=incident_id,
                repeated=repeated,
                late=late,
                delivery=_facts(delivery),
                alarm=alarm,
            )
        )


def _decided(case: Case, asked: Incident, opener: Alarm, delivery: Delivery) -> AuditRecord:
    return AuditRecord(
        outcome=Outcome.DECIDED,
        at=case.story.at,
        event_id=opener.event_id,
        incident_id=asked.incident_id,
        attempt=asked.attempt,
        delivery=_facts(delivery),
        alarm=opener,
        members=case.members,
        previous_incident=asked.previous,
        evidence=case.story.evidence,
        model=case.story.use,
        decision=case.story.decision,
    )


def _facts(delivery: Delivery) -> DeliveryFacts:
    return DeliveryFacts(message_id=delivery.message_id, receive_count=delivery.receive_count, sent_at=delivery.sent_at)


def _together(endings: Sequence[Ending]) -> Ending:
    """Return how a message with several parts ends: it comes back while a part needs it, else a bad part parks it."""
    for kind in (Later, Park):
        found = next((ending for ending in endings if isinstance(ending, kind)), None)
        if found:
            return found
    return Done()
