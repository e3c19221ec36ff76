from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from autocloudops.errors import TargetMissing
from autocloudops.queue.followups import SqsFollowUps, parse_follow_up
from autocloudops.sandbox import SandboxResources
from autocloudops.sandbox.foundation import client

if TYPE_CHECKING:
    from types_aiobotocore_sqs.client import SQSClient


@pytest.fixture
async def url(sqs: "SQSClient") -> str:
    """A queue of this test's own."""
    return (await sqs.create_queue(QueueName=f"followups-{uuid4().hex}"))["QueueUrl"]


async def _counted(sqs: "SQSClient", url: str) -> tuple[int, int]:
    """Return how many messages are there, and how many come later."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed"]
    answer = await sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)  # type: ignore[arg-type] # names of the model
    there, later = (int(answer["Attributes"][name]) for name in names)  # type: ignore[index] # likewise
    return there, later


async def test_a_follow_up_that_is_due_arrives(sqs: "SQSClient", url: str) -> None:
    """Its body is the claim's id and nothing else."""
    claim_id = uuid4()
    await SqsFollowUps(sqs, url).send(claim_id, timedelta(seconds=-3))
    answer = await sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)
    assert [parse_follow_up(message["Body"]) for message in answer["Messages"]] == [claim_id]


@pytest.mark.parametrize("after", [timedelta(seconds=0.2), timedelta(seconds=15), timedelta(hours=2)])
async def test_a_follow_up_comes_later(sqs: "SQSClient", url: str, after: timedelta) -> None:
    """It is delayed by whole seconds, up to SQS's longest delay, whatever was asked for."""
    await SqsFollowUps(sqs, url).send(uuid4(), after)
    assert await _counted(sqs, url) == (0, 1)


async def test_a_queue_that_is_not_there_is_named(sqs: "SQSClient", url: str) -> None:
    """What could not be sent is an error that names the queue."""
    with pytest.raises(TargetMissing, match="gone"):
        await SqsFollowUps(sqs, f"{url}-gone").send(uuid4(), timedelta())


async def test_the_stack_has_a_queue_for_follow_ups(foundation: SandboxResources) -> None:
    """The foundation's queue takes a follow-up, and hands it out."""
    claim_id = uuid4()
    async with client("sqs", foundation.endpoint_url) as sqs:
        await SqsFollowUps(sqs, foundation.follow_up_url).send(claim_id, timedelta())
        answer = await sqs.receive_message(QueueUrl=foundation.follow_up_url, WaitTimeSeconds=5)
    assert [parse_follow_up(message["Body"]) for message in answer["Messages"]] == [claim_id]
