"""What a service prints about itself, opened from settings as a worker opens it, over the emulator and a model."""

import asyncio
import json
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from io import StringIO

import pytest
from acting_service import service_alarm
from model_server import ModelServer, aws_error, chat

from autocloudops.clock import SystemClock
from autocloudops.entrypoints.service import Opening, Service, open_service
from autocloudops.pipeline import Asking, Pipeline
from autocloudops.queue.client import Delivery
from autocloudops.queue.endings import Done
from autocloudops.sandbox import SandboxResources

SETTINGS = {
    "EVIDENCE_GATHER": "false",
    "INCIDENT_QUIET_SECONDS": "0.05",
    "INCIDENT_BATCH_SECONDS": "0.1",
    "AUDIT_BATCH_SECONDS": "0.05",
    "METRICS_NAMESPACE": "AutoCloudOps",
}


@pytest.fixture
async def model() -> AsyncIterator[ModelServer]:
    """A model's endpoint that has no room for the first request, and then says nothing of use."""
    busy = aws_error("ThrottlingException", 400, Message="Rate exceeded")
    async with ModelServer() as server:
        server.script = lambda _: busy if len(server.seen) == 1 else chat("{}")
        yield server


@pytest.fixture
def output() -> StringIO:
    """What the worker prints."""
    return StringIO()


@pytest.fixture
async def service(
    foundation: SandboxResources,
    model: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
    output: StringIO,
) -> AsyncIterator[Service]:
    """A service with the settings that the stacks give it, and its audit writer at work."""
    monkeypatch.setattr(sys, "stdout", output)
    given = SETTINGS | {
        "QUEUE_URL": foundation.queue_url,
        "QUEUE_DLQ_URL": foundation.dlq_url,
        "ACTION_FOLLOWUPS_URL": foundation.follow_up_url,
        "ACTION_FOLLOWUPS_DLQ_URL": foundation.follow_up_dlq_url,
        "MODEL_ENDPOINTS": "sagemaker://nim",
        "AUDIT_LOCATION": f"s3://{foundation.audit_bucket}",
        "STATE_TABLE": foundation.state_table,
        "NOTIFY_TOPIC_ARN": foundation.decisions_topic_arn,
    }
    for name, value in given.items():
        monkeypatch.setenv(f"AUTOCLOUDOPS_{name}", value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", foundation.endpoint_url)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", model.url)
    monkeypatch.setenv("AWS_REGION", foundation.region)
    monkeypatch.setenv("AWS_DEFAULT_REGION", foundation.region)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    async with AsyncExitStack() as stack:
        opened = await open_service(Opening(stack, SystemClock(), "test"))
        commits = asyncio.create_task(opened.rooms.audit.run())
        yield opened
        commits.cancel()
        await asyncio.gather(commits, return_exceptions=True)


async def _handled(service: Service, body: str) -> None:
    asking = Asking(service.rooms, service.investigator, "test")
    now = datetime.now(UTC)
    delivery = Delivery(message_id="1", receipt="r", body=body, receive_count=1, sent_at=now)
    ending = await Pipeline(service.rooms, asking, service.gatekeeper).handle(delivery)
    assert isinstance(ending, Done)


def _printed(output: StringIO, service: str) -> Mapping[str, list[float]]:
    """Return the values of metrics that have no dimension but the deployment, and forget them."""
    lines = [json.loads(line) for line in output.getvalue().splitlines()]
    output.seek(0)
    output.truncate()
    whole = [line for line in lines if line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Service"]]]
    assert {line["Service"] for line in whole} == {service}
    values: defaultdict[str, list[float]] = defaultdict(list)
    for line in whole:
        for each in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]:
            values[each["Name"]] += line[each["Name"]]
    return values


async def test_a_worker_tells_what_it_does_and_how_things_stand(
    service: Service, foundation: SandboxResources, output: StringIO
) -> None:
    """An alarm is measured on its whole way, its question's detours too; each look tells what no event does."""
    await _handled(service, service_alarm())
    name = foundation.state_table.removesuffix("-state")
    events = _printed(output, name)
    assert events.keys() >= {"MessagesReceived", "AlarmsEnded", "TimeToDecision", "FlushLatency", "Decisions"}
    assert (events["InFlight"], events["Throttles"], events["ParseFailures"]) == ([1, 1, 1], [1], [2])
    assert min(events["Slots"]) >= 1
    assert service.measure is not None
    await service.measure()
    gauges = _printed(output, name)
    assert (gauges["RecordsUnflushed"], gauges["UnflushedAge"], gauges["HumanOverturned"]) == ([0], [0], [0])
    assert (gauges["OutcomePending"], gauges["BudgetRemaining"], gauges["KillSwitch"]) == ([0], [10], [1])
