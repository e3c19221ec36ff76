"""Every row of the error table, over real HTTP, through aiobotocore and through aiohttp."""

import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pytest
from model_server import (
    Event,
    ModelServer,
    Reply,
    aws_error,
    container_error,
    exception_frame,
    frames,
    server_error,
    sse,
)

from autocloudops import aws
from autocloudops.clock import SystemClock
from autocloudops.diagnosis.endpoint import CompletionRequest
from autocloudops.errors import (
    ContextTooLong,
    EndpointMisconfigured,
    ModelAsleep,
    ModelBrokeOff,
    ModelError,
    ModelRefused,
    ModelThrottled,
    ModelTimedOut,
    ModelUnavailable,
)
from autocloudops.inference import faults
from autocloudops.inference.openai import OpenAiEndpoint, open_session
from autocloudops.inference.sagemaker import SageMakerEndpoint

NO_CAPACITY = "Inference Component has no capacity to process this request. ApplicationAutoScaling may be in progress."
NOT_FOUND = "Endpoint contract-nim of account 111122223333 not found."
NO_COMPONENT = "Inference Component Name header is required for endpoints to which you plan to deploy components."
SIXTY_SECONDS = "Your invocation timed out while waiting for a response from container primary."
CONTEXT = (
    '{"error":{"message":"This model\'s maximum context length is 8192 tokens.","type":"BadRequestError","code":400}}'
)
EMBEDDING_CONTEXT = '{"error": "Input length 9000 exceeds maximum allowed token size 8192"}'
BODY_SIZE = "Value at 'body' failed to satisfy constraint: Member must have length less than or equal to 6291456"
MODEL_NAME = '{"error":{"message":"The model `asked/model` does not exist.","code":404}}'

SAGEMAKER = {
    "context": (container_error(400, CONTEXT), ContextTooLong),
    "context of an embedding NIM": (container_error(400, EMBEDDING_CONTEXT), ContextTooLong),
    "context of a NIM that fails over it": (container_error(500, CONTEXT), ContextTooLong),
    "container: too large": (container_error(413, "Payload too large"), ContextTooLong),
    "body too large": (aws_error("ValidationError", 400, Message=BODY_SIZE), ContextTooLong),
    "bad schema": (container_error(422, '{"detail":[{"msg":"bad"}]}'), ModelRefused),
    "bad body": (container_error(400, '{"message":"Cannot find suitable handler"}'), ModelRefused),
    "wrong model": (container_error(404, MODEL_NAME), EndpointMisconfigured),
    "key of the container": (container_error(401, "no licence"), EndpointMisconfigured),
    "bad value": (aws_error("ValidationError", 400, Message="Value 'x' is invalid"), ModelRefused),
    "not found": (aws_error("ValidationError", 400, Message=NOT_FOUND), EndpointMisconfigured),
    "no component": (aws_error("ValidationError", 400, Message=NO_COMPONENT), EndpointMisconfigured),
    "missing": (aws_error("ResourceNotFoundException", 400, Message="gone"), EndpointMisconfigured),
    "denied": (aws_error("AccessDeniedException", 403, Message="not authorized"), EndpointMisconfigured),
    "expired": (aws_error("ExpiredTokenException", 403, Message="expired"), EndpointMisconfigured),
    "unknown client": (aws_error("UnrecognizedClientException", 400, Message="token"), EndpointMisconfigured),
    "bad signature": (aws_error("InvalidSignatureException", 403, Message="clock?"), EndpointMisconfigured),
    "no capacity": (aws_error("ValidationError", 400, Message=NO_CAPACITY), ModelAsleep),
    "not ready": (aws_error("ModelNotReadyException", 429, Message="loading"), ModelAsleep),
    "throttled without a word": (aws_error("ThrottlingException", 400, message=None), ModelThrottled),
    "throttled": (aws_error("ThrottlingException", 429, Message="Rate exceeded"), ModelThrottled),
    "throttled by the NIM": (container_error(429, "queue full"), ModelThrottled),
    "container error": (container_error(500, '{"error":{"message":"CUDA out of memory"}}'), ModelBrokeOff),
    "container died": (container_error(0, "Received server error (0)"), ModelBrokeOff),
    "internal": (aws_error("InternalFailure", 500, Message="oops"), ModelBrokeOff),
    "sixty seconds": (container_error(0, SIXTY_SECONDS), ModelTimedOut),
    "container gave up": (container_error(408, "late"), ModelTimedOut),
    "container: bad gateway": (container_error(502, ""), ModelUnavailable),
    "container: not ready": (container_error(503, "loading"), ModelUnavailable),
    "container: gateway": (container_error(504, "gateway timeout"), ModelUnavailable),
    "unavailable": (aws_error("ServiceUnavailable", 503, Message="busy"), ModelUnavailable),
    "dependency": (aws_error("InternalDependencyException", 530, Message="busy"), ModelUnavailable),
    "a proxy's page": (Reply([b"<html>Bad gateway</html>"], 502), ModelUnavailable),
    "not a completion": (Reply([b"<html>Welcome</html>"]), ModelBrokeOff),
    "half a body": (Reply([b'{"id": "ch', Event.BREAK]), ModelBrokeOff),
    "no answer at all": (Reply([Event.HANG]), ModelTimedOut),
    "half a body and silence": (Reply([b'{"id": "ch', Event.HANG]), ModelTimedOut),
}

