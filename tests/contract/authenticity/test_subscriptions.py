from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, cast

import pytest
from aiohttp import web
from sns_messages import TOPIC

from autocloudops import aws
from autocloudops.alarms.load import Refused
from autocloudops.alarms.signature import Topic, topic_of
from autocloudops.authenticity.subscriptions import SnsSubscriptions
from autocloudops.errors import ServiceFailed, ServiceUnavailable, Throttled

if TYPE_CHECKING:
    from types_aiobotocore_sns.client import SNSClient

TOKEN = "2336412f37fb687f5d51e6e241d"


class Clients:
    """Opens SNS clients, and remembers for which regions."""

    def __init__(self, url: str) -> None:
        self.regions: list[str] = []
        self._url = url

    @asynccontextmanager
    async def open(self, region: str) -> AsyncIterator["SNSClient"]:
        self.regions.append(region)
        client = aws.session().create_client(
            "sns", region_name=region, endpoint_url=self._url, config=aws.config(read_timeout_seconds=5)
        )
        async with client as opened:
            yield cast("SNSClient", opened)


def our_topic(arn: str = TOPIC) -> Topic:
    """Return a topic that is known to be one."""
    topic = topic_of(arn)
    assert topic is not None
    return topic


@asynccontextmanager
async def an_api(status: int, code: str) -> AsyncIterator[tuple[str, list[dict[str, str]]]]:
    """Serve an SNS API that answers every call with one error, or with a subscription; yield URL and calls."""
    calls: list[dict[str, str]] = []
    arn = f"{TOPIC}:4f95"
    good = f"<ConfirmSubscriptionResult><SubscriptionArn>{arn}</SubscriptionArn></ConfirmSubscriptionResult>"
    bad = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>as told</Message></Error>"

    async def handler(request: web.Request) -> web.StreamResponse:
        calls.append({name: str(value) for name, value in (await request.post()).items()})
        name, inner = ("ErrorResponse", bad) if code else ("ConfirmSubscriptionResponse", good)
        return web.Response(
            status=status,
            text=f'<{name} xmlns="http://sns.amazonaws.com/doc/2010-03-31/">{inner}</{name}>',
            content_type="text/xml",
        )

    application = web.Application()
    application.router.add_post("/", handler)
    async with AsyncExitStack() as stack:
        runner = web.AppRunner(application)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", calls


async def test_a_subscription_is_confirmed_in_its_topics_region(monkeypatch: pytest.MonkeyPatch) -> None:
    """Topic and token go to the API of the topic's region, and only the owners may unsubscribe afterwards."""
    credentials(monkeypatch)
    async with an_api(200, "") as (url, calls):
        clients = Clients(url)
        topic = our_topic("arn:aws:sns:ap-east-1:111122223333:alarms")
        assert await SnsSubscriptions(clients.open).confirm(topic, TOKEN) == f"{TOPIC}:4f95"
    assert clients.regions == ["ap-east-1"]
    (call,) = calls
    assert call["Action"] == "ConfirmSubscription"
    assert (call["TopicArn"], call["Token"], call["AuthenticateOnUnsubscribe"]) == (topic.arn, TOKEN, "true")


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "InvalidParameter"), (400, "InvalidParameterException"), (404, "NotFound"), (404, "NotFoundException")],
)
async def test_a_hopeless_token_is_refused(status: int, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong or expired token, or a topic that is gone, is asked for once and refused with SNS's words."""
    credentials(monkeypatch)
    async with an_api(status, code) as (url, calls):
        with pytest.raises(Refused, match="as told") as refused:
            await SnsSubscriptions(Clients(url).open).confirm(our_topic(), TOKEN)
    assert refused.value.code == "confirmation_refused"
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (403, "AuthorizationError", ServiceFailed),
        (400, "Throttling", Throttled),
        (500, "InternalError", ServiceUnavailable),
    ],
)
async def test_what_may_be_mended_comes_back(
    status: int, code: str, error: type[ServiceFailed], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing permission, a throttle or a failure is no verdict on the message."""
    credentials(monkeypatch)
    async with an_api(status, code) as (url, _):
        with pytest.raises(error) as raised:
            await SnsSubscriptions(Clients(url).open).confirm(our_topic(), TOKEN)
    assert raised.value.operation == "sns:ConfirmSubscription"
    assert raised.value.target == TOPIC


async def test_both_emulators_know_the_call(emulator: str) -> None:
    """The call has a form that SNS implementations accept: a subscription, or a plain no to a token nobody issued."""
    clients = Clients(emulator)
    async with clients.open("eu-west-1") as client:
        created = await client.create_topic(Name="confirmations")
    topic = our_topic(created["TopicArn"])
    try:
        confirmed = await SnsSubscriptions(clients.open).confirm(topic, TOKEN)
    except Refused as refused:
        assert refused.code == "confirmation_refused"  # noqa: PT017 - either answer keeps the promise
    else:
        assert confirmed.startswith(f"{topic.arn}:")


def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set what an AWS client needs to sign a call."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
