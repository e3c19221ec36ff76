"""One incident, asked about by exactly one worker at a time, until a decision about it stands."""

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import datetime, timedelta
from logging import getLogger
from typing import TYPE_CHECKING, NamedTuple, TypeVar
from uuid import UUID

from autocloudops.alarms.model import Alarm
from autocloudops.audit.record import AuditRecord, DeliveryFacts, Outcome, Receipt
from autocloudops.decisions.model import Verdict
from autocloudops.decisions.remembering import remembered
from autocloudops.errors import ServiceFailed, ServiceUnavailable
from autocloudops.incidents.circumstances import Circumstances, circumstances
from autocloudops.incidents.flapping import WINDOW, flapping
from autocloudops.incidents.grouping import awaits_parts, left_unasked, may_clear, takes
from autocloudops.incidents.model import Incident, IncidentStatus, family
from autocloudops.notify.message import notification_of
from autocloudops.pipeline.relatives import related
from autocloudops.pipeline.rooms import Investigates, Rooms
from autocloudops.pipeline.telling import Notice, Telling

if TYPE_CHECKING:
    from autocloudops.investigation import Case

log = getLogger(__name__)

T = TypeVar("T")
LEASE_MARGIN = timedelta(seconds=30)
FAILED_RESTS = timedelta(seconds=20)
"""How long a question that failed is left alone: every sweeper would ask, and pay, again at once."""
SWEPT_AT_ONCE = 8
QUESTION_TAKES = timedelta(seconds=10)
RENEWALS_PER_LEASE = 3
COUNTED_WITHIN = timedelta(seconds=10)
MOST_ADOPTED = 20


class Shift(NamedTuple):
    """How long an asker may ask that is stopped from outside, and so leaves to later ones what does not answer in time.

    Args:
        ends_at: no reply is waited for longer than this, and no question begins that would have hardly any time.
        retry: a question without an answer is deferred for so long, but not past the time in which it is to be decided.
    """

    ends_at: datetime
    retry: timedelta


class Kept(NamedTuple):
    """An investigated incident, and the receipt of its record; without one its question is to be deferred."""

    case: "Case"
    answered: Incident
    receipt: Receipt | None


