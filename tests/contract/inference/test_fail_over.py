"""The retry layer over real HTTP: what the server that is left sees, and what it is probed with."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from model_server import Event, ModelServer, Reply, chat, server_error
from scripted_endpoint import Fixed

from autocloudops.clock import SystemClock
from autocloudops.diagnosis.endpoint import CompletionRequest
from autocloudops.inference.breaker import Breaker, Trip
from autocloudops.inference.budget import RetryBudget
from autocloudops.inference.nim import NimOptions
from autocloudops.inference.openai import OpenAiEndpoint, open_session
from autocloudops.inference.probing import CORRELATION_ID
from autocloudops.inference.reliable import Backend, ReliableEndpoint
from autocloudops.inference.sagemaker import SageMakerEndpoint
from autocloudops.inference.slots import Slots

QUICK = Trip(consecutive=2, first_rest_seconds=0.02)

Open = Callable[..., Awaitable[SageMakerEndpoint]]


def around(endpoint: SageMakerEndpoint | OpenAiEndpoint, patience_seconds: float = 45) -> Backend:
    """Return an endpoint with two places on it."""
    clock = SystemClock()
    return Backend(endpoint, Slots(Fixed(2), clock), Breaker(clock, QUICK), RetryBudget(clock), patience_seconds)


@pytest.mark.parametrize("streaming", [True, False])
async def test_a_server_that_is_given_up_sees_its_caller_go(
    *,
    streaming: bool,
    server: ModelServer,
    sagemaker: Open,
    stack: AsyncExitStack,
    question: CompletionRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The connection to the endpoint that hangs is closed, its place is free, and the next one is asked the same."""
    monkeypatch.setattr("autocloudops.inference.patience.LEAST_SECONDS", 0)
    server.script = lambda _: Reply([Event.HANG])
    async with ModelServer() as other:
        other.script = lambda _: chat("{}")
        session = await stack.enter_async_context(open_session(2))
        first = around(await sagemaker(streaming=streaming), patience_seconds=0.1)
        second = around(OpenAiEndpoint(session, f"{other.url}/v1", "asked/model", SystemClock()))
        answer = await ReliableEndpoint([first, second], SystemClock(), lambda _: None).complete(question)
        assert (answer.endpoint, answer.attempts) == (f"{other.url}/v1", 2)
        assert [seen.headers["X-Request-ID"] for seen in other.seen] == [question.correlation_id]
    await server.until_in_flight(0)
    assert (first.slots.in_flight, second.slots.in_flight) == (0, 0)


async def test_an_endpoint_is_let_back_by_one_token(
    server: ModelServer, sagemaker: Open, question: CompletionRequest
) -> None:
    """Between the failures and the first question that is answered stands one probe: one token, and no schema."""
    server.script = lambda _: server_error(503, "loading") if len(server.seen) <= 2 else chat("{}")
    asked = ReliableEndpoint([around(await sagemaker())], SystemClock(), lambda _: None)
    answers = await asyncio.gather(asked.complete(question), asked.complete(question))
    assert [answer.content for answer in answers] == ["{}", "{}"]
    probes = [seen for seen in server.seen if seen.headers["X-Amzn-SageMaker-Custom-Attributes"] == CORRELATION_ID]
    assert [(probe.body["max_tokens"], "response_format" in probe.body) for probe in probes] == [(1, False)]
    await asked.aclose()


async def test_options_are_named_as_people_named_them(server: ModelServer, stack: AsyncExitStack) -> None:
    """An endpoint with a model of its own is called by its URL and that model; requests go to the URL alone."""
    session = await stack.enter_async_context(open_session(1))
    named = NimOptions(name=f"{server.url}/v1?model=own")
    endpoint = OpenAiEndpoint(session, f"{server.url}/v1", "own", SystemClock(), None, named)
    server.script = lambda _: chat("{}")
    await endpoint.probe()
    assert endpoint.name == f"{server.url}/v1?model=own"
    assert {seen.path for seen in server.seen} == {"/v1/chat/completions"}
