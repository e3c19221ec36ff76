from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from scripted_sqs import OpenQueue

from autocloudops.errors import TargetMissing
from autocloudops.queue.client import SqsQueue

if TYPE_CHECKING:
    from types_aiobotocore_sqs.client import SQSClient

LEASE_SECONDS = 180


@pytest.fixture
async def queue(sqs: "SQSClient", open_sqs: OpenQueue) -> SqsQueue:
    """A queue with its dead-letter queue, through each transport, polled without waiting."""
    name = uuid4().hex[:8]
    urls = [(await sqs.create_queue(QueueName=f"{kind}-{name}"))["QueueUrl"] for kind in ("alarms", "dlq")]
    return await open_sqs(*urls)


async def send(sqs: "SQSClient", queue: SqsQueue, count: int) -> None:
    """Send `count` messages."""
    await sqs.send_message_batch(
        QueueUrl=queue._url, Entries=[{"Id": str(n), "MessageBody": f"body {n}"} for n in range(count)]
    )


async def test_a_batch_is_received_and_deleted(sqs: "SQSClient", queue: SqsQueue) -> None:
    """Ten messages come in one call, with count and time, and go in one call."""
    await send(sqs, queue, 10)
    received = await queue.receive(64, LEASE_SECONDS)
    assert {each.body for each in received} == {f"body {n}" for n in range(10)}
    assert {each.receive_count for each in received} == {1}
    assert all(each.sent_at for each in received)
    assert await queue.delete(received) == []
    assert await queue.receive(10, LEASE_SECONDS) == []


async def test_a_failed_entry_is_returned(sqs: "SQSClient", queue: SqsQueue) -> None:
    """Only the entries that SQS names as failed come back from a batch."""
    await send(sqs, queue, 2)
    good, spoilt = await queue.receive(10, LEASE_SECONDS)
    failed = await queue.delete([good, spoilt.model_copy(update={"receipt": "no such receipt"})])
    assert [(each.delivery.message_id, each.lasting) for each in failed] == [(spoilt.message_id, True)]


async def test_a_released_message_comes_at_once(sqs: "SQSClient", queue: SqsQueue) -> None:
    """Visibility 0 hands a message back, with its count raised."""
    await send(sqs, queue, 1)
    first = await queue.receive(1, LEASE_SECONDS)
    assert await queue.receive(1, LEASE_SECONDS) == []
    assert await queue.release(first, 0) == []
    again = await queue.receive(1, LEASE_SECONDS)
    assert [(each.message_id, each.receive_count) for each in again] == [(first[0].message_id, 2)]


def patient(queue: SqsQueue) -> SqsQueue:
    """Return the same queue, polled for longer than the short leases of these tests."""
    return SqsQueue(queue._client, queue._url, queue._dlq_url, wait_seconds=3)


async def test_a_receive_says_how_long_it_hides(sqs: "SQSClient", queue: SqsQueue) -> None:
    """The lease is what the receive asked for, whatever the queue's own visibility timeout is."""
    await send(sqs, queue, 1)
    assert await queue.receive(1, 1)
    assert await queue.receive(1, 1) == []
    assert await patient(queue).receive(1, LEASE_SECONDS)


async def test_an_extended_message_stays_hidden(sqs: "SQSClient", queue: SqsQueue) -> None:
    """A renewal counts from itself: it outlasts the lease of the receive, and may shorten it as well."""
    await send(sqs, queue, 1)
    held = await queue.receive(1, 1)
    assert await queue.extend(held, LEASE_SECONDS) == []
    assert await patient(queue).receive(1, LEASE_SECONDS) == []
    assert await queue.extend(held, 1) == []
    assert await patient(queue).receive(1, LEASE_SECONDS)


async def test_an_extension_that_failed_is_returned(sqs: "SQSClient", queue: SqsQueue) -> None:
    """A receipt that is no longer good costs its own entry only, and is told apart from what may pass."""
    await send(sqs, queue, 2)
    good, spoilt = await queue.receive(10, LEASE_SECONDS)
    failed = await queue.extend([good, spoilt.model_copy(update={"receipt": "no such receipt"})], LEASE_SECONDS)
    assert [(each.delivery.message_id, each.lasting) for each in failed] == [(spoilt.message_id, True)]


async def test_a_parked_message_names_its_reason(sqs: "SQSClient", queue: SqsQueue) -> None:
    """The dead-letter queue holds the body as it came, with code, reason and source beside it."""
    await send(sqs, queue, 1)
    (delivery,) = await queue.receive(1, LEASE_SECONDS)
    await queue.park(delivery, "not_json", "the body is no JSON: " + "x" * 500)
    parked = await sqs.receive_message(QueueUrl=queue._dlq_url, MessageAttributeNames=["All"])
    (message,) = parked["Messages"]
    attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert message["Body"] == "body 0"
    assert attributes["ParkCode"] == "not_json"
    assert attributes["ParkReason"].startswith("the body is no JSON")
    assert attributes["SourceMessageId"] == delivery.message_id


async def test_a_missing_queue_is_named(queue: SqsQueue) -> None:
    """A wrong URL is an error that carries it."""
    gone = SqsQueue(queue._client, queue._url + "-gone", queue._dlq_url, wait_seconds=0)
    with pytest.raises(TargetMissing, match="gone"):
        await gone.receive(1, LEASE_SECONDS)
