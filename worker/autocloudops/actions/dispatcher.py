"""From a claim to an effect that happens once, and back to what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from logging import getLogger
from typing import Protocol
from uuid import UUID

from autocloudops.actions.executions import Executions
from autocloudops.actions.judging import AlarmSeen
from autocloudops.actions.looking import Onlooker
from autocloudops.actions.recording import Recorder
from autocloudops.actions.runbook import RunbookSetup
from autocloudops.alarms.model import AlarmKey, AlarmState
from autocloudops.catalogue.model import ActionRequest, EffectClass
from autocloudops.clock import Clock
from autocloudops.decisions.claims import Claim, ClaimState, Ledger, NotClaimed, Refused
from autocloudops.decisions.facts import Unknown
from autocloudops.decisions.limits import ClaimLimits
from autocloudops.decisions.model import Policy
from autocloudops.decisions.modes import Mode
from autocloudops.decisions.standing import standing_limit
from autocloudops.errors import (
    AuditConflict,
    ServiceFailed,
    ServiceUnavailable,
    SettingsInvalid,
    Throttled,
    TokenTaken,
)

log = getLogger(__name__)

CLOCK_SKEW = timedelta(minutes=5)


class Alarms(Protocol):
    """Reads alarms."""

    async def seen(self, key: AlarmKey) -> AlarmSeen | None:
        """Return how an alarm stands now; None where there is none of its name. Raises `ServiceFailed`."""
        ...


class Targets(Protocol):
    """Reads what a rollback would restore."""

    async def state(self, request: ActionRequest) -> Mapping[str, str] | Unknown:
        """Return how a request's target is now, as `Claim.before` has it. Never raises."""
        ...


@dataclass(frozen=True, slots=True)
class Worker:
    """Who acts, and how long a claim that nobody went on with may still be acted on: its facts are as old.

    Args:
        name: of this process, in the ledger.
        policy: what may be done, and how often.
        setup: what every runbook is started with.
        stale_after: from a claim on; what was not begun by then is not begun any more.
    """

    name: str
    policy: Policy
    setup: RunbookSetup
    stale_after: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Present:
    """What is read right before anything is begun.

    Args:
        alarms: whether there still is something to act on.
        targets: how targets are, for what may be repeated only where nothing has changed.
    """

    alarms: Alarms
    targets: Targets


