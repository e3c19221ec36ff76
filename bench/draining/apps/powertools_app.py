"""Powertools' async batch processor, which has no poller of its own, behind threads that poll with boto3."""

import asyncio
import signal
from threading import Event, Thread
from typing import Any

import boto3
from aws_lambda_powertools.utilities.batch import AsyncBatchProcessor, EventType, async_process_partial_response
from environment import ENDPOINT, PAUSE_SECONDS, QUEUE_URL, SLOTS, WAIT_SECONDS

BATCH = 10
ATTRIBUTES = ["ApproximateReceiveCount", "SentTimestamp"]


async def handle(record: object) -> None:
    """Do nothing for as long as the bench says."""
    del record
    if PAUSE_SECONDS:
        await asyncio.sleep(PAUSE_SECONDS)


def poll(sqs: Any, stop: Event) -> None:  # noqa: ANN401 - boto3 makes its classes as it runs
    """Receive, process and delete, one batch after the other."""
    asyncio.set_event_loop(asyncio.new_event_loop())
    processor = AsyncBatchProcessor(EventType.SQS)
    while not stop.is_set():
        answer = sqs.receive_message(
            QueueUrl=QUEUE_URL,
            MaxNumberOfMessages=BATCH,
            WaitTimeSeconds=WAIT_SECONDS,
            MessageSystemAttributeNames=ATTRIBUTES,
        )
        if messages := answer.get("Messages"):
            process(sqs, processor, messages)


def process(sqs: Any, processor: AsyncBatchProcessor, messages: list[dict[str, Any]]) -> None:  # noqa: ANN401 - likewise
    """Hand a batch over as Lambda does, and delete what did not fail."""
    records = [
        {
            "messageId": each["MessageId"],
            "receiptHandle": each["ReceiptHandle"],
            "body": each["Body"],
            "attributes": each["Attributes"],
            "messageAttributes": {},
        }
        for each in messages
    ]
    result = async_process_partial_response(event={"Records": records}, record_handler=handle, processor=processor)
    failed = {each["itemIdentifier"] for each in result["batchItemFailures"]}
    entries = [
        {"Id": each["MessageId"], "ReceiptHandle": each["ReceiptHandle"]}
        for each in messages
        if each["MessageId"] not in failed
    ]
    sqs.delete_message_batch(QueueUrl=QUEUE_URL, Entries=entries)


def main() -> None:
    """Poll until SIGTERM."""
    stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    sqs = boto3.client("sqs", endpoint_url=ENDPOINT)
    pollers = [Thread(target=poll, args=(sqs, stop)) for _ in range(SLOTS // BATCH)]
    for poller in pollers:
        poller.start()
    for poller in pollers:
        poller.join()


if __name__ == "__main__":
    main()
