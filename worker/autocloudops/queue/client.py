"""The seam to SQS: what a queue must offer, and the adapter that offers it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol

from autocloudops.aws import translated
from autocloudops.errors import ServiceFailed
from autocloudops.values import Value

if TYPE_CHECKING:
    from types_aiobotocore_sqs.client import SQSClient
    from types_aiobotocore_sqs.type_defs import (
        ChangeMessageVisibilityBatchResultTypeDef,
        DeleteMessageBatchResultTypeDef,
        MessageAttributeValueTypeDef,
        MessageTypeDef,
    )

    BatchAnswer = DeleteMessageBatchResultTypeDef | ChangeMessageVisibilityBatchResultTypeDef

BATCH = 10
UNNAMED = "no word of this entry"
ATTRIBUTE_LIMIT = 256


class Delivery(Value):
    """One message as SQS handed it out. `receipt` is good for this delivery only."""

    message_id: str
    receipt: str
    body: str
    receive_count: int = 1
    sent_at: datetime | None = None

    def __str__(self) -> str:
        """Return what a log line calls it: a message that comes again and again shows by its count."""
        return f"message {self.message_id}, receive {self.receive_count},"


class Refused(NamedTuple):
    """An entry of a batch that SQS did not carry out.

    `lasting` is SQS's `SenderFault`: the same entry will be refused again, because the receipt is no longer good.
    """

    delivery: Delivery
    code: str
    lasting: bool = False


class QueueClient(Protocol):
    """A queue with a dead-letter queue beside it. Every method raises `ServiceFailed`."""

    async def receive(self, limit: int, lease_seconds: int) -> Sequence[Delivery]:
        """Return up to `limit` (at most 10) messages, hidden from others for `lease_seconds`.

        It waits for the first message as long as the long poll lasts, and returns none if there was none.
        """
        ...

    async def extend(self, deliveries: Sequence[Delivery], seconds: int) -> Sequence[Refused]:
        """Keep up to 10 messages hidden for `seconds` from now, and return those for which it failed."""
        ...

    async def delete(self, deliveries: Sequence[Delivery]) -> Sequence[Refused]:
        """Delete up to 10 messages, and return those that are still there."""
        ...

    async def release(self, deliveries: Sequence[Delivery], after_seconds: int) -> Sequence[Refused]:
        """Make up to 10 messages visible again after a while, and return those for which it failed."""
        ...

    async def park(self, delivery: Delivery, code: str, reason: str) -> None:
        """Send a message to the dead-letter queue with the reason beside it. It is not deleted here."""
        ...


class SqsQueue:
    """A `QueueClient` on SQS.

    Args:
        client: an SQS client whose read timeout is longer than the long poll.
        url: the alarm queue.
        dlq_url: where unreadable bodies are parked.
        wait_seconds: the long poll, at most 20.
    """

    def __init__(self, client: "SQSClient", url: str, dlq_url: str, wait_seconds: int) -> None:
        self._client = client
        self._url = url
        self._dlq_url = dlq_url
        self._wait_seconds = wait_seconds

    async def receive(self, limit: int, lease_seconds: int) -> Sequence[Delivery]:
        """Return up to `limit` messages, waiting for the first as long as the long poll lasts."""
        with translated("sqs:ReceiveMessage", self._url):
            answer = await self._client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=min(limit, BATCH),
                WaitTimeSeconds=self._wait_seconds,
                VisibilityTimeout=lease_seconds,
                MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
            )
        return [_delivery(message) for message in answer.get("Messages", ())]

    async def extend(self, deliveries: Sequence[Delivery], seconds: int) -> Sequence[Refused]:
        """Keep up to 10 messages hidden for `seconds` from now, and return those for which it failed."""
        return await self._hide(deliveries, seconds)

    async def delete(self, deliveries: Sequence[Delivery]) -> Sequence[Refused]:
        """Delete up to 10 messages, and return those that are still there."""
        with translated("sqs:DeleteMessage", self._url):
            answer = await self._client.delete_message_batch(
                QueueUrl=self._url,
                Entries=[{"Id": str(i), "ReceiptHandle": each.receipt} for i, each in enumerate(deliveries)],
            )
        return _refused(deliveries, answer)

    async def release(self, deliveries: Sequence[Delivery], after_seconds: int) -> Sequence[Refused]:
        """Make up to 10 messages visible again after a while, and return those for which it failed."""
        return await self._hide(deliveries, after_seconds)

    async def park(self, delivery: Delivery, code: str, reason: str) -> None:
        """Send a message to the dead-letter queue with the reason beside it. It is not deleted here.

        A body so long that nothing fits beside it goes alone: why it was parked stands in the audit too.
        """
        said = {"ParkCode": code, "ParkReason": reason[:ATTRIBUTE_LIMIT], "SourceMessageId": delivery.message_id}
        try:
            await self._send(delivery.body, said)
        except ServiceFailed as error:
            if type(error) is not ServiceFailed:
                raise
            await self._send(delivery.body, {})

    async def _send(self, body: str, said: Mapping[str, str]) -> None:
        beside: dict[str, MessageAttributeValueTypeDef] = {
            name: {"DataType": "String", "StringValue": text} for name, text in said.items()
        }
        with translated("sqs:SendMessage", self._dlq_url):
            await self._client.send_message(QueueUrl=self._dlq_url, MessageBody=body, MessageAttributes=beside)

    async def _hide(self, deliveries: Sequence[Delivery], seconds: int) -> Sequence[Refused]:
        with translated("sqs:ChangeMessageVisibility", self._url):
            answer = await self._client.change_message_visibility_batch(
                QueueUrl=self._url,
                Entries=[
                    {"Id": str(i), "ReceiptHandle": each.receipt, "VisibilityTimeout": seconds}
                    for i, each in enumerate(deliveries)
                ],
            )
        return _refused(deliveries, answer)


def _refused(deliveries: Sequence[Delivery], answer: "BatchAnswer") -> Sequence[Refused]:
    """Return what SQS says that it refused, and what it says nothing of."""
    done, failed = answer.get("Successful", ()), answer.get("Failed", ())
    named = {entry["Id"] for entry in (*done, *failed)}
    refused = [Refused(deliveries[int(entry["Id"])], entry["Code"], entry["SenderFault"]) for entry in failed]
    return refused + [Refused(each, UNNAMED) for i, each in enumerate(deliveries) if str(i) not in named]


def _delivery(message: "MessageTypeDef") -> Delivery:
    attributes = message.get("Attributes", {})
    sent = attributes.get("SentTimestamp")
    return Delivery(
        message_id=message["MessageId"],
        receipt=message["ReceiptHandle"],
        body=message["Body"],
        receive_count=int(attributes.get("ApproximateReceiveCount", "1")),
        sent_at=datetime.fromtimestamp(int(sent) / 1000, UTC) if sent else None,
    )
