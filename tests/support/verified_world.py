"""A world in which actions are verified: alarms, guards, rollbacks, OpsItems and people that a test writes.

Every call of a port is a step, and a test may let one of them fail, before or after it took effect.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from virtual_time import START, VirtualClock, run

from autocloudops.actions.followups import FollowUpWork
from autocloudops.actions.judging import AlarmSeen, Patience
from autocloudops.actions.verification import Reach, Verifier
from autocloudops.alarms.model import AlarmKey, AlarmState, ResourceRef
from autocloudops.catalogue.model import ActionRequest, EffectClass
from autocloudops.clock import Clock
from autocloudops.decisions.claims import (
    ActionEntry,
    Claim,
    ClaimState,
    Control,
    Helped,
    Ledger,
    NotClaimed,
    Step,
    claim_id_of,
)
from autocloudops.decisions.facts import Unknown
from autocloudops.decisions.limits import ClaimLimits
from autocloudops.decisions.model import Policy
from autocloudops.decisions.modes import Mode
from autocloudops.errors import AuditConflict, ServiceFailed, ServiceUnavailable
from autocloudops.state.memory_claims import MemoryLedger

PERIOD = timedelta(seconds=60)
ALARM = AlarmKey(account="111122223333", region="eu-west-1", name="orders-cpu")
TARGET = ResourceRef(
    type="ecs:service",
    id="shop/orders",
    account="111122223333",
    region="eu-west-1",
    owner="ecs-service/shop/orders",
    arn="arn:aws:ecs:eu-west-1:111122223333:service/shop/orders",
)
REDELIVERED = timedelta(seconds=30)
LONGEST = timedelta(hours=6)
FIRED = (timedelta(minutes=-5), AlarmState.ALARM)
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)


def scale_out() -> ActionRequest:
    """Return a request whose effect can be taken back."""
    return ActionRequest(
        action="scale_out_service",
        runbook="AutoCloudOps-ScaleOutService",
        target=TARGET,
        parameters={"Cluster": "shop", "Service": "orders", "DesiredCount": "4", "ExpectedDesiredCount": "2"},
    )


def restart() -> ActionRequest:
    """Return a request whose effect nothing can take back."""
    return ActionRequest(action="restart_service", runbook="AutoCloudOps-RestartService", target=TARGET)


def wanted_of(request: ActionRequest, now: datetime, *, approval: bool = False) -> Claim:
    """Return what is claimed about an incident of its own."""
    incident = uuid4()
    return Claim(
        claim_id=claim_id_of(incident, request),
        incident_id=incident,
        decision_id=uuid4(),
        request=request,
        effect=EffectClass.TOKEN,
        alarm=ALARM,
        approval=approval,
        worker="w1",
        lease_until=now + timedelta(seconds=120),
        claimed_at=now,
        before={"DesiredCount": "2"},
    )


class Faults:
    """Counts the calls of all ports once `counting`, and fails at one of them."""

    def __init__(self) -> None:
        self.counting = False
        self.calls: list[str] = []
        self.fail_at: int | None = None
        self.done_before = False

    def before(self, name: str) -> int | None:
        if not self.counting:
            return None
        number = len(self.calls)
        self.calls.append(name)
        if number == self.fail_at and not self.done_before:
            raise ServiceUnavailable(name, "the test", "it failed before it was done")
        return number

    def after(self, number: int | None) -> None:
        if number is not None and number == self.fail_at and self.done_before:
            raise ServiceUnavailable(self.calls[number], "the test", "its answer was lost")


class FaultyLedger(MemoryLedger):
    """The memory ledger, whose writes may fail or lose their answers."""

    def __init__(self, faults: Faults) -> None:
        super().__init__()
        self._faults = faults

    async def move(self, held: Claim, to: Claim) -> Claim | None:
        number = self._faults.before("move")
        moved = await super().move(held, to)
        self._faults.after(number)
        return moved

    async def verified(self, claim: Claim, helped: Helped, limits: ClaimLimits, now: datetime) -> Claim | None:
        number = self._faults.before("verified")
        kept = await super().verified(claim, helped, limits, now)
        self._faults.after(number)
        return kept


@dataclass
class World:
    """Everything that verification reads and does.

    `turns` are the alarm's changes of state, by time from the start; `runs` is how long the action takes; `guard_at` is
    when a guard alarm fires.
    """

    turns: Sequence[tuple[timedelta, AlarmState]] = ()
    runs: timedelta = timedelta()
    unread: ServiceFailed | None = None
    unread_history: ServiceFailed | None = None
    deleted: bool = False
    guard_at: timedelta | None = None
    guards_unread: str = ""
    rollback_takes: timedelta = timedelta(seconds=20)
    rollback_works: bool = True
    rollback_refused: ServiceFailed | None = None
    ops_items_refused: ServiceFailed | None = None
    nobody_hears: ServiceFailed | None = None
    policy: Policy = field(default_factory=lambda: Policy(mode=Mode.ACTIVE))
    clock: Clock = field(default_factory=VirtualClock)
    faults: Faults = field(default_factory=Faults)
    rollbacks: dict[UUID, tuple[str, ActionRequest, datetime]] = field(default_factory=dict)
    ops_items: dict[UUID, Claim] = field(default_factory=dict)
    heard: list[tuple[Claim, str | None]] = field(default_factory=list)
    entries: dict[tuple[UUID, Step], ActionEntry] = field(default_factory=dict)
    sent: list[timedelta] = field(default_factory=list)
    due: list[tuple[datetime, UUID]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ledger: Ledger = FaultyLedger(self.faults)

    # what is read

    async def seen(self, key: AlarmKey) -> AlarmSeen | None:
        assert key == ALARM
        if self.unread:
            raise self.unread
        if self.deleted:
            return None
        number = self.faults.before("seen")
        past = [(at, state) for at, state in self.turns if START + at <= self.clock.now()]
        at, state = past[-1]
        self.faults.after(number)
        return AlarmSeen(state=state, since=START + at, period=PERIOD)

    async def fired(self, key: AlarmKey, after: datetime, until: datetime) -> datetime | None:
        assert key == ALARM
        if self.unread_history:
            raise self.unread_history
        number = self.faults.before("fired")
        now = self.clock.now()
        times = [START + at for at, state in self.turns if state is AlarmState.ALARM and START + at <= now]
        self.faults.after(number)
        return next((at for at in times if after < at <= until), None)

    async def firing(self, request: ActionRequest) -> Sequence[str] | Unknown:
        assert request.target == TARGET
        if self.guards_unread:
            return Unknown(unknown=self.guards_unread)
        fires = self.guard_at is not None and self.clock.now() >= START + self.guard_at
        return ("checkout-errors",) if fires else ()

    # what is done

    async def begin(self, request: ActionRequest, claim: Claim, token: UUID) -> str:
        assert claim.found is not None
        assert claim.found.rolling_back
        if self.rollback_refused:
            raise self.rollback_refused
        number = self.faults.before("begin")
        if token not in self.rollbacks:
            self.rollbacks[token] = (f"rollback-{len(self.rollbacks) + 1}", request, self.clock.now())
        self.faults.after(number)
        return self.rollbacks[token][0]

    async def succeeded(self, claim: Claim, execution_id: str) -> bool | None:
        assert claim.found is not None
        assert claim.found.rollback_id == execution_id
        number = self.faults.before("succeeded")
        begun = next(at for name, _, at in self.rollbacks.values() if name == execution_id)
        self.faults.after(number)
        return self.rollback_works if self.clock.now() >= begun + self.rollback_takes else None

    async def open(self, claim: Claim) -> str:
        if self.ops_items_refused:
            raise self.ops_items_refused
        number = self.faults.before("open")
        self.ops_items.setdefault(claim.claim_id, claim)
        assert self.ops_items[claim.claim_id] == claim, "a second OpsItem of a claim would say something else"
        self.faults.after(number)
        return f"oi-{len(self.ops_items)}"

    async def hear(self, claim: Claim, ops_item: str | None) -> None:
        if self.nobody_hears:
            raise self.nobody_hears
        number = self.faults.before("hear")
        self.heard.append((claim, ops_item))
        self.faults.after(number)

    async def write(self, entry: ActionEntry) -> None:
        number = self.faults.before(f"write {entry.step}")
        standing = self.entries.setdefault((entry.claim.claim_id, entry.step), entry)
        if standing != entry:
            raise AuditConflict(f"{entry.step} of {entry.claim.claim_id} stands already")
        self.faults.after(number)

    async def send(self, claim_id: UUID, after: timedelta) -> None:
        number = self.faults.before("send")
        self.sent.append(after)
        self.due.append((self.clock.now() + min(after, timedelta(seconds=900)), claim_id))
        self.faults.after(number)

    async def look(self, claim: Claim) -> Claim:
        if self.clock.now() < START + self.runs:
            return claim
        ended = {"state": ClaimState.DONE, "ended_at": self.clock.now()}
        return await self.ledger.move(claim, claim.model_copy(update=ended)) or claim

    # how it goes

    def verifier(self, patience: Patience | None = None, limits: ClaimLimits | None = None) -> Verifier:
        """Return the verifier of this world."""
        policy = self.policy.model_copy(update={"limits": limits}) if limits else self.policy
        reach = Reach(alarms=self, guards=self, rollbacks=self, ops_items=self, people=self)
        return Verifier(self.ledger, self, reach, policy, patience)

    def work(self, patience: Patience | None = None) -> FollowUpWork:
        """Return what does the follow-ups of this world."""
        return FollowUpWork(self.ledger, self, self.verifier(patience), self, self.clock, patience)

    async def claimed(self, request: ActionRequest, *, approval: bool = False) -> Claim:
        """Return a claim in the ledger, of which nothing was called."""
        now = self.clock.now()
        if await self.ledger.control() is None:
            await self.ledger.set_control(Control(mode=Mode.ACTIVE, reason="test", by="test", at=now))
        wanted = wanted_of(request, now, approval=approval)
        found = await self.ledger.claim(wanted, ClaimLimits(cooldown=timedelta()), now)
        assert not isinstance(found, NotClaimed)
        return found

    async def started(self, request: ActionRequest) -> Claim:
        """Return a claim whose action runs."""
        return await self._moved(await self.claimed(request), ClaimState.INTENT, ClaimState.STARTED)

    async def done(self, request: ActionRequest, *, approval: bool = False) -> Claim:
        """Return a claim whose action ended just now."""
        claim = await self.claimed(request, approval=approval)
        claim = await self._moved(claim, ClaimState.INTENT, ClaimState.STARTED, ClaimState.DONE)
        self.faults.counting = True
        return claim

    async def _moved(self, claim: Claim, *states: ClaimState) -> Claim:
        for state in states:
            ended = self.clock.now() if state is ClaimState.DONE else None
            changed = {"state": state, "ended_at": ended, "execution_id": "execution-1"}
            moved = await self.ledger.move(claim, claim.model_copy(update=changed))
            assert moved is not None
            claim = moved
        return claim

    async def swept(self, claim: Claim) -> Claim:
        """Sweep every half minute until it is known whether a claim helped, although its follow-ups are lost."""
        work = self.work()
        while not any(each.claim_id == claim.claim_id for each in await work.sweep()):
            assert self.clock.now() < START + LONGEST, "it never ends"
            await self.clock.sleep(REDELIVERED.total_seconds())
        found = await self.ledger.find(claim.claim_id)
        assert found is not None
        return found

    async def followed(self, claim: Claim, patience: Patience | None = None) -> Claim:
        """Deliver follow-ups until none is left, again where one failed, and return the claim as it stands then."""
        work = self.work(patience)
        self.due.append((self.clock.now(), claim.claim_id))
        while self.due:
            assert self.clock.now() < START + LONGEST, "it never ends"
            self.due.sort()
            at, claim_id = self.due.pop(0)
            await self.clock.sleep(max(0.0, (at - self.clock.now()).total_seconds()))
            try:
                await work.follow(claim_id)
            except ServiceUnavailable:
                self.due.append((self.clock.now() + REDELIVERED, claim_id))
        found = await self.ledger.find(claim.claim_id)
        assert found is not None
        return found


def followed(world: World, *, rolls_back: bool = True, patience: Patience | None = None) -> Claim:
    """Return what comes of an action that has just ended."""

    async def main() -> Claim:
        return await world.followed(await world.done(scale_out() if rolls_back else restart()), patience)

    return run(main())


def steps(world: World) -> list[Step]:
    """Return which steps the action log holds, in order."""
    return [step for _, step in world.entries]
