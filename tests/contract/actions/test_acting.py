"""The whole way of an action: DynamoDB, the action log in S3's stand-in, a real runbook, and an ECS service."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from acting import Reading
from command_line import typed
from embedded_automation import ROOT, Automation, HeldClock, running
from fake_automation import FakeAutomation, FakeTargets
from typer.testing import Result
from virtual_time import START

from autocloudops.actions.accounts import ActionClients
from autocloudops.actions.dispatcher import Dispatcher, Present, Worker
from autocloudops.actions.executions import Executions
from autocloudops.actions.looking import Onlooker
from autocloudops.actions.recording import Recorder
from autocloudops.actions.runbook import RunbookSetup
from autocloudops.actions.sweeping import Sweeper
from autocloudops.actions.withdrawing import Withdrawals
from autocloudops.alarms.model import AlarmKey, ResourceRef
from autocloudops.audit.actions import ActionObjects
from autocloudops.audit.objects import FolderObjects
from autocloudops.catalogue.model import ActionRequest, EffectClass
from autocloudops.clock import SystemClock
from autocloudops.decisions.claims import Claim, ClaimState, Control, claim_id_of
from autocloudops.decisions.limits import ClaimLimits
from autocloudops.decisions.model import Policy
from autocloudops.decisions.modes import Mode
from autocloudops.entrypoints import wiring
from autocloudops.sandbox import SandboxResources
from autocloudops.sandbox.foundation import client
from autocloudops.state.claims import DynamoLedger

RUNBOOKS = Path(__file__).parents[3] / "infrastructure" / "runbooks"
LIMITS = ClaimLimits()
LOST = LIMITS.lease.total_seconds() + 1
ACCOUNT = ROOT.split(":")[4]
MOST_SWEEPS = 200


class SharedClock(HeldClock):
    """The clock of worker and stand-in, on which a pause takes no time."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0 * seconds)


@dataclass
class World:
    """An ECS service of two tasks, and workers that may scale it."""

    automation: Automation
    ecs: Any
    cluster: str
    table: str
    audit: Path
    stack: AsyncExitStack
    region: str

    @property
    def request(self) -> ActionRequest:
        target = ResourceRef(
            type="ecs:service",
            id=f"{self.cluster}/orders",
            account=ACCOUNT,
            region=self.region,
            owner=f"ecs-service/{self.cluster}/orders",
        )
        counts = {"DesiredCount": "3", "ExpectedDesiredCount": "2"}
        return ActionRequest(
            action="scale_out_service",
            runbook="AutoCloudOps-ScaleOutService",
            target=target,
            parameters={"Cluster": self.cluster, "Service": "orders", **counts},
        )

    @property
    def clock(self) -> SharedClock:
        shared = SharedClock()
        shared.seconds = self.automation.clock.seconds
        return shared

    def claim(self, *, approval: bool = False) -> Claim:
        now = self.automation.clock.now()
        incident = UUID("0b6e8c1a-0000-4000-8000-000000000009")
        return Claim(
            claim_id=claim_id_of(incident, self.request),
            incident_id=incident,
            decision_id=uuid4(),
            request=self.request,
            effect=EffectClass.TOKEN,
            alarm=AlarmKey(account=ACCOUNT, region=self.region, name="orders-cpu"),
            approval=approval,
            worker="first",
            lease_until=now + LIMITS.lease,
            claimed_at=now,
            before={"DesiredCount": "2"},
        )

    async def ledger(self) -> DynamoLedger:
        return DynamoLedger(await wiring.open_table(self.stack), self.table, self.clock)

    async def switch(self, mode: Mode) -> None:
        now = self.automation.clock.now()
        await (await self.ledger()).set_control(Control(mode=mode, reason="a test", by="a test", at=now))

    async def worker(self, name: str = "first") -> tuple[Dispatcher, Withdrawals, Sweeper]:
        clock, ledger = self.clock, await self.ledger()
        role = "arn:aws:iam::{account}:role/{runbook}"
        setup = RunbookSetup(role=role, table=self.table, approvers=(ROOT,))
        executions = Executions(ActionClients(self.stack, clock, ACCOUNT))
        recorder = Recorder(ledger, ActionObjects(FolderObjects(self.audit)), clock)
        present = Present(Reading(), FakeTargets(FakeAutomation()))
        worker = Worker(name, Policy(mode=Mode.ACTIVE, limits=LIMITS), setup)
        dispatcher = Dispatcher(ledger, recorder, executions, present, worker, clock)
        withdrawals = Withdrawals(ledger, executions, Onlooker(recorder, executions), clock)
        return dispatcher, withdrawals, Sweeper(ledger, dispatcher, withdrawals, clock)

    async def swept(self, name: str, *states: ClaimState) -> Claim:
        """Sweep until the claim is in one of these states."""
        _, _, sweeper = await self.worker(name)
        ledger = await self.ledger()
        for _ in range(MOST_SWEEPS):
            await sweeper.sweep()
            found = await ledger.find(self.claim().claim_id)
            if found and found.state in states:
                return found
        raise AssertionError(f"the claim never was any of {states}: {await ledger.find(self.claim().claim_id)}")

    async def asked(self) -> None:
        """Wait until the runbook waits for a person."""
        (execution,) = self.automation.server.world.executions
        await self.automation.shown(execution, "Waiting")

    async def desired(self) -> int:
        found = await self.ecs.describe_services(cluster=self.cluster, services=["orders"])
        return int(found["services"][0]["desiredCount"])

    def entries(self) -> Sequence[Mapping[str, Any]]:
        """Return the action log, in the order of its keys."""
        return [json.loads(path.read_bytes()) for path in sorted(self.audit.rglob("*.json"))]