PART = sse("half", finish_reason=None, done=False)
STREAMED: dict[str, tuple[bytes | Event, type[ModelError]]] = {
    "broken by the container": (
        exception_frame("ModelStreamError", Message="The stream broke.", ErrorCode="StreamBroken"),
        ModelBrokeOff,
    ),
    "eight minutes": (
        exception_frame(
            "ModelStreamError",
            Message="The model failed to finish sending the response within the timeout period.",
            ErrorCode="ModelInvocationTimeExceeded",
        ),
        ModelTimedOut,
    ),
    "internal": (exception_frame("InternalStreamFailure", Message="unknown"), ModelBrokeOff),
    "connection dropped": (Event.BREAK, ModelBrokeOff),
    "silence": (Event.HANG, ModelTimedOut),
    "ended early": (b"", ModelBrokeOff),
    "bytes changed on the way": (frames(b"x")[0][:-1] + b"\0", ModelBrokeOff),
}

HTTP = {
    "context": (server_error(400, "This model's maximum context length is 8192 tokens"), ContextTooLong),
    "refused": (server_error(400, "temperature is negative"), ModelRefused),
    "key": (server_error(401, "bad key"), EndpointMisconfigured),
    "forbidden": (server_error(403, "not yours"), EndpointMisconfigured),
    "wrong model": (server_error(404, "no such model"), EndpointMisconfigured),
    "moved": (Reply(status=307, headers={"Location": "/v1/elsewhere"}), EndpointMisconfigured),
    "timeout": (server_error(408, "late"), ModelTimedOut),
    "too large": (server_error(413, "too large"), ContextTooLong),
    "throttled": (server_error(429, "Too many requests"), ModelThrottled),
    "error": (server_error(500, "CUDA out of memory"), ModelBrokeOff),
    "gateway": (server_error(502, "x"), ModelUnavailable),
    "unavailable": (server_error(503, "x"), ModelUnavailable),
    "gateway timeout": (server_error(504, "x"), ModelUnavailable),
    "a page": (Reply([b"<html>Welcome</html>"]), ModelBrokeOff),
    "half a body": (Reply([b'{"id": "ch', Event.BREAK]), ModelBrokeOff),
    "no answer at all": (Reply([Event.HANG]), ModelTimedOut),
    "half a body and silence": (Reply([b'{"id": "ch', Event.HANG]), ModelTimedOut),
}
HTTP_STREAMED: dict[str, tuple[list[bytes | Event], type[ModelError]]] = {
    "dropped": ([PART, Event.BREAK], ModelBrokeOff),
    "ended early": ([PART], ModelBrokeOff),
    "silence": ([PART, Event.HANG], ModelTimedOut),
    "an error event": ([PART, b'data: {"error": {"message": "engine died", "code": 500}}\n\n'], ModelBrokeOff),
    "an error event without a code": ([PART, b'data: {"error": "engine died"}\n\n'], ModelBrokeOff),
    "a throttle": ([b'data: {"error": {"message": "full", "code": 429}}\n\n'], ModelThrottled),
    "no chunks": ([b"data: hello\n\n"], ModelBrokeOff),
}

