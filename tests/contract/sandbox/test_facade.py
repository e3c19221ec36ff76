import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from simulated_nim import MODEL, NAME, chat, until_idle

from autocloudops.sandbox.endpoint import HashEmbeddingEngine, RulesEngine, Serving, SimulatedEndpoint

KEY = "planted-for-a-test"
CHAT = "/chat/completions"
TEXTS = {"model": "simulated/hash-embedding", "input": ["disk full", "disk full"], "input_type": "passage"}


@asynccontextmanager
async def asking(endpoint: SimulatedEndpoint) -> AsyncIterator[aiohttp.ClientSession]:
    """Start an endpoint, and give a session whose paths begin at its OpenAI routes."""
    async with endpoint, aiohttp.ClientSession(f"{endpoint.openai_url}/") as session:
        yield session


async def posted(
    session: aiohttp.ClientSession, path: str, body: Mapping[str, object], **headers: str
) -> tuple[int, dict[str, Any]]:
    """Return the status and the parsed body."""
    async with session.post(path.lstrip("/"), json=body, headers=headers) as response:
        assert response.content_type == "application/json"
        return response.status, await response.json()


def endpoint(*, api_key: str | None = None, misbehave: str | None = None) -> SimulatedEndpoint:
    """Return an endpoint with the rules, which misbehaves to everybody alike."""
    serving = Serving(api_key=api_key)
    return SimulatedEndpoint(NAME, RulesEngine(), latency_seconds=0, schedule=lambda *_: misbehave, serving=serving)


async def test_a_chat_is_answered_as_behind_sagemaker() -> None:
    """The body is the NIM's, with usage, and is counted."""
    simulated = endpoint()
    async with asking(simulated) as session:
        status, answer = await posted(session, CHAT, chat())
    assert (status, answer["object"], answer["model"]) == (200, "chat.completion", MODEL)
    assert json.loads(answer["choices"][0]["message"]["content"])["action"] == "scale_out"
    assert simulated.stats.answered == 1


async def test_a_chat_may_be_streamed() -> None:
    """With stream the answer is server-sent events up to [DONE], without frames around them."""
    async with asking(endpoint()) as session, session.post(CHAT[1:], json=chat(stream=True)) as response:
        raw = await response.read()
    assert response.content_type == "text/event-stream"
    *events, done, _ = raw.split(b"\n\n")
    said = [json.loads(event.removeprefix(b"data: "))["choices"][0]["delta"].get("content", "") for event in events]
    assert done == b"data: [DONE]"
    assert json.loads("".join(said))["action"] == "scale_out"


async def test_the_models_are_listed() -> None:
    """The list holds the one model under the name that requests must use."""
    async with asking(endpoint()) as session, session.get("models") as response:
        listed = await response.json()
    assert [model["id"] for model in listed["data"]] == [MODEL]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": KEY}])
async def test_without_the_key_nothing_is_said(headers: dict[str, str]) -> None:
    """A missing or wrong bearer token is a 401 on each route, and the model is not asked."""
    simulated = endpoint(api_key=KEY)
    async with asking(simulated) as session:
        status, said = await posted(session, CHAT, chat(), **headers)
        async with session.get("models", headers=headers) as listed:
            assert listed.status == 401
    assert (status, said["error"]["code"], simulated.stats.requests) == (401, 401, 0)


async def test_the_key_opens_every_route() -> None:
    """With the bearer token the chat and the list are answered."""
    allowed = {"Authorization": f"Bearer {KEY}"}
    async with asking(endpoint(api_key=KEY)) as session:
        status, _ = await posted(session, CHAT, chat(), **allowed)
        async with session.get("models", headers=allowed) as listed:
            assert (status, listed.status) == (200, 200)


@pytest.mark.parametrize(
    ("name", "status", "said"),
    [
        ("context_too_long", 400, "maximum context length"),
        ("model_error_429", 429, "queue"),
        ("model_error_500", 500, "CUDA"),
        ("unavailable", 503, "unavailable"),
        ("dependency_failed", 530, "dependency"),
    ],
)
async def test_an_error_is_the_nims_own(name: str, status: int, said: str) -> None:
    """Status and body are those of the NIM, without SageMaker's wrapping."""
    async with asking(endpoint(misbehave=name)) as session:
        got, body = await posted(session, CHAT, chat())
    assert (got, body["error"]["code"], said in body["error"]["message"]) == (status, status, True)


@pytest.mark.parametrize(("name", "status"), [("model_timed_out", 504), ("model_error_502", 502)])
async def test_a_gateway_speaks_no_json(name: str, status: int) -> None:
    """What a proxy in front of the NIM says has its status, and no JSON in it."""
    async with asking(endpoint(misbehave=name)) as session, session.post(CHAT[1:], json=chat()) as response:
        raw = await response.read()
    assert response.status == status
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(raw)


@pytest.mark.parametrize("name", ["reset", "stream_error"])
async def test_a_connection_may_be_cut(name: str) -> None:
    """An answer that does not come, or breaks off before its first byte, is a closed connection."""
    simulated = endpoint(misbehave=name)
    async with asking(simulated) as session:
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await posted(session, CHAT, chat())
        await until_idle(simulated)
    assert simulated.stats.answered == 0


async def test_a_stream_may_be_cut() -> None:
    """A stream that breaks off ends without its last chunk."""
    async with (
        asking(endpoint(misbehave="stream_cut")) as session,
        session.post(CHAT[1:], json=chat(stream=True)) as response,
    ):
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()


async def test_texts_are_embedded() -> None:
    """An embedding engine serves its own route and not the other one; equal texts have equal vectors of length 1."""
    simulated = SimulatedEndpoint(NAME, HashEmbeddingEngine(), latency_seconds=0)
    async with asking(simulated) as session:
        status, answer = await posted(session, "/embeddings", TEXTS)
        async with session.post(CHAT[1:], json=chat()) as response:
            assert response.status == 404
    first, second = (datum["embedding"] for datum in answer["data"])
    assert (status, answer["usage"]["prompt_tokens"], first == second) == (200, 6, True)
    assert sum(value * value for value in first) == pytest.approx(1)


async def test_only_what_is_no_reply_of_a_chat_happens_to_embeddings() -> None:
    """A fault reaches an embedding endpoint; the misbehaviour of a chat is refused by name."""
    simulated = SimulatedEndpoint(NAME, HashEmbeddingEngine(), latency_seconds=0, schedule=lambda n, _: NAMES[n - 1])
    async with asking(simulated) as session:
        throttled, _ = await posted(session, "/embeddings", TEXTS)
        _, refused = await posted(session, "/embeddings", TEXTS)
    assert throttled == 429
    assert "No misbehaviour is called not_json" in refused["error"]["message"]


NAMES = ("too_many_requests", "not_json")
