"""Whether an action helped, and what follows where it did not.

What is found is kept in the claim before anything is done about it, so whoever repeats a step that somebody did not
live to finish does exactly the same: one rollback, one OpsItem, one entry of the action log.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from logging import getLogger
from typing import Protocol
from uuid import UUID, uuid5

from autocloudops.actions.judging import SOONEST, AlarmSeen, Patience, judged
from autocloudops.alarms.model import AlarmKey
from autocloudops.catalogue.model import ActionRequest
from autocloudops.decisions.claims import (
    ActionEntry,
    ActionLog,
    Claim,
    ClaimState,
    Control,
    Finding,
    Helped,
    Ledger,
    Step,
)
from autocloudops.decisions.facts import Unknown
from autocloudops.decisions.model import Policy
from autocloudops.decisions.modes import Mode
from autocloudops.decisions.standing import standing_limit
from autocloudops.decisions.undoing import rollback_of
from autocloudops.errors import ServiceFailed, ServiceUnavailable, SettingsInvalid, Throttled

log = getLogger(__name__)

PASSING = (Throttled, ServiceUnavailable)
"""What may pass by itself, and leaves open whether the call was made."""


class AlarmStates(Protocol):
    """Reads alarms. Every method raises `ServiceFailed`."""

    async def seen(self, key: AlarmKey) -> AlarmSeen | None:
        """Return how an alarm stands now; None where there is none of its name."""
        ...

    async def fired(self, key: AlarmKey, after: datetime, until: datetime) -> datetime | None:
        """Return when an alarm first went to ALARM in a span of time; None where it did not."""
        ...


class Guards(Protocol):
    """Reads the guard alarms."""

    async def firing(self, request: ActionRequest) -> Sequence[str] | Unknown:
        """Return the guard alarms of a request that are in ALARM. It never raises."""
        ...


class Rollbacks(Protocol):
    """Takes the effect of an action back. Every method raises `ServiceFailed`, or `SettingsInvalid`.

    `Throttled` and `ServiceUnavailable` leave open whether the call was made; after any other nothing runs.
    """

    async def begin(self, request: ActionRequest, claim: Claim, token: UUID) -> str:
        """Begin a rollback, once for each token, and return its execution id."""
        ...

    async def succeeded(self, claim: Claim, execution_id: str) -> bool | None:
        """Return whether a rollback succeeded; None while it runs."""
        ...


class OpsItems(Protocol):
    """Puts work in front of people."""

    async def open(self, claim: Claim) -> str:
        """Open an OpsItem about what was found of a claim, once for each claim, and return its id.

        Raises:
            ServiceFailed: there is none.
        """
        ...


class People(Protocol):
    """Whoever is told what came of an action; told again where a worker died just then."""

    async def hear(self, claim: Claim, ops_item: str | None) -> None:
        """Tell what was found of a claim.

        Raises:
            ServiceFailed: nobody was told.
        """
        ...


@dataclass(frozen=True, slots=True)
class Checked:
    """A claim as it stands after a look at it, and after how long to look again; None: nothing follows."""

    claim: Claim
    again: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What verification reads and does.

    Attributes:
        alarms: reads the alarm.
        guards: reads the guard alarms.
        rollbacks: takes effects back.
        ops_items: puts what did not help in front of people.
        people: are told of every result.
    """

    alarms: AlarmStates
    guards: Guards
    rollbacks: Rollbacks
    ops_items: OpsItems
    people: People