@pytest.fixture
async def world(
    foundation: SandboxResources, stack: AsyncExitStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[World]:
    """A stand-in with the project's runbooks, in front of an account with one service."""
    url, cluster = foundation.endpoint_url, f"c{uuid4().hex[:12]}"
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, foundation.region)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    monkeypatch.setenv("AUTOCLOUDOPS_STATE_TABLE", foundation.state_table)
    async with running(url) as automation, client("ecs", url) as ecs:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", automation.server.url)
        automation.clock.forward((SystemClock().now() - START).total_seconds())
        automation.server.load(RUNBOOKS)
        await ecs.create_cluster(clusterName=cluster)
        containers = [{"name": "web", "image": "web:1", "memory": 64}]
        await ecs.register_task_definition(family=cluster, containerDefinitions=containers)
        await ecs.create_service(cluster=cluster, serviceName="orders", taskDefinition=cluster, desiredCount=2)
        yield World(automation, ecs, cluster, foundation.state_table, tmp_path, stack, foundation.region)


async def in_shell(*words: str) -> Result:
    """Type a command while the stand-ins answer."""
    return await asyncio.to_thread(typed, *words)


async def test_a_service_is_scaled_once_and_the_log_says_so(world: World) -> None:
    """In mode active the desired count becomes three; a second delivery changes nothing."""
    await world.switch(Mode.ACTIVE)
    dispatcher, _, _ = await world.worker()
    begun = await dispatcher.act(world.claim())
    assert isinstance(begun, Claim)
    assert begun.state is ClaimState.STARTED
    again = await dispatcher.act(world.claim())
    assert not isinstance(again, Claim)
    done = await world.swept("second", ClaimState.DONE)
    assert await world.desired() == 3
    assert "readBefore.DesiredCount 2" in done.said
    intent, outcome = world.entries()
    assert (intent["step"], intent["claim"]["sent"]["DesiredCount"]) == ("intent", ["3"])
    assert (outcome["step"], outcome["claim"]["state"]) == ("outcome", "done")
    assert len(world.automation.server.world.executions) == 1


async def test_an_answer_that_was_lost_is_found_again(world: World) -> None:
    """The runbook runs once, although nobody heard that it began."""
    await world.switch(Mode.ACTIVE)
    world.automation.server.fault("StartAutomationExecution", "lost_reply")
    dispatcher, _, _ = await world.worker()
    left = await dispatcher.act(world.claim())
    assert isinstance(left, Claim)
    assert left.state is ClaimState.INTENT
    world.automation.clock.forward(LOST)
    await world.swept("second", ClaimState.DONE)
    assert await world.desired() == 3
    assert len(world.automation.server.world.executions) == 1


async def test_a_request_that_was_lost_is_made_again_with_the_same_token(world: World) -> None:
    """Where nothing began, the one who takes over begins it."""
    await world.switch(Mode.ACTIVE)
    world.automation.server.fault("StartAutomationExecution", "lost_request")
    dispatcher, _, _ = await world.worker()
    await dispatcher.act(world.claim())
    world.automation.clock.forward(LOST)
    await world.swept("second", ClaimState.DONE)
    assert await world.desired() == 3


