import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError
from simulated_nim import MODEL, NAME, PROMPT, chat, encoded, error_of, impatient, invoke, until_idle

from autocloudops.errors import SandboxFailed
from autocloudops.sandbox.endpoint import (
    ChatRequest,
    Completion,
    RulesEngine,
    Serving,
    SimulatedEndpoint,
    every,
)
from autocloudops.sandbox.endpoint.faults import FAULTS
from autocloudops.sandbox.foundation import client

if TYPE_CHECKING:
    from types_aiobotocore_sagemaker_runtime import SageMakerRuntimeClient


LISTENING = "0A"
IPV4_LOOPBACK = int.from_bytes(bytes([127, 0, 0, 1]), sys.byteorder).to_bytes(4).hex().upper()


class Together:
    """An engine that answers only once `count` requests are under way at the same time."""

    model = MODEL

    def __init__(self, count: int) -> None:
        self._barrier = asyncio.Barrier(count)

    async def answer(self, request: ChatRequest) -> Completion:
        """Wait for the others; repeat the last message."""
        await self._barrier.wait()
        return Completion(content=request.messages[-1].content)


@pytest_asyncio.fixture
async def endpoint() -> AsyncIterator[SimulatedEndpoint]:
    """An endpoint with the rules engine, without latency."""
    async with SimulatedEndpoint(NAME, RulesEngine(), latency_seconds=0) as running:
        yield running


@pytest_asyncio.fixture
async def runtime(endpoint: SimulatedEndpoint) -> AsyncIterator["SageMakerRuntimeClient"]:
    """A SageMaker runtime client of that endpoint."""
    async with client("sagemaker-runtime", endpoint.url) as made:
        yield made


async def test_an_answer_has_the_body_of_a_nim(runtime: "SageMakerRuntimeClient") -> None:
    """The response is a chat completion with usage, from the one variant, with the attributes given back."""
    answer = await invoke(runtime, chat())
    choice, usage = answer["choices"][0], answer["usage"]
    assert (answer["object"], answer["model"], answer["variant"]) == ("chat.completion", MODEL, "AllTraffic")
    assert answer["attributes"] == "trace=1"
    assert (choice["index"], choice["finish_reason"], choice["message"]["role"]) == (0, "stop", "assistant")
    assert json.loads(choice["message"]["content"])["action"] == "scale_out"
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["prompt_tokens"] >= len(PROMPT) // 4


async def test_a_schema_is_honoured(runtime: "SageMakerRuntimeClient") -> None:
    """With response_format json_schema the content follows that schema, whatever it is."""
    schema = {
        "type": "object",
        "properties": {"action": {"enum": ["wait"]}, "sure": {"type": "boolean"}},
        "required": ["action", "sure"],
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "probe", "strict": True, "schema": schema}}
    answer = await invoke(runtime, chat(response_format=wanted))
    assert json.loads(answer["choices"][0]["message"]["content"]) == {"action": "wait", "sure": False}


async def test_max_tokens_cuts_the_answer(runtime: "SageMakerRuntimeClient") -> None:
    """Generation stops at max_tokens, in the middle of the JSON, and says so."""
    answer = await invoke(runtime, chat(max_tokens=5))
    assert (answer["choices"][0]["finish_reason"], answer["usage"]["completion_tokens"]) == ("length", 5)


async def test_without_max_tokens_a_low_default_cuts_the_answer(runtime: "SageMakerRuntimeClient") -> None:
    """A request that leaves max_tokens out gets a truncated answer, as from a NIM."""
    body = {key: value for key, value in chat().items() if key != "max_tokens"}
    answer = await invoke(runtime, body)
    assert (answer["choices"][0]["finish_reason"], answer["usage"]["completion_tokens"]) == ("length", 16)


async def test_another_endpoint_is_not_found(runtime: "SageMakerRuntimeClient") -> None:
    """A name that is not this endpoint's is a ValidationError with the name in it."""
    error = await error_of(runtime, chat(), name="simulated-other")
    assert (error["code"], error["status"]) == ("ValidationError", 400)
    assert "simulated-other" in error["Error"]["Message"]


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"model": "nvidia/other"}, 404, "does not exist"),
        ({"max_tokens": "800"}, 400, "max_tokens"),
        ({"max_tokens": 0}, 400, "max_tokens"),
        ({"max_tokens": 131_072}, 400, "maximum context length"),
        ({"messages": []}, 400, "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, 400, "role"),
        ({"temperature": 3}, 400, "temperature"),
        ({"stream": "yes"}, 400, "stream"),
        ({"response_format": {"type": "yaml"}}, 400, "response_format"),
    ],
)
async def test_what_a_nim_refuses_is_a_model_error(
    runtime: "SageMakerRuntimeClient", changes: dict[str, object], status: int, said: str
) -> None:
    """A refused body is a ModelError 424 that carries the container's status and its error body."""
    error = await error_of(runtime, chat(**changes))
    original = json.loads(error["OriginalMessage"])["error"]
    assert (error["code"], error["status"], error["OriginalStatusCode"]) == ("ModelError", 424, status)
    assert (original["code"], said in original["message"]) == (status, True)


