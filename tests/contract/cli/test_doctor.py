import json
from typing import Any

import pytest
from command_line import typed

from autocloudops.sandbox import SandboxResources
from autocloudops.sandbox.foundation import DUMMY_CREDENTIAL, client

NOBODY = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
async def stack(foundation: SandboxResources, monkeypatch: pytest.MonkeyPatch) -> SandboxResources:
    """The settings of a stack as the sandbox makes it, and a model that is away."""
    told = {
        "AWS_ENDPOINT_URL": foundation.endpoint_url,
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": NOBODY,
        "AWS_ACCESS_KEY_ID": DUMMY_CREDENTIAL,
        "AWS_SECRET_ACCESS_KEY": DUMMY_CREDENTIAL,
        "AWS_REGION": foundation.region,
        "AUTOCLOUDOPS_QUEUE_URL": foundation.queue_url,
        "AUTOCLOUDOPS_QUEUE_DLQ_URL": foundation.dlq_url,
        "AUTOCLOUDOPS_MODEL_ENDPOINTS": "sagemaker://simulated-nim",
        "AUTOCLOUDOPS_AUDIT_LOCATION": f"s3://{foundation.audit_bucket}",
        "AUTOCLOUDOPS_STATE_TABLE": foundation.state_table,
        "AUTOCLOUDOPS_NOTIFY_TOPIC_ARN": foundation.decisions_topic_arn,
    }
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    return foundation


def examined() -> tuple[int, dict[str, dict[str, Any]]]:
    """Run doctor, and return its exit code and what it found by the name of the check."""
    result = typed("doctor", "--output", "json")
    findings = [json.loads(line) for line in result.stdout.splitlines()]
    return result.exit_code, {each["check"]: each for each in findings}


def states(findings: dict[str, dict[str, Any]], state: str) -> set[str]:
    """Return the names of the checks that ended so."""
    return {name for name, each in findings.items() if each["state"] == state}


def test_a_stack_that_is_whole_passes_but_for_a_model_that_is_away() -> None:
    """Every check runs; a model that is away is unknown, a topic that nobody reads is a warning, neither a failure."""
    code, findings = examined()
    assert (code, states(findings, "failed"), states(findings, "unknown")) == (0, set(), {"ask the model"})
    assert states(findings, "warning") == {"somebody listens"}
    assert findings["state table's expiry"]["said"] == "by ttl"
    assert len(findings) >= 17
    assert findings["redrive policy"]["said"].startswith("after 1000 receives to arn:aws:sqs:")
    assert findings["audit bucket's versions"]["said"] == "kept; no Object Lock"


async def left(stack: SandboxResources) -> tuple[list[str], int, list[str]]:
    """Return the messages of both queues, the items of the table, and the keys of the bucket."""
    async with (
        client("sqs", stack.endpoint_url) as sqs,
        client("dynamodb", stack.endpoint_url) as dynamodb,
        client("s3", stack.endpoint_url) as s3,
    ):
        bodies: list[str] = []
        for url in (stack.queue_url, stack.dlq_url):
            answer = await sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
            bodies += [f"{message['Body']}" for message in answer.get("Messages", ())]
        items = (await dynamodb.scan(TableName=stack.state_table))["Count"]
        listed = await s3.list_objects_v2(Bucket=stack.audit_bucket)
        return bodies, items, [entry["Key"] for entry in listed.get("Contents", ())]


@pytest.fixture
async def waiting(stack: SandboxResources) -> str:
    """An alarm that waits in the queue."""
    async with client("sqs", stack.endpoint_url) as sqs:
        await sqs.send_message(QueueUrl=stack.queue_url, MessageBody="an alarm")
    return "an alarm"


@pytest.fixture
def examined_twice(waiting: str) -> str:
    """What waited while two people looked."""
    assert examined()[0] == examined()[0] == 0
    return waiting


async def test_looking_takes_sends_and_changes_nothing(stack: SandboxResources, examined_twice: str) -> None:
    """An alarm in the queue is still to be had, nothing else is anywhere, and the audit has one marker for all."""
    bodies, items, keys = await left(stack)
    assert (bodies, items, keys) == ([examined_twice], 0, ["audit/v1/preflight.jsonl.gz"])


def test_all_that_is_not_there_is_named_with_what_to_do(
    stack: SandboxResources, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every missing queue, bucket, table and topic fails its checks, all in one run that exits 1."""
    nowhere = {
        "QUEUE_URL": f"{stack.queue_url}-nowhere",
        "QUEUE_DLQ_URL": f"{stack.dlq_url}-nowhere",
        "AUDIT_LOCATION": "s3://no-such-bucket-anywhere",
        "STATE_TABLE": "nowhere",
        "NOTIFY_TOPIC_ARN": "arn:aws:sns:us-east-1:111122223333:nowhere",
    }
    for variable, value in nowhere.items():
        monkeypatch.setenv(f"AUTOCLOUDOPS_{variable}", value)
    code, findings = examined()
    assert (code, states(findings, "ok")) == (
        1,
        {"account", "policy", "region of the queue", "region of the topic", "where questions may go"},
    )
    failed = [findings[name] for name in states(findings, "failed")]
    assert {each["fix"] for each in failed} == {"check its name, account and region"}
    assert all(any(name.removeprefix("s3://") in each["said"] for name in nowhere.values()) for each in failed)


def test_people_read_the_worst_first() -> None:
    """The first line counts, then comes what is not well with its target and what to do, then the rest."""
    result = typed("doctor")
    lines = result.stdout.splitlines()
    assert result.stderr == ""
    assert lines[0].startswith("0 failed, 1 warning, 1 unknown, ")
    assert lines[1].split()[:3] == ["warning", "somebody", "listens"]
    assert lines[2].endswith(": subscribe an address, and confirm it")
    assert lines[3].split()[:4] == ["unknown", "ask", "the", "model"]
    assert lines[4].split() == ["sagemaker://simulated-nim:", "try", "again", "in", "a", "minute"]
    assert all(line.startswith("ok ") for line in lines[5:])


def test_a_queue_that_moves_alarms_away_during_an_outage_is_told(
    stack: SandboxResources, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Queues that were taken for each other: the one of alarms has no redrive policy, which is told with its fix."""
    monkeypatch.setenv("AUTOCLOUDOPS_QUEUE_URL", stack.dlq_url)
    monkeypatch.setenv("AUTOCLOUDOPS_QUEUE_DLQ_URL", stack.queue_url)
    code, findings = examined()
    assert (code, states(findings, "warning")) == (0, {"redrive policy", "somebody listens"})
    assert findings["redrive policy"]["fix"] == "set a RedrivePolicy"
