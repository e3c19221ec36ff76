import json
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from autocloudops.errors import SandboxFailed, ServiceFailed
from autocloudops.sandbox import SandboxResources
from autocloudops.sandbox import foundation as stack
from autocloudops.sandbox.foundation import client, deploy

if TYPE_CHECKING:
    from types_aiobotocore_sqs import SQSClient

DETAIL_TYPES = (
    "CloudWatch Alarm State Change",
    "CloudWatch Alarm Contributor State Change",
    "CloudWatch Alarm Configuration Change",
)


@pytest_asyncio.fixture
async def sqs(foundation: SandboxResources) -> AsyncIterator["SQSClient"]:
    """An SQS client."""
    async with client("sqs", foundation.endpoint_url) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def production_patterns(embedded_aws: SandboxResources) -> Mapping[str, str]:
    """The event patterns of a stack deployed as in production, by the rule's name without its prefix."""
    await deploy(embedded_aws.endpoint_url, prefix="production", event_source="")
    async with client("events", embedded_aws.endpoint_url) as events:
        rules = {name: await events.describe_rule(Name=f"production-{name}") for name in ("alarms", "changes")}
    return {name: str(rule["EventPattern"]) for name, rule in rules.items()}


async def _received(sqs: "SQSClient", resources: SandboxResources) -> str:
    answer = await sqs.receive_message(QueueUrl=resources.queue_url, WaitTimeSeconds=5)
    bodies = [message["Body"] for message in answer.get("Messages", [])]
    assert len(bodies) == 1
    return str(bodies[0])


async def _attributes(sqs: "SQSClient", url: str) -> dict[str, str]:
    answer = await sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    return {str(name): value for name, value in answer["Attributes"].items()}


async def _publish(resources: SandboxResources, text: str) -> None:
    async with client("sns", resources.endpoint_url) as sns:
        await sns.publish(TopicArn=resources.intake_topic_arn, Message=text)


async def _put_event(resources: SandboxResources, source: str, detail_type: str) -> int:
    entry = {"Source": source, "DetailType": detail_type, "Detail": json.dumps({"alarmName": "checkout-latency"})}
    async with client("events", resources.endpoint_url) as events:
        answer = await events.put_events(Entries=[entry])
    return int(answer["FailedEntryCount"])


async def test_a_message_sent_to_the_queue_arrives(sqs: "SQSClient", foundation: SandboxResources) -> None:
    """What is sent to the queue is received as it was sent."""
    await sqs.send_message(QueueUrl=foundation.queue_url, MessageBody='{"AlarmName": "a"}')
    assert await _received(sqs, foundation) == '{"AlarmName": "a"}'


async def test_a_published_alarm_arrives_in_its_envelope(sqs: "SQSClient", foundation: SandboxResources) -> None:
    """By default SNS delivers its envelope, which names the topic and carries the message as text."""
    await _publish(foundation, '{"AlarmName": "a"}')
    envelope = json.loads(await _received(sqs, foundation))
    assert (envelope["Type"], envelope["TopicArn"]) == ("Notification", foundation.intake_topic_arn)
    assert envelope["Message"] == '{"AlarmName": "a"}'


async def test_a_published_alarm_arrives_raw_where_the_stack_says_so(
    sqs: "SQSClient", embedded_aws: SandboxResources
) -> None:
    """With RawDelivery the queue receives the published text and nothing around it."""
    raw = await deploy(embedded_aws.endpoint_url, prefix="raw-delivery", raw_delivery=True)
    await _publish(raw, '{"AlarmName": "a"}')
    assert await _received(sqs, raw) == '{"AlarmName": "a"}'


@pytest.mark.parametrize("detail_type", DETAIL_TYPES)
async def test_an_alarm_event_arrives(sqs: "SQSClient", foundation: SandboxResources, detail_type: str) -> None:
    """Each kind of alarm event from the sandbox's own source goes through the rule to the queue."""
    assert await _put_event(foundation, foundation.event_source, detail_type) == 0
    event = json.loads(await _received(sqs, foundation))
    assert (event["source"], event["detail-type"]) == (foundation.event_source, detail_type)


async def test_events_from_aws_itself_cannot_be_put(foundation: SandboxResources) -> None:
    """PutEvents refuses the source aws.cloudwatch, which is why the rule takes an extra source."""
    assert await _put_event(foundation, "aws.cloudwatch", DETAIL_TYPES[0]) == 1


