"""What every ledger holds to, wherever it keeps its items: legal moves, windows of results, what a refusal says."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from autocloudops.catalogue.model import ActionRequest
from autocloudops.decisions.claims import Claim, ClaimState, Control, Helped, NotClaimed, Refused
from autocloudops.decisions.limits import ClaimLimits
from autocloudops.decisions.modes import Mode

MOVES: dict[ClaimState, frozenset[ClaimState]] = {
    ClaimState.CLAIMED: frozenset({ClaimState.CLAIMED, ClaimState.INTENT, ClaimState.DROPPED}),
    ClaimState.INTENT: frozenset(ClaimState) - {ClaimState.CLAIMED},
    ClaimState.WAITING: frozenset(ClaimState) - {ClaimState.CLAIMED, ClaimState.INTENT},
    ClaimState.STARTED: frozenset({ClaimState.STARTED, ClaimState.DONE, ClaimState.FAILED, ClaimState.UNKNOWN}),
    ClaimState.DONE: frozenset({ClaimState.DONE}),
}
NO_CONTROL = NotClaimed(which=Refused.CONTROL_MISSING, detail="there is no control item")


def check_move(held: Claim, to: Claim) -> None:
    """Hold to the states' one way.

    Raises:
        ValueError: nothing leads from the one to the other, or they are not the same claim.
    """
    if to.state not in MOVES.get(held.state, frozenset()):
        raise ValueError(f"claim {held.claim_id}: nothing leads from {held.state} to {to.state}")
    if (to.claim_id, to.incident_id, to.request) != (held.claim_id, held.incident_id, held.request):
        raise ValueError(f"claim {held.claim_id} cannot become claim {to.claim_id}, or one of another request")


def is_open(claim: Claim) -> bool:
    """Whether a claim is not final, or waits for verification."""
    return not claim.state.final or (claim.state is ClaimState.DONE and claim.helped is None)


def may_hold(claim: Claim, now: datetime) -> bool:
    """Whether somebody else may take a claim over."""
    return not claim.state.final and claim.lease_until <= now


def may_say(claim: Claim, helped: Helped) -> bool:
    """Whether a result may be kept: the first one, or that what was verified came back.

    Raises:
        ValueError: the claim is not over, or was dropped: there is nothing to verify.
    """
    if not claim.state.final or claim.state is ClaimState.DROPPED:
        raise ValueError(f"claim {claim.claim_id} is {claim.state}: there is nothing to verify")
    return claim.helped is None or (claim.helped is Helped.VERIFIED and helped is Helped.RECURRED)


def allowing(wanted: Claim) -> tuple[Mode, ...]:
    """Return the control item's modes under which something may be claimed, the highest first."""
    return (Mode.ACTIVE, Mode.APPROVE) if wanted.approval else (Mode.ACTIVE,)


def lock_of(request: ActionRequest) -> str:
    """Return what names a request's target: only one claim may hold it at a time, whatever its runbook."""
    target = request.target
    return f"{target.account}\x1f{target.region}\x1f{target.type}\x1f{target.id}"


def hour_of(now: datetime) -> str:
    """Return the hour of the clock that a claim counts in, in UTC."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H")


class Lock(NamedTuple):
    """Until when a target is locked, by which incident, and how often it has been; lock and cooldown are one."""

    until: datetime
    incident_id: UUID
    fence: int


class Breaker(NamedTuple):
    """The last results of a runbook, as claim id and whether it helped, and why the breaker is open.

    Each change of it raises `version`.
    """

    results: tuple[tuple[str, bool], ...] = ()
    why: str | None = None
    version: int = 0

    def after(self, claim: Claim, helped: Helped, limits: ClaimLimits) -> "Breaker":
        """Return the window with one more result, open where too many failed; a claim's newest result counts alone."""
        result = (str(claim.claim_id), not helped.failed)
        others = tuple(each for each in self.results if each[0] != result[0])
        results = (*others, result)[-limits.breaker_of :]
        failures = sum(not good for _, good in results)
        why = self.why
        if why is None and failures >= limits.breaker_failures and not result[1]:
            why = f"{failures} of the last {len(results)} verifications failed, the newest of claim {claim.claim_id}"
        return Breaker(results, why, self.version + 1)

    def closed(self) -> "Breaker":
        """Return it without a past."""
        return Breaker(version=self.version + 1)


def killed(control: Control, wanted: Claim) -> NotClaimed:
    """Say that the control item is lower than what a claim needs."""
    needed = allowing(wanted)[-1]
    detail = f"the control item says {control.mode}, a claim needs {needed}: {control.reason} ({control.by})"
    return NotClaimed(which=Refused.KILLED, detail=detail)


def duplicate(standing: Claim | None) -> NotClaimed:
    """Say who has claimed it."""
    if standing is None:
        return NotClaimed(which=Refused.DUPLICATE)
    detail = f"claimed at {_said(standing.claimed_at)} by {standing.worker}, {standing.state} since"
    return NotClaimed(which=Refused.DUPLICATE, detail=detail)


def locked(lock: Lock) -> NotClaimed:
    """Say until when a target is locked, and by whom."""
    detail = f"until {_said(lock.until)} by incident {lock.incident_id}, lock {lock.fence} of this target"
    return NotClaimed(which=Refused.RESOURCE_LOCKED, detail=detail)


def spent(which: Refused, used: int, most: int, now: datetime) -> NotClaimed:
    """Say how much of a budget is used, and when there is more."""
    start = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    detail = f"{used} of {most} used, more from {_said(start + timedelta(hours=1))} on"
    return NotClaimed(which=which, detail=detail)


def broken(why: str) -> NotClaimed:
    """Say why a runbook's breaker is open."""
    return NotClaimed(which=Refused.BREAKER, detail=why)


def by_time(claims: Sequence[Claim]) -> tuple[Claim, ...]:
    """Return claims in the order in which they were made."""
    return tuple(sorted(claims, key=lambda claim: (claim.claimed_at, claim.claim_id)))


def _said(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
