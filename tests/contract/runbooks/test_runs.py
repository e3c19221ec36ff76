"""The runbooks, run by the stand-in for SSM Automation against ministack."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from embedded_automation import LOOK_SECONDS, ROOT, statuses

from autocloudops.cli.runbooks.documents import folder
from autocloudops.sandbox import SandboxResources, foundation
from autocloudops.sandbox.automation import EmbeddedAutomation

ROLE = "arn:aws:iam::111122223333:role/AutoCloudOps-ScaleOutService"
POLL_SECONDS = 0.05


@dataclass
class World:
    """Everything that the runbooks are run on: the stand-in with the documents, and a control item of their own."""

    server: EmbeddedAutomation
    ssm: Any
    dynamodb: Any
    ecs: Any
    table: str

    async def start(self, name: str, **parameters: str | list[str]) -> str:
        """Start a document, and return the execution's id."""
        given = {
            "AutomationAssumeRole": ROLE,
            "StateTable": self.table,
            "ClaimId": str(uuid4()),
            "RequireApproval": "false",
            **parameters,
        }
        said = {key: value if isinstance(value, list) else [value] for key, value in given.items()}
        started = await self.ssm.start_automation_execution(DocumentName=f"AutoCloudOps-{name}", Parameters=said)
        return str(started["AutomationExecutionId"])

    async def run(self, name: str, **parameters: str | list[str]) -> dict[str, Any]:
        """Run a document, and return the execution when it has ended."""
        return await self.ended(await self.start(name, **parameters))

    async def ended(self, identity: str) -> dict[str, Any]:
        """Return an execution when it has ended."""
        async with asyncio.timeout(LOOK_SECONDS):
            await self.server._runs[identity]
        return await self.shown(identity)

    async def shown(self, identity: str) -> dict[str, Any]:
        """Return an execution as it is now."""
        got = await self.ssm.get_automation_execution(AutomationExecutionId=identity)
        execution: dict[str, Any] = got["AutomationExecution"]
        return execution

    async def waits(self, identity: str) -> None:
        """Return when an execution waits for a person."""
        async with asyncio.timeout(LOOK_SECONDS):
            while (await self.shown(identity))["AutomationExecutionStatus"] != "Waiting":
                pass

    async def approve(self, identity: str) -> dict[str, Any]:
        """Approve an execution that waits, and return it when it has ended."""
        await self.ssm.send_automation_signal(AutomationExecutionId=identity, SignalType="Approve")
        return await self.ended(identity)

    async def set_mode(self, mode: str) -> None:
        """Write the control item as `autocloudops mode set` does."""
        item = {"pk": {"S": "CONTROL"}, "sk": {"S": "CONTROL"}, "mode": {"S": mode}}
        await self.dynamodb.put_item(TableName=self.table, Item=item)

    async def service(self) -> Mapping[str, Any]:
        """Return the ECS service as it is now."""
        found = await self.ecs.describe_services(cluster=self.table, services=["api"])
        (service,) = found["services"]
        assert isinstance(service, dict)
        return service

    @property
    def of_service(self) -> dict[str, str]:
        """The parameters that name the ECS service."""
        return {"Cluster": self.table, "Service": "api"}


@pytest.fixture
async def world(embedded_aws: SandboxResources) -> AsyncIterator[World]:
    """A table with an active control item, and an ECS service of two tasks."""
    name = f"runbooks-{uuid4().hex[:8]}"
    keys = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
    types = [{"AttributeName": key, "AttributeType": "S"} for key in ("pk", "sk")]
    container = {"name": "api", "image": "api:1", "memory": 64}
    url = embedded_aws.endpoint_url
    async with foundation.client("dynamodb", url) as dynamodb, foundation.client("ecs", url) as ecs:
        await dynamodb.create_table(
            TableName=name, KeySchema=keys, AttributeDefinitions=types, BillingMode="PAY_PER_REQUEST"
        )
        await ecs.create_cluster(clusterName=name)
        for _ in range(2):
            await ecs.register_task_definition(family=name, containerDefinitions=[container])
        await ecs.create_service(cluster=name, serviceName="api", taskDefinition=f"{name}:2", desiredCount=2)
        async with (
            EmbeddedAutomation(url, poll_seconds=POLL_SECONDS) as server,
            foundation.client("ssm", server.url) as client,
        ):
            server.load(folder())
            made = World(server, client, dynamodb, ecs, name)
            await made.set_mode("active")
            yield made
        await ecs.delete_service(cluster=name, service="api", force=True)
        await dynamodb.delete_table(TableName=name)