@pytest.mark.parametrize(
    ("source", "detail_type", "matches"),
    [
        *(("aws.cloudwatch", detail_type, True) for detail_type in DETAIL_TYPES),
        ("autocloudops.sandbox", DETAIL_TYPES[0], False),
        ("aws.ec2", DETAIL_TYPES[0], False),
        ("aws.cloudwatch", "AWS API Call via CloudTrail", False),
    ],
)
async def test_the_production_rule_takes_only_alarm_events_of_cloudwatch(
    embedded_aws: SandboxResources,
    production_patterns: Mapping[str, str],
    source: str,
    detail_type: str,
    *,
    matches: bool,
) -> None:
    """With no extra source, the deployed pattern accepts CloudWatch's alarm events and nothing else."""
    assert await _matches(embedded_aws, production_patterns["alarms"], source, detail_type) is matches


@pytest.mark.parametrize(
    ("name", "matches"),
    [
        ("checkout-latency", True),
        ("production-checkout-latency", True),
        ("production-canary", True),
        ("AutoCloudOps/production/no-model", False),
        ("AutoCloudOps/other/turned-away", False),
        ("TargetTracking-service/production/production-worker-AlarmHigh-1", False),
        ("TargetTracking-service/shop/orders-AlarmHigh-1", True),
    ],
)
async def test_the_production_rule_leaves_out_alarms_about_this_system(
    embedded_aws: SandboxResources, production_patterns: Mapping[str, str], name: str, *, matches: bool
) -> None:
    """What AutoCloudOps' own alarms say goes to whoever looks after it, and back into its own queue never."""
    detail = {"alarmName": name}
    found = await _matches(embedded_aws, production_patterns["alarms"], "aws.cloudwatch", DETAIL_TYPES[0], detail)
    assert found is matches


@pytest.mark.parametrize(
    ("source", "detail_type", "detail", "matches"),
    [
        ("autocloudops.change", "Change", {}, True),
        ("aws.ecs", "ECS Deployment State Change", {}, True),
        ("aws.ecs", "ECS Task State Change", {}, False),
        ("aws.rds", "RDS DB Instance Event", {}, True),
        ("aws.health", "AWS Health Event", {}, True),
        ("aws.ec2", "EBS Volume Notification", {}, False),
        ("aws.lambda", "AWS API Call via CloudTrail", {"readOnly": False}, True),
        ("aws.lambda", "AWS API Call via CloudTrail", {"readOnly": True}, False),
        ("aws.ecs", "AWS API Call via CloudTrail", {"readOnly": False, "eventCategory": "Management"}, True),
        ("aws.dynamodb", "AWS API Call via CloudTrail", {"readOnly": False, "eventCategory": "Data"}, False),
        ("aws.s3", "AWS API Call via CloudTrail", {"readOnly": False}, False),
        ("aws.cloudwatch", DETAIL_TYPES[0], {}, False),
    ],
)
async def test_the_rule_of_changes_takes_what_is_evidence(
    embedded_aws: SandboxResources,
    production_patterns: Mapping[str, str],
    source: str,
    detail_type: str,
    detail: Mapping[str, object],
    *,
    matches: bool,
) -> None:
    """Deployments, fail-overs, notices and writing calls arrive; task states and reading calls do not."""
    found = await _matches(embedded_aws, production_patterns["changes"], source, detail_type, detail)
    assert found is matches


async def _matches(
    aws: SandboxResources, pattern: str, source: str, detail_type: str, detail: Mapping[str, object] | None = None
) -> bool:
    event = {
        "id": "1",
        "source": source,
        "detail-type": detail_type,
        "account": aws.account,
        "time": "2026-11-22T10:00:00Z",
        "region": aws.region,
        "resources": [],
        "detail": detail or {},
    }
    async with client("events", aws.endpoint_url) as events:
        answer = await events.test_event_pattern(EventPattern=pattern, Event=json.dumps(event))
    return bool(answer["Result"])


async def test_the_queue_is_made_as_designed(sqs: "SQSClient", foundation: SandboxResources) -> None:
    """Encryption, visibility, retention and redrive are as the design has them."""
    made = await _attributes(sqs, foundation.queue_url)
    dead = await _attributes(sqs, foundation.dlq_url)
    assert made["SqsManagedSseEnabled"] == dead["SqsManagedSseEnabled"] == "true"
    assert made["MessageRetentionPeriod"] == dead["MessageRetentionPeriod"] == "1209600"
    assert made["VisibilityTimeout"] == "180"
    redrive = {"deadLetterTargetArn": dead["QueueArn"], "maxReceiveCount": 1000}
    assert json.loads(made["RedrivePolicy"]) == redrive


