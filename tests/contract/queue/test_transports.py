import json
import os
import ssl
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import pytest
from aiobotocore.credentials import AioRefreshableCredentials
from aiohttp import web
from botocore.auth import SIGV4_TIMESTAMP, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from scripted_sqs import OpenQueue, Script, ScriptedSqs, Seen, scripted_sqs
from sns_messages import certificate, key

from autocloudops import aws
from autocloudops.entrypoints import wiring
from autocloudops.errors import (
    AccessDenied,
    AutoCloudOpsError,
    ServiceFailed,
    ServiceUnavailable,
    SettingsInvalid,
    TargetMissing,
    Throttled,
)
from autocloudops.queue.client import Delivery, SqsQueue

URL = "https://sqs.eu-west-1.amazonaws.com/111122223333/alarms"
KEYS = ("key", "secret", "a token")
CLOCK = "Signature expired: 20260101T000000Z is now earlier than 20260101T001500Z (20260101T002000Z - 5 min.)"
ANSWERS = {
    "a role without the permission": (403, '{"__type":"com.amazon.coral.service#AccessDeniedException"}', AccessDenied),
    "an old token": (403, '{"__type":"com.amazon.coral.service#ExpiredTokenException","message":"old"}', AccessDenied),
    "a queue that is gone": (400, '{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no"}', TargetMissing),
    "too many calls": (400, '{"__type":"com.amazonaws.sqs#RequestThrottled","message":"slow down"}', Throttled),
    "a gateway's page": (503, "<html>Service Unavailable</html>", Throttled),
    "an empty error": (500, "", ServiceUnavailable),
    "a proxy's words": (502, "Bad Gateway", ServiceUnavailable),
    "a refusal with a number only": (400, "{}", ServiceFailed),
    "a clock that is off": (400, f'{{"__type":"x#InvalidSignatureException","message":"{CLOCK}"}}', ServiceFailed),
}


@pytest.fixture
async def server(point_at: Callable[[str], None]) -> AsyncIterator[ScriptedSqs]:
    """A scripted SQS, which the environment points at."""
    async with scripted_sqs() as running:
        point_at(running.url)
        yield running


@pytest.fixture
async def queue(server: ScriptedSqs, open_sqs: OpenQueue) -> SqsQueue:
    """A queue on it, through each transport."""
    assert server.url
    return await open_sqs(URL, URL + "-dlq")


def answering(status: int, text: str, headers: dict[str, str] | None = None) -> Script:
    """Return a script of one answer."""

    async def script(_: Seen) -> web.Response:
        return web.Response(status=status, text=text, headers=headers)

    return script


async def too_long_with_attributes(seen: Seen) -> web.Response:
    """Refuse what has anything beside its body, as SQS does where both are too long together."""
    if json.loads(seen.body)["MessageAttributes"]:
        long = '{"__type":"com.amazonaws.sqs#InvalidParameterValueException","message":"it is too long"}'
        return web.Response(status=400, text=long)
    return web.json_response({"MessageId": "b"})


async def breaking_off(_: Seen) -> web.StreamResponse:
    """Close the connection without an answer."""
    raise ConnectionResetError


@pytest.mark.parametrize("case", ANSWERS)
async def test_every_answer_has_its_error(server: ScriptedSqs, queue: SqsQueue, case: str) -> None:
    """What SQS or something before it says becomes the same error through each transport, after a single call."""
    status, text, error = ANSWERS[case]
    server.script = answering(status, text)
    with pytest.raises(ServiceFailed, match="sqs:ReceiveMessage on https://sqs") as raised:
        await queue.receive(1, 30)
    assert type(raised.value) is error
    assert len(server.seen) == 1


async def test_a_clock_that_is_off_is_shown(server: ScriptedSqs, queue: SqsQueue) -> None:
    """The error carries the words of the service, which has both times in them."""
    server.script = answering(*ANSWERS["a clock that is off"][:2])
    with pytest.raises(ServiceFailed, match="is now earlier than 20260101T001500Z"):
        await queue.receive(1, 30)


async def test_the_code_of_the_older_protocol_counts(server: ScriptedSqs, queue: SqsQueue) -> None:
    """SQS names a missing queue in a header, by the code that it had before it spoke JSON."""
    headers = {"x-amzn-query-error": "AWS.SimpleQueueService.NonExistentQueue;Sender"}
    server.script = answering(400, '{"__type":"com.amazonaws.sqs#Unheard","message":"no"}', headers)
    with pytest.raises(TargetMissing, match="NonExistentQueue"):
        await queue.receive(1, 30)


@pytest.mark.parametrize("text", ["", '{"Messages": [', "[]", "<html>Welcome to the hotel</html>", "\xff"])
async def test_an_answer_that_is_none_is_an_error(server: ScriptedSqs, queue: SqsQueue, text: str) -> None:
    """A page of a captive portal is no empty queue, though it comes with a status of success."""

    async def script(_: Seen) -> web.Response:
        return web.Response(body=text.encode("latin-1"))

    server.script = script
    with pytest.raises(ServiceUnavailable, match="no answer of SQS"):
        await queue.receive(1, 30)