@pytest.mark.parametrize(("content_type", "status"), [("text/csv", 415), ("application/json", 400)])
async def test_only_json_is_accepted(runtime: "SageMakerRuntimeClient", content_type: str, status: int) -> None:
    """A body of another content type is refused by the container, and so is one that is no JSON."""
    with pytest.raises(ClientError, match=rf"Received server error \({status}\)"):
        await runtime.invoke_endpoint(EndpointName=NAME, ContentType=content_type, Body=b"1,2")


SERVICE_ERRORS = [
    ("throttled", "ThrottlingException", 400),
    ("too_many_requests", "ThrottlingException", 429),
    ("not_ready", "ModelNotReadyException", 429),
    ("internal_failure", "InternalFailure", 500),
    ("unavailable", "ServiceUnavailable", 503),
    ("dependency_failed", "InternalDependencyException", 530),
    ("access_denied", "AccessDeniedException", 403),
    ("token_expired", "ExpiredTokenException", 403),
    ("client_unrecognized", "UnrecognizedClientException", 403),
    ("endpoint_missing", "ValidationError", 400),
    ("no_capacity", "ValidationError", 400),
]
CONTAINER_ERRORS = [
    ("context_too_long", 400),
    ("model_error_404", 404),
    ("model_error_413", 413),
    ("model_error_422", 422),
    ("model_error_429", 429),
    ("model_error_500", 500),
    ("model_error_502", 502),
    ("model_error_503", 503),
    ("model_error_504", 504),
    ("model_timed_out", 0),
    ("stream_error", 502),
]


@pytest.mark.parametrize(("name", "code", "status"), SERVICE_ERRORS)
async def test_faults_have_sagemakers_codes(
    runtime: "SageMakerRuntimeClient", endpoint: SimulatedEndpoint, name: str, code: str, status: int
) -> None:
    """A fault asked for in the header reaches the SDK under SageMaker's error code and HTTP status, and is counted."""
    error = await error_of(runtime, chat(), attributes=f"trace=1,misbehave={name}")
    assert (error["code"], error["status"]) == (code, status)
    assert (endpoint.stats.misbehaviours, endpoint.stats.answered) == ({name: 1}, 0)


@pytest.mark.parametrize(("name", "status"), CONTAINER_ERRORS)
async def test_a_containers_error_is_a_model_error(
    runtime: "SageMakerRuntimeClient", endpoint: SimulatedEndpoint, name: str, status: int
) -> None:
    """What the container says comes as a ModelError 424 that carries its status."""
    error = await error_of(runtime, chat(), attributes=f"misbehave={name}")
    assert (error["code"], error["status"], error["OriginalStatusCode"]) == ("ModelError", 424, status)
    assert endpoint.stats.misbehaviours == {name: 1}


def test_every_fault_has_its_row_here() -> None:
    """No fault is without a test over HTTP."""
    tested = {row[0] for row in (*SERVICE_ERRORS, *CONTAINER_ERRORS)}
    assert set(FAULTS) - tested == {"hang", "reset"}


async def test_a_throttle_has_no_message(runtime: "SageMakerRuntimeClient") -> None:
    """The body of a throttle is a message that is null, as SageMaker sends it."""
    error = await error_of(runtime, chat(), attributes="misbehave=throttled")
    assert error["Error"]["Message"] is None


async def test_a_connection_may_be_cut_without_an_answer(
    runtime: "SageMakerRuntimeClient", endpoint: SimulatedEndpoint
) -> None:
    """A reset closes the connection before the first byte."""
    with pytest.raises(ConnectionClosedError):
        await invoke(runtime, chat(), attributes="misbehave=reset")
    assert (endpoint.stats.in_flight, endpoint.stats.answered) == (0, 0)


async def test_silence_ends_with_the_clients_patience(endpoint: SimulatedEndpoint) -> None:
    """An endpoint that hangs is left by the client's read timeout, and its place is free again."""
    async with impatient(endpoint, 0.2) as runtime:
        with pytest.raises(ReadTimeoutError):
            await invoke(runtime, chat(), attributes="misbehave=hang")
    await until_idle(endpoint)
    assert (endpoint.stats.requests, endpoint.stats.answered) == (1, 0)


async def test_an_unknown_misbehaviour_is_refused_with_the_known_names(runtime: "SageMakerRuntimeClient") -> None:
    """A typing error in a test's header does not pass for good behaviour."""
    error = await error_of(runtime, chat(), attributes="misbehave=typo")
    assert "typo" in error["Error"]["Message"]
    assert "not_json" in error["Error"]["Message"]


