import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import virtual_time
from simulated_nim import chat, encoded
from virtual_time import VirtualClock

from autocloudops.errors import SandboxFailed
from autocloudops.sandbox.endpoint import (
    ChatRequest,
    Completion,
    HashEmbeddingEngine,
    RulesEngine,
    ServedModel,
    Serving,
    cycle,
)
from autocloudops.sandbox.endpoint.batching import BatchingEndpoint, Fleet, Removal
from autocloudops.sandbox.endpoint.gpus import Profile
from autocloudops.sandbox.endpoint.served import STREAM_LIMIT_SECONDS, Answer
from autocloudops.sandbox.endpoint.tasks import ChatWork, EmbeddingWork
from autocloudops.sandbox.endpoint.wire import Broken, Fault, StreamFault

BODY = encoded(chat())
STREAM = encoded(chat(stream=True))
STEP_SECONDS = 0.1
ONE_AT_A_TIME = Profile(
    name="one", alpha_ms=1000 * STEP_SECONDS, beta_ms=0.0, prefill_ms_per_token=1.0, kv_tokens=4_000, max_sequences=1
)
FLEET = Fleet(cancelled_runs_on=False)
GLACIAL = ONE_AT_A_TIME.model_copy(update={"alpha_ms": 20_000.0})


def _batching(profile: Profile = ONE_AT_A_TIME, fleet: Fleet = FLEET) -> BatchingEndpoint:
    return BatchingEndpoint(profile, VirtualClock(), fleet)


def _served(*, batching: BatchingEndpoint | None = None, serving: Serving | None = None) -> ServedModel:
    return ServedModel(RulesEngine(), VirtualClock(), latency_seconds=0, batching=batching, serving=serving)


def _run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    virtual_time.run(main())


def _now() -> float:
    return asyncio.get_running_loop().time()


def test_an_answer_takes_the_time_of_its_tokens() -> None:
    """Behind instances, the time is that of reading the prompt and of one step for each token after the first."""

    async def main() -> None:
        said = await _served(batching=_batching()).invoke(BODY)
        assert isinstance(said, ChatWork)
        seconds = 0.001 * said.prompt_tokens + STEP_SECONDS * (said.completion_tokens - 1)
        assert _now() == pytest.approx(seconds)

    _run(main)


def test_the_latency_is_the_least_that_an_answer_takes() -> None:
    """A latency longer than the instances need is the time that counts."""

    async def main() -> None:
        served = _served(batching=_batching())
        served.latency_seconds = 50.0
        await served.invoke(BODY)
        assert _now() == pytest.approx(50.0)

    _run(main)


def test_sagemaker_gives_up_after_a_minute() -> None:
    """An answer that takes longer than 60 s is a ModelError of status 0, at that moment, and its place is free."""

    async def main() -> None:
        served = _served(batching=_batching(GLACIAL))
        said = await served.invoke(BODY)
        assert isinstance(said, Fault)
        assert (said.body["OriginalStatusCode"], "timed out" in said.body["OriginalMessage"]) == (0, True)
        assert _now() == pytest.approx(60)
        assert (served.stats.in_flight, served.stats.answered) == (0, 0)

    _run(main)


def test_a_stream_is_ended_after_eight_minutes() -> None:
    """A stream that takes longer ends in ModelInvocationTimeExceeded, after what came until then."""

    async def main() -> None:
        served = _served(batching=_batching(GLACIAL))
        async with served.accepted(STREAM, None, STREAM_LIMIT_SECONDS) as answer:
            assert isinstance(answer, Answer)
            got = [part async for part in served.streamed(answer)]
        assert isinstance(got[-1], StreamFault)
        assert got[-1].body["ErrorCode"] == "ModelInvocationTimeExceeded"
        assert isinstance(got[0], bytes)
        assert _now() == pytest.approx(480)
        assert served.stats.answered == 0

    _run(main)


def test_a_stalled_container_is_given_up_too() -> None:
    """The misbehaviour that outlasts every limit ends in the time-out of the call."""

    async def main() -> None:
        said = await _served().invoke(BODY, "stalled")
        assert isinstance(said, Fault)
        assert (said.body["OriginalStatusCode"], _now()) == (0, 60)

    _run(main)


