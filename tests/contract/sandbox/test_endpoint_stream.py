import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager, closing
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import ClientPayloadError
from botocore.exceptions import EventStreamError
from simulated_nim import MODEL, NAME, chat, encoded, error_of, until_idle

from autocloudops.clock import SystemClock
from autocloudops.sandbox.endpoint import ChatRequest, Completion, Engine, RulesEngine, Serving, SimulatedEndpoint
from autocloudops.sandbox.endpoint.batching import BatchingEndpoint
from autocloudops.sandbox.endpoint.gpus import Profile
from autocloudops.sandbox.foundation import client

if TYPE_CHECKING:
    from types_aiobotocore_sagemaker_runtime import SageMakerRuntimeClient

STREAMED = chat(stream=True, stream_options={"include_usage": True})
UMLAUTS = "Überlast im Dienst äöü 東京 👋"
QUICK = Profile(name="quick", alpha_ms=1.0, beta_ms=0.0, prefill_ms_per_token=0.1, kv_tokens=10_000, max_sequences=8)


class Polyglot:
    """An engine whose answer is longer in bytes than in characters."""

    model = MODEL

    async def answer(self, _: ChatRequest) -> Completion:
        """Say the same to everybody."""
        return Completion(content=UMLAUTS)


def plain(engine: Engine | None = None, **serving: int | None) -> SimulatedEndpoint:
    """Return an endpoint without latency."""
    return SimulatedEndpoint(NAME, engine or RulesEngine(), latency_seconds=0, serving=Serving(**serving))


def batched(batching: BatchingEndpoint) -> SimulatedEndpoint:
    """Return an endpoint in front of simulated instances."""
    return SimulatedEndpoint(NAME, RulesEngine(), latency_seconds=0, batching=batching)


@asynccontextmanager
async def asking(endpoint: SimulatedEndpoint) -> AsyncIterator["SageMakerRuntimeClient"]:
    """Start an endpoint, and give a client of it."""
    async with endpoint, client("sagemaker-runtime", endpoint.url) as runtime:
        yield runtime


async def frames(
    runtime: "SageMakerRuntimeClient", body: Mapping[str, object], attributes: str = "trace=1"
) -> list[bytes]:
    """Return the payload of each frame of a streamed answer."""
    return [frame async for frame in stream(runtime, body, attributes)]


async def stream(
    runtime: "SageMakerRuntimeClient", body: Mapping[str, object], attributes: str
) -> AsyncGenerator[bytes, None]:
    """Yield the payload of each frame."""
    answer = await runtime.invoke_endpoint_with_response_stream(
        EndpointName=NAME, ContentType="application/json", CustomAttributes=attributes, Body=encoded(body)
    )
    assert answer["ContentType"] == ("text/event-stream" if body.get("stream") else "application/json")
    with closing(answer["Body"]) as events:
        async for event in events:
            yield event["PayloadPart"]["Bytes"]


async def gather(runtime: "SageMakerRuntimeClient", attributes: str, into: list[bytes]) -> None:
    """Add the frames of a streamed answer to `into`, as they come."""
    async with aclosing(stream(runtime, STREAMED, attributes)) as came:
        async for frame in came:
            into.append(frame)  # noqa: PERF401 # what came before a break is kept


def chunks(raw: bytes) -> list[dict[str, Any]]:
    """Return the chunks in server-sent events, which must end with [DONE]."""
    *events, done, rest = raw.split(b"\n\n")
    assert (done, rest) == (b"data: [DONE]", b"")
    return [json.loads(event.removeprefix(b"data: ")) for event in events]


def said(raw: bytes) -> str:
    """Return the content that the chunks hold together."""
    return "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks(raw) if chunk["choices"])


async def test_a_stream_says_what_the_plain_answer_says() -> None:
    """Chunks of one model begin with the role, hold the content, say why they stop and end with the token counts."""
    endpoint = plain()
    async with asking(endpoint) as runtime:
        got = chunks(b"".join(await frames(runtime, STREAMED)))
    *_, stop, usage = got
    assert {chunk["object"] for chunk in got} == {"chat.completion.chunk"}
    assert got[0]["choices"][0]["delta"]["role"] == "assistant"
    assert stop["choices"][0]["finish_reason"] == "stop"
    assert (usage["choices"], usage["usage"]["completion_tokens"]) == ([], len(got) - 3)
    assert endpoint.stats.answered == 1


async def test_usage_comes_only_where_it_is_asked_for() -> None:
    """Without stream_options no chunk counts tokens."""
    async with asking(plain()) as runtime:
        got = chunks(b"".join(await frames(runtime, chat(stream=True))))
    assert not any("usage" in chunk for chunk in got)


