"""The function in the emulator's real Lambda, called by a real event source mapping with the worker's own code."""

import gzip
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
from processes import until

import autocloudops
from autocloudops.sandbox.samples import load

FUNCTION_SECONDS = 60
LEFT_OUT = ("cli", "sandbox")
SETTINGS = {
    "AUTOCLOUDOPS_INCIDENT_QUIET_SECONDS": "0.1",
    "AUTOCLOUDOPS_INCIDENT_BATCH_SECONDS": "1",
    "AUTOCLOUDOPS_AUDIT_BATCH_SECONDS": "0.1",
    "AUTOCLOUDOPS_MODEL_DECIDE_WITHIN_SECONDS": "4",
    "AUTOCLOUDOPS_LAMBDA_RETRY_SECONDS": "1",
    "AUTOCLOUDOPS_LAMBDA_MAXIMUM_CONCURRENCY": "2",
}
ASLEEP = "simulate:no_capacity"
SAMPLES: Mapping[str, str] = {sample.name: sample.body for sample in load(datetime.now(UTC))}


@dataclass
class Deployed:
    """A function behind its own queue, and what a person would look up about it."""

    name: str
    queue: str
    dlq: str
    prefix: str
    environment: Mapping[str, str]
    clients: Mapping[str, Any]

    def send(self, *bodies: str) -> None:
        """Send messages to the function's queue."""
        for body in bodies:
            self.clients["sqs"].send_message(QueueUrl=self.queue, MessageBody=body)

    def left(self) -> int:
        """Return how many messages the queue holds, in flight or not."""
        answer = self.clients["sqs"].get_queue_attributes(QueueUrl=self.queue, AttributeNames=["All"])
        return sum(int(value) for name, value in answer["Attributes"].items() if name.startswith("ApproximateNumber"))

    def records(self) -> list[dict[str, Any]]:
        """Return the audit records of this function, by writer and number."""
        bucket = self.environment["AUTOCLOUDOPS_AUDIT_LOCATION"].removeprefix("s3://")
        listed = self.clients["s3"].list_objects_v2(Bucket=bucket, Prefix=self.prefix).get("Contents", [])
        bodies = [self.clients["s3"].get_object(Bucket=bucket, Key=entry["Key"])["Body"].read() for entry in listed]
        lines = [json.loads(line) for body in bodies for line in gzip.decompress(body).splitlines()]
        return sorted(lines, key=lambda line: (line["writer"], line["number"]))

    def outcomes(self) -> list[str]:
        """Return how everything ended so far."""
        return sorted(record["outcome"] for record in self.records())

    def invoke(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """Call the function as a schedule does, and return what it says."""
        answer = self.clients["lambda"].invoke(FunctionName=self.name, Payload=json.dumps(event))
        said: Mapping[str, Any] = json.loads(answer["Payload"].read() or "{}")
        return said


def package() -> bytes:
    """Return the worker's code as Lambda gets it: without the command line and the stand-ins."""
    root = Path(autocloudops.__file__).parent
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(root.rglob("*")):
            inside = path.relative_to(root)
            if path.is_file() and path.suffix != ".pyc" and inside.parts[0] not in LEFT_OUT:
                archive.write(path, Path(root.name) / inside)
    return code.getvalue()


@pytest.fixture(scope="module")
def deployed(sandbox_environment: Mapping[str, str]) -> Iterator[Deployed]:
    """Deploy the function with a queue of its own; its table and its bucket are the sandbox's."""
    make = partial(
        boto3.client,
        endpoint_url=sandbox_environment["AWS_ENDPOINT_URL"],
        region_name=sandbox_environment["AWS_REGION"],
        aws_access_key_id=sandbox_environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=sandbox_environment["AWS_SECRET_ACCESS_KEY"],
    )
    clients: dict[str, Any] = {service: make(service) for service in ("lambda", "sqs", "s3", "iam")}
    name = f"triage-{uuid4().hex[:8]}"
    queue, dlq = (clients["sqs"].create_queue(QueueName=f"{name}{end}")["QueueUrl"] for end in ("", "-dlq"))
    environment = {
        **{key: value for key, value in sandbox_environment.items() if key.startswith(("AWS_", "AUTOCLOUDOPS_"))},
        **SETTINGS,
        "AUTOCLOUDOPS_QUEUE_URL": queue,
        "AUTOCLOUDOPS_QUEUE_DLQ_URL": dlq,
        "AUTOCLOUDOPS_AUDIT_LOCATION": f"{sandbox_environment['AUTOCLOUDOPS_AUDIT_LOCATION']}/{name}",
    }
    role = clients["iam"].create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    clients["lambda"].create_function(
        FunctionName=name,
        Runtime="python3.11",
        Role=role,
        Handler="autocloudops.entrypoints.lambda_handler.handler",
        Code={"ZipFile": package()},
        Timeout=FUNCTION_SECONDS,
        Environment={"Variables": environment},
    )
    arn = clients["sqs"].get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    mapping = clients["lambda"].create_event_source_mapping(
        EventSourceArn=arn,
        FunctionName=name,
        BatchSize=10,
        FunctionResponseTypes=["ReportBatchItemFailures"],
        ScalingConfig={"MaximumConcurrency": 2},
    )
    yield Deployed(name, queue, dlq, name, sandbox_environment, clients)
    clients["lambda"].delete_event_source_mapping(UUID=mapping["UUID"])
    clients["lambda"].delete_function(FunctionName=name)
    for client in clients.values():
        client.close()


def alarm(name: str, description: str = "CPU of a worker") -> str:
    """Return an alarm on an instance of its own, that no other test has."""
    event: dict[str, Any] = json.loads(SAMPLES["compute-instance-cpu"])
    detail = event["detail"] | {"alarmName": f"{name}-{uuid4().hex[:8]}"}
    detail["configuration"]["description"] = description
    detail["configuration"]["metrics"][0]["metricStat"]["metric"]["dimensions"]["InstanceId"] = f"i-{uuid4().hex[:17]}"
    arn = f"{event['resources'][0].rpartition(':')[0]}:{detail['alarmName']}"
    return json.dumps(event | {"detail": detail, "resources": [arn]})


def test_a_mapping_s_batches_are_answered_audited_and_acknowledged(deployed: Deployed) -> None:
    """Alarms end as decisions, what nobody can read is parked, a copy is known; the queue is empty afterwards."""
    first = alarm("cpu")
    deployed.send(first, alarm("cpu"), "the database is slow, can somebody look?")
    until(lambda: deployed.outcomes() == ["decided", "decided", "parked"], "two decisions and a parked body", 60)
    until(lambda: deployed.left() == 0, "an empty queue")
    answer = deployed.clients["sqs"].receive_message(QueueUrl=deployed.dlq, MessageAttributeNames=["All"])
    (parked,) = answer["Messages"]
    assert parked["MessageAttributes"]["ParkCode"]["StringValue"] == "not_json"
    deployed.send(first)
    until(lambda: any(record.get("repeated") for record in deployed.records()), "the copy in the audit", 60)
    decisions = [record["decision"] for record in deployed.records() if "decision" in record]
    assert all(decision["diagnosis"] for decision in decisions)


def test_a_sleeping_endpoint_is_left_to_the_sweep(deployed: Deployed) -> None:
    """A deferred alarm leaves the queue at once, and is decided by whoever sweeps after its time is over."""
    deployed.send(alarm("cold", ASLEEP))
    until(lambda: "deferred" in deployed.outcomes(), "a deferred question", 60)
    until(lambda: deployed.left() == 0, "an empty queue")

    def decisions() -> list[Mapping[str, Any]]:
        ours = [record for record in deployed.records() if ASLEEP in json.dumps(record.get("alarm"))]
        return [record for record in ours if record["outcome"] == "decided"]

    def swept() -> bool:
        assert deployed.invoke({"autocloudops": "sweep"}) == {}
        return bool(decisions())

    until(swept, "a decision", 60)
    (decided,) = decisions()
    assert decided["decision"]["verdict"] == "manual"
    assert "delivery" not in decided