async def test_only_the_topic_and_the_rules_may_send(sqs: "SQSClient", foundation: SandboxResources) -> None:
    """The queue's policy lets the intake topic and the two rules send, each named by its ARN, and nobody else."""
    policy = json.loads((await _attributes(sqs, foundation.queue_url))["Policy"])
    allowed = [
        (statement["Principal"]["Service"], statement["Condition"]["ArnEquals"]["aws:SourceArn"])
        for statement in policy["Statement"]
    ]
    account, region, prefix = foundation.account, foundation.region, foundation.state_table.removesuffix("-state")
    rules = [f"arn:aws:events:{region}:{account}:rule/{prefix}-{name}" for name in ("alarms", "changes")]
    assert allowed == [("sns.amazonaws.com", foundation.intake_topic_arn), ("events.amazonaws.com", rules)]


async def test_only_the_worker_may_send_follow_ups(sqs: "SQSClient", foundation: SandboxResources) -> None:
    """The policy denies sending to whoever is not the worker's role, by whatever permission they would have it."""
    made = await _attributes(sqs, foundation.follow_up_url)
    dead = await _attributes(sqs, foundation.follow_up_dlq_url)
    (statement,) = json.loads(made["Policy"])["Statement"]
    prefix = foundation.state_table.removesuffix("-state")
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "sqs:SendMessage")
    role = f"arn:aws:iam::{foundation.account}:role/{prefix}-worker*"
    assert statement["Condition"] == {"ArnNotLike": {"aws:PrincipalArn": role}}
    assert json.loads(made["RedrivePolicy"])["deadLetterTargetArn"] == dead["QueueArn"]
    assert made["SqsManagedSseEnabled"] == dead["SqsManagedSseEnabled"] == "true"


async def test_the_bucket_is_versioned_encrypted_and_closed(foundation: SandboxResources) -> None:
    """The audit bucket keeps versions, encrypts, and blocks public access in all four ways."""
    async with client("s3", foundation.endpoint_url) as s3:
        bucket = {"Bucket": foundation.audit_bucket}
        versions = await s3.get_bucket_versioning(**bucket)
        public = await s3.get_public_access_block(**bucket)
        encryption = await s3.get_bucket_encryption(**bucket)
    assert versions["Status"] == "Enabled"
    assert len(public["PublicAccessBlockConfiguration"]) == 4
    assert all(public["PublicAccessBlockConfiguration"].values())
    rule = encryption["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"


async def test_the_table_has_its_keys_and_is_paid_by_request(foundation: SandboxResources) -> None:
    """The state table is keyed by pk and sk and has no capacity to run out of."""
    async with client("dynamodb", foundation.endpoint_url) as dynamodb:
        table = (await dynamodb.describe_table(TableName=foundation.state_table))["Table"]
    assert [(key["AttributeName"], key["KeyType"]) for key in table["KeySchema"]] == [("pk", "HASH"), ("sk", "RANGE")]
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"


async def test_every_resource_of_the_template_is_really_created(foundation: SandboxResources) -> None:
    """The emulator knows every type in the template: what stands there is what is deployed."""
    prefix = foundation.state_table.removesuffix("-state")
    async with client("cloudformation", foundation.endpoint_url) as cloudformation:
        answer = await cloudformation.describe_stack_resources(StackName=f"{prefix}-foundation")
    made = {resource["LogicalResourceId"] for resource in answer["StackResources"] if resource["PhysicalResourceId"]}
    lines = stack.template().partition("\nResources:\n")[2].partition("\nOutputs:\n")[0].splitlines()
    assert made == {line.strip(" :") for line in lines if line.startswith("  ") and line[2].isalpha()}


async def test_a_stack_that_fails_is_named_with_its_reason(
    embedded_aws: SandboxResources, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A type that the emulator lacks is refused in words, not skipped."""
    unknown = stack.template().replace("AWS::SNS::TopicPolicy", "AWS::SNS::NoSuchType")
    monkeypatch.setattr(stack, "template", lambda: unknown)
    with pytest.raises((SandboxFailed, ServiceFailed), match="NoSuchType"):
        await deploy(embedded_aws.endpoint_url, prefix="unknown-type")