async def test_a_plain_body_may_be_streamed_and_a_stream_taken_whole() -> None:
    """The call frames whatever the container says; the plain call gives its events in one body."""
    async with asking(plain()) as runtime:
        framed = json.loads(b"".join(await frames(runtime, chat())))
        answer = await runtime.invoke_endpoint(
            EndpointName=NAME, ContentType="application/json", Body=encoded(STREAMED)
        )
        whole = await answer["Body"].read()
    assert json.loads(framed["choices"][0]["message"]["content"])["action"] == "scale_out"
    assert json.loads(said(whole))["action"] == "scale_out"


@pytest.mark.parametrize("frame_bytes", [1, 2, 3, 7, 64, 1_000, None])
async def test_frames_cut_anywhere(frame_bytes: int | None) -> None:
    """Whatever the size of the frames, also in the middle of a character, the bytes are the same."""
    async with asking(plain(Polyglot(), frame_bytes=frame_bytes)) as runtime:
        got = await frames(runtime, STREAMED)
    assert said(b"".join(got)) == UMLAUTS
    assert frame_bytes is None or {len(frame) for frame in got[:-1]} == {frame_bytes}


@pytest.mark.parametrize(
    ("name", "code"), [("stream_error", "ModelStreamError"), ("stream_failure", "InternalStreamFailure")]
)
async def test_a_stream_ends_in_an_exception(name: str, code: str) -> None:
    """Half of the answer comes, then the exception under its name; nothing counts as answered."""
    endpoint = plain()
    got: list[bytes] = []
    async with asking(endpoint) as runtime:
        with pytest.raises(EventStreamError) as caught:
            await gather(runtime, f"misbehave={name}", got)
        assert got
        assert caught.value.response["Error"]["Code"] == code
        assert (endpoint.stats.in_flight, endpoint.stats.answered) == (0, 0)


async def test_a_connection_breaks_in_the_middle_of_a_stream() -> None:
    """Some frames come, none says that it was the last, and the connection is gone."""
    endpoint = plain()
    got: list[bytes] = []
    async with asking(endpoint) as runtime:
        with pytest.raises(ClientPayloadError):
            await gather(runtime, "misbehave=stream_cut", got)
        await until_idle(endpoint)
        assert endpoint.stats.answered == 0
    assert got
    assert b"[DONE]" not in b"".join(got)


async def test_what_is_refused_is_refused_before_the_stream_begins() -> None:
    """A fault is an error of the call, not of the stream."""
    async with asking(plain()) as runtime:
        error = await error_of(runtime, STREAMED, attributes="misbehave=unavailable")
        with pytest.raises(runtime.exceptions.ModelError):
            await frames(runtime, chat(stream=True, model="nvidia/another"))
    assert error["code"] == "ServiceUnavailable"


async def test_a_client_that_leaves_a_stream_frees_its_place() -> None:
    """A stream that nobody reads to its end is not under way any more, and is not counted as answered."""
    endpoint = plain()
    async with asking(endpoint) as runtime:
        reading = asyncio.create_task(frames(runtime, STREAMED, "misbehave=slow"))
        while not endpoint.stats.in_flight:  # noqa: ASYNC110 # the endpoint tells nobody when a request comes
            await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await until_idle(endpoint)
    stats = endpoint.stats
    assert (stats.requests, stats.in_flight, stats.peak_in_flight, stats.answered) == (1, 0, 1, 0)


async def test_tokens_come_at_the_pace_of_the_instances() -> None:
    """The first frame comes when the prompt was read, the last one when the last token was generated."""
    now = asyncio.get_running_loop().time
    async with asking(batched(BatchingEndpoint(QUICK, SystemClock()))) as runtime:
        await frames(runtime, STREAMED)
        began = now()
        times = [now() - began async for _ in stream(runtime, STREAMED, "trace=1")]
    tokens = len(times) - 4
    assert times[0] < times[len(times) // 2] < times[-1]
    assert times[-1] - times[0] >= 0.5 * tokens * QUICK.alpha_ms / 1000


async def test_an_endpoint_without_instances_has_no_capacity() -> None:
    """Scaled to zero, the endpoint says so; an instance later it answers."""
    batching = BatchingEndpoint(QUICK, SystemClock())
    batching.scale(0)
    async with asking(batched(batching)) as runtime:
        error = await error_of(runtime, chat())
        batching.scale(1)
        await asyncio.sleep(0)
        answer = b"".join(await frames(runtime, chat()))
    assert (error["code"], "has no capacity" in error["Error"]["Message"]) == ("ValidationError", True)
    assert json.loads(answer)["object"] == "chat.completion"
