"""What was decided is begun, brought on, and told."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from logging import getLogger
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from autocloudops.alarms.model import AlarmKey
from autocloudops.audit.record import AuditRecord, Outcome
from autocloudops.audit.writer import AuditWriter
from autocloudops.catalogue import ACTIONS
from autocloudops.clock import Clock
from autocloudops.decisions.claims import Claim, ClaimState, NotClaimed, claim_id_of
from autocloudops.decisions.facts import ActionFacts, Unknown
from autocloudops.decisions.model import Decision, Policy, Verdict
from autocloudops.decisions.modes import Mode
from autocloudops.errors import ServiceFailed
from autocloudops.notify.action import begun, ended, in_doubt, not_begun
from autocloudops.notify.sns import Notifier
from autocloudops.notify.verification import notification_of_result
from autocloudops.queue.client import Delivery
from autocloudops.queue.endings import Done, Ending, Park
from autocloudops.queue.followups import parse_follow_up

if TYPE_CHECKING:
    from autocloudops.actions.dispatcher import Dispatcher
    from autocloudops.actions.followups import FollowUps, FollowUpWork
    from autocloudops.actions.sweeping import Sweeper
    from autocloudops.actions.withdrawing import Withdrawals

log = getLogger(__name__)

ACTED_ON = frozenset({Verdict.EXECUTE, Verdict.NEEDS_APPROVAL})
FOR_PEOPLE = frozenset({ClaimState.FAILED, ClaimState.UNKNOWN, ClaimState.DROPPED})
BEGUN_WITHIN = timedelta(minutes=5)
"""How old a decision may be that somebody did not live to begin: its facts are as old."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hands:
    """What acts.

    Attributes:
        dispatcher: claims and begins.
        work: looks at what was begun, and whether it helped.
        follow_ups: bring a claim back to a worker.
        sweeper: brings on what nobody goes on with.
        withdrawals: end questions that nobody needs answered any more.
        first_look: after how long to look at what was begun.
    """

    dispatcher: "Dispatcher"
    work: "FollowUpWork"
    follow_ups: "FollowUps"
    sweeper: "Sweeper"
    withdrawals: "Withdrawals"
    first_look: timedelta


class Witnesses(NamedTuple):
    """Who hears what is done: the audit, and people."""

    audit: AuditWriter
    notifier: Notifier


