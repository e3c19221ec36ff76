"""Cancelled and timed-out requests give their place in the connection pool back."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from model_server import Event, ModelServer, Reply, chat, frames, sse

from autocloudops.diagnosis.endpoint import CompletionRequest
from autocloudops.errors import ModelTimedOut

CONNECTIONS = 3
PART = sse("half", finish_reason=None, done=False)

Open = Callable[..., Awaitable[Any]]


def said(adapter: str, raw: bytes, *, streaming: bool) -> list[bytes | Event]:
    """Return bytes of the model server as they travel to an adapter."""
    return [*frames(raw)] if adapter == "sagemaker" and streaming else [raw]


@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize("started", [b"", PART])
@pytest.mark.parametrize("adapter", ["sagemaker", "openai"])
async def test_cancellation_frees_the_slot(
    adapter: str,
    started: bytes,
    *,
    streaming: bool,
    server: ModelServer,
    question: CompletionRequest,
    adapters: dict[str, Open],
) -> None:
    """After twice as many cancelled requests as the pool holds, the server sees them gone and one more succeeds."""
    endpoint = await adapters[adapter](streaming=streaming, timeout_seconds=5)
    beginning = said(adapter, started, streaming=streaming) if started else []
    server.script = lambda _: Reply([*beginning, Event.HANG])
    for _ in range(2):
        tasks = [asyncio.create_task(endpoint.complete(question)) for _ in range(CONNECTIONS)]
        await server.until_in_flight(CONNECTIONS)
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(end, asyncio.CancelledError) for end in ends)
        await server.until_in_flight(0)
    whole = said(adapter, sse("{}"), streaming=True)
    server.script = lambda _: Reply(whole) if streaming else chat("{}")
    assert (await endpoint.complete(question)).content == "{}"


@pytest.mark.parametrize("adapter", ["sagemaker", "openai"])
async def test_a_timeout_frees_the_slot(
    adapter: str, server: ModelServer, question: CompletionRequest, adapters: dict[str, Open]
) -> None:
    """The bound of a whole request holds while bytes still come, and closes the connection."""
    endpoint = await adapters[adapter](streaming=True, timeout_seconds=0.15)
    keepalive = b": still here\n\n"
    drips = [*said(adapter, keepalive, streaming=True), Event.HANG]
    server.script = lambda _: Reply(drips)
    ends = await asyncio.gather(*(endpoint.complete(question) for _ in range(CONNECTIONS)), return_exceptions=True)
    assert [type(end) for end in ends] == [ModelTimedOut] * CONNECTIONS
    await server.until_in_flight(0)
