"""Workers under load are killed at random moments: afterwards every alarm has one effective decision."""

import asyncio
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import boto3
import pytest
from database_alarms import event, sns
from faulty_oracles import HEAD, Remains, broken, ends_of
from hurried_worker import hired
from processes import STOP_SECONDS, until, until_nothing_is_left
from virtual_time import START

from autocloudops.audit.objects import S3Objects
from autocloudops.audit.reader import Found, records
from autocloudops.incidents.model import Incident, IncidentStatus
from autocloudops.sandbox import SandboxResources
from autocloudops.sandbox.foundation import client, deploy
from autocloudops.state import items

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_sqs import SQSClient

Item = dict[str, Any]
WORKERS = 2
ALARMS_PER_KILL = 10
DATABASES = 6
METRICS = ("ReadLatency", "WriteLatency", "DatabaseConnections")
VALUES = ("ALARM", "ALARM", "ALARM", "OK")
LONGEST_LIFE_SECONDS = 2.0
START_SECONDS = 120.0
STUCK_SECONDS = 180.0
"""How long nothing may come to an end: the longest rest is 70 s, from a decision to its last look, and a sweep."""
LAST_WORDS = 2_000
MOMENTS = ("opened_at", "reopened_at", "last_member_at", "decided_at", "lease_until", "retry_at", "suppressed_until")
SHORT = {
    "AUTOCLOUDOPS_QUEUE_WAIT_SECONDS": "1",
    "AUTOCLOUDOPS_QUEUE_DRAIN_SECONDS": "10",
    "AUTOCLOUDOPS_QUEUE_CONCURRENCY": "8",
    "AUTOCLOUDOPS_INCIDENT_QUIET_SECONDS": "0.1",
    "AUTOCLOUDOPS_INCIDENT_BATCH_SECONDS": "0.5",
    "AUTOCLOUDOPS_MODEL_DECIDE_WITHIN_SECONDS": "5",
    "AUTOCLOUDOPS_AUDIT_BATCH_SECONDS": "0.1",
}


class Site:
    """Queues, a table and a bucket of this test's own, what was sent there, and what is left."""

    def __init__(self, environment: Mapping[str, str], resources: SandboxResources, stack: ExitStack) -> None:
        self.environment = {
            **environment,
            **SHORT,
            "AUTOCLOUDOPS_QUEUE_URL": resources.queue_url,
            "AUTOCLOUDOPS_QUEUE_DLQ_URL": resources.dlq_url,
            "AUTOCLOUDOPS_AUDIT_LOCATION": f"s3://{resources.audit_bucket}",
            "AUTOCLOUDOPS_STATE_TABLE": resources.state_table,
            "AUTOCLOUDOPS_NOTIFY_TOPIC_ARN": resources.decisions_topic_arn,
        }
        self.sent: list[str] = []
        self._resources = resources
        make = partial(
            boto3.client,
            endpoint_url=resources.endpoint_url,
            region_name=resources.region,
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        )
        self._sqs: SQSClient = make("sqs")
        self._dynamodb: DynamoDBClient = make("dynamodb")
        stack.callback(self._sqs.close)
        stack.callback(self._dynamodb.close)

    def send(self, bodies: list[str]) -> None:
        """Send up to ten messages."""
        entries: Any = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
        assert not self._sqs.send_message_batch(QueueUrl=self._resources.queue_url, Entries=entries).get("Failed")
        self.sent += bodies

    @property
    def queued(self) -> dict[str, int]:
        """How many messages the queue holds, where it holds any."""
        answer = self._sqs.get_queue_attributes(QueueUrl=self._resources.queue_url, AttributeNames=["All"])
        counts = answer["Attributes"]
        found = {
            "messages wait": int(counts["ApproximateNumberOfMessages"]),
            "messages are delayed": int(counts["ApproximateNumberOfMessagesDelayed"]),
            "messages are in flight": int(counts["ApproximateNumberOfMessagesNotVisible"]),
        }
        return {what: count for what, count in found.items() if count}

    @property
    def table(self) -> list[Item]:
        """Every item of the state table."""
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=self._resources.state_table)
        return [dict(item) for page in pages for item in page["Items"]]

    def unsettled(self) -> dict[str, int]:
        """Return what is left until nothing is in the queue and every incident is decided, and how often."""
        return self._left(decided_too=False)

    def unfinished(self) -> dict[str, int]:
        """Return what is left until nothing is in the queue and no sweeper has anything to look after."""
        return self._left(decided_too=True)

    def _left(self, *, decided_too: bool) -> dict[str, int]:
        left = self.queued
        for entry in self._listed:
            key = {"pk": {"S": items.incident_pk(UUID(entry["sk"]["S"]))}, "sk": {"S": HEAD}}
            head = self._dynamodb.get_item(TableName=self._resources.state_table, Key=key, ConsistentRead=True)["Item"]
            incident = items.read_head(head)
            if decided_too or incident.status is not IncidentStatus.DECIDED:
                left[described(incident, told="notice" not in entry)] = 1
        return left

    @property
    def _listed(self) -> Iterator[Item]:
        """Every incident that a sweeper looks after: all undecided ones are among them."""
        query = partial(self._dynamodb.get_paginator("query").paginate, TableName=self._resources.state_table)
        for shard in range(items.SHARDS):
            values: Any = {":pk": {"S": f"OPEN#{shard}"}}
            pages = query(KeyConditionExpression="pk = :pk", ExpressionAttributeValues=values, ConsistentRead=True)
            for page in pages:
                yield from page["Items"]

    @property
    def remains(self) -> Remains:
        """What the oracles look at."""
        return Remains(
            sent=self.sent,
            parked=set(self._parked()),
            kept=asyncio.run(self._kept()),
            table=self.table,
            effective=None,
            complaints=[f"{count} {what}" for what, count in self.queued.items()],
        )

    def _parked(self) -> Iterator[str]:
        receive = partial(self._sqs.receive_message, QueueUrl=self._resources.dlq_url, MaxNumberOfMessages=10)
        while messages := receive().get("Messages"):
            yield from (message["Body"] for message in messages)

    async def _kept(self) -> list[Found]:
        async with client("s3", self._resources.endpoint_url) as s3:
            return [found async for found in records(S3Objects(s3, self._resources.audit_bucket))]


