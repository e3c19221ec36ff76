"""Claims as the tests of the ledger want them: small, at noon; and the ways to make them."""

from datetime import UTC, datetime
from uuid import UUID

from autocloudops.alarms.model import AlarmKey, ResourceRef
from autocloudops.catalogue.model import ActionRequest, EffectClass
from autocloudops.clock import SystemClock
from autocloudops.decisions.claims import Claim, ClaimState, Control, NotClaimed, claim_id_of
from autocloudops.decisions.limits import ClaimLimits
from autocloudops.decisions.modes import Mode
from autocloudops.state.claims import DynamoLedger
from autocloudops.state.memory_claims import MemoryLedger

AnyLedger = DynamoLedger | MemoryLedger
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ACCOUNT, REGION = "111122223333", "eu-west-1"
LIMITS = ClaimLimits()
LEASE = LIMITS.lease


class NoonClock(SystemClock):
    """A clock that runs, while its wall time stands at noon."""

    def now(self) -> datetime:
        return NOON


def request_for(target: str = "web", runbook: str = "scale-out") -> ActionRequest:
    """Return a request to do something to one of a few targets."""
    resource = ResourceRef(
        type="ecs:service", id=target, account=ACCOUNT, region=REGION, owner=f"service/{target}", arn=f"arn:{target}"
    )
    return ActionRequest(action=runbook, runbook=runbook, target=resource, parameters={"DesiredCount": "3"})


def wanted(
    incident: int = 1,
    request: ActionRequest | None = None,
    *,
    now: datetime = NOON,
    worker: str = "one",
    approval: bool = False,
    effect: EffectClass = EffectClass.TOKEN,
) -> Claim:
    """Return what one worker wants to claim."""
    request = request or request_for()
    return Claim(
        claim_id=claim_id_of(UUID(int=incident), request),
        incident_id=UUID(int=incident),
        decision_id=UUID(int=incident + 1_000),
        request=request,
        effect=effect,
        alarm=AlarmKey(account=ACCOUNT, region=REGION, name="cpu"),
        approval=approval,
        worker=worker,
        lease_until=now + LEASE,
        claimed_at=now,
    )


def control(mode: Mode = Mode.ACTIVE, at: datetime = NOON, reason: str = "a test") -> Control:
    """Return a control item."""
    return Control(mode=mode, reason=reason, by="tester", at=at)


async def claimed(ledger: AnyLedger, want: Claim, limits: ClaimLimits = LIMITS) -> Claim:
    """Claim at the time that `want` says."""
    answer = await ledger.claim(want, limits, want.claimed_at)
    assert isinstance(answer, Claim), answer
    return answer


async def refused(ledger: AnyLedger, want: Claim, limits: ClaimLimits = LIMITS) -> NotClaimed:
    """Be refused at the time that `want` says."""
    answer = await ledger.claim(want, limits, want.claimed_at)
    assert isinstance(answer, NotClaimed), answer
    return answer


async def moved(ledger: AnyLedger, held: Claim, *states: ClaimState) -> Claim:
    """Move a claim through some states."""
    for state in states:
        answer = await ledger.move(held, held.model_copy(update={"state": state}))
        assert answer
        held = answer
    return held


async def done(ledger: AnyLedger, want: Claim, limits: ClaimLimits = LIMITS) -> Claim:
    """Claim something and do it."""
    return await moved(ledger, await claimed(ledger, want, limits), ClaimState.INTENT, ClaimState.DONE)
