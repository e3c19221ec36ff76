import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from botocore.exceptions import ClientError

from autocloudops.errors import SandboxFailed
from autocloudops.sandbox.endpoint import (
    ChatRequest,
    Completion,
    RulesEngine,
    SimulatedEndpoint,
    every,
)
from autocloudops.sandbox.foundation import client

if TYPE_CHECKING:
    from types_aiobotocore_sagemaker_runtime import SageMakerRuntimeClient

NAME = "simulated-nim"
MODEL = "simulated/rules"
PROMPT = """<offered_actions>
scale_out | low | Adds capacity.
investigate | low | A person looks.
</offered_actions>

<evidence id="E1" kind="alarm" source="cloudwatch sns">
metric: AWS/ECS CPUUtilization [ServiceName=api]
resource: ecs:service prod/api
reason: Threshold Crossed: 1 datapoint [97.0 (22/11/26 10:00:00)] was greater than the threshold (80.0).
</evidence>"""


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


def _body(**changes: object) -> dict[str, object]:
    messages = [{"role": "system", "content": "detailed thinking off"}, {"role": "user", "content": PROMPT}]
    return {"model": MODEL, "messages": messages, "max_tokens": 400, "temperature": 0, **changes}


async def _invoke(
    runtime: "SageMakerRuntimeClient", body: Mapping[str, object], *, name: str = NAME, attributes: str = "trace=1"
) -> dict[str, Any]:
    answer = await runtime.invoke_endpoint(
        EndpointName=name, ContentType="application/json", CustomAttributes=attributes, Body=json.dumps(body).encode()
    )
    async with answer["Body"] as stream:
        said = json.loads(await stream.read())
    return {"variant": answer["InvokedProductionVariant"], "attributes": answer["CustomAttributes"], **said}


async def _error(runtime: "SageMakerRuntimeClient", body: Mapping[str, object], **arguments: str) -> dict[str, Any]:
    with pytest.raises(ClientError) as caught:
        await _invoke(runtime, body, **arguments)
    response = caught.value.response
    return {**response, "code": response["Error"]["Code"], "status": response["ResponseMetadata"]["HTTPStatusCode"]}


async def test_an_answer_has_the_body_of_a_nim(runtime: "SageMakerRuntimeClient") -> None:
    """The response is a chat completion with usage, from the one variant, with the attributes given back."""
    answer = await _invoke(runtime, _body())
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
    answer = await _invoke(runtime, _body(response_format=wanted))
    assert json.loads(answer["choices"][0]["message"]["content"]) == {"action": "wait", "sure": False}


async def test_max_tokens_cuts_the_answer(runtime: "SageMakerRuntimeClient") -> None:
    """Generation stops at max_tokens, in the middle of the JSON, and says so."""
    answer = await _invoke(runtime, _body(max_tokens=5))
    assert (answer["choices"][0]["finish_reason"], answer["usage"]["completion_tokens"]) == ("length", 5)


async def test_without_max_tokens_a_low_default_cuts_the_answer(runtime: "SageMakerRuntimeClient") -> None:
    """A request that leaves max_tokens out gets a truncated answer, as from a NIM."""
    body = {key: value for key, value in _body().items() if key != "max_tokens"}
    answer = await _invoke(runtime, body)
    assert (answer["choices"][0]["finish_reason"], answer["usage"]["completion_tokens"]) == ("length", 16)


async def test_another_endpoint_is_not_found(runtime: "SageMakerRuntimeClient") -> None:
    """A name that is not this endpoint's is a ValidationError with the name in it."""
    error = await _error(runtime, _body(), name="simulated-other")
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
        ({"stream": True}, 400, "stream"),
        ({"response_format": {"type": "yaml"}}, 400, "response_format"),
    ],
)
async def test_what_a_nim_refuses_is_a_model_error(
    runtime: "SageMakerRuntimeClient", changes: dict[str, object], status: int, said: str
) -> None:
    """A refused body is a ModelError 424 that carries the container's status and its error body."""
    error = await _error(runtime, _body(**changes))
    original = json.loads(error["OriginalMessage"])["error"]
    assert (error["code"], error["status"], error["OriginalStatusCode"]) == ("ModelError", 424, status)
    assert (original["code"], said in original["message"]) == (status, True)