Open = Callable[..., Awaitable[Any]]


async def fails(
    open_endpoint: Open, server: ModelServer, question: CompletionRequest, reply: Reply, **options: object
) -> ModelError:
    """Return what one request fails with, sent exactly once."""
    server.script = lambda _: reply
    limit = 0.15 if Event.HANG in reply.pieces else 5
    endpoint = await open_endpoint(timeout_seconds=limit, **options)
    with pytest.raises(ModelError) as raised:
        await endpoint.complete(question)
    assert len(server.seen) == 1
    assert raised.value.endpoint == endpoint.name
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 600
    return raised.value


@pytest.mark.parametrize(("reply", "error"), SAGEMAKER.values(), ids=SAGEMAKER)
async def test_sagemaker_row(
    reply: Reply, error: type[ModelError], server: ModelServer, sagemaker: Open, question: CompletionRequest
) -> None:
    """Each failure of InvokeEndpoint is named by what may be done about it, after one request."""
    assert type(await fails(sagemaker, server, question, reply)) is error


@pytest.mark.parametrize(("last", "error"), STREAMED.values(), ids=STREAMED)
async def test_sagemaker_stream_row(
    last: bytes | Event, error: type[ModelError], server: ModelServer, sagemaker: Open, question: CompletionRequest
) -> None:
    """Each failure inside a stream discards the partial text and is named."""
    reply = Reply([*frames(PART), last])
    assert type(await fails(sagemaker, server, question, reply, streaming=True)) is error


@pytest.mark.parametrize("row", ["context", "throttled without a word", "container error", "no capacity"])
async def test_a_refused_stream_is_named_as_a_refused_request(
    row: str, server: ModelServer, sagemaker: Open, question: CompletionRequest
) -> None:
    """What SageMaker answers before the first frame means the same for both operations."""
    reply, error = SAGEMAKER[row]
    assert type(await fails(sagemaker, server, question, reply, streaming=True)) is error


@pytest.mark.parametrize(("reply", "error"), HTTP.values(), ids=HTTP)
async def test_http_row(
    reply: Reply, error: type[ModelError], server: ModelServer, openai: Open, question: CompletionRequest
) -> None:
    """Each status and broken answer of an OpenAI API is named by what may be done about it, after one request."""
    assert type(await fails(openai, server, question, reply)) is error


@pytest.mark.parametrize(("pieces", "error"), HTTP_STREAMED.values(), ids=HTTP_STREAMED)
async def test_http_stream_row(
    pieces: list[bytes | Event], error: type[ModelError], server: ModelServer, openai: Open, question: CompletionRequest
) -> None:
    """Each failure inside an OpenAI stream discards the partial text and is named."""
    assert type(await fails(openai, server, question, Reply(pieces), streaming=True)) is error


async def test_nobody_listening_may_pass(
    sagemaker: Open, openai: Open, server: ModelServer, question: CompletionRequest
) -> None:
    """A refused connection is an endpoint that may answer later, whatever carries the request."""
    endpoints = [await sagemaker(), await openai()]
    await server.__aexit__(None, None, None)
    for endpoint in endpoints:
        with pytest.raises(ModelUnavailable) as raised:
            await endpoint.complete(question)
        assert type(raised.value) is ModelUnavailable


