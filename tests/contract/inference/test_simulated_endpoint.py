"""Both adapters against the simulated endpoint, as the worker meets it in the sandbox and in benches."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from autocloudops.clock import SystemClock
from autocloudops.diagnosis.endpoint import CompletionRequest, Dialect, EmbeddingRequest, Message
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
from autocloudops.inference.keys import EnvironmentKey
from autocloudops.inference.nim import NimEndpoint, NimOptions
from autocloudops.inference.openai import OpenAiEndpoint, open_session
from autocloudops.inference.sagemaker import SageMakerEndpoint, SageMakerOptions
from autocloudops.sandbox.endpoint import (
    NIM_1_8,
    NIM_1_13,
    NIM_2,
    Dialects,
    HashEmbeddingEngine,
    RulesEngine,
    Serving,
    SimulatedEndpoint,
    cycle,
)
from autocloudops.sandbox.endpoint.faults import FAULTS

NAME = "contract-nim"
PROMPT = """<offered_actions>
investigate | low | A person looks.
</offered_actions>
<evidence id="E1" kind="alarm" source="test">
name: cpu
</evidence>"""
MEANING: dict[str, type[ModelError]] = {
    "throttled": ModelThrottled,
    "too_many_requests": ModelThrottled,
    "not_ready": ModelAsleep,
    "internal_failure": ModelBrokeOff,
    "unavailable": ModelUnavailable,
    "dependency_failed": ModelUnavailable,
    "access_denied": EndpointMisconfigured,
    "token_expired": EndpointMisconfigured,
    "client_unrecognized": EndpointMisconfigured,
    "endpoint_missing": EndpointMisconfigured,
    "no_capacity": ModelAsleep,
    "model_timed_out": ModelTimedOut,
    "context_too_long": ContextTooLong,
    "model_error_404": EndpointMisconfigured,
    "model_error_413": ContextTooLong,
    "model_error_422": ModelRefused,
    "model_error_429": ModelThrottled,
    "model_error_500": ModelBrokeOff,
    "model_error_502": ModelUnavailable,
    "model_error_503": ModelUnavailable,
    "model_error_504": ModelUnavailable,
    "hang": ModelTimedOut,
    "reset": ModelUnavailable,
}
BREAKS = {"stream_error": ModelBrokeOff, "stream_failure": ModelBrokeOff, "stream_cut": ModelBrokeOff}

OpenClient = Callable[[str, str], Awaitable[Any]]
Open = Callable[..., Awaitable[NimEndpoint]]


async def simulated(stack: AsyncExitStack, *misbehaviour: str | None, **serving: object) -> SimulatedEndpoint:
    """Start a simulated endpoint that misbehaves in a cycle."""
    served = Serving.model_validate(serving)
    schedule = cycle(*(misbehaviour or (None,)))
    endpoint = SimulatedEndpoint(NAME, RulesEngine(), latency_seconds=0, schedule=schedule, serving=served)
    return await stack.enter_async_context(endpoint)


@pytest.fixture
def over_sagemaker(open_client: OpenClient) -> Open:
    """Opens the SageMaker adapter on a simulated endpoint."""

    async def opened(to: SimulatedEndpoint, options: SageMakerOptions | None = None, **named: str) -> NimEndpoint:
        client = await open_client("sagemaker-runtime", to.url)
        name, model = named.get("name", NAME), named.get("model", to.model)
        return SageMakerEndpoint(client, name, model, SystemClock(), options)

    return opened


def readable() -> CompletionRequest:
    """Return a question that the simulated model can read."""
    return CompletionRequest(
        messages=(Message(role="system", content="detailed thinking off"), Message(role="user", content=PROMPT)),
        json_schema={"type": "object"},
        max_tokens=400,
        correlation_id="incident-1",
    )


async def over_http(
    stack: AsyncExitStack, to: SimulatedEndpoint, options: NimOptions | None = None, key: EnvironmentKey | None = None
) -> OpenAiEndpoint:
    """Return the OpenAI adapter on the same endpoint."""
    session = await stack.enter_async_context(open_session(3))
    return OpenAiEndpoint(session, to.openai_url, to.model, SystemClock(), key, options)


@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize("frame_bytes", [None, 7])
async def test_an_answer_arrives_whole(
    *, streaming: bool, frame_bytes: int | None, stack: AsyncExitStack, over_sagemaker: Open
) -> None:
    """Content, finish reason, served model and token counts are the same on each way, at once or in pieces."""
    endpoint = await simulated(stack, frame_bytes=frame_bytes)
    answers = [
        await (await over_sagemaker(endpoint, SageMakerOptions(streaming=streaming))).complete(readable()),
        await (await over_http(stack, endpoint, NimOptions(streaming=streaming))).complete(readable()),
    ]
    assert answers[0].endpoint == f"sagemaker://{NAME}"
    assert len({answer.content for answer in answers}) == 1
    for answer in answers:
        assert answer.content
        assert answer.finish_reason == "stop"
        assert answer.model == "simulated/rules"
        assert answer.prompt_tokens > 0
        assert answer.completion_tokens > 0
        assert answer.latency_seconds > 0
    assert endpoint.stats.requests == 2


def test_every_simulated_fault_has_a_meaning() -> None:
    """What the sandbox can do wrong, this table names."""
    assert set(MEANING) == set(FAULTS)


@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize("misbehaviour", MEANING)
async def test_a_simulated_fault_is_named_like_a_real_one(
    misbehaviour: str, *, streaming: bool, stack: AsyncExitStack, over_sagemaker: Open
) -> None:
    """The simulated endpoint fails in the words of SageMaker, and each request is sent exactly once."""
    endpoint = await simulated(stack, misbehaviour)
    limit = 0.1 if misbehaviour == "hang" else 5
    with pytest.raises(ModelError) as raised:
        await (await over_sagemaker(endpoint, SageMakerOptions(streaming=streaming, timeout_seconds=limit))).complete(
            readable()
        )
    assert type(raised.value) is MEANING[misbehaviour]
    assert endpoint.stats.requests == 1


@pytest.mark.parametrize("misbehaviour", BREAKS)
async def test_a_simulated_break_discards_the_partial_answer(
    misbehaviour: str, stack: AsyncExitStack, over_sagemaker: Open
) -> None:
    """Half an answer in frames, then an exception or nothing, is no answer."""
    endpoint = await simulated(stack, misbehaviour)
    with pytest.raises(ModelError) as raised:
        await (await over_sagemaker(endpoint, SageMakerOptions(streaming=True))).complete(readable())
    assert type(raised.value) is BREAKS[misbehaviour]


async def test_a_wrong_name_is_for_the_operator(stack: AsyncExitStack, over_sagemaker: Open) -> None:
    """A model that is not served, an endpoint that is not there and a missing component are names to correct."""
    endpoint = await simulated(stack, component="llm")
    component = SageMakerOptions(component="llm")
    assert (await (await over_sagemaker(endpoint, component)).complete(readable())).content
    with pytest.raises(EndpointMisconfigured, match="the model server answered 404"):
        await (await over_sagemaker(endpoint, component, model="another/model")).complete(readable())
    with pytest.raises(EndpointMisconfigured, match="not found"):
        await (await over_sagemaker(endpoint, component, name="nowhere")).complete(readable())
    with pytest.raises(EndpointMisconfigured, match="component"):
        await (await over_sagemaker(endpoint)).complete(readable())


@pytest.mark.parametrize(
    ("dialects", "found"),
    [
        (NIM_1_8, Dialect.NVEXT),
        (NIM_1_13, Dialect.JSON_SCHEMA),
        (NIM_2, Dialect.JSON_SCHEMA),
        (Dialects(honoured=frozenset({Dialect.STRUCTURED_OUTPUTS})), Dialect.STRUCTURED_OUTPUTS),
        (Dialects(honoured=frozenset()), Dialect.NONE),
        (Dialects(honoured=frozenset({Dialect.NVEXT}), others="refused"), Dialect.NVEXT),
    ],
)
async def test_the_dialect_of_each_generation_is_found(
    dialects: Dialects, found: Dialect, stack: AsyncExitStack, over_sagemaker: Open
) -> None:
    """A probe finds what each generation of the NIM obeys, over both wires, with at most three requests."""
    endpoint = await simulated(stack, dialects=dialects)
    for adapter in (await over_sagemaker(endpoint), await over_http(stack, endpoint)):
        before = endpoint.stats.requests
        probe = await adapter.probe()
        assert probe.dialect is found
        assert probe.model == "simulated/rules"
        assert endpoint.stats.requests - before <= 3


async def test_texts_are_embedded(stack: AsyncExitStack, over_sagemaker: Open) -> None:
    """The embedding NIM takes the same body over both wires and gives the same vectors."""
    endpoint = await stack.enter_async_context(SimulatedEndpoint(NAME, HashEmbeddingEngine(), latency_seconds=0))
    request = EmbeddingRequest(texts=("cpu is high", "disk is full " * 1000), input_type="passage")
    first = await (await over_sagemaker(endpoint)).embed(request)
    second = await (await over_http(stack, endpoint)).embed(request)
    assert first == second
    assert len(first.vectors) == 2
    assert first.prompt_tokens > 0


async def test_a_key_opens_the_simulated_host(stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """The right key is let in, a wrong one is for the operator."""
    endpoint = await simulated(stack, api_key="planted-key")
    monkeypatch.setenv("A_MODEL_KEY", "planted-key")
    adapter = await over_http(stack, endpoint, key=EnvironmentKey("A_MODEL_KEY"))
    assert (await adapter.complete(readable())).content
    monkeypatch.setenv("A_MODEL_KEY", "planted-wrong")
    with pytest.raises(EndpointMisconfigured, match="401"):
        await adapter.complete(readable())