async def test_a_service_is_scaled_out_and_back(world: World) -> None:
    """The count truly changes from what was expected to what is wanted, and the same runbook takes it back."""
    there = await world.run("ScaleOutService", **world.of_service, DesiredCount="3", ExpectedDesiredCount="2")
    assert there["AutomationExecutionStatus"] == "Success", json.dumps(there, default=str)
    assert (await world.service())["desiredCount"] == 3
    assert there["Outputs"]["readBefore.DesiredCount"] == ["2"]
    back = await world.run("ScaleOutService", **world.of_service, DesiredCount="2", ExpectedDesiredCount="3")
    assert back["AutomationExecutionStatus"] == "Success"
    assert (await world.service())["desiredCount"] == 2


async def test_a_count_that_somebody_changed_is_left_alone(world: World) -> None:
    """Where the count is not what it was when that was decided, the runbook fails before its change."""
    ended = await world.run("ScaleOutService", **world.of_service, DesiredCount="6", ExpectedDesiredCount="4")
    assert ended["AutomationExecutionStatus"] == "Failed"
    assert statuses(ended)["countIsAsExpected"] == "Failed"
    assert (await world.service())["desiredCount"] == 2


async def test_a_lower_mode_stops_a_runbook_that_nobody_approved(world: World) -> None:
    """The kill switch works in the runbook too: it fails at its first look, before anything is read or changed."""
    for mode in ("off", "dry-run", "approve"):
        await world.set_mode(mode)
        ended = await world.run("ScaleOutService", **world.of_service, DesiredCount="3", ExpectedDesiredCount="2")
        assert ended["AutomationExecutionStatus"] == "Failed"
        ran = {name: status for name, status in statuses(ended).items() if status != "Pending"}
        assert ran == {"chooseApproval": "Success", "modeIsActive": "Failed"}
    assert (await world.service())["desiredCount"] == 2


async def test_without_a_control_item_nothing_is_done(world: World) -> None:
    """An absent control item is no permission."""
    await world.dynamodb.delete_item(TableName=world.table, Key={"pk": {"S": "CONTROL"}, "sk": {"S": "CONTROL"}})
    ended = await world.run("RestartService", **world.of_service)
    assert (ended["AutomationExecutionStatus"], statuses(ended)["modeIsActive"]) == ("Failed", "Failed")


async def test_an_approved_runbook_runs_in_mode_approve(world: World) -> None:
    """It waits for a person and does nothing; when one approves, it goes on and does what was shown."""
    await world.set_mode("approve")
    counts = {"DesiredCount": "3", "ExpectedDesiredCount": "2"}
    asked = await world.start("ScaleOutService", **world.of_service, **counts, RequireApproval="true", Approvers=[ROOT])
    await world.waits(asked)
    assert statuses(await world.shown(asked))["approve"] == "Waiting"
    assert (await world.service())["desiredCount"] == 2
    assert (await world.approve(asked))["AutomationExecutionStatus"] == "Success"
    assert (await world.service())["desiredCount"] == 3


async def test_the_kill_switch_counts_after_the_approval(world: World) -> None:
    """What was approved before the mode was lowered is not done after it."""
    asked = await world.start("RestartService", **world.of_service, RequireApproval="true", Approvers=[ROOT])
    await world.waits(asked)
    await world.set_mode("off")
    ended = await world.approve(asked)
    assert (ended["AutomationExecutionStatus"], statuses(ended)["modeAllowsApproved"]) == ("Failed", "Failed")


async def test_a_service_is_restarted(world: World) -> None:
    """A restart is a new deployment of the same task definition."""
    before = await world.service()
    ended = await world.run("RestartService", **world.of_service)
    assert statuses(ended)["restart"] == "Success", json.dumps(ended, default=str)
    after = await world.service()
    assert after["deployments"][0]["id"] != before["deployments"][0]["id"]
    assert after["taskDefinition"] == before["taskDefinition"]


