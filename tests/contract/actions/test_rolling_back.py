"""Verification against CloudWatch, OpsCenter, the project's own runbooks and an ECS service, all answered over HTTP."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from embedded_automation import ROOT, Automation, running
from verified_world import World, scale_out

from autocloudops.actions.accounts import ActionClients
from autocloudops.actions.alarm_states import CloudWatchAlarms
from autocloudops.actions.executions import Executions
from autocloudops.actions.facts.reading import Reads
from autocloudops.actions.guards import PolicyGuards
from autocloudops.actions.ops_items import SsmOpsItems
from autocloudops.actions.rollbacks import RunbookRollbacks
from autocloudops.actions.runbook import RunbookSetup
from autocloudops.actions.verification import Reach, Verifier
from autocloudops.catalogue.model import ActionRequest
from autocloudops.clock import SystemClock
from autocloudops.decisions.claims import Claim, Helped
from autocloudops.decisions.model import Policy
from autocloudops.decisions.modes import Mode
from autocloudops.entrypoints.wiring import open_table
from autocloudops.sandbox import SandboxResources
from autocloudops.sandbox.foundation import client
from autocloudops.state.claims import DynamoLedger

RUNBOOKS = Path(__file__).parents[3] / "infrastructure" / "runbooks"
ACCOUNT = ROOT.split(":")[4]
LATE = timedelta(minutes=15)


@dataclass
class Account:
    """An ECS service that was scaled out from 2 to 3, and its alarm, which still fires."""

    automation: Automation
    ecs: Any
    cluster: str
    verifier: Verifier
    world: World
    claim: Claim

    async def desired(self) -> int:
        found = await self.ecs.describe_services(cluster=self.cluster, services=["orders"])
        return int(found["services"][0]["desiredCount"])

    async def checked(self) -> Claim:
        """Look at the claim after the deadline, again and again while its rollback runs."""
        now = self.world.clock.now() + LATE
        for _ in range(3):
            self.claim = (await self.verifier.check(self.claim, now)).claim
            assert self.claim.found is not None
            if self.claim.found.rollback_id:
                await self.automation.shown(self.claim.found.rollback_id)
        return self.claim


@pytest.fixture
async def account(
    foundation: SandboxResources, stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Account]:
    """An account in which an action has just ended."""
    url, name = foundation.endpoint_url, f"c{uuid4().hex[:12]}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    for variable in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(variable, foundation.region)
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(variable, "testing")
    async with running(url) as automation, client("ecs", url) as ecs, client("cloudwatch", url) as cloudwatch:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", automation.server.url)
        automation.server.load(RUNBOOKS)
        await ecs.create_cluster(clusterName=name)
        await ecs.register_task_definition(family=name, containerDefinitions=[{"name": "web", "image": "w:1"}])
        await ecs.create_service(cluster=name, serviceName="orders", taskDefinition=name, desiredCount=3)
        await cloudwatch.put_metric_alarm(
            AlarmName=name,
            Namespace="AWS/ECS",
            MetricName="CPUUtilization",
            Statistic="Average",
            Period=60,
            ComparisonOperator="GreaterThanThreshold",
            EvaluationPeriods=1,
            Threshold=80.0,
        )
        await cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="test")
        world = World(clock=automation.clock)
        world.ledger = DynamoLedger(await open_table(stack), foundation.state_table, automation.clock)
        verifier = _verifier(world, stack, foundation.state_table)
        claim = await world.done(_request(name, foundation.region))
        alarm = claim.alarm.model_copy(update={"account": ACCOUNT, "region": foundation.region, "name": name})
        yield Account(automation, ecs, name, verifier, world, claim.model_copy(update={"alarm": alarm}))


def _request(cluster: str, region: str) -> ActionRequest:
    made = scale_out()
    target = made.target.model_copy(update={"id": f"{cluster}/orders", "account": ACCOUNT, "region": region})
    counts = {"DesiredCount": "3", "ExpectedDesiredCount": "2"}
    parameters = {"Cluster": cluster, "Service": "orders", **counts}
    return made.model_copy(update={"target": target, "parameters": parameters})


def _verifier(world: World, stack: AsyncExitStack, table: str) -> Verifier:
    clients = ActionClients(stack, SystemClock(), ACCOUNT)
    reads, setup = Reads(clients, 10), RunbookSetup(role="arn:aws:iam::{account}:role/{runbook}", table=table)
    reach = Reach(
        alarms=CloudWatchAlarms(reads),
        guards=PolicyGuards(reads, ()),
        rollbacks=RunbookRollbacks(Executions(clients), setup),
        ops_items=SsmOpsItems(reads),
        people=world,
    )
    return Verifier(world.ledger, world, reach, Policy(mode=Mode.ACTIVE))


async def test_what_did_not_help_is_taken_back(account: Account) -> None:
    """The alarm still fires: the project's own runbook sets the count back, once, and the claim says so."""
    claim = await account.checked()
    assert (claim.helped, await account.desired()) == (Helped.ROLLED_BACK, 2)
    assert len(account.automation.server.world.executions) == 1
    assert account.automation.server.world.ops_items == {}


async def test_a_lost_answer_begins_no_second_rollback(account: Account) -> None:
    """Whoever does not know whether it began finds it by its token, and waits for it."""
    account.automation.server.fault("StartAutomationExecution", "lost_reply")
    claim = await account.checked()
    assert (claim.helped, await account.desired()) == (Helped.ROLLED_BACK, 2)
    assert len(account.automation.server.world.executions) == 1


async def test_what_somebody_else_changed_is_left_alone(account: Account) -> None:
    """Where the count is no longer what the action made it the runbook refuses, and a person gets an OpsItem."""
    await account.ecs.update_service(cluster=account.cluster, service="orders", desiredCount=5)
    claim = await account.checked()
    assert (claim.helped, await account.desired()) == (Helped.NOT_VERIFIED, 5)
    (item,) = account.automation.server.world.ops_items.values()
    assert str(claim.claim_id) in item.dedup
    assert claim.found is not None
    assert f"its rollback {claim.found.rollback_id} failed" in claim.found.why
