"""The OpenAI adapter: what it sends where, its keys, and that no key gets out."""

import json
import logging
import traceback
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, NoReturn

import aiohttp
import pytest
from model_server import ModelServer, Reply, Seen, chat, server_error
from multidict import CIMultiDict, CIMultiDictProxy
from pydantic import SecretStr
from yarl import URL

from autocloudops.clock import SystemClock
from autocloudops.diagnosis.endpoint import CompletionRequest
from autocloudops.errors import EndpointMisconfigured, ModelError, ModelUnavailable, SettingsInvalid
from autocloudops.inference.keys import EnvironmentKey, SecretsManagerKey
from autocloudops.inference.openai import OpenAiEndpoint, open_session

KEY = "planted-first"
NEWER = "planted-second"

OpenClient = Callable[[str, str], Awaitable[Any]]
Open = Callable[..., Awaitable[OpenAiEndpoint]]


@pytest.fixture
def environment_key(monkeypatch: pytest.MonkeyPatch) -> EnvironmentKey:
    """A key in the environment."""
    monkeypatch.setenv("A_MODEL_KEY", KEY)
    return EnvironmentKey("A_MODEL_KEY")


@pytest.fixture
async def secret_key(server: ModelServer, open_client: OpenClient) -> SecretsManagerKey:
    """A key in the Secrets Manager that `server` also plays."""
    return SecretsManagerKey(await open_client("secretsmanager", server.url), "prod/nim", SystemClock())


def keeping(*secrets: str | Reply, accepted: str) -> Callable[[Seen], Reply]:
    """Return a server that gives these secrets in turn and accepts one key; it quotes the keys that it refuses."""
    given = iter(secrets)

    def answer(seen: Seen) -> Reply:
        if "SecretId" in seen.body:
            secret = next(given)
            return secret if isinstance(secret, Reply) else Reply([json.dumps({"SecretString": secret}).encode()])
        shown = seen.headers.get("Authorization", "").removeprefix("Bearer ")
        return chat("{}") if shown == accepted else server_error(401, f"Incorrect API key provided: {shown}.")

    return answer


def refused_secret(kind: str) -> Reply:
    """Return an error of Secrets Manager."""
    return Reply([json.dumps({"__type": kind, "message": "no"}).encode()], 400)


async def test_what_goes_out(
    server: ModelServer, openai: Open, environment_key: EnvironmentKey, question: CompletionRequest
) -> None:
    """The path, the key and the correlation id are where such servers look for them."""
    endpoint = await openai(environment_key)
    completion = await endpoint.complete(question.model_copy(update={"correlation_id": "a\r\nX-Evil: 1"}))
    [seen] = server.seen
    assert seen.path == "/v1/chat/completions"
    assert seen.headers["Authorization"] == f"Bearer {KEY}"
    assert seen.headers["X-Request-ID"] == "a--X-Evil:-1"
    assert seen.body["response_format"]["type"] == "json_schema"
    assert completion.endpoint == endpoint.name == f"{server.url}/v1"
    assert completion.model == "served/model"


async def test_a_server_without_a_key_is_asked_without_one(
    server: ModelServer, openai: Open, question: CompletionRequest
) -> None:
    """A NIM on one's own cluster may ask for none; an empty correlation id has no header."""
    await (await openai()).complete(question.model_copy(update={"correlation_id": ""}))
    assert "Authorization" not in server.seen[0].headers
    assert "X-Request-ID" not in server.seen[0].headers


async def test_a_refusal_without_a_key_says_how_to_give_one(
    server: ModelServer, openai: Open, question: CompletionRequest
) -> None:
    """Where no key is configured, nobody is told to check one."""
    server.script = lambda _: server_error(401, "Authorization Required")
    with pytest.raises(
        EndpointMisconfigured, match="no key is configured: set AUTOCLOUDOPS_MODEL_KEY_SECRET"
    ) as raised:
        await (await openai()).complete(question)
    assert str(raised.value).count(server.url) == 1