def test_who_leaves_gives_the_place_to_the_next() -> None:
    """A cancelled request is not under way any more, and the one behind it in the line begins at once."""

    async def main() -> None:
        served = _served(batching=_batching())
        first, second = (asyncio.create_task(served.invoke(BODY)) for _ in range(2))
        await asyncio.sleep(1)
        assert served.stats.in_flight == 2
        first.cancel()
        await asyncio.wait({first})
        assert (served.stats.in_flight, served.stats.peak_in_flight) == (1, 2)
        said = await second
        assert isinstance(said, ChatWork)
        alone = 0.001 * said.prompt_tokens + STEP_SECONDS * (said.completion_tokens - 1)
        assert _now() == pytest.approx(1 + alone)
        assert (served.stats.requests, served.stats.in_flight, served.stats.answered) == (2, 0, 1)

    _run(main)


def test_no_instance_is_no_capacity() -> None:
    """Scaled to zero the endpoint refuses; when an instance has started it answers."""

    async def main() -> None:
        batching = _batching(fleet=replace(FLEET, instances=0, start_up_seconds=300))
        served = _served(batching=batching)
        asleep = await served.invoke(BODY)
        batching.scale(1)
        await asyncio.sleep(301)
        assert isinstance(asleep, Fault)
        assert "has no capacity" in asleep.body["Message"]
        assert isinstance(await served.invoke(BODY), ChatWork)

    _run(main)


@pytest.mark.parametrize("streamed", [False, True])
def test_an_instance_that_is_taken_away_breaks_its_answers(*, streamed: bool) -> None:
    """A plain call gets the container's 502, a stream its exception."""

    async def main() -> None:
        batching = _batching(fleet=replace(FLEET, removal=Removal.BREAK))
        served = _served(batching=batching)
        asking = asyncio.create_task(_last(served) if streamed else served.invoke(BODY))
        await asyncio.sleep(1)
        batching.scale(0)
        end = await asking
        if streamed:
            assert isinstance(end, StreamFault)
            assert end.body["ErrorCode"] == "StreamBroken"
        else:
            assert isinstance(end, Fault)
            assert end.body["OriginalStatusCode"] == 502

    _run(main)


async def _last(served: ServedModel) -> bytes | StreamFault | Broken:
    async with served.accepted(STREAM, None, STREAM_LIMIT_SECONDS) as answer:
        assert isinstance(answer, Answer)
        return [part async for part in served.streamed(answer)][-1]