async def test_the_kill_switch_stops_a_runbook_that_has_not_changed_anything(world: World) -> None:
    """A control item that is lowered after the claim ends the runbook before its change."""
    await world.switch(Mode.APPROVE)
    dispatcher, _, _ = await world.worker()
    await dispatcher.act(world.claim(approval=True))
    await world.asked()
    await world.switch(Mode.OFF)
    (execution,) = world.automation.server.world.executions
    await world.automation("send_automation_signal", AutomationExecutionId=execution, SignalType="Approve")
    failed = await world.swept("second", ClaimState.FAILED, ClaimState.DONE)
    assert "modeAllowsApproved" in failed.said
    assert await world.desired() == 2


async def test_a_person_lists_sees_and_approves_at_the_command_line(world: World) -> None:
    """The command line shows the exact action with its undo, and what was approved is done and names the person."""
    await world.switch(Mode.APPROVE)
    dispatcher, _, _ = await world.worker()
    waiting = await dispatcher.act(world.claim(approval=True))
    assert isinstance(waiting, Claim)
    await world.asked()
    listed = await in_shell("approvals", "list", "--output", "json")
    row = json.loads(listed.stdout)
    assert (row["id"], row["parameters"]["DesiredCount"]) == (str(waiting.claim_id), ["3"])
    unasked = await in_shell("approvals", "approve", row["id"][:8])
    assert (unasked.exit_code, "--yes" in unasked.stderr) == (252, True)
    answered = await in_shell("approvals", "approve", row["id"][:8], "--yes", "--output", "text")
    assert answered.exit_code == 0, answered.stderr
    assert "from 2 to 3" in answered.stdout.splitlines()[0]
    assert answered.stdout.splitlines()[1].startswith("Undo: Sets the desired count of ECS service")
    assert f"AutomationAssumeRole = arn:aws:iam::{ACCOUNT}:role/AutoCloudOps-ScaleOutService" in answered.stdout
    done = await world.swept("second", ClaimState.DONE)
    assert done.said.startswith(f"approved by {ROOT}; succeeded")
    assert await world.desired() == 3
    assert world.entries()[1]["claim"]["said"].startswith(f"approved by {ROOT}")


async def test_a_person_rejects_at_the_command_line(world: World) -> None:
    """What was rejected changes nothing, and says by whom and why."""
    await world.switch(Mode.APPROVE)
    dispatcher, _, _ = await world.worker()
    waiting = await dispatcher.act(world.claim(approval=True))
    assert isinstance(waiting, Claim)
    await world.asked()
    words = ("approvals", "reject", str(waiting.claim_id), "--reason", "a deployment runs", "--yes")
    assert (await in_shell(*words)).exit_code == 0
    dropped = await world.swept("second", ClaimState.DROPPED)
    assert dropped.said.startswith(f"rejected by {ROOT}: a deployment runs; not approved")
    assert await world.desired() == 2
    assert (await in_shell(*words)).exit_code == 252


async def test_a_question_is_revoked_when_its_alarm_is_ok(world: World) -> None:
    """The runbook is stopped where it waits, and the claim is dropped."""
    await world.switch(Mode.APPROVE)
    dispatcher, withdrawals, _ = await world.worker()
    waiting = await dispatcher.act(world.claim(approval=True))
    assert isinstance(waiting, Claim)
    await world.asked()
    await withdrawals.revoke(waiting.incident_id, waiting.alarm)
    dropped = await world.swept("second", ClaimState.DROPPED)
    assert dropped.said.startswith("revoked: alarm orders-cpu is OK again; not approved: cancelled")
    assert await world.desired() == 2


async def test_the_mode_is_shown_and_switched_at_the_command_line(world: World) -> None:
    """Without an item `get` fails; `set` says what it changes, needs --yes without a terminal, and names the person."""
    assert (await in_shell("mode", "get")).exit_code == 1
    unasked = await in_shell("mode", "set", "active", "--reason", "trial")
    assert (unasked.exit_code, "--yes" in unasked.stderr) == (252, True)
    assert (await in_shell("mode", "get")).exit_code == 1
    switched = await in_shell("mode", "set", "active", "--reason", "trial", "--yes", "--output", "json")
    assert switched.exit_code == 0, switched.stderr
    assert "now: no control item" in switched.stderr
    row = json.loads((await in_shell("mode", "get", "--output", "json")).stdout)
    assert row["when"] == "now"
    assert (row["mode"], row["reason"], row["by"]) == ("active", "trial", ROOT)
    dispatcher, _, _ = await world.worker()
    await dispatcher.act(world.claim())
    lowered = await in_shell("mode", "set", "off", "--reason", "a bad night", "--yes")
    assert f"now: active, since {row['at'][:10]}" in lowered.stderr
    assert "1 actions have begun and go on, 0 wait for approval" in lowered.stderr
