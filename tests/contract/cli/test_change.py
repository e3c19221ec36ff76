import asyncio
import json

import pytest
from typer.testing import CliRunner, Result

from autocloudops.alarms.changes import change_of
from autocloudops.alarms.model import AwsEvent
from autocloudops.alarms.parse import parse
from autocloudops.cli.app import app
from autocloudops.sandbox import SandboxResources
from autocloudops.sandbox.foundation import client

OWNER = "ecs-service/shop/orders-api"


@pytest.fixture
def at_foundation(deployed: SandboxResources) -> SandboxResources:
    """Return a stack whose queue takes changes from the default bus, with the environment set to it."""
    asyncio.run(_routed(deployed))
    return deployed


async def _routed(foundation: SandboxResources) -> None:
    name = f"changes-{foundation.state_table}"
    async with client("sqs", foundation.endpoint_url) as sqs:
        answer = await sqs.get_queue_attributes(QueueUrl=foundation.queue_url, AttributeNames=["QueueArn"])
    async with client("events", foundation.endpoint_url) as events:
        await events.put_rule(Name=name, EventPattern=json.dumps({"source": ["autocloudops.change"]}))
        await events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": answer["Attributes"]["QueueArn"]}])


async def _received(foundation: SandboxResources) -> str:
    async with client("sqs", foundation.endpoint_url) as sqs:
        answer = await sqs.receive_message(QueueUrl=foundation.queue_url, WaitTimeSeconds=5)
    return str(answer["Messages"][0]["Body"])


def put(*more: str, owner: str = OWNER) -> Result:
    """Put a change as a CI does."""
    arguments = ["change", "put", "--owner", owner, "--what", "deploy 4512", "--by", "ci", *more]
    return CliRunner().invoke(app, arguments)


def test_a_change_that_ci_puts_is_read_from_the_queue(at_foundation: SandboxResources) -> None:
    """One command takes a change over a real bus and rule to the queue, where it is a change of its owner."""
    assert put("--version", "88", "--url", "https://ci.example/4512").exit_code == 0
    (noun,) = parse(asyncio.run(_received(at_foundation)))
    assert isinstance(noun, AwsEvent)
    found = change_of(noun)
    assert found is not None
    assert (found.keys, found.what, found.by) == ((OWNER,), "deploy 4512, version 88", "ci")
    assert found.url == "https://ci.example/4512"


def test_an_owner_has_a_form(at_foundation: SandboxResources) -> None:
    """What no owner could be called is a usage error, and nothing is put."""
    assert at_foundation.queue_url
    assert put(owner="the orders api").exit_code == 252
    assert put(owner="/orders").exit_code == 252


def test_the_help_shows_the_line_for_those_without_the_tool() -> None:
    """Whoever cannot install this finds the AWS CLI's line in the help, with an entry that is read as a change."""
    said = "".join(CliRunner().invoke(app, ["change", "put", "--help"], terminal_width=2000).stdout.split("\n"))
    start, end = said.index("[{"), said.index("}]'") + 2
    (entry,) = json.loads(said[start:end])
    body = {"source": entry["Source"], "detail-type": entry["DetailType"], "detail": json.loads(entry["Detail"])}
    (noun,) = parse(json.dumps(body | {"account": "1" * 12, "region": "eu-west-1", "time": "2026-03-01T12:00:00Z"}))
    assert isinstance(noun, AwsEvent)
    found = change_of(noun)
    assert found is not None
    assert found.keys == ("ecs-service/shop/orders",)