class Asking:
    """Asks about incidents and makes decisions effective.

    Args:
        rooms: where incidents, audit and notifications go.
        investigator: asks the model and decides.
        name: who asks, written into the lease of an incident.
        shift: when this asker stops; None for one that lives as long as its questions, and defers none.
    """

    def __init__(self, rooms: Rooms, investigator: Investigates, name: str, shift: Shift | None = None) -> None:
        self._rooms = rooms
        self._shift = shift
        self._incidents = rooms.incidents
        self._clock = rooms.clock
        self._investigator = investigator
        self._name = name
        self._lease = rooms.windows.batch + investigator.patience + LEASE_MARGIN
        self.telling = Telling(rooms.incidents, rooms.notifier, rooms.clock, rooms.acting)

    async def ask(self, incident_id: UUID, delivery: DeliveryFacts | None) -> Outcome | None:
        """Return how this call ended the question about an incident: decided or deferred; None if it did not.

        Others ask, or it was decided or deferred already, or this asker's shift is over.

        Raises:
            ServiceFailed: the state cannot be reached, or the audit is down: then a decision could not be kept.
        """
        if self._rooms.audit.unwell:
            raise ServiceUnavailable("audit:append", str(incident_id), f"not asked: {self._rooms.audit.unwell}")
        if self._shift and self._clock.now() + QUESTION_TAKES > self._shift.ends_at:
            return None
        asked = await self._incidents.claim(incident_id, self._name, self._lease, self._clock.now())
        if asked is None:
            return None
        try:
            await self.telling.tell_left(asked)
            return await self._answered(asked, delivery)
        except BaseException as error:
            await self._give_back(asked, FAILED_RESTS if isinstance(error, Exception) else timedelta())
            raise

    async def _give_back(self, asked: Incident, rests: timedelta) -> None:
        """Let others ask after a while; where the store cannot be told, the lease lapses."""
        try:
            await self._incidents.release(asked, self._clock.now() + rests)
        except ServiceFailed as error:
            log.warning("incident %s: its lease is not given back: %s", asked.incident_id, error)

    async def _answered(self, asked: Incident, delivery: DeliveryFacts | None) -> Outcome | None:
        kept = await self._while_current(asked, self._answer_kept(asked, delivery))
        if kept is None:
            return None
        if kept.receipt is None:
            return await self._defer(kept.case, asked, delivery)
        return await self._make_effective(kept.case, kept.answered, kept.receipt)

    async def _while_current(self, asked: Incident, work: Awaitable[T]) -> T | None:
        """Return what `work` comes to while the lease is renewed, or None where somebody else has taken it."""
        working, renewing = asyncio.ensure_future(work), asyncio.create_task(self._renew_until_lost(asked))
        try:
            await asyncio.wait({working, renewing}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return await working
            await renewing
            log.warning("incident %s: attempt %d was taken over, so it stops", asked.incident_id, asked.attempt)
            return None
        finally:
            for task in (working, renewing):
                task.cancel()
            await asyncio.gather(working, renewing, return_exceptions=True)

    async def _renew_until_lost(self, asked: Incident) -> None:
        """Hold the lease for as long as the attempt is the current one; a store that is down is asked again."""
        while True:
            await self._clock.sleep(self._lease.total_seconds() / RENEWALS_PER_LEASE)
            try:
                if not await self._incidents.renew(asked, self._lease, self._clock.now()):
                    return
            except ServiceFailed as error:
                log.warning("incident %s: its lease is not renewed: %s", asked.incident_id, error)

    async def _answer_kept(self, asked: Incident, delivery: DeliveryFacts | None) -> Kept | None:
        """Return a decision and its audit record; None where a reply came too late, which is kept as a note."""
        await self._wait_for_company(asked)
        alarms = await self._incidents.members(asked)
        known = await self._circumstances(asked, alarms)
        ends_at = self._shift.ends_at if self._shift else None
        case = await self._investigator.investigate(asked, alarms, known, self._due_at(asked), ends_at)
        shown = () if case.asks_after else (family(alarm) for alarm in alarms)
        update = {"suppressed_until": case.known.suppressed_until, "asked_families": asked.asked_families.union(shown)}
        answered = asked.model_copy(update=update)
        standing = await self._incidents.incident(asked.incident_id)
        if standing is None or standing.attempt != asked.attempt:
            await self._note(_decided(case, asked, delivery), _superseded(asked))
            return None
        if case.unavailable and self._shift and self._clock.now() < self._due_at(asked):
            return Kept(case, answered, None)
        return Kept(case, answered, await self._rooms.audit.append(_decided(case, asked, delivery)))

    def _due_at(self, asked: Incident) -> datetime:
        return asked.waiting_since + self._investigator.patience

    async def _defer(self, case: "Case", asked: Incident, delivery: DeliveryFacts | None) -> Outcome | None:
        """Leave a question to a sweeper, and keep that; None where somebody else has taken it over."""
        retry = self._shift.retry if self._shift else timedelta()
        retry_at = min(self._clock.now() + retry, self._due_at(asked))
        if not await self._incidents.defer(asked, retry_at):
            return None
        said = case.story.use.error or "the model gave no answer"
        log.warning("incident %s is deferred until %s: %s", asked.incident_id, retry_at, said)
        await self._rooms.audit.append(_deferred(case, asked, delivery, f"until {retry_at.isoformat()}: {said}"))
        return Outcome.DEFERRED

    async def _wait_for_company(self, asked: Incident) -> None:
        """Let the batch window close: after a quiet while without a new member, or when it is as long as it may be.

        A composite alarm that came first gets all of it: its children are on their way.
        """
        members = asked.members
        quiet, waited = self._rooms.windows.quiet, timedelta()
        while waited < self._rooms.windows.batch:
            await self._clock.sleep(quiet.total_seconds())
            waited += quiet
            incident = await self._incidents.incident(asked.incident_id)
            if incident is None or (incident.members == members and not awaits_parts(incident)):
                return
            members, quiet = incident.members, self._rooms.windows.quiet + self._incidents.counts_within

    async def _circumstances(self, asked: Incident, alarms: Sequence[Alarm]) -> Circumstances:
        now = self._clock.now()
        token = next((alarm for alarm in alarms if alarm.event_id == asked.token), alarms[0])
        history = await self._incidents.history(token.key, token.at - WINDOW)
        resource = asked.resource
        known = circumstances(
            asked,
            alarms,
            flapping=flapping(history.changes, token.at),
            silences=await self._incidents.silences(now),
            storm=await self._incidents.storm(resource.account, resource.region, now),
            now=now,
        )
        elder = None if known.suppressed else await self._elder(asked, alarms)
        if elder is None:
            return known
        reason = f"a composite alarm ties it to incident {elder.incident_id}, which answers for it"
        until = now + self._rooms.windows.reask
        return known.model_copy(update={"suppressed": reason, "suppressed_until": until, "tied": elder.incident_id})

    async def _elder(self, asked: Incident, alarms: Sequence[Alarm]) -> Incident | None:
        """Return an older incident that a composite alarm shows to be the same trouble, and that answers for it."""
        if asked.revision:
            return None
        now, windows = self._clock.now(), self._rooms.windows
        current = await self._incidents.current(asked.owner_key)
        shown = alarms[:MOST_ADOPTED]
        ties = list(zip(shown, await asyncio.gather(*map(self._ties, shown)), strict=True))
        tied = {incident_id for _, found in ties for incident_id in found}
        for incident_id in sorted(tied | ({current.incident_id} if current else set())):
            other = await self._incidents.incident(incident_id)
            if other is None or other.suppressed_until or _age(other) >= _age(asked):
                continue
            if takes(other, alarms[-1], windows, now) and _speaks_for(other, ties):
                return other
        return None

    async def _ties(self, alarm: Alarm) -> Sequence[UUID]:
        return await related(self._incidents, alarm, await self._incidents.history(alarm.key, alarm.at))

    async def _make_effective(self, case: "Case", asked: Incident, receipt: Receipt) -> Outcome | None:
        """Name a decision in its incident, and tell people; one that came too late is kept as a note."""
        decision = case.story.decision
        notice, now = await self._notice(case, asked), self._clock.now()
        settled = await self._incidents.settle(asked, decision.decision_id, receipt.sha256, now, notice)
        if not (settled or await self._stands(asked, receipt.sha256)):
            await self._note(_told(case, asked), _superseded(asked))
            return None
        if case.known.tied:
            await self._incidents.tie(asked.owner_key, asked.incident_id, case.known.tied, now)
        await self._remember(case, asked)
        unheard = await self.telling.tell(asked.incident_id, notice) if notice else None
        if unheard:
            await self._note(_told(case, asked), f"nobody was told: {unheard}")
        return Outcome.DECIDED

    async def _notice(self, case: "Case", asked: Incident) -> str | None:
        """Return what follows from a decision that people want to hear of, and from those that nobody heard of yet."""
        kept = await self._incidents.notice(asked.incident_id) if asked.decided_at else None
        story, acting = case.story, self._rooms.acting
        if story.decision.verdict is Verdict.SUPPRESSED:
            return kept
        wanted = acting.wanted(story.decision, case.acting, story.opener.key) if acting else None
        return Notice(notification=notification_of(story), wanted=wanted).after(kept).model_dump_json()

    async def _remember(self, case: "Case", asked: Incident) -> None:
        """Remember a decision for later incidents: it stands already, so what cannot be kept is only logged."""
        if self._rooms.past is None:
            return
        try:
            await self._rooms.past.keep(remembered(case.story, asked), asked.previous)
        except ServiceFailed as error:
            log.warning("incident %s is not remembered: %s", asked.incident_id, error)

    async def _stands(self, asked: Incident, record_sha256: str) -> bool:
        """Return whether a decision is the effective one although its write was refused: its first answer was lost."""
        incident = await self._incidents.incident(asked.incident_id)
        return incident is not None and incident.record_sha256 == record_sha256

    async def _note(self, decided: AuditRecord, note: str) -> None:
        log.warning("incident %s: %s", decided.incident_id, note)
        await self._rooms.audit.append(decided.model_copy(update={"outcome": Outcome.NOTE, "note": note}))

    async def sweep(self) -> None:
        """Finish what others left behind, and ask what was deferred until now; a few incidents at a time.

        Raises:
            ServiceFailed: the state cannot be reached, so that nobody knows what was left.
        """
        places = asyncio.Semaphore(SWEPT_AT_ONCE)

        async def look_after(incident: Incident) -> None:
            async with places:
                try:
                    await self._look_after(incident)
                except Exception:
                    log.exception("incident %s stays unfinished until the next sweep", incident.incident_id)

        left = await self._incidents.unfinished()
        async with asyncio.TaskGroup() as sweeping:
            for incident in left:
                sweeping.create_task(look_after(incident))

    async def _look_after(self, incident: Incident) -> None:
        """Ask about an incident that was left behind or deferred, or that has something new to ask about.

        It was left behind when its lease has lapsed, or when nobody claimed it before it was due.
        """
        if incident.decided_at and incident.status is IncidentStatus.DECIDED:
            await self._finished(incident, self._clock.now() - incident.decided_at)
            return
        if incident.left_alone_until(self._investigator.patience) > self._clock.now():
            return
        if not incident.retry_at:
            log.warning("incident %s was left behind by %s", incident.incident_id, incident.asker)
        await self.ask(incident.incident_id, None)

    async def _finished(self, decided: Incident, standing_for: timedelta) -> None:
        """Tell people what nobody told them, and ask about what came while the question was on its way."""
        await self.telling.tell_left(decided)
        if standing_for < self._rooms.windows.reask + COUNTED_WITHIN:
            return
        if left_unasked(decided, self._rooms.windows, self._clock.now()) or await self._unanswered(decided):
            if await self._incidents.ask_again(decided, self._clock.now()):
                await self.ask(decided.incident_id, None)
        elif not may_clear(decided):
            await self._incidents.finish(decided)

    async def _unanswered(self, decided: Incident) -> bool:
        """Return whether the incident that was to answer for this one was not asked about either."""
        if decided.revision or decided.resolved or not decided.suppressed_until:
            return False
        elder = await self._incidents.current(decided.owner_key)
        return elder is not None and elder.owner_key != decided.owner_key and elder.suppressed_until is not None


def _speaks_for(other: Incident, ties: Sequence[tuple[Alarm, Sequence[UUID]]]) -> bool:
    """Return whether each alarm is tied to an incident, or of a kind of trouble that is in it anyway."""
    return all(other.incident_id in found or family(alarm) in other.families for alarm, found in ties)


def _superseded(asked: Incident) -> str:
    return f"superseded: attempt {asked.attempt} was no longer the current one, so this reply decides nothing"


def _age(incident: Incident) -> tuple[datetime, UUID]:
    return incident.opened_at, incident.incident_id


def _decided(case: "Case", asked: Incident, delivery: DeliveryFacts | None) -> AuditRecord:
    return AuditRecord(
        outcome=Outcome.DECIDED,
        at=case.story.at,
        event_id=None if asked.asked_anew else asked.token,
        incident_id=asked.incident_id,
        attempt=asked.attempt,
        delivery=delivery,
        alarm=case.story.opener,
        members=case.members,
        previous_incident=asked.previous,
        tied=case.known.tied,
        sources=case.sources,
        evidence=case.story.evidence,
        model=case.story.use,
        decision=case.story.decision,
        acting=case.acting,
        flapping=case.known.flapping,
        findings=case.known.findings,
        storm=case.known.storm,
    )


def _told(case: "Case", asked: Incident) -> AuditRecord:
    """Return what a note says of a decision whose record stands already: what it cost is not counted again."""
    return _decided(case, asked, None).model_copy(update={"model": None})


def _deferred(case: "Case", asked: Incident, delivery: DeliveryFacts | None, note: str) -> AuditRecord:
    return AuditRecord(
        outcome=Outcome.DEFERRED,
        at=case.story.at,
        event_id=None if asked.asked_anew else asked.token,
        incident_id=asked.incident_id,
        attempt=asked.attempt,
        delivery=delivery,
        alarm=case.story.opener,
        model=case.story.use,
        note=note,
    )