@pytest.mark.parametrize(("content_type", "status"), [("text/csv", 415), ("application/json", 400)])
async def test_only_json_is_accepted(runtime: "SageMakerRuntimeClient", content_type: str, status: int) -> None:
    """A body of another content type is refused by the container, and so is one that is no JSON."""
    with pytest.raises(ClientError, match=rf"Received server error \({status}\)"):
        await runtime.invoke_endpoint(EndpointName=NAME, ContentType=content_type, Body=b"1,2")


@pytest.mark.parametrize(
    ("name", "code", "status"),
    [
        ("throttled", "ThrottlingException", 400),
        ("unavailable", "ServiceUnavailable", 503),
        ("no_capacity", "ValidationError", 400),
        ("model_error_500", "ModelError", 424),
        ("model_timed_out", "ModelError", 424),
    ],
)
async def test_faults_have_sagemakers_codes(
    runtime: "SageMakerRuntimeClient", endpoint: SimulatedEndpoint, name: str, code: str, status: int
) -> None:
    """A fault asked for in the header reaches the SDK under SageMaker's error code and HTTP status, and is counted."""
    error = await _error(runtime, _body(), attributes=f"trace=1,misbehave={name}")
    assert (error["code"], error["status"]) == (code, status)
    assert endpoint.stats.misbehaviours == {name: 1}


async def test_an_unknown_misbehaviour_is_refused_with_the_known_names(runtime: "SageMakerRuntimeClient") -> None:
    """A typing error in a test's header does not pass for good behaviour."""
    error = await _error(runtime, _body(), attributes="misbehave=typo")
    assert "typo" in error["Error"]["Message"]
    assert "not_json" in error["Error"]["Message"]


async def test_a_reasoning_only_answer_has_no_content(runtime: "SageMakerRuntimeClient") -> None:
    """Where the model only reasons, the content is null and the reasoning stands beside it."""
    answer = await _invoke(runtime, _body(), attributes="misbehave=reasoning_only")
    message = answer["choices"][0]["message"]
    assert message["content"] is None
    assert message["reasoning_content"]


async def test_a_schedule_makes_every_second_answer_bad() -> None:
    """On a schedule, and without any header, just the requests that it names are answered badly."""
    async with (
        SimulatedEndpoint(NAME, RulesEngine(), latency_seconds=0, schedule=every(2, "empty")) as endpoint,
        client("sagemaker-runtime", endpoint.url) as runtime,
    ):
        answers = [await _invoke(runtime, _body()) for _ in range(4)]
    assert [bool(answer["choices"][0]["message"]["content"]) for answer in answers] == [True, False, True, False]
    assert endpoint.stats.misbehaviours == {"empty": 2}


async def test_requests_under_way_at_once_are_counted() -> None:
    """The stats know how many requests came, and how many were under way at the same time."""
    async with (
        SimulatedEndpoint(NAME, Together(3), latency_seconds=0) as endpoint,
        client("sagemaker-runtime", endpoint.url) as runtime,
    ):
        await asyncio.gather(*(_invoke(runtime, _body()) for _ in range(6)))
        stats = endpoint.stats
    assert (stats.requests, stats.in_flight) == (6, 0)
    assert 3 <= stats.peak_in_flight <= 6


async def test_an_answer_takes_the_latency_that_is_set(
    runtime: "SageMakerRuntimeClient", endpoint: SimulatedEndpoint
) -> None:
    """The latency may be set while the endpoint runs, and each answer takes at least that long."""
    endpoint.latency_seconds = 0.05
    started = asyncio.get_running_loop().time()
    await _invoke(runtime, _body())
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
                await _invoke(runtime, _body())
    assert asyncio.get_running_loop().time() - started < 10


async def test_it_listens_on_loopback_only(endpoint: SimulatedEndpoint) -> None:
    """The endpoint's address is a loopback address, and there is none once it has stopped."""
    assert endpoint.url.startswith("http://127.0.0.1:")
    stopped = SimulatedEndpoint(NAME, RulesEngine())
    with pytest.raises(SandboxFailed, match="not running"):
        _ = stopped.url