async def test_a_service_goes_back_to_a_given_task_definition(world: World) -> None:
    """The task definition that was named is deployed; ministack keeps no service deployments to find one by itself."""
    now = (await world.service())["taskDefinition"]
    wanted = now.replace(":2", ":1") if now.endswith(":2") else now
    given = {"TaskDefinition": wanted, "ExpectedTaskDefinition": now}
    ended = await world.run("RollBackDeployment", **world.of_service, **given)
    assert statuses(ended)["deployGiven"] == "Success", json.dumps(ended, default=str)
    assert (await world.service())["taskDefinition"] == wanted != now
    assert ended["Outputs"]["readBefore.TaskDefinition"] == [now]


async def test_a_service_without_an_earlier_deployment_is_left_alone(world: World) -> None:
    """Where no deployment says what ran before, the runbook fails before its change."""
    now = (await world.service())["taskDefinition"]
    ended = await world.run("RollBackDeployment", **world.of_service, ExpectedTaskDefinition=now)
    assert (ended["AutomationExecutionStatus"], statuses(ended)["readCurrentDeployment"]) == ("Failed", "Failed")
    assert (await world.service())["taskDefinition"] == now


async def test_what_was_deployed_since_is_not_rolled_back(world: World) -> None:
    """Whoever approves a rollback after somebody has deployed a repair does not take the repair away."""
    now = (await world.service())["taskDefinition"]
    earlier = f"{now.rpartition(':')[0]}:999"
    ended = await world.run(
        "RollBackDeployment", **world.of_service, TaskDefinition=now, ExpectedTaskDefinition=earlier
    )
    assert (ended["AutomationExecutionStatus"], statuses(ended)["taskDefinitionIsAsExpected"]) == ("Failed", "Failed")
    assert "deployGiven" not in {name for name, status in statuses(ended).items() if status == "Success"}


async def test_a_group_is_scaled_out(world: World, embedded_aws: SandboxResources) -> None:
    """The desired capacity of an Auto Scaling group truly changes."""
    async with foundation.client("autoscaling", embedded_aws.endpoint_url) as autoscaling:
        await autoscaling.create_auto_scaling_group(
            AutoScalingGroupName=world.table, MinSize=1, MaxSize=6, DesiredCapacity=2, AvailabilityZones=["us-east-1a"]
        )
        ended = await world.run("ScaleOutGroup", Group=world.table, DesiredCount="3", ExpectedDesiredCount="2")
        assert ended["AutomationExecutionStatus"] == "Success", json.dumps(ended, default=str)
        found = await autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[world.table])
        assert found["AutoScalingGroups"][0]["DesiredCapacity"] == 3
        await autoscaling.delete_auto_scaling_group(AutoScalingGroupName=world.table, ForceDelete=True)


async def test_diagnostics_are_read(world: World) -> None:
    """A snapshot has the service's counts, deployments and events, and leaves it as it was."""
    before = await world.service()
    ended = await world.run("CollectDiagnostics", Kind="ecs-service", **world.of_service)
    assert ended["AutomationExecutionStatus"] == "Success", json.dumps(ended, default=str)
    assert ended["Outputs"]["readService.DesiredCount"] == ["2"]
    assert ended["Outputs"]["readService.TaskDefinition"] == [before["taskDefinition"]]
    assert (await world.service())["deployments"] == before["deployments"]


async def test_one_ops_item_is_opened_for_a_claim(world: World) -> None:
    """The same claim opens no second item: OpsCenter knows the first by its deduplication string."""
    claim = str(uuid4())
    first = await world.run("OpenOpsItem", Resource="ecs:service/shop/api", ClaimId=claim)
    assert first["AutomationExecutionStatus"] == "Success", json.dumps(first, default=str)
    again = await world.run("OpenOpsItem", Resource="ecs:service/shop/api", ClaimId=claim)
    assert "OpsItemAlreadyExists" in again["FailureMessage"]


async def test_people_are_told(world: World, embedded_aws: SandboxResources) -> None:
    """The message goes to the topic of the approvals."""
    ended = await world.run(
        "Notify", Resource="ecs:service/shop/api", ApprovalTopicArn=embedded_aws.decisions_topic_arn
    )
    assert ended["AutomationExecutionStatus"] == "Success", json.dumps(ended, default=str)
    assert ended["Outputs"]["tell.MessageId"]