def test_a_full_queue_and_a_prompt_that_never_fits_are_the_containers_errors() -> None:
    """A line that is full is a 429 of the container, a request beyond its memory a context that is too long."""

    async def main() -> None:
        served = _served(batching=_batching(fleet=replace(FLEET, queue_limit=1)))
        crowd = [asyncio.create_task(served.invoke(BODY)) for _ in range(3)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        refused = [await each for each in crowd if each.done()]
        small = ONE_AT_A_TIME.model_copy(update={"kv_tokens": 100})
        too_long = await _served(batching=_batching(small)).invoke(BODY)
        assert [each.body["OriginalStatusCode"] for each in refused if isinstance(each, Fault)] == [429]
        assert isinstance(too_long, Fault)
        assert "maximum context length" in too_long.body["OriginalMessage"]
        for each in crowd:
            each.cancel()
        await asyncio.wait(crowd)
        assert served.stats.in_flight == 0

    _run(main)


def test_streamed_tokens_come_between_the_first_and_the_last() -> None:
    """After one answer has shown the pace, the next one's tokens are spread over the time that it takes."""

    async def main() -> None:
        served = _served(batching=_batching())
        await _last(served)
        began = _now()
        async with served.accepted(STREAM, None, STREAM_LIMIT_SECONDS) as answer:
            assert isinstance(answer, Answer)
            times = [_now() - began async for _ in served.streamed(answer)]
            steps = answer.work.completion_tokens - 1
            prefill = 0.001 * answer.work.prompt_tokens
        assert times[0] == pytest.approx(prefill)
        assert times[-1] == pytest.approx(prefill + steps * STEP_SECONDS)
        assert max(later - earlier for earlier, later in pairwise(times)) < 4 * STEP_SECONDS

    _run(main)


def test_a_stream_breaks_in_the_middle_of_its_time() -> None:
    """A stream that breaks off ends when half of it is out, not when the whole would have been generated."""

    async def main() -> None:
        batching = _batching()
        served = _served(batching=batching)
        await _last(served)
        whole = _now()
        async with served.accepted(STREAM, "stream_error", STREAM_LIMIT_SECONDS) as answer:
            assert isinstance(answer, Answer)
            got = [part async for part in served.streamed(answer)]
        assert isinstance(got[-1], StreamFault)
        assert _now() - whole == pytest.approx(whole / 2, rel=0.2)
        assert (batching.outstanding, served.stats.answered) == (0, 1)

    _run(main)


def test_a_small_context_refuses_long_prompts() -> None:
    """The context's length is the server's own, and stands in the refusal."""

    async def main() -> None:
        said = await _served(serving=Serving(context_tokens=450)).invoke(BODY)
        assert isinstance(said, Fault)
        assert "maximum context length is 450 tokens" in said.body["OriginalMessage"]

    _run(main)


def test_a_fault_costs_the_engine_nothing() -> None:
    """What a fault replaces is not generated."""

    async def main() -> None:
        served = ServedModel(_Never(), VirtualClock(), schedule=cycle("throttled", "reset"))
        assert isinstance(await served.invoke(BODY), Fault)
        assert isinstance(await served.invoke(BODY), Broken)
        assert served.stats.misbehaviours == {"throttled": 1, "reset": 1}

    _run(main)


def test_an_engine_that_generates_too_long_is_given_up() -> None:
    """The limit counts the time that a real engine takes, and its own token counts are the usage."""

    async def main() -> None:
        served = ServedModel(_Generating(59.0), VirtualClock(), latency_seconds=0)
        in_time = await served.invoke(BODY)
        late = await ServedModel(_Generating(61.0), VirtualClock(), latency_seconds=0).invoke(BODY)
        assert isinstance(in_time, ChatWork)
        assert (in_time.prompt_tokens, in_time.completion_tokens) == (1_000, 300)
        assert json.loads(in_time.parts()[0])["usage"]["total_tokens"] == 1_300
        assert isinstance(late, Fault)
        assert (late.body["OriginalStatusCode"], _now()) == (0, 59 + 60)

    _run(main)


def test_an_engine_that_fails_is_the_containers_500() -> None:
    """What the engine raises stands in the container's error body."""

    async def main() -> None:
        said = await ServedModel(_Failing(), VirtualClock(), latency_seconds=0).invoke(BODY)
        assert isinstance(said, Fault)
        assert (said.body["OriginalStatusCode"], "the process ended" in said.body["OriginalMessage"]) == (500, True)

    _run(main)


class _Generating(RulesEngine):
    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def answer(self, _: ChatRequest) -> Completion:
        await asyncio.sleep(self._seconds)
        return Completion(content="x" * 4_000, prompt_tokens=1_000, completion_tokens=300)


class _Failing(RulesEngine):
    async def answer(self, _: ChatRequest) -> Completion:
        raise SandboxFailed("the process ended")


class _Never(RulesEngine):
    async def answer(self, _: ChatRequest) -> Completion:
        raise AssertionError("the engine was asked")


def test_embeddings_take_the_time_of_their_prompt() -> None:
    """Behind instances an embedding takes the reading of its texts."""

    async def main() -> None:
        served = ServedModel(HashEmbeddingEngine(), VirtualClock(), latency_seconds=0, batching=_batching())
        texts = {"model": served.task.model, "input": ["disk full"] * 4, "input_type": "query"}
        said = await served.invoke(json.dumps(texts).encode())
        assert isinstance(said, EmbeddingWork)
        assert _now() == pytest.approx(0.001 * said.prompt_tokens)

    _run(main)
