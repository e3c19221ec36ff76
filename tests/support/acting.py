"""Workers that act on a claim, over ports that a test holds."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast
from uuid import UUID, uuid5

from fake_automation import APPROVERS, FakeAutomation, FakeTargets, Interrupted, Interruptions, MemoryActionLog
from virtual_time import START, VirtualClock, run

from autocloudops.actions.approvals import Approvals
from autocloudops.actions.dispatcher import Dispatcher, Present, Worker
from autocloudops.actions.executions import Executions
from autocloudops.actions.judging import AlarmSeen
from autocloudops.actions.looking import Onlooker
from autocloudops.actions.recording import Recorder
from autocloudops.actions.rollbacks import RunbookRollbacks
from autocloudops.actions.runbook import RunbookSetup
from autocloudops.actions.sweeping import Sweeper
from autocloudops.actions.withdrawing import Withdrawals
from autocloudops.alarms.model import AlarmKey, AlarmState, ResourceRef
from autocloudops.catalogue.model import ActionRequest, EffectClass
from autocloudops.decisions.claims import Claim, Control, claim_id_of
from autocloudops.decisions.limits import ClaimLimits
from autocloudops.decisions.model import Policy
from autocloudops.decisions.modes import Mode
from autocloudops.errors import ServiceFailed
from autocloudops.state.memory_claims import MemoryLedger

INCIDENT = UUID("0b6e8c1a-0000-4000-8000-000000000002")
TARGET = ResourceRef(
    type="ecs:service",
    id="shop/orders",
    account="111122223333",
    region="eu-west-1",
    owner="ecs-service/shop/orders",
)
REQUEST = ActionRequest(
    action="scale_out_service",
    runbook="AutoCloudOps-ScaleOutService",
    target=TARGET,
    parameters={"Cluster": "shop", "Service": "orders", "DesiredCount": "3", "ExpectedDesiredCount": "2"},
)
SETUP = RunbookSetup(role="arn:aws:iam::{account}:role/{runbook}", table="autocloudops-state", approvers=APPROVERS)
LIMITS = ClaimLimits()
PERIOD = timedelta(seconds=60)
LOST = LIMITS.lease.total_seconds() + 1
TTL = timedelta(minutes=30)


def sent_for(token: UUID, *, approval: bool = False) -> Mapping[str, tuple[str, ...]]:
    """Return what `REQUEST`'s runbook is started with."""
    return SETUP.parameters(REQUEST, token, approval=approval)


def claim_of(effect: EffectClass = EffectClass.TOKEN, *, approval: bool = False, worker: str = "first") -> Claim:
    """Return the claim that a worker wants at this moment."""
    now = VirtualClock().now()
    return Claim(
        claim_id=claim_id_of(INCIDENT, REQUEST),
        incident_id=INCIDENT,
        decision_id=uuid5(INCIDENT, "0"),
        request=REQUEST,
        effect=effect,
        alarm=AlarmKey(account=TARGET.account, region=TARGET.region, name="orders-cpu"),
        approval=approval,
        worker=worker,
        lease_until=now + LIMITS.lease,
        claimed_at=now,
        before={"DesiredCount": "2"},
    )


@dataclass
class Actor:
    """One worker's own objects over the shared ports."""

    dispatcher: Dispatcher
    executions: Executions
    rollbacks: RunbookRollbacks
    approvals: Approvals
    withdrawals: Withdrawals
    sweeper: Sweeper


class Reading:
    """An alarm that a test writes, read before anything is begun and when it is verified, and no guard alarms."""

    def __init__(self) -> None:
        self.state: AlarmState | None = AlarmState.ALARM
        self.unreadable: ServiceFailed | None = None

    async def seen(self, key: AlarmKey) -> AlarmSeen | None:
        assert key.name
        if self.unreadable:
            raise self.unreadable
        return AlarmSeen(state=self.state, since=VirtualClock().now(), period=PERIOD) if self.state else None

    async def fired(self, *_: object) -> None:
        return None

    async def firing(self, request: ActionRequest) -> Sequence[str]:
        assert request.target.id
        return ()


@dataclass
class ActingWorld:
    """A ledger, an action log and SSM, which outlive any worker."""

    automation: FakeAutomation = field(default_factory=FakeAutomation)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    log: MemoryActionLog = field(default_factory=MemoryActionLog)
    reading: Reading = field(default_factory=Reading)
    policy: Policy = field(default_factory=lambda: Policy(mode=Mode.ACTIVE, limits=LIMITS))

    @property
    def targets(self) -> FakeTargets:
        return FakeTargets(self.automation)

    async def switch(self, mode: Mode, reason: str = "a test says so") -> None:
        await self.ledger.set_control(Control(mode=mode, reason=reason, by="a test", at=START))

    async def claim(self) -> Claim:
        """Return the claim as it stands."""
        found = await self.ledger.find(claim_id_of(INCIDENT, REQUEST))
        assert found is not None
        return found

    def worker(self, name: str = "first", interruptions: Interruptions | None = None) -> Actor:
        """Return a worker that may be gone at any of its calls."""
        gone = interruptions or Interruptions()
        clock = VirtualClock()

        def port(each: object) -> Any:  # noqa: ANN401 - stands in for any port
            return cast("Any", Interrupted(each, gone))

        ledger = port(self.ledger)
        executions = Executions(port(self.automation))
        recorder = Recorder(ledger, port(self.log), clock)
        worker = Worker(name, self.policy, SETUP)
        present = Present(port(self.reading), port(self.targets))
        dispatcher = Dispatcher(ledger, recorder, executions, present, worker, clock)
        withdrawals = Withdrawals(ledger, executions, Onlooker(recorder, executions), clock)
        return Actor(
            dispatcher=dispatcher,
            executions=executions,
            rollbacks=RunbookRollbacks(executions, SETUP),
            approvals=Approvals(ledger, executions, clock),
            withdrawals=withdrawals,
            sweeper=Sweeper(ledger, dispatcher, withdrawals, clock),
        )


def in_active(test: Callable[[ActingWorld], Awaitable[None]]) -> ActingWorld:
    """Run a test in virtual time against a world whose control item says `active`."""
    world = ActingWorld()

    async def body() -> None:
        await world.switch(Mode.ACTIVE)
        await test(world)

    run(body())
    return world
