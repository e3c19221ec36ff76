"""Embeddings over both wires."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from model_server import ModelServer, Reply, Seen, container_error

from autocloudops.clock import SystemClock
from autocloudops.diagnosis.endpoint import EmbeddingRequest
from autocloudops.errors import ContextTooLong, ModelBrokeOff
from autocloudops.inference.breaker import Breaker
from autocloudops.inference.budget import RetryBudget
from autocloudops.inference.concurrency.controller import ConcurrencyController
from autocloudops.inference.reliable import Backend, ReliableEndpoint
from autocloudops.inference.slots import Slots

REQUEST = EmbeddingRequest(texts=("cpu high", "disk full"), input_type="passage")

Open = Callable[..., Awaitable[Any]]


def vectors(*rows: tuple[int, list[float]]) -> Reply:
    """Return an embedding reply with these indices and vectors."""
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in rows]
    body = {"object": "list", "data": data, "model": "served/embedder", "usage": {"prompt_tokens": 6}}
    return Reply([json.dumps(body).encode()])


@pytest.mark.parametrize("adapter", ["sagemaker", "openai"])
async def test_texts_become_vectors_in_their_order(
    adapter: str, server: ModelServer, adapters: dict[str, Open]
) -> None:
    """The vectors are put in the order of the texts, and the server is told the side of the search and to cut."""
    server.script = lambda _: vectors((1, [0.5, -1]), (0, [0.25, 2]))
    found = await (await adapters[adapter](streaming=True)).embed(REQUEST)
    assert found.vectors == ((0.25, 2.0), (0.5, -1.0))
    assert found.model == "served/embedder"
    assert found.prompt_tokens == 6
    [seen] = server.seen
    assert seen.path in {"/endpoints/contract-nim/invocations", "/v1/embeddings"}
    assert seen.body == {
        "model": "asked/model",
        "input": ["cpu high", "disk full"],
        "input_type": "passage",
        "truncate": "END",
        "encoding_format": "float",
    }


@pytest.mark.parametrize(
    "reply",
    [
        vectors((0, [1.0])),
        vectors((0, [1.0]), (0, [1.0])),
        vectors((0, [1.0]), (2, [1.0])),
        vectors((0, [1.0]), (1, [1.0, 2.0])),
        vectors((0, []), (1, [])),
        vectors((0, [float("nan")]), (1, [1.0])),
        Reply([b"{}"]),
    ],
)
async def test_vectors_that_do_not_fit_their_texts_are_refused(reply: Reply, server: ModelServer, openai: Open) -> None:
    """A vector too few, twice, out of range, of another length, empty or not a number is no answer."""
    server.script = lambda _: reply
    with pytest.raises(ModelBrokeOff):
        await (await openai()).embed(REQUEST)


async def test_a_long_text_is_named_as_such(server: ModelServer, sagemaker: Open) -> None:
    """An embedding NIM that refuses a text for its length asks for a shorter one."""

    def refuse(_: Seen) -> Reply:
        return container_error(400, '{"error": "Input length 9000 exceeds maximum allowed token size 8192"}')

    server.script = refuse
    with pytest.raises(ContextTooLong):
        await (await sagemaker()).embed(REQUEST)


@pytest.mark.parametrize("adapter", ["sagemaker", "openai"])
async def test_an_endpoint_that_only_embeds_is_never_asked_to_chat(
    adapter: str, server: ModelServer, adapters: dict[str, Open]
) -> None:
    """No dialect is looked for where nobody chats, through the retry layer too."""
    server.script = lambda seen: vectors((0, [1.0]), (1, [2.0])) if "input" in seen.body else container_error(404, "no")
    clock = SystemClock()
    endpoint = await adapters[adapter](dialect=None)
    backend = Backend(endpoint, Slots(ConcurrencyController(45.0), clock), Breaker(clock), RetryBudget(clock))
    found = await ReliableEndpoint([backend], clock).embed(REQUEST)
    assert found.vectors == ((1.0,), (2.0,))
    assert len(server.seen) == 1
