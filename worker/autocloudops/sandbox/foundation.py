"""The foundation stack, deployed on an emulator as it will be deployed on AWS."""

import asyncio
from contextlib import AbstractAsyncContextManager
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession

from autocloudops import aws
from autocloudops.errors import SandboxFailed
from autocloudops.values import Value

REGION = "us-east-1"
DUMMY_CREDENTIAL = "sandbox"
EVENT_SOURCE = "autocloudops.sandbox"
DEPLOY_SECONDS = 30.0
POLL_SECONDS = 0.05


class SandboxResources(Value):
    """Where everything in the emulator is: what the stack's outputs say, and how to reach it.

    `event_source` is the source that the rule accepts beside `aws.cloudwatch`, which PutEvents refuses from people.
    """

    endpoint_url: str
    region: str
    account: str
    queue_url: str
    dlq_url: str
    follow_up_url: str
    follow_up_dlq_url: str
    intake_topic_arn: str
    decisions_topic_arn: str
    audit_bucket: str
    state_table: str
    event_source: str = EVENT_SOURCE


def template() -> str:
    """Return the text of the foundation template: the wheel's copy, else the checkout's file."""
    packaged = files("autocloudops.sandbox") / "foundation.yaml"
    if packaged.is_file():
        return packaged.read_text(encoding="utf-8")
    checkout = Path(__file__).parents[3] / "infrastructure" / "cloudformation" / "foundation.yaml"
    return checkout.read_text(encoding="utf-8")


def client(service: str, endpoint_url: str, region: str = REGION) -> AbstractAsyncContextManager[Any]:
    """Return an async context manager of an aiobotocore client with dummy credentials, without a profile or a proxy.

    Args:
        service: the SDK's name of the service, as `cloudformation`.
        endpoint_url: the stand-in that answers for it.
        region: what is asked about.
    """
    return _session().create_client(
        service,
        region_name=region,
        endpoint_url=endpoint_url,
        aws_access_key_id=DUMMY_CREDENTIAL,
        aws_secret_access_key=DUMMY_CREDENTIAL,
        config=aws.config(read_timeout_seconds=DEPLOY_SECONDS).merge(AioConfig(proxies={})),
    )


@cache
def _session() -> AioSession:
    """Return one session for all clients, without the caller's profile.

    It reads each service's model from disk once, which takes 0.2 s.
    """
    session = aws.session()
    session.get_component("config_store").set_config_variable("profile", None)
    return session


async def deploy(
    endpoint_url: str, *, prefix: str = "autocloudops", raw_delivery: bool = False, event_source: str = EVENT_SOURCE
) -> SandboxResources:
    """Create the foundation stack and return what it made.

    Args:
        endpoint_url: the emulator.
        prefix: the start of every name in the stack; two stacks with different prefixes share nothing.
        raw_delivery: whether SNS drops its envelope.
        event_source: the rule's `ExtraEventSource`; empty as in production.

    Raises:
        SandboxFailed: the stack was not created.
        ServiceFailed: the emulator refused or did not answer.
    """
    parameters = {"Prefix": prefix, "RawDelivery": str(raw_delivery).lower(), "ExtraEventSource": event_source}
    stack_name = f"{prefix}-foundation"
    with aws.translated("cloudformation:CreateStack", stack_name):
        async with asyncio.timeout(DEPLOY_SECONDS), client("cloudformation", endpoint_url) as cloudformation:
            await cloudformation.create_stack(
                StackName=stack_name,
                TemplateBody=template(),
                Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            )
            stack = await _settled(cloudformation, stack_name)
    resources = _resources(endpoint_url, stack, event_source)
    await _expire(resources)
    return resources


async def _expire(resources: SandboxResources) -> None:
    """Let old items be dropped, as the stack says; CloudFormation of ministack 1.5.33 leaves that off."""
    table = resources.state_table
    with aws.translated("dynamodb:UpdateTimeToLive", table):
        async with client("dynamodb", resources.endpoint_url, resources.region) as dynamodb:
            told = (await dynamodb.describe_time_to_live(TableName=table))["TimeToLiveDescription"]
            if told["TimeToLiveStatus"] != "ENABLED":
                expiry = {"Enabled": True, "AttributeName": "ttl"}
                await dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification=expiry)


async def _settled(cloudformation: Any, stack_name: str) -> dict[str, Any]:  # noqa: ANN401 - no stubs for this service
    while True:
        found = await cloudformation.describe_stacks(StackName=stack_name)
        stack: dict[str, Any] = found["Stacks"][0]
        if not stack["StackStatus"].endswith("_IN_PROGRESS"):
            return stack
        await asyncio.sleep(POLL_SECONDS)


def _resources(endpoint_url: str, stack: dict[str, Any], event_source: str) -> SandboxResources:
    if stack["StackStatus"] != "CREATE_COMPLETE":
        reason = stack.get("StackStatusReason", "no reason given")
        raise SandboxFailed(
            f"the stack {stack['StackName']} ended as {stack['StackStatus']}: {reason}",
            "check infrastructure/cloudformation/foundation.yaml with cfn-lint",
        )
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    return SandboxResources(
        endpoint_url=endpoint_url,
        region=REGION,
        account=outputs["IntakeTopicArn"].split(":")[4],
        queue_url=outputs["AlarmQueueUrl"],
        dlq_url=outputs["AlarmDlqUrl"],
        follow_up_url=outputs["FollowUpQueueUrl"],
        follow_up_dlq_url=outputs["FollowUpDlqUrl"],
        intake_topic_arn=outputs["IntakeTopicArn"],
        decisions_topic_arn=outputs["DecisionsTopicArn"],
        audit_bucket=outputs["AuditBucketName"],
        state_table=outputs["StateTableName"],
        event_source=event_source,
    )
