"""The bounds of one request in virtual time, and a search for which nobody waits any more."""

import asyncio
import gc
import json
from collections.abc import Callable

import pytest
from model_server import sse
from virtual_time import VirtualClock, run

from autocloudops.diagnosis.endpoint import CompletionRequest, Dialect, Message
from autocloudops.errors import ModelThrottled, ModelTimedOut
from autocloudops.inference.dialects import STORE_SECONDS
from autocloudops.inference.nim import Letter, NimEndpoint, NimOptions

QUESTION = CompletionRequest(
    messages=(Message(role="user", content="Why?"),),
    json_schema={"type": "object"},
    max_tokens=40,
    correlation_id="incident-1",
)


class Dripping:
    """A wire whose server says something and then a comment every half second, or as often as it is told, for ever."""

    url = "https://nim/v1"

    def __init__(self, said: bytes, apart_seconds: float = 0.5) -> None:
        self._said = said
        self._apart_seconds = apart_seconds

    async def send(self, letter: Letter, feed: Callable[[bytes], None]) -> None:
        assert letter.streaming
        feed(self._said)
        while True:
            await asyncio.sleep(self._apart_seconds)
            feed(b": still here\n\n")


class Throttling:
    """A wire that is throttled after a second."""

    url = "https://nim/v1"

    async def send(self, letter: Letter, feed: Callable[[bytes], None]) -> None:
        feed(b"")
        await asyncio.sleep(1)
        raise ModelThrottled(self.url, f"too many {letter.route}")


class Chatting:
    """A wire that answers every request, and keeps their bodies."""

    url = "https://nim/v1"

    def __init__(self) -> None:
        self.bodies: list[dict[str, object]] = []

    async def send(self, letter: Letter, feed: Callable[[bytes], None]) -> None:
        self.bodies.append(json.loads(letter.body))
        feed(json.dumps({"choices": [{"message": {"content": None}, "finish_reason": "length"}]}).encode())


class Silent:
    """A `DialectStore` that answers nobody."""

    async def get(self, endpoint: str, model: str) -> Dialect | None:
        await asyncio.sleep(1e6)
        raise AssertionError(endpoint, model)

    async def put(self, endpoint: str, model: str, dialect: Dialect) -> None:
        await asyncio.sleep(1e6)
        raise AssertionError(endpoint, model, dialect)


def test_a_store_that_hangs_delays_the_first_question_by_four_seconds() -> None:
    """What the table would have said is found out by asking; the questions that follow wait for nothing."""

    async def main() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        wire = Chatting()
        endpoint = NimEndpoint(wire, "m", VirtualClock(), NimOptions(dialect=None, dialects=Silent()))
        await endpoint.complete(QUESTION)
        first = loop.time()
        await endpoint.complete(QUESTION)
        assert len(wire.bodies) == 5
        return first, loop.time() - first

    assert run(main()) == (2 * STORE_SECONDS, 0)


def test_a_question_without_a_schema_needs_no_dialect() -> None:
    """Free text is asked for at once: nothing is searched for, and the body names no schema."""

    async def main() -> None:
        wire = Chatting()
        endpoint = NimEndpoint(wire, "m", VirtualClock(), NimOptions(dialect=None, dialects=Silent()))
        answer = await endpoint.complete(QUESTION.model_copy(update={"json_schema": {}, "max_tokens": 1}))
        assert (answer.content, answer.finish_reason) == (None, "length")
        assert [sorted(body) for body in wire.bodies] == [["max_tokens", "messages", "model", "temperature"]]

    run(main())


def test_closing_ends_a_search() -> None:
    """A search that is under way at the end of a process is ended and waited for; no task is left."""

    async def main() -> None:
        endpoint = NimEndpoint(Throttling(), "m", VirtualClock(), NimOptions(dialect=None))
        asking = asyncio.create_task(endpoint.complete(QUESTION))
        await asyncio.sleep(0.5)
        asking.cancel()
        await endpoint.aclose()
        await asyncio.gather(asking, return_exceptions=True)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        await endpoint.aclose()

    run(main())


def test_comments_after_the_end_do_not_hold_an_answer_back() -> None:
    """After [DONE] a server has one second, whatever it still says."""

    async def main() -> None:
        endpoint = NimEndpoint(Dripping(sse("{}")), "m", VirtualClock(), NimOptions(streaming=True))
        answer = await endpoint.complete(QUESTION)
        assert answer.content == "{}"
        assert answer.latency_seconds == pytest.approx(1.0)

    run(main())


@pytest.mark.parametrize(("timeout_seconds", "limit_seconds"), [(None, 490.0), (30.0, 30.0)])
def test_the_bound_of_a_request_holds_while_bytes_come(timeout_seconds: float | None, limit_seconds: float) -> None:
    """A server that only keeps the connection alive is given up after eight minutes, or what the operator said."""

    async def main() -> None:
        options = NimOptions(streaming=True, timeout_seconds=timeout_seconds)
        endpoint = NimEndpoint(Dripping(sse("half", finish_reason=None, done=False)), "m", VirtualClock(), options)
        with pytest.raises(ModelTimedOut):
            await endpoint.complete(QUESTION)
        assert asyncio.get_running_loop().time() == pytest.approx(limit_seconds)

    run(main())


@pytest.mark.parametrize(("apart_seconds", "limit_seconds"), [(1e6, 70.0), (69.0, 490.0)])
def test_a_silent_stream_is_given_up_as_soon_as_a_plain_request(apart_seconds: float, limit_seconds: float) -> None:
    """A streaming endpoint that hangs must not hold its place for eight minutes; one that goes on speaking may."""

    async def main() -> None:
        wire = Dripping(sse("half", finish_reason=None, done=False), apart_seconds)
        with pytest.raises(ModelTimedOut):
            await NimEndpoint(wire, "m", VirtualClock(), NimOptions(streaming=True)).complete(QUESTION)
        assert asyncio.get_running_loop().time() == pytest.approx(limit_seconds)

    run(main())


def test_a_plain_request_is_given_up_after_seventy_seconds() -> None:
    """SageMaker answers within 60 s or not at all, and AWS wants clients to wait a little longer."""
    assert NimOptions().limit_seconds == 70.0


def test_a_search_for_which_nobody_waits_fails_in_silence() -> None:
    """Where all who asked have gone, a failed search is nobody's unhandled error."""

    async def main() -> None:
        reported: list[dict[str, object]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
        endpoint = NimEndpoint(Throttling(), "m", VirtualClock(), NimOptions(dialect=None))
        asking = asyncio.create_task(endpoint.complete(QUESTION))
        await asyncio.sleep(0.5)
        asking.cancel()
        await asyncio.sleep(1)
        gc.collect()
        assert asking.cancelled()
        assert not reported
        with pytest.raises(ModelThrottled):
            await endpoint.complete(QUESTION)

    run(main())
