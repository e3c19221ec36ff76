"""Streamed answers over real HTTP: frames cut anywhere, whole answers on broken connections."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from model_server import Event, ModelServer, Reply, exception_frame, frames, sse

from autocloudops.diagnosis.endpoint import CompletionRequest
from autocloudops.errors import ModelBrokeOff

ANSWER = '{"why": "Überlast 🚨"}'
STREAM = sse('{"why": ', '"Überlast 🚨"}')

Open = Callable[..., Awaitable[Any]]


async def test_a_stream_split_at_every_byte(server: ModelServer, sagemaker: Open, question: CompletionRequest) -> None:
    """SageMaker cuts payload parts without regard to events or characters: every cut gives the same answer."""
    endpoint = await sagemaker(streaming=True)
    cuts = iter(range(len(STREAM) + 1))

    def cut(_: object) -> Reply:
        at = next(cuts)
        return Reply(frames(STREAM[:at], STREAM[at:]))

    server.script = cut
    for _ in range(len(STREAM) + 1):
        completion = await endpoint.complete(question)
        assert completion.content == ANSWER
    assert next(cuts, None) is None


async def test_one_byte_at_a_time(
    server: ModelServer, sagemaker: Open, openai: Open, question: CompletionRequest
) -> None:
    """A frame of one byte each, and frames whose bytes come one by one, give the answer, its model and its tokens."""
    single = [bytes([byte]) for byte in STREAM]
    slow_frames = [bytes([byte]) for frame in frames(STREAM[:99], STREAM[99:]) for byte in frame]
    for opened, pieces in ((sagemaker, frames(*single)), (sagemaker, slow_frames), (openai, single)):
        server.script = lambda _, pieces=pieces: Reply(pieces)  # type: ignore[misc] # bound now, called soon
        completion = await (await opened(streaming=True)).complete(question)
        assert completion.content == ANSWER
        assert completion.finish_reason == "stop"
        assert completion.model == "served/model"
        assert (completion.prompt_tokens, completion.completion_tokens) == (11, 7)


async def test_what_is_asked_of_a_streaming_server(
    server: ModelServer, sagemaker: Open, openai: Open, question: CompletionRequest
) -> None:
    """The streaming operation of SageMaker is called, and the server is told to stream and to count tokens."""
    server.script = lambda seen: Reply(frames(STREAM) if "endpoints" in seen.path else [STREAM])
    for opened in (sagemaker, openai):
        await (await opened(streaming=True)).complete(question)
    assert [seen.path for seen in server.seen] == [
        "/endpoints/contract-nim/invocations-response-stream",
        "/v1/chat/completions",
    ]
    for seen in server.seen:
        assert seen.body["stream"] is True
        assert seen.body["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize(
    "last", [exception_frame("InternalStreamFailure", Message="x"), Event.BREAK, b"", b"\0" * 12 + b"junk"]
)
async def test_a_whole_answer_survives_what_follows_it(
    last: bytes | Event, server: ModelServer, sagemaker: Open, question: CompletionRequest
) -> None:
    """The model came to its end: a failure behind it does not make us pay for the question twice."""
    whole = sse(ANSWER, done=False)
    server.script = lambda _: Reply([*frames(whole), last])
    completion = await (await sagemaker(streaming=True)).complete(question)
    assert completion.content == ANSWER


async def test_a_server_that_does_not_hang_up(
    server: ModelServer, openai: Open, question: CompletionRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After [DONE] nobody waits for a server that keeps the response open."""
    monkeypatch.setattr("autocloudops.inference.nim.LINGER_SECONDS", 0.05)
    server.script = lambda _: Reply([STREAM, Event.HANG])
    completion = await (await openai(streaming=True)).complete(question)
    assert completion.content == ANSWER
    await server.until_in_flight(0)


async def test_a_stream_that_never_ends_is_bounded(
    server: ModelServer, openai: Open, question: CompletionRequest
) -> None:
    """A server cannot fill the worker's memory, in one piece or in many."""
    server.script = lambda _: Reply([b"data: " + b"x" * 1_000_000] * 6)
    for streaming in (True, False):
        with pytest.raises(ModelBrokeOff, match="over 4194304 bytes"):
            await (await openai(streaming=streaming)).complete(question)