def described(incident: Incident, *, told: bool) -> str:
    """Return an incident as whoever wonders why it is not finished wants to read it."""
    now = datetime.now(UTC)
    moments = ((name, getattr(incident, name)) for name in MOMENTS)
    ages = (f"{name} {(now - at).total_seconds():.1f} s ago" for name, at in moments if at)
    asked = f"revision {incident.revision}, attempt {incident.attempt} of {incident.asker}"
    firing = f"{incident.firing} of {incident.members} firing, {len(incident.asked_families)} kinds asked"
    heard = "nobody is to be told" if told else "people are still to be told"
    return ", ".join([f"incident {incident.incident_id} is {incident.status}", heard, asked, firing, *ages])


@pytest.fixture
def site(sandbox_environment: Mapping[str, str]) -> Iterator[Site]:
    """Return a site in the sandbox, its clients closed after the test."""
    resources = asyncio.run(deploy(sandbox_environment["AWS_ENDPOINT_URL"], prefix=f"t{uuid4().hex[:12]}"))
    with ExitStack() as stack:
        yield Site(sandbox_environment, resources, stack)


class Crew:
    """Workers that are killed and replaced."""

    def __init__(self, site: Site, folder: Path, stack: ExitStack) -> None:
        self._site = site
        self._folder = folder
        self._stack = stack
        self._hired = 0
        self._working = [self._hire() for _ in range(WORKERS)]

    def _hire(self) -> tuple[BaseProcess, Path]:
        self._hired += 1
        log = self._folder / f"worker-{self._hired}.log"
        process = hired(self._site.environment, log)
        self._stack.callback(process.kill)
        return process, log

    def kill(self, rng: Random) -> None:
        """Kill a worker somewhere in its work, and start another."""
        place = rng.randrange(WORKERS)
        process, log = self._working[place]
        until(lambda: "worker started" in log.read_text(), f"a start of {log.name}", START_SECONDS)
        time.sleep(rng.uniform(0, LONGEST_LIFE_SECONDS))
        process.kill()
        process.join(STOP_SECONDS)
        assert process.exitcode == -signal.SIGKILL, log.read_text()
        self._working[place] = self._hire()

    @property
    def dead(self) -> dict[str, int]:
        """The workers that ended although nobody killed them, and what they said last."""
        logs = (log for process, log in self._working if not process.is_alive())
        return {f"{log.name} ended by itself: {log.read_text()[-LAST_WORDS:]}": 1 for log in logs}

    def stop(self) -> None:
        """Let the last workers end their work in good order."""
        for process, log in self._working:
            until(lambda log=log: "worker started" in log.read_text(), f"a start of {log.name}", START_SECONDS)  # type: ignore[misc]
            process.terminate()
        for process, log in self._working:
            process.join(STOP_SECONDS)
            assert process.exitcode == 0, log.read_text()


def load(rng: Random, number: int) -> Iterator[str]:
    """Yield the bodies of one moment: changes of alarms, one of them on two paths, and one that nobody can read."""
    begun = time.time() - START.timestamp()
    for each in range(ALARMS_PER_KILL - 2):
        change = f"alarm-{number}-{each}", rng.choice(VALUES), begun, rng.choice(METRICS), _database(rng)
        yield sns(*change)
        if not each:
            yield event(*change)
    yield f"can anybody read this? {number}"


def _database(rng: Random) -> str:
    return f"orders-{rng.randrange(DATABASES)}"


def killed(site: Site, folder: Path, seed: int, kills: int) -> None:
    """Kill workers under load, and return when those that are left have settled everything."""
    rng = Random(seed)  # noqa: S311 - the same every time is what is wanted
    with ExitStack() as stack:
        crew = Crew(site, folder, stack)
        for number in range(kills):
            site.send(list(load(rng, number)))
            crew.kill(rng)
        left = site.unsettled if kills < 50 else site.unfinished
        until_nothing_is_left(lambda: crew.dead | left(), STUCK_SECONDS)
        crew.stop()


@pytest.mark.parametrize("kills", [5, pytest.param(200, marks=pytest.mark.soak)])
def test_killed_workers_lose_nothing_and_decide_once(site: Site, tmp_path: Path, kills: int) -> None:
    """After SIGKILL at random moments every event ends once, every incident is decided once, nothing is in flight."""
    killed(site, tmp_path, seed=kills, kills=kills)
    remains = site.remains
    assert len({end for body in remains.sent for end in ends_of(body)}) > kills * (ALARMS_PER_KILL - 3)
    assert broken(remains) == []
