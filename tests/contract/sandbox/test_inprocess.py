import pytest
import virtual_time
from simulated_nim import MODEL, NAME, PROMPT
from virtual_time import VirtualClock

from autocloudops.clock import SystemClock
from autocloudops.diagnosis.endpoint import Completion, CompletionRequest, Dialect, EmbeddingRequest, Message
from autocloudops.errors import ModelError, ModelTimedOut
from autocloudops.inference.nim import NimEndpoint, NimOptions
from autocloudops.inference.sagemaker import SageMakerEndpoint, SageMakerOptions
from autocloudops.sandbox.endpoint import (
    NIM_1_8,
    NIM_2,
    Dialects,
    HashEmbeddingEngine,
    RulesEngine,
    ServedModel,
    Serving,
    SimulatedEndpoint,
)
from autocloudops.sandbox.endpoint.faults import FAULTS
from autocloudops.sandbox.endpoint.inprocess import InProcessEndpoint
from autocloudops.sandbox.foundation import client

BREAKING = ("stream_error", "stream_failure", "stream_cut")
QUESTION = CompletionRequest(
    messages=(Message(role="user", content=PROMPT),),
    json_schema={"type": "object", "properties": {"action": {"enum": ["scale_out"]}}, "required": ["action"]},
    max_tokens=400,
    correlation_id="a-decision",
)


def _inside(misbehave: str | None, *, streaming: bool, serving: Serving | None = None) -> NimEndpoint:
    served = ServedModel(
        RulesEngine(), VirtualClock(), latency_seconds=0, schedule=lambda *_: misbehave, serving=serving
    )
    return InProcessEndpoint(served, NAME, VirtualClock(), NimOptions(streaming=streaming))


async def _over_http(misbehave: str | None, *, streaming: bool) -> Completion | ModelError:
    endpoint = SimulatedEndpoint(NAME, RulesEngine(), latency_seconds=0, schedule=lambda *_: misbehave)
    async with endpoint, client("sagemaker-runtime", endpoint.url) as runtime:
        adapter = SageMakerEndpoint(runtime, NAME, MODEL, SystemClock(), SageMakerOptions(streaming=streaming))
        return await _outcome(adapter)


async def _outcome(endpoint: NimEndpoint) -> Completion | ModelError:
    try:
        return await endpoint.complete(QUESTION)
    except ModelError as error:
        return error


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("name", [*sorted(set(FAULTS) - {"hang"}), *BREAKING])
async def test_each_error_is_the_one_that_http_brings(name: str, *, streaming: bool) -> None:
    """Without a socket a fault raises what the real adapter raises for it over HTTP, with the same advice."""
    inside = await _outcome(_inside(name, streaming=streaming))
    outside = await _over_http(name, streaming=streaming)
    assert isinstance(inside, ModelError)
    assert isinstance(outside, ModelError)
    assert (type(inside), inside.advice) == (type(outside), outside.advice)


@pytest.mark.parametrize("streaming", [False, True])
async def test_an_answer_is_the_one_that_http_brings(*, streaming: bool) -> None:
    """Content, finish reason, model and token counts are the same on both ways."""
    inside = await _outcome(_inside(None, streaming=streaming))
    outside = await _over_http(None, streaming=streaming)
    assert isinstance(inside, Completion)
    assert isinstance(outside, Completion)
    own = {"latency_seconds": 0.0, "request_id": ""}
    assert inside.model_copy(update=own) == outside.model_copy(update=own)
    assert inside.content == '{"action": "scale_out"}'


@pytest.mark.parametrize(
    ("server", "dialect"),
    [
        (Dialects(), Dialect.JSON_SCHEMA),
        (NIM_1_8, Dialect.NVEXT),
        (NIM_2, Dialect.JSON_SCHEMA),
        (Dialects(honoured=frozenset({Dialect.STRUCTURED_OUTPUTS}), others="refused"), Dialect.STRUCTURED_OUTPUTS),
        (Dialects(honoured=frozenset()), Dialect.NONE),
    ],
)
async def test_a_probe_finds_the_dialect_that_is_honoured(server: Dialects, dialect: Dialect) -> None:
    """Whether the server ignores the other dialects or refuses them, the real probe finds the one that holds."""
    probe = await _inside(None, streaming=False, serving=Serving(dialects=server)).probe()
    assert (probe.model, probe.dialect) == (MODEL, dialect)


async def test_texts_are_embedded() -> None:
    """The same adapter embeds where the engine does."""
    served = ServedModel(HashEmbeddingEngine(dimensions=8), VirtualClock(), latency_seconds=0)
    vectors = await InProcessEndpoint(served, NAME, VirtualClock()).embed(
        EmbeddingRequest(texts=("disk full", "queue"), input_type="passage")
    )
    assert [len(vector) for vector in vectors.vectors] == [8, 8]


def test_silence_ends_with_the_adapters_patience() -> None:
    """In virtual time an endpoint that hangs costs the adapter's own limit, and is named a time-out."""

    async def main() -> tuple[Completion | ModelError, float]:
        error = await _outcome(_inside("hang", streaming=False))
        return error, VirtualClock().monotonic()

    error, seconds = virtual_time.run(main())
    assert isinstance(error, ModelTimedOut)
    assert seconds == pytest.approx(70)