async def test_an_entry_that_nobody_speaks_of_is_not_done(server: ScriptedSqs, queue: SqsQueue) -> None:
    """Of a batch only that counts as deleted or hidden of which SQS says so; the rest may be tried again."""
    held = [Delivery(message_id=name, receipt=f"r-{name}", body="") for name in "abc"]
    failed = {"Id": "2", "Code": "ReceiptHandleIsInvalid", "SenderFault": True}
    server.script = answering(200, json.dumps({"Successful": [{"Id": "0"}], "Failed": [failed]}))
    for refused in (await queue.delete(held), await queue.extend(held, 60), await queue.release(held, 0)):
        assert [(each.delivery.message_id, each.lasting) for each in refused] == [("c", True), ("b", False)]
    server.script = answering(200, "{}")
    assert len(await queue.delete(held)) == len(held)


async def test_a_long_body_is_parked_without_its_reason(server: ScriptedSqs, queue: SqsQueue) -> None:
    """A body at SQS's limit, beside which nothing fits, goes to the dead-letter queue alone, and is not left behind."""
    server.script = too_long_with_attributes
    await queue.park(Delivery(message_id="a", receipt="r", body="x" * 262_144), "not_json", "no JSON")
    first, second = (json.loads(seen.body) for seen in server.seen)
    assert set(first["MessageAttributes"]) == {"ParkCode", "ParkReason", "SourceMessageId"}
    assert (second["MessageBody"], second["MessageAttributes"]) == (first["MessageBody"], {})


@pytest.mark.parametrize("case", ["a role without the permission", "too many calls", "an empty error"])
async def test_what_else_is_refused_is_sent_once(server: ScriptedSqs, queue: SqsQueue, case: str) -> None:
    """A park that a permission or an outage stands in the way of is an error, with the reason not given up."""
    status, text, error = ANSWERS[case]
    server.script = answering(status, text)
    with pytest.raises(error):
        await queue.park(Delivery(message_id="a", receipt="r", body="x"), "not_json", "no JSON")
    assert len(server.seen) == 1


async def test_a_broken_connection_may_pass(server: ScriptedSqs, queue: SqsQueue) -> None:
    """A connection that breaks instead of an answer is an error that the next call need not share."""
    server.script = breaking_off
    with pytest.raises(ServiceUnavailable):
        await queue.receive(1, 30)
    server.script = answering(200, "{}")
    assert await queue.receive(1, 30) == []


async def test_connections_are_used_again(server: ScriptedSqs, queue: SqsQueue) -> None:
    """Calls one after the other share a connection."""
    for _ in range(5):
        await queue.receive(1, 30)
    assert len({seen.port for seen in server.seen}) == 1


async def test_only_silence_longer_than_the_long_poll_is_an_error(
    server: ScriptedSqs, open_sqs: OpenQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that never answers costs the long poll and a margin, and is an error then."""
    monkeypatch.setattr(wiring, "CALL_SECONDS", 0.05)

    async def silent(_: Seen) -> web.StreamResponse:
        await server.stopping.wait()
        return web.Response()

    server.script = silent
    with pytest.raises(ServiceUnavailable):
        await (await open_sqs(URL, URL + "-dlq")).receive(1, 30)


async def test_a_proxy_is_used_and_passed_by(
    server: ScriptedSqs, open_sqs: OpenQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`HTTP_PROXY` gets the calls for other hosts, unless `NO_PROXY` names the host."""
    monkeypatch.setenv("HTTP_PROXY", server.url)
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "http://sqs.invalid:4100")
    assert await (await open_sqs(URL, URL + "-dlq")).receive(1, 30) == []
    assert [seen.url for seen in server.seen] == ["http://sqs.invalid:4100/"]
    monkeypatch.setenv("no_proxy", "sqs.invalid")
    with pytest.raises(ServiceUnavailable):
        await (await open_sqs(URL, URL + "-dlq")).receive(1, 30)


