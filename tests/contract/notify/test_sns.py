import json
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

import pytest
from aiohttp import web

from autocloudops import aws
from autocloudops.errors import ServiceFailed, ServiceUnavailable, TargetMissing
from autocloudops.notify.sns import SUBJECT_LIMIT, Notification, SnsNotifier

if TYPE_CHECKING:
    from types_aiobotocore_sns.client import SNSClient
    from types_aiobotocore_sqs.client import SQSClient

TEXT = "DRY RUN: orders-api\nCAUSE    the café has too few tasks — “really”\n"
NOTIFICATION = Notification(
    subject="DRY RUN (would execute): orders-api",
    text=TEXT,
    attributes={"verdict": "dry_run", "account": "111122223333", "region": "eu-west-1", "action": "none"},
)


@dataclass
class Topic:
    """A topic, the notifier on it, and a queue that has subscribed to it."""

    notifier: SnsNotifier
    sqs: "SQSClient"
    inbox: str

    async def arrived(self) -> dict[str, Any]:
        """Return the one envelope that the queue holds."""
        answer = await self.sqs.receive_message(QueueUrl=self.inbox, MaxNumberOfMessages=10, WaitTimeSeconds=5)
        (message,) = answer["Messages"]
        return cast("dict[str, Any]", json.loads(message["Body"]))


@pytest.fixture
async def sns(stack: AsyncExitStack, emulator: str) -> "SNSClient":
    """An SNS client on the emulator."""
    assert emulator.startswith("http://127.0.0.1:")
    return await sns_client(stack)


@pytest.fixture
async def topic(sns: "SNSClient", sqs: "SQSClient") -> Topic:
    """A topic of this test's own with a queue subscribed to it."""
    name = f"decisions-{uuid4().hex[:8]}"
    arn = (await sns.create_topic(Name=name))["TopicArn"]
    inbox = (await sqs.create_queue(QueueName=name))["QueueUrl"]
    answer = await sqs.get_queue_attributes(QueueUrl=inbox, AttributeNames=["QueueArn"])
    await sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=answer["Attributes"]["QueueArn"])
    return Topic(SnsNotifier(sns, arn), sqs, inbox)


async def sns_client(stack: AsyncExitStack) -> "SNSClient":
    """Open an SNS client that fails fast, on whatever the environment points at."""
    calls = aws.config(read_timeout_seconds=10)
    return cast("SNSClient", await stack.enter_async_context(aws.session().create_client("sns", config=calls)))


async def serve(stack: AsyncExitStack, status: int, body: bytes) -> str:
    """Serve one answer to every request on loopback, and return the URL."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, body=body, content_type="text/plain")

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}"


async def test_a_notification_arrives_whole(topic: Topic) -> None:
    """A subscriber gets the subject and the text as they were told, line breaks and letters beyond ASCII included."""
    await topic.notifier.tell(NOTIFICATION)
    envelope = await topic.arrived()
    assert envelope["Subject"] == NOTIFICATION.subject
    assert envelope["Message"] == TEXT


async def test_attributes_can_be_filtered_by(topic: Topic) -> None:
    """Every attribute travels as a string attribute of the message."""
    await topic.notifier.tell(NOTIFICATION)
    envelope = await topic.arrived()
    assert envelope["MessageAttributes"] == {
        name: {"Type": "String", "Value": value} for name, value in NOTIFICATION.attributes.items()
    }


@pytest.mark.parametrize(
    ("subject", "arrives"),
    [
        ("M" * SUBJECT_LIMIT, "M" * SUBJECT_LIMIT),
        ("M" * (SUBJECT_LIMIT + 1), "M" * SUBJECT_LIMIT),
        ("MANUAL: 지연 café", "MANUAL: ?? caf?"),
        ("지" * 150, "?" * SUBJECT_LIMIT),
    ],
)
async def test_a_subject_is_what_sns_takes(subject: str, arrives: str, topic: Topic) -> None:
    """A subject is cut to 100 characters, and letters beyond ASCII become question marks."""
    await topic.notifier.tell(NOTIFICATION.model_copy(update={"subject": subject}))
    assert (await topic.arrived())["Subject"] == arrives


async def test_a_missing_topic_is_named(sns: "SNSClient") -> None:
    """A wrong ARN is an error that carries it and says what to check."""
    arn = "arn:aws:sns:eu-west-1:000000000000:no-such-topic"
    with pytest.raises(TargetMissing, match=r"sns:Publish on .*no-such-topic failed") as raised:
        await SnsNotifier(sns, arn).tell(NOTIFICATION)
    assert raised.value.target == arn
    assert raised.value.advice == "check its name, account and region"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (502, b"Bad Gateway: the proxy has no upstream"),
        (502, b"<html><body>Bad Gateway</body></html>"),
        (503, b""),
        (500, b"\xff\xfe not text at all"),
        (200, b"welcome to the hotel network"),
    ],
)
async def test_an_answer_that_is_not_from_sns_is_a_failed_service(
    status: int, body: bytes, stack: AsyncExitStack, point_at: Callable[[str], None]
) -> None:
    """What a proxy in between says is an error of ours that names the topic, never a parser's."""
    point_at(await serve(stack, status, body))
    arn = "arn:aws:sns:eu-west-1:000000000000:decisions"
    with pytest.raises(ServiceFailed) as raised:
        await SnsNotifier(await sns_client(stack), arn).tell(NOTIFICATION)
    assert (raised.value.operation, raised.value.target) == ("sns:Publish", arn)
    assert "\n" not in str(raised.value)


async def test_a_closed_port_may_pass_by_itself(stack: AsyncExitStack, point_at: Callable[[str], None]) -> None:
    """A connection that nobody takes is an outage, not a wrong topic."""
    async with AsyncExitStack() as shortlived:
        gone = await serve(shortlived, 200, b"")
    point_at(gone)
    with pytest.raises(ServiceUnavailable, match="decisions"):
        await SnsNotifier(await sns_client(stack), "arn:aws:sns:eu-west-1:000000000000:decisions").tell(NOTIFICATION)
