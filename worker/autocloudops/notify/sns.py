"""Decisions as SNS messages."""

from typing import TYPE_CHECKING, Protocol

from autocloudops.aws import translated
from autocloudops.values import Value

if TYPE_CHECKING:
    from types_aiobotocore_sns.client import SNSClient

SUBJECT_LIMIT = 100


class Notification(Value):
    """What people get: a subject for the lock screen, a text for the rest.

    `attributes` let a subscription filter: verdict, account, region, action.
    """

    subject: str
    text: str
    attributes: dict[str, str]


class Notifier(Protocol):
    """Whoever tells people. Raises `ServiceFailed`."""

    async def tell(self, notification: Notification) -> None:
        """Pass a notification on."""
        ...


class SnsNotifier:
    """A `Notifier` on one SNS topic."""

    def __init__(self, client: "SNSClient", topic_arn: str) -> None:
        self._client = client
        self._topic_arn = topic_arn

    async def tell(self, notification: Notification) -> None:
        """Publish a notification; SNS takes subjects of up to 100 ASCII characters (API reference, Publish)."""
        ascii_subject = notification.subject.encode("ascii", "replace").decode()[:SUBJECT_LIMIT]
        with translated("sns:Publish", self._topic_arn):
            await self._client.publish(
                TopicArn=self._topic_arn,
                Subject=ascii_subject,
                Message=notification.text,
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value}
                    for name, value in notification.attributes.items()
                },
            )
