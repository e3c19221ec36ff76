import gzip
import json
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
import pytest
from processes import STOP_SECONDS, clean_environment, command, started, until

from autocloudops.alarms.model import Alarm
from autocloudops.alarms.parse import parse
from autocloudops.sandbox.foundation import EVENT_SOURCE
from autocloudops.sandbox.samples import load

if TYPE_CHECKING:
    from types_boto3_events import EventBridgeClient
    from types_boto3_s3 import S3Client
    from types_boto3_sns import SNSClient
    from types_boto3_sqs import SQSClient

BY_SQS, BY_SNS, BY_EVENTBRIDGE = "duplicate-sqs-first", "compute-instance-cpu", "database-cluster-connections"
SAMPLES: Mapping[str, str] = {sample.name: sample.body for sample in load(datetime.now(UTC))}
BRISK = {
    "AUTOCLOUDOPS_QUEUE_WAIT_SECONDS": "1",
    "AUTOCLOUDOPS_INCIDENT_QUIET_SECONDS": "0.1",
    "AUTOCLOUDOPS_AUDIT_BATCH_SECONDS": "0.1",
}


@dataclass
class Cloud:
    """boto3 clients on the sandbox, and what a person would look up with them."""

    environment: Mapping[str, str]
    sqs: "SQSClient"
    sns: "SNSClient"
    events: "EventBridgeClient"
    s3: "S3Client"
    inbox: str = ""
    subjects: list[str] = field(default_factory=list)

    def subscribe(self) -> None:
        """Have decisions delivered to a queue of this test's own."""
        self.inbox = self.sqs.create_queue(QueueName=f"inbox-{uuid4().hex}")["QueueUrl"]
        attributes = self.sqs.get_queue_attributes(QueueUrl=self.inbox, AttributeNames=["QueueArn"])["Attributes"]
        topic = self.environment["AUTOCLOUDOPS_NOTIFY_TOPIC_ARN"]
        self.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=attributes["QueueArn"])

    def left(self, queue: str = "AUTOCLOUDOPS_QUEUE_URL") -> int:
        """Return how many messages a queue holds, in flight or not."""
        answer = self.sqs.get_queue_attributes(QueueUrl=self.environment[queue], AttributeNames=["All"])
        return sum(int(value) for name, value in answer["Attributes"].items() if name.startswith("ApproximateNumber"))

    def records(self) -> list[dict[str, Any]]:
        """Return every audit record in the bucket."""
        bucket = self.environment["AUTOCLOUDOPS_AUDIT_LOCATION"].removeprefix("s3://")
        keys = [entry["Key"] for entry in self.s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
        bodies = [self.s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys]
        return [json.loads(line) for body in bodies for line in gzip.decompress(body).splitlines()]

    def decided(self) -> set[str]:
        """Return the state changes about which a decision is in the audit."""
        return {record["event_id"] for record in self.records() if record["outcome"] == "decided"}

    def told(self) -> list[str]:
        """Return the subjects of every notification so far."""
        answer = self.sqs.receive_message(QueueUrl=self.inbox, MaxNumberOfMessages=10)
        self.subjects += [json.loads(message["Body"])["Subject"] for message in answer.get("Messages", [])]
        return self.subjects


@pytest.fixture
def cloud(sandbox_environment: Mapping[str, str]) -> Iterator[Cloud]:
    """Return clients on the sandbox, closed after the test."""
    make = partial(
        boto3.client,
        endpoint_url=sandbox_environment["AWS_ENDPOINT_URL"],
        region_name=sandbox_environment["AWS_REGION"],
        aws_access_key_id=sandbox_environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=sandbox_environment["AWS_SECRET_ACCESS_KEY"],
    )
    cloud = Cloud(sandbox_environment, make("sqs"), make("sns"), make("events"), make("s3"))
    cloud.subscribe()
    yield cloud
    for client in (cloud.sqs, cloud.sns, cloud.events, cloud.s3):
        client.close()


def send(cloud: Cloud) -> list[Alarm]:
    """Send one alarm to the queue, one to the topic and one to the event bus; return what they say."""
    cloud.sqs.send_message(QueueUrl=cloud.environment["AUTOCLOUDOPS_QUEUE_URL"], MessageBody=SAMPLES[BY_SQS])
    (topic,) = [
        each["TopicArn"]
        for each in cloud.sns.list_topics()["Topics"]
        if each["TopicArn"].endswith(":autocloudops-alarms")
    ]
    cloud.sns.publish(TopicArn=topic, Message=SAMPLES[BY_SNS])
    event = json.loads(SAMPLES[BY_EVENTBRIDGE])
    answer = cloud.events.put_events(
        Entries=[
            {
                "Source": EVENT_SOURCE,
                "DetailType": event["detail-type"],
                "Resources": event["resources"],
                "Detail": json.dumps(event["detail"]),
            }
        ]
    )
    assert answer["FailedEntryCount"] == 0
    parts = [part for name in (BY_SQS, BY_SNS, BY_EVENTBRIDGE) for part in parse(SAMPLES[name])]
    return [part for part in parts if isinstance(part, Alarm)]


def test_a_worker_answers_alarms_from_queue_topic_and_event_bus(cloud: Cloud, tmp_path: Path) -> None:
    """Each alarm ends as an audited decision that people are told of; SIGTERM ends the worker with nothing left."""
    log = tmp_path / "worker.log"
    with started(command("worker"), {**cloud.environment, **BRISK}, log) as worker:
        sent = send(cloud)
        ids = {str(alarm.event_id) for alarm in sent}
        until(lambda: cloud.decided() >= ids, "three decisions in the audit")
        until(lambda: cloud.left() == 0, "an empty queue")
        until(lambda: len(cloud.told()) == len(sent), "three notifications")
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(STOP_SECONDS) == 0, log.read_text()
    assert cloud.left() == 0
    assert all(any(alarm.resource.id in subject for subject in cloud.subjects) for alarm in sent)
    said = [json.loads(line)["message"] for line in log.read_text().splitlines()]
    assert "drained: 3 messages acknowledged" in said
    assert said[-1] == "worker stopped"


def test_a_worker_parks_what_nobody_can_read(cloud: Cloud, tmp_path: Path) -> None:
    """A body that is no alarm ends on the dead-letter queue with its reason, and in the audit."""
    queue, parked = cloud.environment["AUTOCLOUDOPS_QUEUE_URL"], cloud.environment["AUTOCLOUDOPS_QUEUE_DLQ_URL"]
    with started(command("worker"), {**cloud.environment, **BRISK}, tmp_path / "worker.log") as worker:
        sent = cloud.sqs.send_message(QueueUrl=queue, MessageBody="the database is slow, can somebody look?")
        until(lambda: cloud.left() == 0, "an empty queue")
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(STOP_SECONDS) == 0
    (message,) = cloud.sqs.receive_message(QueueUrl=parked, MessageAttributeNames=["All"])["Messages"]
    assert message["MessageAttributes"]["ParkCode"]["StringValue"] == "not_json"
    of_messages = [each for each in cloud.records() if "delivery" in each]
    outcomes = [each["outcome"] for each in of_messages if each["delivery"]["message_id"] == sent["MessageId"]]
    assert outcomes == ["parked"]


def test_a_missing_setting_ends_the_worker_with_253() -> None:
    """A worker that was not told what it needs logs all of it at once, and its last line says what comes first."""
    done = subprocess.run(  # noqa: S603
        command("worker"), env=clean_environment(), capture_output=True, text=True, check=False, timeout=STOP_SECONDS
    )
    assert done.returncode == 253
    assert done.stdout == ""
    *before, last = done.stderr.splitlines()
    assert last.startswith("autocloudops: AUTOCLOUDOPS_QUEUE_URL: ")
    missing = ("QUEUE_URL", "QUEUE_DLQ_URL", "MODEL_ENDPOINTS", "AUDIT_LOCATION", "NOTIFY_TOPIC_ARN")
    for name, line in zip(missing, before, strict=True):
        assert json.loads(line)["message"].startswith(f"AUTOCLOUDOPS_{name}: ")


def test_what_is_not_there_ends_the_worker_with_254(cloud: Cloud) -> None:
    """What waiting cannot mend ends a worker before it takes a message; the log names all of it, the last line one."""
    nowhere = cloud.environment["AUTOCLOUDOPS_QUEUE_URL"] + "-nowhere"
    done = subprocess.run(  # noqa: S603
        command("worker"),
        env={
            **cloud.environment,
            **BRISK,
            "AUTOCLOUDOPS_QUEUE_URL": nowhere,
            "AUTOCLOUDOPS_STATE_TABLE": "no-such-table",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=STOP_SECONDS,
    )
    assert done.returncode == 254
    *before, last = done.stderr.splitlines()
    assert last.startswith(f"autocloudops: sqs:ReceiveMessage on {nowhere} failed: ")
    assert last.endswith("check its name, account and region")
    assert any("write the state table (no-such-table)" in line for line in before)


def health(port: int, *arguments: str) -> tuple[int, str]:
    """Ask how the worker on a port is, as a container's health check does."""
    done = subprocess.run(  # noqa: S603
        command("worker", "health", "--port", str(port), *arguments),
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=STOP_SECONDS,
    )
    return done.returncode, done.stdout


def test_a_worker_tells_its_health_and_a_second_signal_forces_it(cloud: Cloud, tmp_path: Path) -> None:
    """A container's health check passes while it runs; while it drains it is alive and not ready; forced it is gone."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    patient = {"AUTOCLOUDOPS_QUEUE_WAIT_SECONDS": "20", "AUTOCLOUDOPS_QUEUE_DRAIN_SECONDS": "25"}
    environment = {**cloud.environment, **BRISK, **patient}
    log = tmp_path / "worker.log"
    assert health(port)[0] == 1
    with started(command("worker", "--health-port", str(port)), environment, log) as worker:
        until(lambda: "worker started" in log.read_text(), "a worker that runs")
        assert health(port, "--ready") == (0, "running, well\n")
        worker.send_signal(signal.SIGTERM)
        until(lambda: "SIGTERM: draining" in log.read_text(), "a worker that drains")
        assert health(port) == (0, "stopping, well\n")
        assert health(port, "--ready") == (1, "stopping, not well\n")
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(STOP_SECONDS) == 128 + signal.SIGTERM