class Acting:
    """Does what decisions say, and sees to it that somebody hears what came of it.

    Args:
        hands: opens what acts when it is first wanted.
        witnesses: who hears of it.
        policy: how long a claim is held.
        name: who acts, in the ledger.
        clock: time.
    """

    def __init__(
        self, hands: Callable[[], Awaitable[Hands]], witnesses: Witnesses, policy: Policy, name: str, clock: Clock
    ) -> None:
        self._hands = hands
        self._witnesses = witnesses
        self._policy = policy
        self._name = name
        self._clock = clock

    def wanted(self, decision: Decision, acting: ActionFacts | None, alarm: AlarmKey) -> Claim | None:
        """Return the claim that a decision asks for; None where nothing is to be done.

        Args:
            decision: what was decided.
            acting: what its gates knew about the target.
            alarm: what has to be OK for the action to have helped.
        """
        request = decision.request
        if decision.verdict not in ACTED_ON or decision.mode < Mode.APPROVE or request is None or acting is None:
            return None
        now = self._clock.now()
        return Claim(
            claim_id=claim_id_of(decision.incident_id, request),
            incident_id=decision.incident_id,
            decision_id=decision.decision_id,
            request=request,
            effect=ACTIONS[request.action].effect,
            alarm=alarm,
            approval=decision.verdict is Verdict.NEEDS_APPROVAL,
            worker=self._name,
            lease_until=now + self._policy.limits.lease,
            claimed_at=now,
            before={} if isinstance(acting.state, Unknown) else acting.state,
        )

    async def begin(self, wanted: Claim) -> str:
        """Begin what a decision asks for, unless that was begun before, and return what came of it, for people.

        Raises:
            AuditConflict: the audit holds somebody else's bytes.
        """
        try:
            hands = await self._hands()
            before = await hands.dispatcher.made(wanted)
        except ServiceFailed as error:
            return await self._kept(wanted, not_begun(wanted, f"nobody knows whether it may be done: {error}"))
        return begun(before) if before else await self._begin(wanted, hands)

    async def _begin(self, wanted: Claim, hands: Hands) -> str:
        now = self._clock.now()
        if now - wanted.claimed_at > BEGUN_WITHIN:
            late = f"decided at {wanted.claimed_at:%H:%M:%SZ}, too long ago to begin it"
            return await self._kept(wanted, not_begun(wanted, late))
        lease_until = now + self._policy.limits.lease
        mine = wanted.model_copy(update={"worker": self._name, "claimed_at": now, "lease_until": lease_until})
        try:
            held = await hands.dispatcher.act(mine)
        except ServiceFailed as error:
            return await self._kept(wanted, in_doubt(wanted, str(error)))
        if isinstance(held, NotClaimed):
            why = f"{held.which}: {held.detail}" if held.detail else str(held.which)
            return await self._kept(wanted, not_begun(wanted, why))
        await self._follow_up(held.claim_id, hands.first_look)
        return begun(held)

    async def _kept(self, wanted: Claim, said: str) -> str:
        """Keep in the audit what is said of something that was not begun, as far as anybody knows."""
        note = AuditRecord(outcome=Outcome.NOTE, at=self._clock.now(), incident_id=wanted.incident_id, note=said)
        await self._witnesses.audit.append(note)
        return said

    async def _follow_up(self, claim_id: UUID, after: timedelta) -> None:
        """See to it that a claim is looked at; the sweeper finds those of which nobody was reminded."""
        try:
            hands = await self._hands()
            await hands.follow_ups.send(claim_id, after)
        except ServiceFailed as error:
            log.warning("claim %s waits for the sweeper: %s", claim_id, error)

    async def handle(self, delivery: Delivery) -> Ending:
        """Return how a follow-up ends, once what it asks for is done and people know what they have to.

        Raises:
            ServiceFailed: something cannot be reached; the message must come back.
            AuditConflict: the action log says something else of its claim.
        """
        claim_id = parse_follow_up(delivery.body)
        if claim_id is None:
            return Park(code="no_follow_up", reason="it is no claim's id: no worker has sent it")
        hands = await self._hands()
        claim = await hands.work.follow(claim_id)
        if claim and claim.state in FOR_PEOPLE:
            await self._witnesses.notifier.tell(ended(claim))
        return Done()

    async def cleared(self, incident_id: UUID, alarm: AlarmKey) -> None:
        """End the questions about an incident that wait for a person because of an alarm that is OK again.

        What cannot be ended now ends with the time that it may wait.
        """
        try:
            hands = await self._hands()
            revoked = await hands.withdrawals.revoke(incident_id, alarm)
        except ServiceFailed as error:
            log.warning("incident %s: what waits for approval is not revoked yet: %s", incident_id, error)
            return
        await self._remind(revoked)

    async def sweep(self) -> None:
        """Bring on what nobody goes on with.

        Raises:
            ServiceFailed: the ledger cannot be read.
        """
        hands = await self._hands()
        await self._remind(await hands.sweeper.sweep())
        await hands.work.sweep()

    async def _remind(self, claims: Sequence[Claim]) -> None:
        for claim in claims:
            await self._follow_up(claim.claim_id, timedelta())


class ToldPeople:
    """Tells people what verification found.

    Args:
        notifier: tells people.
    """

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier

    async def hear(self, claim: Claim, ops_item: str | None) -> None:
        """Tell what was found of a claim.

        Raises:
            ServiceFailed: nobody was told.
        """
        await self._notifier.tell(notification_of_result(claim, ops_item))