async def test_a_redirect_is_not_followed(
    server: ModelServer, openai: Open, environment_key: EnvironmentKey, question: CompletionRequest
) -> None:
    """A key is not carried to where a server points."""
    server.script = lambda _: Reply(status=302, headers={"Location": f"{server.url}/elsewhere"})
    with pytest.raises(EndpointMisconfigured, match="redirects"):
        await (await openai(environment_key)).complete(question)
    assert [seen.path for seen in server.seen] == ["/v1/chat/completions"]


async def test_a_rotated_key_is_read_again_once(
    server: ModelServer,
    openai: Open,
    secret_key: SecretsManagerKey,
    question: CompletionRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After a 401 the secret is read once more and the request sent once more; then the new key is kept."""
    monkeypatch.setattr("autocloudops.inference.keys.FRESH_SECONDS", 0.0)
    server.script = keeping(KEY, f'{{"api_key": "{NEWER}"}}', accepted=NEWER)
    endpoint = await openai(secret_key)
    for _ in range(2):
        assert (await endpoint.complete(question)).content == "{}"
    keys = [seen.headers.get("Authorization") for seen in server.seen if "SecretId" not in seen.body]
    assert keys == [f"Bearer {KEY}", f"Bearer {NEWER}", f"Bearer {NEWER}"]
    assert [seen.body["SecretId"] for seen in server.seen if "SecretId" in seen.body] == ["prod/nim"] * 2


async def test_a_bad_key_is_not_read_again_for_every_request(
    server: ModelServer, openai: Open, secret_key: SecretsManagerKey, question: CompletionRequest
) -> None:
    """A key that is simply wrong is asked for once, however many requests it fails."""
    server.script = keeping(KEY, accepted=NEWER)
    endpoint = await openai(secret_key)
    for _ in range(3):
        with pytest.raises(EndpointMisconfigured, match="check the key"):
            await endpoint.complete(question)
    assert len(server.seen) == 4


@pytest.mark.parametrize(
    ("secret", "error"),
    [
        (refused_secret("ResourceNotFoundException"), EndpointMisconfigured),
        (refused_secret("AccessDeniedException"), EndpointMisconfigured),
        (refused_secret("ThrottlingException"), ModelUnavailable),
        ("two\nlines", EndpointMisconfigured),
        ('{"password": "planted-first"}', EndpointMisconfigured),
        ("", EndpointMisconfigured),
    ],
)
async def test_a_key_that_cannot_be_read_is_an_error_of_the_endpoint(
    secret: str | Reply,
    error: type[ModelError],
    server: ModelServer,
    openai: Open,
    secret_key: SecretsManagerKey,
    question: CompletionRequest,
) -> None:
    """Callers of a model see its own errors only: a missing key is for the operator, a throttle may pass."""
    server.script = keeping(secret, accepted=KEY)
    with pytest.raises(error, match="prod/nim") as raised:
        await (await openai(secret_key)).complete(question)
    assert type(raised.value) is error
    assert KEY not in "".join(traceback.format_exception(raised.value))


def everything_about(error: BaseException | None) -> str:
    """Return all text that a handler could print of an error: message, repr, arguments, causes, traceback."""
    told = ""
    while error is not None:
        told += f"{error} {error!r} {error.args} {vars(error)} {''.join(traceback.format_exception(error))}"
        error = error.__cause__ or error.__context__
    return told


@pytest.mark.parametrize(
    "reply",
    [
        Reply([b"junk"]),
        Reply(status=302, headers={"Location": "x"}),
        server_error(400, "temperature"),
        server_error(401, f"Incorrect API key provided: {KEY}. Find yours at example.com"),
        server_error(500, "oops"),
        *(server_error(401, "x" * before + KEY) for before in range(300 - len(KEY), 300, 3)),
    ],
)
async def test_no_key_in_any_error_or_log(
    reply: Reply,
    server: ModelServer,
    openai: Open,
    environment_key: EnvironmentKey,
    question: CompletionRequest,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither the error nor its causes nor any log line at any level shows the key, even where a server quotes it."""
    caplog.set_level(logging.DEBUG)
    server.script = lambda _: reply
    endpoint = await openai(environment_key)
    with pytest.raises(ModelError) as raised:
        await endpoint.complete(question)
    assert server.seen[0].headers["Authorization"].endswith(KEY)
    assert KEY[:6] not in everything_about(raised.value)
    assert KEY not in caplog.text
    assert KEY not in f"{endpoint!r} {endpoint} {vars(endpoint)} {environment_key!r} {vars(environment_key)}"


async def test_no_key_where_the_answer_is_no_http(
    server: ModelServer,
    openai: Open,
    environment_key: EnvironmentKey,
    question: CompletionRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The error that aiohttp raises about a response carries the headers of the request: it goes no further."""
    endpoint = await openai(environment_key)
    headers = CIMultiDictProxy(CIMultiDict({"Authorization": f"Bearer {KEY}"}))

    def refuse(*_: object) -> NoReturn:
        info = aiohttp.RequestInfo(URL(server.url), "POST", headers, URL(server.url))
        raise aiohttp.ClientResponseError(info, (), status=400, message="Invalid status line")

    monkeypatch.setattr(endpoint._wire, "_posted", refuse)
    with pytest.raises(ModelUnavailable, match="Invalid status line") as raised:
        await endpoint.complete(question)
    assert KEY not in everything_about(raised.value)


async def test_no_secret_in_repr(server: ModelServer, secret_key: SecretsManagerKey) -> None:
    """A key that was read does not show in what holds it."""
    server.script = keeping(KEY, accepted=KEY)
    assert (await secret_key.current()).get_secret_value() == KEY
    assert KEY not in f"{secret_key!r} {secret_key} {vars(secret_key)} {await secret_key.current()}"


@pytest.mark.parametrize(
    "url",
    [
        "http://models.example.com/v1",
        "http://10.0.0.7/v1",
        "https://user:planted-first@models.example.com/v1",
        "https://models.example.com/v1?key=planted-first",
        "https://models.example.com/v1#planted-first",
        "https:///v1",
        "ftp://127.0.0.1/v1",
        "models.example.com",
    ],
)
async def test_a_url_that_no_key_may_be_sent_to_is_refused(url: str, stack: AsyncExitStack) -> None:
    """Plain http beyond loopback, and credentials in a URL, are settings to correct; the message shows none."""
    session = await stack.enter_async_context(open_session(1))
    with pytest.raises(SettingsInvalid, match="https://HOST/v1") as raised:
        OpenAiEndpoint(session, url, "m", SystemClock())
    assert KEY not in str(raised.value)


@pytest.mark.parametrize(
    "url", ["https://models.example.com/v1/", "http://127.0.0.1:9/v1", "http://localhost/v1", "http://[::1]:9/v1"]
)
async def test_a_url_is_its_name(url: str, stack: AsyncExitStack) -> None:
    """The name is the URL as configured, without a slash at its end."""
    session = await stack.enter_async_context(open_session(1))
    assert OpenAiEndpoint(session, url, "m", SystemClock()).name == url.rstrip("/")


@pytest.mark.parametrize("said", ["", "two words", "tab\tbed", "ümlaut"])
async def test_an_environment_without_a_key(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that holds no key is a setting to correct, named by the variable and not by its content."""
    monkeypatch.setenv("A_MODEL_KEY", said)
    with pytest.raises(SettingsInvalid, match="A_MODEL_KEY holds no key") as raised:
        await EnvironmentKey("A_MODEL_KEY").current()
    assert not said or said not in str(raised.value)


async def test_an_environment_key_is_not_renewed(environment_key: EnvironmentKey) -> None:
    """The environment of a process does not change, so that a 401 is final."""
    key = await environment_key.current()
    assert await environment_key.renewed(key) == key == SecretStr(KEY)
