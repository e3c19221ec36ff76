"""The project's own runbooks, run against the embedded AWS."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from embedded_automation import ROOT, Automation, running, statuses

from autocloudops.sandbox import SandboxResources
from autocloudops.sandbox.foundation import client

RUNBOOKS = Path(__file__).parents[3] / "infrastructure" / "runbooks"
ROLE = "arn:aws:iam::111122223333:role/runbook"
pytestmark = pytest.mark.skipif(not RUNBOOKS.is_dir(), reason="the runbooks are not in this checkout")


@dataclass
class Account:
    """A stand-in with all runbooks, an ECS service of two tasks, and a table for the control item.

    `name` is that of the cluster and of the table.
    """

    automation: Automation
    url: str
    ecs: Any
    name: str

    async def allow(self, mode: str) -> None:
        """Set the control item."""
        async with client("dynamodb", self.url) as dynamodb:
            item = {"pk": {"S": "CONTROL"}, "sk": {"S": "CONTROL"}, "mode": {"S": mode}}
            await dynamodb.put_item(TableName=self.name, Item=item)

    async def start(self, runbook: str, **parameters: str) -> str:
        """Start a runbook with these parameters and those that each of them has."""
        common = {"AutomationAssumeRole": ROLE, "StateTable": self.name, "ClaimId": str(uuid4())}
        said = {"RequireApproval": "false"} | common | parameters
        return await self.automation.start(runbook, Parameters={name: [value] for name, value in said.items()})

    async def scaled(self, **more: str) -> str:
        """Start the scale-out of the service from two to three."""
        asked = {"Cluster": self.name, "Service": "orders", "DesiredCount": "3", "ExpectedDesiredCount": "2"}
        return await self.start("AutoCloudOps-ScaleOutService", **asked | more)

    async def desired(self) -> int:
        """Return how many tasks the service wants now."""
        found = await self.ecs.describe_services(cluster=self.name, services=["orders"])
        return int(found["services"][0]["desiredCount"])


@pytest.fixture
async def account(embedded_aws: SandboxResources) -> AsyncIterator[Account]:
    """An account in which nothing is allowed yet."""
    url, name = embedded_aws.endpoint_url, f"c{uuid4().hex[:12]}"
    async with running(url) as automation, client("ecs", url) as ecs, client("dynamodb", url) as dynamodb:
        automation.server.load(RUNBOOKS)
        await dynamodb.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": each, "AttributeType": "S"} for each in ("pk", "sk")],
        )
        await ecs.create_cluster(clusterName=name)
        containers = [{"name": "web", "image": "web:1", "memory": 64}]
        await ecs.register_task_definition(family=name, containerDefinitions=containers)
        await ecs.create_service(cluster=name, serviceName="orders", taskDefinition=name, desiredCount=2)
        yield Account(automation, url, ecs, name)


async def test_scaling_out_changes_the_desired_count_once_and_puts_out_what_it_was(account: Account) -> None:
    """In mode active the count becomes 3; a second execution for the same expectation finds 3 and changes nothing."""
    await account.allow("active")
    execution = await account.automation.shown(await account.scaled())
    assert execution["AutomationExecutionStatus"] == "Success", execution
    assert execution["Outputs"]["readBefore.DesiredCount"] == ["2"]
    assert execution["Outputs"]["setCount.DesiredCount"] == ["3"]
    assert await account.desired() == 3
    second = await account.automation.shown(await account.scaled(DesiredCount="4"))
    assert (second["AutomationExecutionStatus"], statuses(second)["countIsAsExpected"]) == ("Failed", "Failed")
    assert await account.desired() == 3


@pytest.mark.parametrize("mode", ["", "off", "dry-run", "approve"])
async def test_nothing_changes_unless_the_control_item_allows_it(account: Account, mode: str) -> None:
    """Without a control item, or in a lower mode, the runbook fails before its first look at the service."""
    if mode:
        await account.allow(mode)
    execution = await account.automation.shown(await account.scaled())
    assert execution["AutomationExecutionStatus"] == "Failed"
    assert statuses(execution)["modeIsActive"] == "Failed"
    assert statuses(execution)["readBefore"] == "Pending"
    assert await account.desired() == 2


async def test_an_approved_runbook_acts_and_a_stopped_one_does_not(account: Account) -> None:
    """In mode approve it waits for an approver; stopped while it waits, it never acts, and approved it does."""
    await account.allow("approve")
    asked = {"RequireApproval": "true", "Approvers": ROOT}
    stopped = await account.scaled(**asked)
    await account.automation.shown(stopped, "Waiting")
    await account.automation("stop_automation_execution", AutomationExecutionId=stopped)
    assert (await account.automation.shown(stopped))["AutomationExecutionStatus"] == "Cancelled"
    assert await account.desired() == 2
    approved = await account.scaled(**asked)
    await account.automation.shown(approved, "Waiting")
    await account.automation("send_automation_signal", AutomationExecutionId=approved, SignalType="Approve")
    assert (await account.automation.shown(approved))["AutomationExecutionStatus"] == "Success"
    assert await account.desired() == 3


@pytest.mark.parametrize(
    ("runbook", "output", "parameters"),
    [
        ("RestartService", "restart.DeploymentId", {"Service": "orders"}),
        ("CollectDiagnostics", "readService.RunningCount", {"Kind": "ecs-service", "Service": "orders"}),
        ("RestartDatabaseClients", "restart.DeploymentId", {"Kind": "ecs-service", "Service": "orders"}),
    ],
)
async def test_each_runbook_about_a_service_runs_to_its_end(
    account: Account, runbook: str, output: str, parameters: dict[str, str]
) -> None:
    """The other runbooks for an ECS service succeed, and put out what they read or did."""
    await account.allow("active")
    identity = await account.start(f"AutoCloudOps-{runbook}", Cluster=account.name, **parameters)
    execution = await account.automation.shown(identity)
    assert execution["AutomationExecutionStatus"] == "Success", execution["FailureMessage"]
    assert "No output" not in execution["Outputs"][output][0]


async def test_a_person_is_told_and_an_ops_item_opened(account: Account, foundation: SandboxResources) -> None:
    """The message reaches the topic's queue, and the OpsItem stands in the stand-in once for a claim."""
    await account.allow("active")
    resource, claim = "arn:aws:ecs:us-east-1:111122223333:service/a/orders", str(uuid4())
    for succeeds in (True, False):
        identity = await account.start("AutoCloudOps-OpenOpsItem", Resource=resource, ClaimId=claim)
        execution = await account.automation.shown(identity)
        assert (execution["AutomationExecutionStatus"] == "Success") is succeeds, execution
    (opened,) = account.automation.server.world.ops_items.values()
    assert resource in opened.request["Description"]
    topic = foundation.intake_topic_arn
    identity = await account.start("AutoCloudOps-Notify", Resource=resource, ApprovalTopicArn=topic)
    assert (await account.automation.shown(identity))["AutomationExecutionStatus"] == "Success"
    async with client("sqs", account.url) as sqs:
        got = await sqs.receive_message(QueueUrl=foundation.queue_url, WaitTimeSeconds=5)
    assert resource in got["Messages"][0]["Body"]


async def test_scaling_out_a_group_sets_its_desired_capacity(account: Account) -> None:
    """The group wants three instances where it wanted two."""
    await account.allow("active")
    group = f"g{uuid4().hex[:12]}"
    async with client("autoscaling", account.url) as autoscaling:
        await autoscaling.create_launch_configuration(
            LaunchConfigurationName=group, ImageId="ami-12345678", InstanceType="t3.micro"
        )
        await autoscaling.create_auto_scaling_group(
            AutoScalingGroupName=group,
            LaunchConfigurationName=group,
            MinSize=1,
            MaxSize=4,
            DesiredCapacity=2,
            AvailabilityZones=["us-east-1a"],
        )
        asked = {"Group": group, "DesiredCount": "3", "ExpectedDesiredCount": "2"}
        execution = await account.automation.shown(await account.start("AutoCloudOps-ScaleOutGroup", **asked))
        found = await autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[group])
    assert execution["AutomationExecutionStatus"] == "Success", execution
    assert found["AutoScalingGroups"][0]["DesiredCapacity"] == 3