async def test_a_host_that_takes_no_connection_ran_nothing(
    open_client: Open, stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch, question: CompletionRequest
) -> None:
    """A connection that does not come about is no time-out of the model: nothing can run, and a retry is free."""
    for module in ("aws", "inference.openai"):
        monkeypatch.setattr(f"autocloudops.{module}.CONNECT_TIMEOUT_SECONDS", 0.2)
    with deaf_port() as port:
        client = await open_client("sagemaker-runtime", f"http://127.0.0.1:{port}")
        session = await stack.enter_async_context(open_session(1))
        for endpoint in (
            SageMakerEndpoint(client, "contract-nim", "asked/model", SystemClock()),
            OpenAiEndpoint(session, f"http://127.0.0.1:{port}/v1", "asked/model", SystemClock()),
        ):
            with pytest.raises(ModelUnavailable) as raised:
                await endpoint.complete(question)
            assert type(raised.value) is ModelUnavailable


@contextmanager
def deaf_port() -> Iterator[int]:
    """Listen on a port whose queue of connections is full, so that the next one is neither accepted nor refused."""
    with ExitStack() as opened:
        listener = opened.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = listener.getsockname()[1]
        for _ in range(2):
            waiting = opened.enter_context(socket.socket())
            waiting.setblocking(False)
            with suppress(BlockingIOError):
                waiting.connect(("127.0.0.1", port))
        yield port


async def test_missing_credentials_are_a_configuration_to_correct(
    server: ModelServer, stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch, question: CompletionRequest
) -> None:
    """A worker without credentials asks nobody, and says that it has none."""
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for variable in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(variable, "nowhere")
    context = aws.session().create_client("sagemaker-runtime", region_name="eu-west-1", endpoint_url=server.url)
    endpoint = SageMakerEndpoint(await stack.enter_async_context(context), "contract-nim", "asked/model", SystemClock())
    with pytest.raises(EndpointMisconfigured, match="credentials"):
        await endpoint.complete(question)
    assert not server.seen


ANSWERED = {
    "sagemaker": [reply for reply, _ in SAGEMAKER.values()],
    "openai": [reply for reply, _ in HTTP.values()],
}
STREAMS = {
    "sagemaker": [Reply([*frames(PART), last]) for last, _ in STREAMED.values()],
    "openai": [Reply(pieces) for pieces, _ in HTTP_STREAMED.values()],
}
UNSENT = {EndpointMisconfigured, ModelUnavailable}
"""What the two rows come to that hold before anything is sent; tests above meet them."""


@dataclass(frozen=True, slots=True)
class Noting:
    """A row that keeps whether it was the one that held."""

    fault: faults.Fault
    met: set[int]

    @property
    def becomes(self) -> type[ModelError]:
        self.met.add(id(self.fault))
        return self.fault.becomes

    @property
    def advice(self) -> str:
        return self.fault.advice

    def fits(self, symptom: faults.Symptom) -> bool:
        return self.fault.fits(symptom)


async def test_every_row_is_met_over_http(
    sagemaker: Open, openai: Open, server: ModelServer, question: CompletionRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No row of the table is there that no answer of a server reaches, but for those of an endpoint nobody reaches."""
    met: set[int] = set()
    rows = faults.FAULTS
    monkeypatch.setattr(faults, "FAULTS", tuple(Noting(fault, met) for fault in rows))
    for replies, streaming in ((ANSWERED, False), (STREAMS, True)):
        for open_endpoint, answers in ((sagemaker, replies["sagemaker"]), (openai, replies["openai"])):
            for reply in answers:
                server.seen.clear()
                await fails(open_endpoint, server, question, reply, streaming=streaming)
    unmet = [fault for fault in rows if id(fault) not in met]
    assert [fault.becomes for fault in unmet if not fault.raised] == []
    assert {fault.becomes for fault in unmet} <= UNSENT