async def test_certificates_are_checked(
    open_sqs: OpenQueue, point_at: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A server is trusted by the bundle that `AWS_CA_BUNDLE` names, and by no other."""
    bundle = tmp_path / "server.pem"
    private = key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    bundle.write_bytes(private + certificate(("localhost",), begin=datetime.now(UTC) - timedelta(days=1)))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(bundle)
    async with scripted_sqs(tls) as server:
        point_at(server.url)
        with pytest.raises(ServiceUnavailable, match=r"(?i)certificate"):
            await (await open_sqs(URL, URL + "-dlq")).receive(1, 30)
        monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
        assert await (await open_sqs(URL, URL + "-dlq")).receive(1, 30) == []


async def test_a_bundle_that_is_none_is_named(
    server: ScriptedSqs, open_sqs: OpenQueue, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A wrong `AWS_CA_BUNDLE` is an error of ours, at the first call at the latest."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url.replace("http:", "https:"))
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "nowhere.pem"))
    with pytest.raises(AutoCloudOpsError):
        await (await open_sqs(URL, URL + "-dlq")).receive(1, 30)


async def test_what_is_sent_is_the_same(server: ScriptedSqs, queue: SqsQueue) -> None:
    """Each transport sends the same fields, to the same target, under the protocol's content type."""
    held = [Delivery(message_id=name, receipt=f"r-{name}", body="Größe \u0000 \U0001f6a8") for name in "ab"]
    server.script = answering(200, '{"Successful": [], "Failed": []}')
    await queue.receive(64, 30)
    await queue.delete(held)
    await queue.extend(held, 60)
    await queue.release(held, 0)
    await queue.park(held[0], "not_json", "no JSON")
    targets = [seen.headers["X-Amz-Target"] for seen in server.seen]
    hide = "AmazonSQS.ChangeMessageVisibilityBatch"
    assert targets == ["AmazonSQS.ReceiveMessage", "AmazonSQS.DeleteMessageBatch", hide, hide, "AmazonSQS.SendMessage"]
    assert {seen.headers["Content-Type"] for seen in server.seen} == {"application/x-amz-json-1.0"}
    assert json.loads(server.seen[0].body) == {
        "QueueUrl": URL,
        "MaxNumberOfMessages": 10,
        "WaitTimeSeconds": 0,
        "VisibilityTimeout": 30,
        "MessageSystemAttributeNames": ["ApproximateReceiveCount", "SentTimestamp"],
    }
    assert json.loads(server.seen[-1].body)["MessageBody"] == held[0].body


class Rotating:
    """Credentials that are about to expire each time they are read."""

    def __init__(self) -> None:
        self.fetched = 0

    async def fetch(self) -> dict[str, str]:
        """Return the next ones."""
        self.fetched += 1
        expiry = datetime.now(UTC) + timedelta(seconds=1)
        name = f"key{self.fetched}"
        return {"access_key": name, "secret_key": "s", "token": f"t{name}", "expiry_time": expiry.isoformat()}


async def test_credentials_are_refreshed(
    server: ScriptedSqs, open_sqs: OpenQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call is signed with what botocore has by then, and carries its token."""
    rotating = Rotating()
    credentials = AioRefreshableCredentials.create_from_metadata(await rotating.fetch(), rotating.fetch, "test")
    made = aws.session()

    async def found() -> object:
        return credentials

    monkeypatch.setattr(made, "get_credentials", found)
    monkeypatch.setattr(aws, "session", lambda: made)
    queue = await open_sqs(URL, URL + "-dlq")
    for _ in range(3):
        assert await queue.receive(1, 30) == []
    signed_with = [seen.headers["Authorization"].split("Credential=")[1].split("/")[0] for seen in server.seen]
    assert signed_with == ["key2", "key3", "key4"]
    assert [seen.headers["X-Amz-Security-Token"] for seen in server.seen] == ["tkey2", "tkey3", "tkey4"]


def authorization_of(seen: Seen, base: str) -> str:
    """Return what botocore's own signer says of a request that came, at the time that it names."""
    names = seen.headers["Authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    headers = {name: seen.headers[name] for name in names}
    request = AWSRequest("POST", f"{base}{seen.url}", headers=headers, data=seen.body)
    at = datetime.strptime(headers["x-amz-date"], SIGV4_TIMESTAMP).replace(tzinfo=UTC)
    with patch("botocore.auth.get_current_datetime", return_value=at):
        SigV4Auth(ReadOnlyCredentials(*KEYS), "sqs", "eu-west-1").add_auth(request)
    return str(request.headers["Authorization"])


async def test_every_call_is_signed(server: ScriptedSqs, open_sqs: OpenQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    """What arrives bears the signature that botocore makes for it, with target, date and token among what is signed."""
    for name, value in zip(("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"), KEYS, strict=True):
        monkeypatch.setenv(f"AWS_{name}", value)
    queue = await open_sqs(URL, URL + "-dlq")
    held = Delivery(message_id="a", receipt="r", body="Größe")
    await queue.receive(1, 30)
    await queue.delete([held])
    await queue.park(held, "not_json", "no JSON")
    for seen in server.seen:
        signed = seen.headers["Authorization"]
        assert signed == authorization_of(seen, server.url)
        assert "host;x-amz-date;x-amz-security-token;x-amz-target" in signed


@pytest.mark.parametrize("gone", ["AWS_ACCESS_KEY_ID", "AWS_REGION"])
async def test_what_is_not_configured_is_named(
    server: ScriptedSqs, open_sqs: OpenQueue, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    """Without credentials or a region nothing is sent, and the error says what to set."""
    monkeypatch.delenv(gone)
    monkeypatch.delenv({"AWS_REGION": "AWS_DEFAULT_REGION"}.get(gone, "AWS_SECRET_ACCESS_KEY"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    with pytest.raises(SettingsInvalid, match="AWS_REGION"):
        await (await open_sqs(URL, URL + "-dlq")).receive(1, 30)
    assert server.seen == []