async def test_a_reasoning_only_answer_has_no_content(runtime: "SageMakerRuntimeClient") -> None:
    """Where the model only reasons, the content is null and the reasoning stands beside it."""
    answer = await invoke(runtime, chat(), attributes="misbehave=reasoning_only")
    message = answer["choices"][0]["message"]
    assert message["content"] is None
    assert message["reasoning_content"]


async def test_a_schedule_makes_every_second_answer_bad() -> None:
    """On a schedule, and without any header, just the requests that it names are answered badly."""
    async with (
        SimulatedEndpoint(NAME, RulesEngine(), latency_seconds=0, schedule=every(2, "empty")) as endpoint,
        client("sagemaker-runtime", endpoint.url) as runtime,
    ):
        answers = [await invoke(runtime, chat()) for _ in range(4)]
    assert [bool(answer["choices"][0]["message"]["content"]) for answer in answers] == [True, False, True, False]
    assert endpoint.stats.misbehaviours == {"empty": 2}


async def test_requests_under_way_at_once_are_counted() -> None:
    """The stats know how many requests came, and how many were under way at the same time."""
    async with (
        SimulatedEndpoint(NAME, Together(3), latency_seconds=0) as endpoint,
        client("sagemaker-runtime", endpoint.url) as runtime,
    ):
        await asyncio.gather(*(invoke(runtime, chat()) for _ in range(6)))
        stats = endpoint.stats
    assert (stats.requests, stats.in_flight) == (6, 0)
    assert 3 <= stats.peak_in_flight <= 6


async def test_an_answer_takes_the_latency_that_is_set(
    runtime: "SageMakerRuntimeClient", endpoint: SimulatedEndpoint
) -> None:
    """The latency may be set while the endpoint runs, and each answer takes at least that long."""
    endpoint.latency_seconds = 0.05
    started = asyncio.get_running_loop().time()
    await invoke(runtime, chat())
    assert asyncio.get_running_loop().time() - started >= 0.05


async def test_a_slow_answer_does_not_hold_up_leaving() -> None:
    """A client that gives up ends its request here too, so that a test may leave the endpoint at once."""
    async with (
        SimulatedEndpoint(NAME, RulesEngine(), schedule=every(1, "slow")) as endpoint,
        client("sagemaker-runtime", endpoint.url) as runtime,
    ):
        started = asyncio.get_running_loop().time()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await invoke(runtime, chat())
    assert asyncio.get_running_loop().time() - started < 10


@pytest.mark.parametrize(("named", "said"), [("", "header is required"), ("other", "other of this account not found")])
async def test_an_endpoint_with_components_wants_one_named(named: str, said: str) -> None:
    """Where the endpoint hosts an inference component, a call that names none or another one is a ValidationError."""
    endpoint = SimulatedEndpoint(NAME, RulesEngine(), latency_seconds=0, serving=Serving(component="nim-8b"))
    call = {"EndpointName": NAME, "ContentType": "application/json", "Body": encoded(chat())}
    async with endpoint, client("sagemaker-runtime", endpoint.url) as runtime:
        answer = await runtime.invoke_endpoint(**call, InferenceComponentName="nim-8b")
        assert json.loads(await answer["Body"].read())["object"] == "chat.completion"
        with pytest.raises(ClientError, match=said) as caught:
            await runtime.invoke_endpoint(**call, **({"InferenceComponentName": named} if named else {}))
    assert caught.value.response["Error"]["Code"] == "ValidationError"
    assert endpoint.stats.requests == 1


async def test_it_listens_on_loopback_only(endpoint: SimulatedEndpoint) -> None:
    """The endpoint's address is a loopback address, and there is none once it has stopped."""
    assert endpoint.url.startswith("http://127.0.0.1:")
    stopped = SimulatedEndpoint(NAME, RulesEngine())
    with pytest.raises(SandboxFailed, match="not running"):
        _ = stopped.url


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs Linux's /proc")
async def test_no_other_address_listens_on_its_port(endpoint: SimulatedEndpoint) -> None:
    """Among the machine's listening sockets its port stands once, under 127.0.0.1, in the table of IPv4."""
    assert _listening_on(int(endpoint.url.rpartition(":")[2])) == [IPV4_LOOPBACK]


def _listening_on(port: int) -> list[str]:
    """Return the local addresses that listen on `port`, as /proc writes them."""
    rows = [line.split() for table in ("tcp", "tcp6") for line in Path(f"/proc/net/{table}").read_text().splitlines()]
    found = [row[1].split(":") for row in rows if row[3] == LISTENING]
    return [address for address, listened in found if int(listened, 16) == port]
