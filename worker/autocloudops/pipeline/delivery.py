"""One delivery through the rooms."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from autocloudops.alarms.model import Alarm, AlarmState, AwsEvent, Parsed, Unparseable
from autocloudops.alarms.parse import parse
from autocloudops.audit.record import AuditRecord, DeliveryFacts, Outcome
from autocloudops.authenticity.gatekeeper import Gatekeeper
from autocloudops.incidents.circumstances import STORM_RESOURCES
from autocloudops.incidents.flapping import WINDOW, flapping
from autocloudops.incidents.grouping import change_of, place, takes
from autocloudops.incidents.model import (
    Change,
    Clears,
    History,
    Incident,
    Joins,
    Notes,
    Opens,
    Placement,
    Reopens,
    Repeats,
    Role,
)
from autocloudops.pipeline.asking import Asking
from autocloudops.pipeline.relatives import related
from autocloudops.pipeline.rooms import Rooms
from autocloudops.queue.client import Delivery
from autocloudops.queue.endings import Done, Ending, Later, Park

PLACE_ATTEMPTS = 8
PENDING_SECONDS = 0.1
ASKED_ELSEWHERE = Later(after_seconds=10)
PLACED_LATER = Later(after_seconds=10)
ROLE_OUTCOMES = {
    Role.OPENER: Outcome.DECIDED,
    Role.REOPENER: Outcome.DECIDED,
    Role.JOINER: Outcome.JOINED,
    Role.CLEAR: Outcome.OK,
    Role.NOTED: Outcome.CONTEXT,
}


class Placed(NamedTuple):
    """Where an alarm was placed, and by what history.

    `placement` is None where a change of the same alarm is being counted, and whoever does that may be gone, or where
    others were faster each time. Neither is a failure, so the alarm comes back soon. `tied` is the incident of its
    owner that the alarm left for that of a composite alarm.
    """

    placement: Placement | None
    history: History
    tied: UUID | None = None


class Pipeline:
    """Takes a delivery through every room.

    Args:
        rooms: where incidents and audit go, and what time it is.
        asking: asks about the incidents that a delivery opens.
        gatekeeper: says which bodies may be parsed.
    """

    def __init__(self, rooms: Rooms, asking: Asking, gatekeeper: Gatekeeper) -> None:
        self._incidents = rooms.incidents
        self._audit = rooms.audit
        self._clock = rooms.clock
        self._windows = rooms.windows
        self._events = rooms.events
        self._acting = rooms.acting
        self._asking = asking
        self._gatekeeper = gatekeeper

    async def handle(self, delivery: Delivery) -> Ending:
        """Return how a message ends, once everything in it is durable.

        Raises:
            ServiceFailed: state or audit cannot be reached; the message must come back.
        """
        with self._audit.in_flight():
            answered = await self._gatekeeper.admit(delivery.body)
            parts = parse(delivery.body) if answered is None else [answered]
            endings = await asyncio.gather(*(self._part(part, delivery) for part in parts), return_exceptions=True)
        for ending in endings:
            if isinstance(ending, BaseException):
                raise ending
        return _together([ending for ending in endings if not isinstance(ending, BaseException)])

    async def _part(self, part: Parsed, delivery: Delivery) -> Ending:
        now = self._clock.now()
        match part:
            case Alarm():
                return await self._alarm(part, delivery)
            case AwsEvent():
                await asyncio.gather(*(hear(part) for hear in self._events))
                event = AuditRecord(outcome=Outcome.CONTEXT, at=now, event_id=part.event_id, event=part)
                await self._append(event, delivery)
                return Done()
            case Unparseable():
                await self._append(AuditRecord(outcome=Outcome.PARKED, at=now, unparseable=part), delivery)
                return Park(code=part.code, reason=part.reason)

    async def _alarm(self, alarm: Alarm, delivery: Delivery) -> Ending:
        placed = await self._place(alarm)
        match placed.placement:
            case Opens(incident=Incident(incident_id=incident_id)) | Reopens(incident_id=incident_id):
                return await self._ask(incident_id, delivery)
            case Repeats() as placement:
                return await self._repeat(placement, alarm, delivery)
            case Joins() | Clears() | Notes() as placement:
                await self._append(self._record_of(alarm, placement, placed), delivery)
                await self._cleared(alarm, placement)
                return Done()
            case None:
                return PLACED_LATER

    async def _cleared(self, alarm: Alarm, placement: Placement) -> None:
        """Let nothing wait for a person any more that was to be done about an alarm that is OK again."""
        match placement:
            case (
                Clears(incident_id=UUID() as incident_id, ends_episode=True)
                | Repeats(change=Change(incident_id=UUID() as incident_id), ends_episode=True)
            ) if self._acting:
                await self._acting.cleared(incident_id, alarm.key)

    async def _place(self, alarm: Alarm) -> Placed:
        """Place an alarm and make it true; whoever loses a race reads again, each after a pause of its own length."""
        pause_seconds = alarm.event_id.int % 100 / 1000
        history = History()
        for attempt in range(PLACE_ATTEMPTS):
            await self._clock.sleep(attempt * (PENDING_SECONDS if history.pending else pause_seconds))
            history = await self._incidents.history(alarm.key, alarm.at - WINDOW)
            if history.pending:
                continue
            placed = await self._placed(alarm, history)
            if placed:
                return placed
        return Placed(None, history)

    async def _placed(self, alarm: Alarm, history: History) -> Placed | None:
        """Return where an alarm was placed, or None where somebody else was faster."""
        now = self._clock.now()
        own = await self._own(alarm)
        relative = await self._relative(alarm, history, now)
        current = relative or own
        placement = place(alarm, history, current, self._windows, now)
        answered = current is not None and current.suppressed_until is None
        if isinstance(placement, Reopens) and answered and await self._storms(alarm, now):
            placement = placement.unasked()
        if isinstance(placement, Repeats):
            return Placed(placement, history)
        if not await self._incidents.record(alarm, placement, history, now):
            return None
        if relative is None or (isinstance(placement, Joins) and placement.late):
            return Placed(placement, history)
        return Placed(placement, history, await self._tie(alarm, own, relative.incident_id, now))

    async def _storms(self, alarm: Alarm, now: datetime) -> bool:
        """Return whether so much alarms at once that a question may only be asked for the first time."""
        resource = alarm.resource
        return await self._incidents.storm(resource.account, resource.region, now) >= STORM_RESOURCES

    async def _tie(self, alarm: Alarm, own: Incident | None, joined: UUID, now: datetime) -> UUID | None:
        """Tie an alarm's owner to the incident that it joined, and return the one that its owner leaves for it."""
        if own and own.incident_id == joined:
            return None
        await self._incidents.tie(alarm.resource.owner_key, own.incident_id if own else None, joined, now)
        return own.incident_id if own and takes(own, alarm, self._windows, now) else None

    async def _own(self, alarm: Alarm) -> Incident | None:
        return await self._incidents.current(alarm.resource.owner_key) if alarm.state is AlarmState.ALARM else None

    async def _relative(self, alarm: Alarm, history: History, now: datetime) -> Incident | None:
        """Return the incident of a composite alarm and its children that `alarm` belongs to, unless it is hushed."""
        for incident_id in await related(self._incidents, alarm, history) if alarm.state is AlarmState.ALARM else ():
            incident = await self._incidents.incident(incident_id)
            if incident and takes(incident, alarm, self._windows, now) and not incident.hushed(now):
                return incident
        return None

    async def _ask(self, incident_id: UUID, delivery: Delivery) -> Ending:
        return Done() if await self._asking.ask(incident_id, facts_of(delivery)) else ASKED_ELSEWHERE

    async def _repeat(self, repeats: Repeats, alarm: Alarm, delivery: Delivery) -> Ending:
        """Answer for a change that is recorded: ask if its question is still open, else keep that it came again."""
        change = repeats.change
        outcome = ROLE_OUTCOMES[change.role]
        if change.role in {Role.OPENER, Role.REOPENER} and change.incident_id:
            incident = await self._incidents.incident(change.incident_id)
            if incident and incident.waits_for(change.revision):
                if incident.retry_at is None:
                    return await self._ask(change.incident_id, delivery)
                outcome = Outcome.DEFERRED
            elif incident:
                await self._asking.telling.tell_left(incident)
        repeated = AuditRecord(
            outcome=outcome,
            at=self._clock.now(),
            event_id=alarm.event_id,
            incident_id=change.incident_id,
            repeated=True,
            alarm=alarm,
        )
        await self._append(repeated, delivery)
        await self._cleared(alarm, repeats)
        return Done()

    def _record_of(self, alarm: Alarm, placement: Joins | Clears | Notes, placed: Placed) -> AuditRecord:
        change = change_of(alarm, placement)
        return AuditRecord(
            outcome=ROLE_OUTCOMES[change.role],
            at=self._clock.now(),
            event_id=alarm.event_id,
            incident_id=change.incident_id,
            late=isinstance(placement, Joins) and placement.late,
            flapping=flapping((*placed.history.changes, change), alarm.at),
            tied=placed.tied,
            alarm=alarm,
        )

    async def _append(self, record: AuditRecord, delivery: Delivery) -> None:
        await self._audit.append(record.model_copy(update={"delivery": facts_of(delivery)}))


def facts_of(delivery: Delivery) -> DeliveryFacts:
    """Return what the audit keeps of a delivery."""
    return DeliveryFacts(message_id=delivery.message_id, receive_count=delivery.receive_count, sent_at=delivery.sent_at)


def _together(endings: Sequence[Ending]) -> Ending:
    """Return how a message with several parts ends: it comes back while a part needs it, else a bad part parks it."""
    for kind in (Later, Park):
        found = next((ending for ending in endings if isinstance(ending, kind)), None)
        if found:
            return found
    return Done()