class Dispatcher:
    """Does what was decided, once.

    Nothing is begun for an alarm that is not in ALARM at that moment: its model may have thought for minutes.

    The order of every step is: claim, intent in the ledger, intent in the action log, call, result. So the call was
    never made for a claim without an intent, and every call has a durable intent.

    Args:
        ledger: claims.
        recorder: writes their steps.
        executions: runbooks.
        present: what is read right before.
        worker: who acts.
        clock: time.
    """

    def __init__(
        self,
        ledger: Ledger,
        recorder: Recorder,
        executions: Executions,
        present: Present,
        worker: Worker,
        clock: Clock,
    ) -> None:
        self._ledger = ledger
        self._recorder = recorder
        self._executions = executions
        self._onlooker = Onlooker(recorder, executions)
        self._present = present
        self._worker = worker
        self._clock = clock

    async def made(self, wanted: Claim) -> Claim | None:
        """Return the claim that the same decision made before, as it stands now; None where it made none.

        Raises:
            ServiceFailed: the ledger cannot be reached.
        """
        found = await self._ledger.find(wanted.claim_id)
        return found if found and found.decision_id == wanted.decision_id else None

    async def act(self, wanted: Claim) -> Claim | NotClaimed:
        """Become the one who may do it, and begin it.

        Args:
            wanted: the claim to make; `before` is how the target is now.

        Returns:
            The claim as it stands: `started` or `waiting`, `failed` or `dropped` where nothing was done, `intent`
            where nobody knows yet; `sweep` finds out. Or why it may not be done.

        Raises:
            ServiceFailed: the ledger cannot be reached; what was begun by then, `sweep` finds.
        """
        refused = await self._refused(wanted)
        if refused:
            return refused
        asked_at, asked = self._clock.now(), self._clock.monotonic()
        held = await self._ledger.claim(self._answerable(wanted), self._limits(wanted), asked_at)
        if isinstance(held, NotClaimed):
            return held
        return await self._begin(held, asked + (held.lease_until - asked_at).total_seconds())

    async def _refused(self, wanted: Claim) -> NotClaimed | None:
        """Return why nothing is claimed; whether an unreadable alarm still fires is left to who approves."""
        below = self._below(wanted)
        if below:
            return NotClaimed(which=Refused.POLICY, detail=below)
        try:
            over = await self._over(wanted)
        except ServiceFailed as error:
            over = "" if wanted.approval else f"nobody knows how it is now: {error}"
        return NotClaimed(which=Refused.ALARM, detail=over) if over else None

    async def _over(self, claim: Claim) -> str:
        """Return why there is nothing to act on any more, empty where there is."""
        seen = await self._present.alarms.seen(claim.alarm)
        if seen is None:
            return "there is none of its name any more"
        return "" if seen.state is AlarmState.ALARM else f"it is {seen.state} since {seen.since:%Y-%m-%d %H:%M:%SZ}"

    def _below(self, claim: Claim) -> str:
        """Return why this worker's policy does not let a claim be begun, empty where it does."""
        limit = standing_limit(self._worker.policy, claim.request, claim.alarm.name)
        needed = Mode.APPROVE if claim.approval else Mode.ACTIVE
        return f"the mode is {limit.mode} by now, by {limit.by}" if limit.mode < needed else ""

    def _answerable(self, wanted: Claim) -> Claim:
        until = wanted.claimed_at + self._worker.policy.approval.ttl
        return wanted.model_copy(update={"answer_by": until}) if wanted.approval else wanted

    def _limits(self, wanted: Claim) -> ClaimLimits:
        """Return the limits of a claim; a target stays locked for as long as its approval may still be given."""
        limits = self._worker.policy.limits_of(wanted.request.action)
        waits = self._worker.policy.approval.ttl if wanted.approval else timedelta()
        return limits.model_copy(update={"cooldown": limits.cooldown + waits})

    async def _begin(self, held: Claim, deadline: float) -> Claim:
        sent = self._worker.setup.parameters(held.request, held.claim_id, approval=held.approval)
        intended = await self._recorder.move(held, ClaimState.INTENT, sent=sent)
        if intended is None:
            return await self._recorder.as_it_stands(held)
        try:
            await self._recorder.intend(intended)
        except (ServiceFailed, AuditConflict) as error:
            return await self._drop(intended, f"its intent is not durable: {error}")
        if self._too_late(deadline):
            return await self._drop(intended, "too little of its lease was left for the call")
        return await self._call(intended)

    async def _drop(self, intended: Claim, why: str) -> Claim:
        """End a claim whose call was certainly not made, if it is still ours."""
        return await self._recorder.finish(intended, ClaimState.DROPPED, f"nothing was called: {why}")

    def _too_late(self, deadline: float) -> bool:
        return self._clock.monotonic() + self._executions.call_seconds > deadline

    async def _call(self, intended: Claim) -> Claim:
        try:
            execution_id = await self._start(intended)
        except (ServiceUnavailable, TokenTaken) as error:
            log.warning("claim %s: nobody knows whether it began: %s", intended.claim_id, error)
            return intended
        except (ServiceFailed, SettingsInvalid) as error:
            return await self._recorder.finish(intended, ClaimState.FAILED, f"nothing began: {error}")
        return await self._begun(intended, execution_id)

    async def _start(self, claim: Claim) -> str:
        return await self._executions.start(claim.request, claim.claim_id, claim.sent)

    async def _begun(self, intended: Claim, execution_id: str) -> Claim:
        state = ClaimState.WAITING if intended.approval else ClaimState.STARTED
        moved = await self._recorder.move(intended, state, execution_id=execution_id)
        return moved or await self._recorder.as_it_stands(intended)

    async def look(self, claim: Claim) -> Claim:
        """Read what became of a claim that was begun, and return it as it stands now.

        Raises:
            ServiceFailed: the execution or the ledger cannot be read.
        """
        return await self._onlooker.look(claim)

    async def resume(self, claim_id: UUID) -> Claim | None:
        """Take over a claim whose worker is gone, and bring it on by its class.

        Returns:
            The claim as it stands then; None where it is final, held by somebody, or not there.

        Raises:
            ServiceFailed: the ledger cannot be reached, or SSM cannot be asked what began.
        """
        now, asked = self._clock.now(), self._clock.monotonic()
        lease = self._worker.policy.limits.lease
        held = await self._ledger.take_over(claim_id, self._worker.name, lease, now)
        if held is None:
            return None
        deadline = asked + lease.total_seconds()
        if held.state is ClaimState.CLAIMED and not held.ending:
            return await self._resume_claimed(held, deadline)
        if held.state is ClaimState.INTENT and not held.ending:
            return await self._resume_intended(held, deadline)
        return await self._onlooker.look(held)

    async def _resume_claimed(self, held: Claim, deadline: float) -> Claim:
        """Go on with a claim of which nothing was called."""
        why = await self._no_longer(held)
        return await self._drop(held, why) if why else await self._begin(held, deadline)

    async def _resume_intended(self, held: Claim, deadline: float) -> Claim:
        """Find out what became of a call whose answer nobody has."""
        since = held.claimed_at - CLOCK_SKEW
        found = await self._executions.probe(held.request, held.claim_id, since)
        if found is not None:
            return await self._begun(held, found)
        why = await self._no_longer(held) or await self._unrepeatable(held)
        if why:
            return await self._recorder.finish(held, ClaimState.UNKNOWN, f"its call may have been made: {why}")
        return await self._repeat(held, deadline)

    async def _no_longer(self, held: Claim) -> str:
        """Return why nothing may be begun any more, empty where it may.

        Raises:
            ServiceFailed: the ledger or the alarm cannot be read; the next round asks again.
        """
        if self._clock.now() - held.claimed_at > self._worker.stale_after:
            return f"it was claimed at {held.claimed_at:%Y-%m-%d %H:%M:%SZ}, which is too long ago to begin it"
        below = self._below(held)
        if below:
            return below
        control = await self._ledger.control()
        needed = Mode.APPROVE if held.approval else Mode.ACTIVE
        if control is None:
            return "there is no control item"
        if control.mode < needed:
            return f"the control item says {control.mode}: {control.reason}"
        over = await self._over(held)
        return f"its alarm does not fire any more: {over}" if over else ""

    async def _unrepeatable(self, held: Claim) -> str:
        """Return why a call of which nothing is found may not be made again, empty where it may."""
        match held.effect:
            case EffectClass.TOKEN:
                return ""
            case EffectClass.OPAQUE:
                return "what it does may not be done twice"
            case EffectClass.ABSOLUTE:
                found = await self._present.targets.state(held.request)
                if isinstance(found, Unknown):
                    return f"its target cannot be read: {found.unknown}"
                return "" if held.before and dict(found) == dict(held.before) else "its target is not as it was before"

    async def _repeat(self, held: Claim, deadline: float) -> Claim:
        """Call again with the same token. A refusal says nothing about the first call."""
        try:
            await self._recorder.intend(held)
            if self._too_late(deadline):
                return held
            execution_id = await self._start(held)
        except (ServiceUnavailable, Throttled) as error:
            log.warning("claim %s: still nobody knows whether it began: %s", held.claim_id, error)
            return held
        except (ServiceFailed, SettingsInvalid, AuditConflict) as error:
            return await self._recorder.finish(held, ClaimState.UNKNOWN, f"its call may have been made: {error}")
        return await self._begun(held, execution_id)
