"""Every kind of step of a runbook, run over HTTP against the embedded AWS."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from embedded_automation import LOOK_SECONDS, ROOT, Automation, call, running, statuses, step

from autocloudops.sandbox import SandboxResources, foundation

NAME = "AutoCloudOps-Small"


@pytest.fixture
async def automation(embedded_aws: SandboxResources) -> AsyncIterator[Automation]:
    """A stand-in without documents."""
    async with running(embedded_aws.endpoint_url) as opened:
        yield opened


@pytest.fixture
async def ecs(embedded_aws: SandboxResources) -> AsyncIterator[tuple[Any, str]]:
    """An ECS client, and a cluster with the service `orders` that wants two tasks."""
    cluster = f"c{uuid4().hex[:12]}"
    async with foundation.client("ecs", embedded_aws.endpoint_url) as client:
        await client.create_cluster(clusterName=cluster)
        await client.register_task_definition(
            family=cluster, containerDefinitions=[{"name": "web", "image": "web:1", "memory": 64}]
        )
        await client.create_service(cluster=cluster, serviceName="orders", taskDefinition=cluster, desiredCount=2)
        yield client, cluster


def described(cluster: str) -> dict[str, object]:
    """Return the inputs of a step that looks at the service."""
    return {"Service": "ecs", "Api": "DescribeServices", "cluster": cluster, "services": ["orders"]}


async def desired(ecs: tuple[Any, str]) -> int:
    """Return how many tasks the service wants now."""
    client, cluster = ecs
    found = await client.describe_services(cluster=cluster, services=["orders"])
    return int(found["services"][0]["desiredCount"])


async def test_a_runbook_changes_a_service_and_puts_out_what_it_was(
    automation: Automation, ecs: tuple[Any, str]
) -> None:
    """Typed parameters and outputs go through the steps, and the desired count in the embedded AWS truly changes."""
    _, cluster = ecs
    count = {"Name": "Desired", "Selector": "$.services[0].desiredCount", "Type": "Integer"}
    await automation.create(
        NAME,
        step("readBefore", "executeAwsApi", described("{{ Cluster }}"), outputs=[count]),
        call(
            "setCount",
            "ecs",
            "UpdateService",
            {"cluster": "{{ Cluster }}", "service": "orders", "desiredCount": "{{ DesiredCount }}"},
            outputs=[{"Name": "Service", "Selector": "$.service", "Type": "StringMap"}],
        ),
        step(
            "isSet",
            "assertAwsResourceProperty",
            {
                **described("{{ Cluster }}"),
                "PropertySelector": "$.services[0].desiredCount",
                "DesiredValues": ["{{ DesiredCount }}"],
            },
        ),
        parameters={"Cluster": {"type": "String"}, "DesiredCount": {"type": "Integer"}},
        outputs=["readBefore.Desired", "setCount.Service"],
    )
    identity = await automation.start(NAME, Parameters={"Cluster": [cluster], "DesiredCount": ["3"]})
    execution = await automation.shown(identity)
    assert execution["AutomationExecutionStatus"] == "Success", execution
    assert statuses(execution) == {"readBefore": "Success", "setCount": "Success", "isSet": "Success"}
    assert execution["Outputs"]["readBefore.Desired"] == ["2"]
    assert '"desiredCount": 3' in execution["Outputs"]["setCount.Service"][0]
    assert execution["Parameters"] == {"Cluster": [cluster], "DesiredCount": ["3"]}
    assert execution["StepExecutions"][1]["Inputs"]["desiredCount"] == "3"
    assert await desired(ecs) == 3


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"Service": "ecs", "Api": "UpdateServices"}, "has no API UpdateServices"),
        ({"Service": "elastic", "Api": "Describe"}, "Unknown service"),
        ({"Service": "ecs", "Api": "UpdateService", "service": "a", "desiredCount": "3"}, "Invalid type for parameter"),
        (
            {"Service": "ecs", "Api": "UpdateService", "cluster": "none", "service": "a"},
            "ecs:UpdateService was refused",
        ),
        ({"Service": "ecs"}, "do not fit aws:executeAwsApi"),
        ({"Service": "ecs", "Api": "ListClusters", "nextToken": "{{ other.Token }}"}, "{{ other.Token }} has no value"),
    ],
)
async def test_a_call_that_cannot_be_made_fails_its_step(
    automation: Automation, inputs: dict[str, object], said: str
) -> None:
    """A wrong service, API, type or target, a missing input and an unknown reference say so in the failure message."""
    execution = await automation.ran(NAME, step("callIt", "executeAwsApi", inputs))
    assert execution["AutomationExecutionStatus"] == "Failed"
    assert said in execution["FailureMessage"]
    assert execution["StepExecutions"][0]["FailureMessage"] == execution["FailureMessage"]


@pytest.mark.parametrize(
    "output",
    [
        {"Name": "Nothing", "Selector": "$.clusters[0].name", "Type": "String"},
        {"Name": "Nothing", "Selector": "$.clusterArns", "Type": "Integer"},
    ],
)
async def test_an_output_that_the_answer_does_not_hold_fails_its_step(
    automation: Automation, output: dict[str, str]
) -> None:
    """A selector that finds nothing, or a value of another type, is a failure and not an empty output."""
    execution = await automation.ran(NAME, call("list", "ecs", "ListClusters", {}, outputs=[output]))
    assert execution["AutomationExecutionStatus"] == "Failed"
    assert "Nothing" in execution["FailureMessage"]


async def test_an_assertion_that_does_not_hold_stops_before_the_change(
    automation: Automation, ecs: tuple[Any, str]
) -> None:
    """The step fails with what was found and what was desired, and the step after it never runs."""
    _, cluster = ecs
    asked = {**described(cluster), "PropertySelector": "$.services[0].desiredCount", "DesiredValues": ["5"]}
    change = {"cluster": cluster, "service": "orders", "desiredCount": 6}
    execution = await automation.ran(
        NAME,
        step("isFive", "assertAwsResourceProperty", asked),
        call("setCount", "ecs", "UpdateService", change),
        outputs=["setCount.Nothing"],
    )
    assert statuses(execution) == {"isFive": "Failed", "setCount": "Pending"}
    assert '"2" is not in the desired values: [5]' in execution["FailureMessage"]
    assert execution["Outputs"] == {
        "setCount.Nothing": ["No output available yet because the step is not successfully executed"]
    }
    assert await desired(ecs) == 2


async def test_a_wait_goes_on_when_the_property_is_as_desired(automation: Automation, ecs: tuple[Any, str]) -> None:
    """The step polls in the time of the clock, and ends with the first look that finds what it waits for."""
    client, cluster = ecs
    asked = {**described(cluster), "PropertySelector": "$.services[0].desiredCount", "DesiredValues": ["4"]}
    await automation.create(NAME, step("isFour", "waitForAwsResourceProperty", asked))
    identity = await automation.start(NAME)
    polling = 2  # the limit of the step, and the pause before its second look
    async with asyncio.timeout(LOOK_SECONDS):
        while len(automation.clock.sleepers) < polling:
            assert (await automation.shown(identity, "InProgress"))["AutomationExecutionStatus"] == "InProgress"
    await client.update_service(cluster=cluster, service="orders", desiredCount=4)
    automation.clock.forward(1)
    assert (await automation.shown(identity))["AutomationExecutionStatus"] == "Success"


async def test_a_wait_that_is_too_long_times_out(automation: Automation, ecs: tuple[Any, str]) -> None:
    """After its seconds the step and the execution are TimedOut."""
    _, cluster = ecs
    asked = {**described(cluster), "PropertySelector": "$.services[0].status", "DesiredValues": ["DRAINING"]}
    await automation.create(NAME, step("isDraining", "waitForAwsResourceProperty", asked, timeoutSeconds=60))
    identity = await automation.start(NAME)
    await automation.shown(identity, "InProgress")
    automation.clock.forward(60)
    execution = await automation.shown(identity)
    assert execution["AutomationExecutionStatus"] == "TimedOut"
    assert execution["StepExecutions"][0]["FailureMessage"] == "Step timed out after 60 seconds."


@pytest.mark.parametrize(
    ("kind", "ran"), [("instance", "isInstance"), ("db-instance", "isDatabase"), ("disk", "other")]
)
async def test_a_branch_goes_where_the_first_true_choice_says(automation: Automation, kind: str, ran: str) -> None:
    """One of the three steps runs: that of the choice, or the default one."""
    choices = [
        {"NextStep": "isInstance", "Variable": "{{ Kind }}", "StringEquals": "instance"},
        {"NextStep": "isDatabase", "Variable": "{{ Kind }}", "StartsWith": "db-"},
    ]
    ends = [call(name, "ecs", "ListClusters", {}, isEnd=True) for name in ("isInstance", "isDatabase", "other")]
    chooses = step("choose", "branch", {"Choices": choices, "Default": "other"})
    await automation.create(NAME, chooses, *ends, parameters={"Kind": {"type": "String"}})
    execution = await automation.shown(await automation.start(NAME, Parameters={"Kind": [kind]}))
    succeeded = {name for name, status in statuses(execution).items() if status == "Success"}
    assert succeeded == {"choose", ran}


async def test_an_approval_waits_for_enough_approvers_and_names_them(
    automation: Automation, embedded_aws: SandboxResources
) -> None:
    """The execution is Waiting until each of the two has approved; who may not, or did already, is refused."""
    async with foundation.client("iam", embedded_aws.endpoint_url) as iam:
        user = f"u{uuid4().hex[:12]}"
        await iam.create_user(UserName=user)
        key = (await iam.create_access_key(UserName=user))["AccessKey"]["AccessKeyId"]
    asks = step("ask", "approve", {"Approvers": [user, ROOT], "MinRequiredApprovals": 2, "Message": "may we?"})
    await automation.create(NAME, asks, call("act", "ecs", "ListClusters", {}))
    identity = await automation.start(NAME)
    waiting = await automation.shown(identity, "Waiting")
    assert statuses(waiting) == {"ask": "Waiting", "act": "Pending"}
    signal = {"AutomationExecutionId": identity, "SignalType": "Approve"}
    await automation("send_automation_signal", **signal, Payload={"Comment": ["looks right"]})
    assert (await automation.refused("send_automation_signal", **signal))[0] == "InvalidAutomationSignalException"
    assert (await automation.shown(identity, "Waiting"))["AutomationExecutionStatus"] == "Waiting"
    automation.client._request_signer._credentials.access_key = key
    await automation("send_automation_signal", **signal)
    execution = await automation.shown(identity)
    assert execution["AutomationExecutionStatus"] == "Success"
    outputs = execution["StepExecutions"][0]["Outputs"]
    assert outputs["ApprovalStatus"] == ["Approved"]
    assert ROOT in outputs["ApproverDecisions"][0]
    assert f"user/{user}" in outputs["ApproverDecisions"][0]


async def test_one_who_rejects_ends_it_and_a_stranger_decides_nothing(automation: Automation) -> None:
    """A rejection fails the step with its comment; a caller who is no approver is refused and changes nothing."""
    for approvers, refused in (([ROOT], False), (["arn:aws:iam::111122223333:user/somebody"], True)):
        name = f"{NAME}-{refused}"
        asks = step("ask", "approve", {"Approvers": approvers})
        await automation.create(name, asks, call("act", "ecs", "ListClusters", {}))
        identity = await automation.start(name)
        await automation.shown(identity, "Waiting")
        signal = {"AutomationExecutionId": identity, "SignalType": "Reject", "Payload": {"Comment": ["too late"]}}
        if refused:
            code, message = await automation.refused("send_automation_signal", **signal)
            assert (code, "not among the approvers" in message) == ("InvalidAutomationSignalException", True)
            assert (await automation.shown(identity, "Waiting"))["AutomationExecutionStatus"] == "Waiting"
        else:
            await automation("send_automation_signal", **signal)
            execution = await automation.shown(identity)
            assert statuses(execution) == {"ask": "Failed", "act": "Pending"}
            assert execution["FailureMessage"] == f"Step is rejected by {ROOT}: too late"


async def test_an_approval_tells_its_topic_and_times_out(
    automation: Automation, embedded_aws: SandboxResources
) -> None:
    """The message reaches the topic's queue, and without a decision the execution is TimedOut."""
    own = await foundation.deploy(embedded_aws.endpoint_url, prefix=f"t{uuid4().hex[:12]}")
    asks = step(
        "ask",
        "approve",
        {"Approvers": [ROOT], "NotificationArn": own.intake_topic_arn, "Message": "scale out?"},
        timeoutSeconds=1800,
    )
    await automation.create(NAME, asks)
    identity = await automation.start(NAME)
    await automation.shown(identity, "Waiting")
    async with foundation.client("sqs", embedded_aws.endpoint_url) as sqs:
        got = await sqs.receive_message(QueueUrl=own.queue_url, WaitTimeSeconds=5)
    assert "scale out?" in got["Messages"][0]["Body"]
    assert identity in got["Messages"][0]["Body"]
    automation.clock.forward(1800)
    execution = await automation.shown(identity)
    assert execution["AutomationExecutionStatus"] == "TimedOut"
    assert await automation.refused("send_automation_signal", AutomationExecutionId=identity, SignalType="Approve") == (
        "InvalidAutomationSignalException",
        "No step of the execution, which is TimedOut, waits for an approval.",
    )


