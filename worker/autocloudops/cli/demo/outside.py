"""Watching the worker from outside: the queues, the model endpoint, and what people are told."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, cast

from autocloudops.aws import translated
from autocloudops.sandbox import Sandbox
from autocloudops.sandbox.foundation import client
from autocloudops.values import Value

if TYPE_CHECKING:
    from types_aiobotocore_sns.client import SNSClient
    from types_aiobotocore_sqs.client import SQSClient
    from types_aiobotocore_sqs.type_defs import MessageTypeDef

INBOX = "autocloudops-demo-inbox"
BATCH = 10


class Told(Value):
    """One notification as a subscriber got it; `verdict` is empty where it tells of no decision."""

    subject: str
    text: str
    verdict: str


class Parked(Value):
    """One message on the dead-letter queue, why it is there, and which message of the alarm queue it was."""

    body: str
    code: str
    message_id: str


class View(Value):
    """What can be seen at one moment: messages by where they are, requests to the model, decisions by verdict."""

    sent: int
    waiting: int
    in_flight: int
    parked: int
    model_requests: int
    model_in_flight: int
    decisions: dict[str, int]

    @property
    def idle(self) -> bool:
        """Whether the alarm queue is empty and nothing of it is in flight."""
        return self.waiting == 0 and self.in_flight == 0


class Observer:
    """Looks at a running sandbox, and subscribes to the decisions.

    Args:
        local: the sandbox.
        sqs: an SQS client for it.
        inbox_url: a queue that is subscribed to the decisions.
    """

    def __init__(self, local: Sandbox, sqs: "SQSClient", inbox_url: str) -> None:
        self._local = local
        self._sqs = sqs
        self._inbox_url = inbox_url
        self.told: list[Told] = []

    async def look(self, sent: int) -> View:
        """Return what can be seen now, and read what arrived in the inbox; `sent` is how many were sent so far."""
        resources, stats = self._local.resources, self._local.endpoint.stats
        waiting, in_flight = await self._depth(resources.queue_url)
        parked, _ = await self._depth(resources.dlq_url)
        self.told += [_told(message) for message in await self._take(self._inbox_url)]
        return View(
            sent=sent,
            waiting=waiting,
            in_flight=in_flight,
            parked=parked,
            model_requests=stats.requests,
            model_in_flight=stats.in_flight,
            decisions=Counter(told.verdict for told in self.told if told.verdict),
        )

    async def parked(self) -> list[Parked]:
        """Return what is on the dead-letter queue."""
        return [_parked(message) for message in await self._peek(self._local.resources.dlq_url)]

    async def _depth(self, url: str) -> tuple[int, int]:
        """Return how many messages a queue holds and how many of it are in flight."""
        with translated("sqs:GetQueueAttributes", url):
            answer = await self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        counts = {name: int(value) for name, value in answer["Attributes"].items() if name.startswith("Approx")}
        visible = counts["ApproximateNumberOfMessages"] + counts["ApproximateNumberOfMessagesDelayed"]
        return visible, counts["ApproximateNumberOfMessagesNotVisible"]

    async def _take(self, url: str) -> "list[MessageTypeDef]":
        """Return every message of a queue, and delete them."""
        messages = await self._peek(url)
        with translated("sqs:DeleteMessage", url):
            for message in messages:
                await self._sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return messages

    async def _peek(self, url: str) -> "list[MessageTypeDef]":
        """Return every message of a queue; they stay hidden from other readers for a while."""
        messages: list[MessageTypeDef] = []
        with translated("sqs:ReceiveMessage", url):
            while True:
                answer = await self._sqs.receive_message(
                    QueueUrl=url, MaxNumberOfMessages=BATCH, MessageAttributeNames=["All"]
                )
                if not answer.get("Messages"):
                    return messages
                messages += answer["Messages"]


@asynccontextmanager
async def observing(local: Sandbox) -> AsyncIterator[Observer]:
    """Subscribe a queue to the decisions and yield an observer of the sandbox."""
    resources = local.resources
    async with AsyncExitStack() as stack:
        sqs = cast("SQSClient", await stack.enter_async_context(client("sqs", resources.endpoint_url)))
        sns = cast("SNSClient", await stack.enter_async_context(client("sns", resources.endpoint_url)))
        with translated("sns:Subscribe", resources.decisions_topic_arn):
            inbox = await sqs.create_queue(QueueName=INBOX)
            attributes = await sqs.get_queue_attributes(QueueUrl=inbox["QueueUrl"], AttributeNames=["QueueArn"])
            await sns.subscribe(
                TopicArn=resources.decisions_topic_arn, Protocol="sqs", Endpoint=attributes["Attributes"]["QueueArn"]
            )
        yield Observer(local, sqs, inbox["QueueUrl"])


def _told(message: "MessageTypeDef") -> Told:
    envelope = json.loads(message["Body"])
    verdict = envelope["MessageAttributes"].get("verdict", {}).get("Value", "")
    return Told(subject=envelope["Subject"], text=envelope["Message"], verdict=verdict)


def _parked(message: "MessageTypeDef") -> Parked:
    """Read one message; those that SQS itself moved after too many deliveries carry no reason."""
    said = {name: value.get("StringValue", "") for name, value in message.get("MessageAttributes", {}).items()}
    return Parked(
        body=message["Body"], code=said.get("ParkCode", "redriven"), message_id=said.get("SourceMessageId", "")
    )
