"""One incident, asked about by exactly one worker at a time, until a decision about it stands."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from logging import getLogger
from uuid import UUID

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from autocloudops.alarms.model import Alarm
from autocloudops.audit.record import AuditRecord, DeliveryFacts, Outcome
from autocloudops.audit.writer import AuditWriter
from autocloudops.clock import Clock
from autocloudops.decisions.model import Verdict
from autocloudops.errors import ServiceFailed, ServiceUnavailable
from autocloudops.incidents.circumstances import Circumstances, circumstances
from autocloudops.incidents.flapping import WINDOW, flapping
from autocloudops.incidents.model import Incident, Windows
from autocloudops.incidents.store import IncidentStore
from autocloudops.investigation import Case, Investigator
from autocloudops.notify.message import notification_of
from autocloudops.notify.sns import Notifier

log = getLogger(__name__)

TELL_ATTEMPTS = 5
LEASE_MARGIN = timedelta(seconds=30)
UNCLAIMED_TOO_LONG = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Rooms:
    """The adapters that the pipeline joins, and what they share."""

    incidents: IncidentStore
    audit: AuditWriter
    notifier: Notifier
    clock: Clock
    windows: Windows = field(default_factory=Windows)


class Asking:
    """Asks about incidents and makes decisions effective.

    Args:
        rooms: where incidents, audit and notifications go.
        investigator: asks the model and decides.
        name: who asks, written into the lease of an incident.
    """

    def __init__(self, rooms: Rooms, investigator: Investigator, name: str) -> None:
        self._rooms = rooms
        self._incidents = rooms.incidents
        self._clock = rooms.clock
        self._investigator = investigator
        self._name = name

    async def ask(self, incident_id: UUID, delivery: DeliveryFacts | None) -> bool:
        """Return whether this call made a decision about an incident effective; False while somebody else asks.

        Raises:
            ServiceFailed: the state cannot be reached, or the audit is down: then a decision could not be kept.
        """
        if self._rooms.audit.unwell:
            raise ServiceUnavailable("audit:append", str(incident_id), f"not asked: {self._rooms.audit.unwell}")
        windows = self._rooms.windows
        lease = windows.batch + self._investigator.patience + LEASE_MARGIN
        asked = await self._incidents.claim(incident_id, self._name, lease, self._clock.now())
        if asked is None:
            return False
        try:
            return await self._answered(asked, delivery)
        except asyncio.CancelledError:
            await self._incidents.release(asked, self._clock.now())
            raise

    async def _answered(self, asked: Incident, delivery: DeliveryFacts | None) -> bool:
        await self._wait_for_company(asked)
        alarms = await self._incidents.members(asked)
        known = await self._circumstances(asked, alarms)
        case = await self._investigator.investigate(asked, alarms, known)
        answered = asked.model_copy(update={"suppressed_until": known.suppressed_until})
        return await self._make_effective(case, answered, delivery)

    async def sweep(self) -> int:
        """Ask about incidents whose asker is gone, and return how many were decided.

        An incident counts as left behind when its lease has lapsed, or when nobody claimed it for a minute.
        """
        now = self._clock.now()
        decided = 0
        for incident in await self._incidents.undecided():
            due = incident.lease_until or incident.last_member_at + UNCLAIMED_TOO_LONG
            if due <= now:
                log.warning("incident %s was left behind by %s", incident.incident_id, incident.asker)
                decided += await self._resumed(incident)
        return decided

    async def _resumed(self, incident: Incident) -> bool:
        """Ask about one incident for the sweeper, which one that fails must not keep from the others."""
        try:
            return await self.ask(incident.incident_id, None)
        except Exception:
            log.exception("incident %s stays undecided until the next sweep", incident.incident_id)
            return False

    async def _wait_for_company(self, asked: Incident) -> None:
        """Let the batch window close: after a quiet while without a new member, or when it is as long as it may be."""
        members = asked.members
        waited = timedelta()
        while waited < self._rooms.windows.batch:
            await self._clock.sleep(self._rooms.windows.quiet.total_seconds())
            waited += self._rooms.windows.quiet
            incident = await self._incidents.incident(asked.incident_id)
            if incident is None or incident.members == members:
                return
            members = incident.members

    async def _circumstances(self, asked: Incident, alarms: Sequence[Alarm]) -> Circumstances:
        now = self._clock.now()
        token = next((alarm for alarm in alarms if alarm.event_id == asked.token), alarms[0])
        history = await self._incidents.history(token.key, token.at - WINDOW)
        resource = asked.resource
        return circumstances(
            asked,
            alarms,
            flapping=flapping(history.changes, token.at),
            silences=await self._incidents.silences(now),
            storm=await self._incidents.storm(resource.account, resource.region, now),
            now=now,
        )

    async def _make_effective(self, case: Case, asked: Incident, delivery: DeliveryFacts | None) -> bool:
        """Audit a decision, then name it in the incident; a reply that came too late is kept as a note."""
        superseded = f"superseded: attempt {asked.attempt} was no longer the current one, so this reply decides nothing"
        standing = await self._incidents.incident(asked.incident_id)
        if standing is None or standing.attempt != asked.attempt:
            await self._note(case, asked, delivery, superseded)
            return False
        receipt = await self._rooms.audit.append(_decided(case, asked, delivery))
        decision = case.story.decision
        settled = await self._incidents.settle(asked, decision.decision_id, receipt.sha256, self._clock.now())
        if not (settled or await self._stands(asked, receipt.sha256)):
            await self._note(case, asked, delivery, superseded)
            return False
        if decision.verdict is not Verdict.SUPPRESSED:
            await self._tell(case, asked, delivery)
        return True

    async def _stands(self, asked: Incident, record_sha256: str) -> bool:
        """Return whether a decision is the effective one although its write was refused: its first answer was lost."""
        incident = await self._incidents.incident(asked.incident_id)
        return incident is not None and incident.record_sha256 == record_sha256

    async def _note(self, case: Case, asked: Incident, delivery: DeliveryFacts | None, note: str) -> None:
        log.warning("incident %s: %s", asked.incident_id, note)
        noted = _decided(case, asked, delivery).model_copy(update={"outcome": Outcome.NOTE, "note": note})
        await self._rooms.audit.append(noted)

    async def _tell(self, case: Case, asked: Incident, delivery: DeliveryFacts | None) -> None:
        """Tell people. The decision stands already: if nobody can be told, that is kept, and undoes nothing."""
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(ServiceFailed),
            wait=wait_random_exponential(multiplier=1, max=10),
            stop=stop_after_attempt(TELL_ATTEMPTS),
            sleep=self._clock.sleep,
            reraise=True,
        )
        try:
            await retrying(self._rooms.notifier.tell, notification_of(case.story))
        except ServiceFailed as error:
            await self._note(case, asked, delivery, f"nobody was told: {error}")


def _decided(case: Case, asked: Incident, delivery: DeliveryFacts | None) -> AuditRecord:
    return AuditRecord(
        outcome=Outcome.DECIDED,
        at=case.story.at,
        event_id=asked.token,
        incident_id=asked.incident_id,
        attempt=asked.attempt,
        delivery=delivery,
        alarm=case.story.opener,
        members=case.members,
        previous_incident=asked.previous,
        evidence=case.story.evidence,
        model=case.story.use,
        decision=case.story.decision,
        flapping=case.known.flapping,
        findings=case.known.findings,
        storm=case.known.storm,
    )