async def test_a_sleep_takes_its_time(automation: Automation) -> None:
    """The step ends when its duration is over, and not before."""
    await automation.create(NAME, step("pause", "sleep", {"Duration": "PT1M30S"}))
    identity = await automation.start(NAME)
    await automation.shown(identity, "InProgress")
    automation.clock.forward(89)
    assert (await automation.shown(identity, "InProgress"))["AutomationExecutionStatus"] == "InProgress"
    automation.clock.forward(1)
    assert (await automation.shown(identity))["AutomationExecutionStatus"] == "Success"


@pytest.mark.parametrize(
    ("kind", "status", "steps"),
    [
        ("Cancel", "Cancelled", {"ask": "Cancelled", "tidy": "Success"}),
        ("Complete", "Success", {"ask": "Success", "tidy": "Pending"}),
    ],
)
async def test_an_execution_can_be_stopped_once(
    automation: Automation, kind: str, status: str, steps: dict[str, str]
) -> None:
    """Cancel goes through the step's onCancel to Cancelled, Complete to Success; an ended execution is not stopped."""
    asks = step("ask", "approve", {"Approvers": [ROOT]}, onCancel="step:tidy", isEnd=True)
    await automation.create(NAME, asks, call("tidy", "ecs", "ListClusters", {}))
    identity = await automation.start(NAME)
    await automation.shown(identity, "Waiting")
    await automation("stop_automation_execution", AutomationExecutionId=identity, Type=kind)
    execution = await automation.shown(identity)
    assert (execution["AutomationExecutionStatus"], statuses(execution)) == (status, steps)
    code, _ = await automation.refused("stop_automation_execution", AutomationExecutionId=identity)
    assert code == "InvalidAutomationStatusUpdateException"


async def test_calls_are_made_as_the_role_that_the_document_assumes(automation: Automation) -> None:
    """The embedded AWS knows the caller as a session of the role; what is no role fails the execution."""
    asks = call("whoAmI", "sts", "GetCallerIdentity", {}, outputs=[{"Name": "Arn", "Selector": "$.Arn"}])
    await automation.create(
        NAME, asks, parameters={"Role": {"type": "String"}}, assumeRole="{{ Role }}", outputs=["whoAmI.Arn"]
    )
    role = "arn:aws:iam::111122223333:role/runbook"
    execution = await automation.shown(await automation.start(NAME, Parameters={"Role": [role]}))
    session = f"arn:aws:sts::111122223333:assumed-role/runbook/Automation-{execution['AutomationExecutionId']}"
    assert execution["Outputs"]["whoAmI.Arn"] == [session]
    execution = await automation.shown(await automation.start(NAME, Parameters={"Role": ["nobody-at-all-is-this"]}))
    assert "The defined assume role is unable to be assumed" in execution["FailureMessage"]