class Verifier:
    """Finds out whether actions helped.

    Args:
        ledger: keeps what was found.
        entries: the action log, written before the ledger says anything.
        reach: what is read and done.
        policy: how far rollbacks may go, and when a runbook's breaker opens.
        patience: how long to wait for what.
    """

    def __init__(
        self,
        ledger: Ledger,
        entries: ActionLog,
        reach: Reach,
        policy: Policy,
        patience: Patience | None = None,
    ) -> None:
        self._ledger = ledger
        self._entries = entries
        self._reach = reach
        self._patience = patience or Patience()
        self._policy = policy

    async def check(self, claim: Claim, now: datetime) -> Checked:
        """Look once at whether a claim helped, and do what follows.

        Only a claim that is `done` is verified. A look whose claim was moved by somebody else in the meantime leaves
        the rest to them.

        Args:
            claim: as the ledger has it.
            now: the time.

        Raises:
            ServiceFailed: the ledger, the action log, OpsCenter or the topic cannot be reached: look again.
            AuditConflict: the action log says something else of this claim.
        """
        if claim.state is not ClaimState.DONE:
            return Checked(claim)
        if claim.helped is Helped.VERIFIED and claim.found:
            return await self._watch(claim, claim.found, now)
        if claim.helped:
            return Checked(claim)
        return await self._follow(claim, claim.found, now) if claim.found else await self._look(claim, now)

    async def _look(self, claim: Claim, now: datetime) -> Checked:
        """Find out how the alarm stands, and keep what that means."""
        guards = await self._reach.guards.firing(claim.request)
        found = judged(claim, await self._seen(claim.alarm), guards, self._patience, now)
        if isinstance(found, timedelta):
            return Checked(claim, found)
        if found.rolling_back and rollback_of(claim) is None:
            found = _over(found, "; nothing can take its effect back", now)
        return await self._keep(claim, found, now)

    async def _seen(self, key: AlarmKey) -> AlarmSeen | Unknown:
        try:
            seen = await self._reach.alarms.seen(key)
        except (ServiceFailed, SettingsInvalid) as error:
            return Unknown(unknown=str(error))
        return seen or Unknown(unknown="there is no alarm of this name any more")

    async def _keep(self, claim: Claim, found: Finding, now: datetime) -> Checked:
        """Keep a finding, then act on it: whoever keeps it is the one who does."""
        kept = await self._ledger.move(claim, claim.model_copy(update={"found": found}))
        return Checked(claim) if kept is None else await self._follow(kept, found, now)

    async def _follow(self, claim: Claim, found: Finding, now: datetime) -> Checked:
        if not found.rolling_back:
            return await self._settle(claim, found, now)
        if found.rollback_id is None:
            return await self._roll_back(claim, found, now)
        return await self._await_rollback(claim, found, now)

    async def _roll_back(self, claim: Claim, found: Finding, now: datetime) -> Checked:
        """Begin the rollback, unless it is forbidden by now; a repetition has the same token."""
        request = rollback_of(claim)
        forbidden = _forbidden(claim, self._policy, await self._ledger.control())
        if request is None or forbidden:
            why = f"; its rollback was not seen to begin: {forbidden}"
            return await self._keep(claim, _over(found, why, now), now)
        await self._entries.write(ActionEntry(step=Step.ROLLBACK, at=found.at, claim=claim))
        try:
            execution_id = await self._reach.rollbacks.begin(request, claim, uuid5(claim.claim_id, "rollback"))
        except PASSING as error:
            return await self._not_yet(claim, found, f"it may not have begun: {error}", now)
        except (ServiceFailed, SettingsInvalid) as error:
            return await self._keep(claim, _over(found, f"; its rollback was refused: {error}", now), now)
        begun = found.model_copy(update={"rollback_id": execution_id})
        kept = await self._ledger.move(claim, claim.model_copy(update={"found": begun}))
        return Checked(claim) if kept is None else Checked(kept, self._patience.first)

    async def _await_rollback(self, claim: Claim, found: Finding, now: datetime) -> Checked:
        """Look how the rollback goes."""
        try:
            succeeded = await self._reach.rollbacks.succeeded(claim, found.rollback_id or "")
        except ServiceFailed as error:
            return await self._not_yet(claim, found, f"how it went is not known: {error}", now)
        if succeeded is None:
            return await self._not_yet(claim, found, f"{found.rollback_id} still runs", now)
        if not succeeded:
            return await self._keep(claim, _over(found, f"; its rollback {found.rollback_id} failed", now), now)
        rolled_back = _over(found, "; its effect was taken back", now)
        return await self._keep(claim, rolled_back.model_copy(update={"helped": Helped.ROLLED_BACK}), now)

    async def _not_yet(self, claim: Claim, found: Finding, why: str, now: datetime) -> Checked:
        """Return that the rollback is waited for, as long as that makes sense."""
        if now < found.at + self._patience.rollback_within:
            return Checked(claim, self._patience.next_look(found.at, now))
        return await self._keep(claim, _over(found, f"; its rollback is unfinished: {why}", now), now)

    async def _settle(self, claim: Claim, found: Finding, now: datetime) -> Checked:
        """Tell people, the action log and the ledger what was found, in this order: the ledger ends it."""
        said = claim.model_copy(update={"helped": found.helped})
        ops_item = await self._open(said) if found.helped is Helped.NOT_VERIFIED else None
        await self._entries.write(ActionEntry(step=Step.VERIFICATION, at=found.at, claim=said))
        await self._tell(said, ops_item)
        kept = await self._ledger.verified(claim, found.helped, self._policy.limits, now)
        if kept is None:
            return Checked(claim)
        return Checked(kept, self._patience.recurs_within if found.helped is Helped.VERIFIED else None)

    async def _open(self, claim: Claim) -> str | None:
        """Open an OpsItem; where that is refused for good, people are told without one."""
        try:
            return await self._reach.ops_items.open(claim)
        except PASSING:
            raise
        except ServiceFailed as error:
            log.warning("claim %s has no OpsItem: %s", claim.claim_id, error)
            return None

    async def _tell(self, claim: Claim, ops_item: str | None) -> None:
        """Tell people; a topic that refuses for good must not keep the breaker from counting."""
        try:
            await self._reach.people.hear(claim, ops_item)
        except PASSING:
            raise
        except ServiceFailed as error:
            log.warning("claim %s: nobody was told that it is %s: %s", claim.claim_id, claim.helped, error)

    async def _watch(self, claim: Claim, found: Finding, now: datetime) -> Checked:
        """Look whether the alarm of a verified claim came back."""
        until = found.at + self._patience.recurs_within
        try:
            fired = await self._reach.alarms.fired(claim.alarm, found.at, until)
        except ServiceFailed as error:
            if now < until + self._patience.within:
                return Checked(claim, self._patience.next_look(until, now))
            log.warning("claim %s stays verified: its alarm's history cannot be read: %s", claim.claim_id, error)
            return Checked(claim)
        if fired is None:
            return Checked(claim, max(SOONEST, until - now) if now < until else None)
        return await self._recurred(claim, fired, now)

    async def _recurred(self, claim: Claim, fired: datetime, now: datetime) -> Checked:
        said = claim.model_copy(update={"helped": Helped.RECURRED})
        await self._entries.write(ActionEntry(step=Step.RECURRENCE, at=fired, claim=said))
        await self._tell(said, None)
        return Checked(await self._ledger.verified(claim, Helped.RECURRED, self._policy.limits, now) or claim)


def _forbidden(claim: Claim, policy: Policy, control: Control | None) -> str:
    """Return why a rollback may not begin, empty where it may.

    Whoever approved the action was shown that it is taken back where it does not help, so nobody is asked again: the
    policy has to allow no more than it had to for the action. But under a control item below `active` no runbook goes
    on unasked, whatever it does.
    """
    if control is None or control.mode < Mode.ACTIVE:
        return f"the control item is {control.mode if control else 'missing'}"
    limit = standing_limit(policy, claim.request, claim.alarm.name)
    needed = Mode.APPROVE if claim.approval else Mode.ACTIVE
    return "" if limit.mode >= needed else f"the mode is {limit.mode} by now, by {limit.by}"


def _over(found: Finding, more: str, now: datetime) -> Finding:
    """Return the finding that ends a rollback."""
    return found.model_copy(update={"rolling_back": False, "why": f"{found.why}{more}", "at": now})
