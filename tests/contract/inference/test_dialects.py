"""Finding out, over real HTTP, how a server is told a schema."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
from model_server import ModelServer, Reply, Seen, chat, container_error, frames, server_error, sse

from autocloudops.diagnosis.endpoint import CompletionRequest, Dialect
from autocloudops.errors import EndpointMisconfigured, ModelRefused, ModelThrottled
from autocloudops.inference.dialects import MemoryDialects

PATHS = {
    Dialect.JSON_SCHEMA: ("response_format", "json_schema", "schema"),
    Dialect.STRUCTURED_OUTPUTS: ("structured_outputs", "json"),
    Dialect.NVEXT: ("nvext", "guided_json"),
}
FIELDS = {dialect: path[0] for dialect, path in PATHS.items()}
UNKNOWN_FIELD = "1 validation error: body.{}: Extra inputs are not permitted"

Open = Callable[..., Awaitable[Any]]


def schema_in(body: Mapping[str, Any], dialect: Dialect) -> Mapping[str, Any] | None:
    """Return the schema that a body tells in one dialect."""
    found: Mapping[str, Any] | None = body
    for key in PATHS[dialect]:
        found = (found or {}).get(key)
    return found


def honouring(*dialects: Dialect, strict: bool = False) -> Callable[[Seen], Reply]:
    """Return a server that obeys these dialects, and ignores the others or, if strict, refuses them."""

    def answer(seen: Seen) -> Reply:
        for dialect in set(dialects) & set(PATHS):
            if schema := schema_in(seen.body, dialect):
                words = schema.get("properties", {}).get("word", {}).get("enum", ["any"])
                return chat(json.dumps({"word": words[0]}))
        unknown = [field for field in FIELDS.values() if field in seen.body]
        if strict and unknown:
            return server_error(400, UNKNOWN_FIELD.format(unknown[0]))
        return chat('{"word": "sunshine"}')

    return answer


def fields_sent(server: ModelServer) -> list[str]:
    """Return the dialect's field of each request, in order; `none` where there is none."""
    return [next((field for field in FIELDS.values() if field in seen.body), "none") for seen in server.seen]


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("dialect", list(Dialect))
async def test_the_dialect_that_a_server_obeys_is_found(
    dialect: Dialect, *, strict: bool, server: ModelServer, openai: Open, question: CompletionRequest
) -> None:
    """At most three small requests find the one dialect of a server, whether it refuses or ignores the others."""
    server.script = honouring(dialect, strict=strict)
    endpoint = await openai(dialect=None)
    await endpoint.complete(question)
    await endpoint.complete(question)
    order = [*FIELDS.values()]
    asked = order[: order.index(FIELDS[dialect]) + 1] if dialect in FIELDS else order
    assert fields_sent(server) == [*asked, *[FIELDS.get(dialect, "none")] * 2]
    assert all(seen.body["max_tokens"] <= 64 for seen in server.seen[: len(asked)])


async def test_the_prompt_does_not_give_the_answer_away(
    server: ModelServer, openai: Open, question: CompletionRequest
) -> None:
    """A model could only guess the word, and each search has another one."""
    server.script = honouring(Dialect.JSON_SCHEMA)
    for _ in range(2):
        await (await openai(dialect=None)).complete(question)
    words = []
    for seen in (server.seen[0], server.seen[2]):
        schema = schema_in(seen.body, Dialect.JSON_SCHEMA)
        assert schema
        words += schema["properties"]["word"]["enum"]
        assert words[-1] not in json.dumps(seen.body["messages"])
    assert words[0] != words[1]


async def test_concurrent_first_questions_share_one_search(
    server: ModelServer, sagemaker: Open, question: CompletionRequest
) -> None:
    """Ten questions at once ask for the dialect once; cancelling the one that began it harms no other."""
    opened = asyncio.Event()
    obeying = honouring(Dialect.NVEXT)

    async def answer(seen: Seen) -> Reply:
        await opened.wait()
        return obeying(seen)

    server.script = answer
    endpoint = await sagemaker(dialect=None)
    first, *others = [asyncio.create_task(endpoint.complete(question)) for _ in range(10)]
    await server.until_in_flight(1)
    first.cancel()
    opened.set()
    answers = await asyncio.gather(*others)
    assert all(answer.content for answer in answers)
    assert first.cancelled()
    assert fields_sent(server) == ["response_format", "structured_outputs", *["nvext"] * 10]


async def test_what_was_found_is_kept_for_others(
    server: ModelServer, openai: Open, sagemaker: Open, question: CompletionRequest
) -> None:
    """A second worker with the same store asks nothing; another endpoint is another question."""
    store = MemoryDialects()
    server.script = honouring(Dialect.STRUCTURED_OUTPUTS)
    first = await openai(dialect=None, dialects=store)
    await first.complete(question)
    assert await store.get(first.name, "asked/model") is Dialect.STRUCTURED_OUTPUTS
    assert await store.get(first.name, "another/model") is None
    server.seen.clear()
    await (await openai(dialect=None, dialects=store)).complete(question)
    assert fields_sent(server) == ["structured_outputs"]
    await (await sagemaker(dialect=None, dialects=store)).complete(question)
    assert len(server.seen) == 4


async def test_a_named_dialect_is_not_searched_for(
    server: ModelServer, openai: Open, question: CompletionRequest
) -> None:
    """What the operator says is sent at once."""
    await (await openai(dialect=Dialect.NVEXT)).complete(question)
    assert fields_sent(server) == ["nvext"]


@pytest.mark.parametrize("through_sagemaker", [True, False])
async def test_a_server_that_does_not_know_the_dialect_gets_the_next(
    *, through_sagemaker: bool, server: ModelServer, sagemaker: Open, openai: Open, question: CompletionRequest
) -> None:
    """A 400 that names the response format as unknown costs a search among the others, once, for all who meet it."""
    obeying = honouring(Dialect.NVEXT)
    said = "[{'loc': ('body', 'response_format', 'type'), 'msg': \"Input should be 'text' or 'json_object'\"}]"

    def answer(seen: Seen) -> Reply:
        if "response_format" not in seen.body:
            return obeying(seen)
        return container_error(400, json.dumps({"detail": said})) if through_sagemaker else server_error(400, said)

    server.script = answer
    store = MemoryDialects()
    endpoint = await (sagemaker if through_sagemaker else openai)(dialects=store)
    await asyncio.gather(endpoint.complete(question), endpoint.complete(question))
    await endpoint.complete(question)
    sent = fields_sent(server)
    assert sent.count("response_format") == 2
    assert sent.count("structured_outputs") == 1
    assert sent.count("nvext") == 4
    assert await store.get(endpoint.name, "asked/model") is Dialect.NVEXT


@pytest.mark.parametrize("after", [Dialect.JSON_SCHEMA, Dialect.STRUCTURED_OUTPUTS, Dialect.NONE])
async def test_a_server_that_was_exchanged_is_asked_anew(
    after: Dialect, server: ModelServer, openai: Open, question: CompletionRequest
) -> None:
    """A process that knows the last dialect in order meets a server that refuses it: one search finds another."""
    store = MemoryDialects()
    server.script = honouring(Dialect.NVEXT)
    endpoint = await openai(dialect=None, dialects=store)
    await endpoint.complete(question)
    server.script = honouring(after, strict=True)
    server.seen.clear()
    await asyncio.gather(endpoint.complete(question), endpoint.complete(question))
    assert await store.get(endpoint.name, "asked/model") is after
    small = [seen for seen in server.seen if seen.body["max_tokens"] != question.max_tokens]
    assert len(small) == (1 if after is Dialect.JSON_SCHEMA else 2)
    server.seen.clear()
    await endpoint.complete(question)
    assert fields_sent(server) == [FIELDS.get(after, "none")]


async def test_a_server_that_refuses_what_it_obeyed_a_moment_ago_is_not_asked_for_ever(
    server: ModelServer, openai: Open, question: CompletionRequest
) -> None:
    """Where every way of telling this schema is refused by name, the question fails after each was tried once."""
    obeying = honouring(*FIELDS)

    def fickle(seen: Seen) -> Reply:
        field = next(field for field in FIELDS.values() if field in seen.body)
        small = seen.body["max_tokens"] != question.max_tokens
        return obeying(seen) if small else server_error(400, UNKNOWN_FIELD.format(field))

    server.script = fickle
    with pytest.raises(ModelRefused, match="not permitted"):
        await (await openai(dialect=None)).complete(question)
    assert len(server.seen) <= 7


async def test_a_late_refusal_does_not_start_another_search(
    server: ModelServer, openai: Open, question: CompletionRequest
) -> None:
    """A question whose refusal comes after the others have moved on follows them."""
    obeying, late = honouring(Dialect.NVEXT, strict=True), asyncio.Event()

    async def answer(seen: Seen) -> Reply:
        if seen.body["max_tokens"] == 39:
            await (late.wait() if "response_format" in seen.body else asyncio.sleep(0))
        return obeying(seen)

    server.script = answer
    endpoint = await openai()
    straggler = asyncio.create_task(endpoint.complete(question.model_copy(update={"max_tokens": 39})))
    await server.until_in_flight(1)
    assert (await endpoint.complete(question)).content
    late.set()
    assert (await straggler).content
    assert fields_sent(server).count("structured_outputs") == 1


@pytest.mark.parametrize(
    "said", ["Invalid schema for response_format 'diagnosis': keyword 'minLength' is not permitted", "prompt is empty"]
)
async def test_another_refusal_does_not_change_the_dialect(
    said: str, server: ModelServer, openai: Open, question: CompletionRequest
) -> None:
    """A server that refuses this schema, or this question, knows the dialect all the same."""
    server.script = lambda _: server_error(400, said)
    with pytest.raises(ModelRefused):
        await (await openai()).complete(question)
    assert fields_sent(server) == ["response_format"]


async def test_a_search_that_got_no_answer_decides_nothing(
    server: ModelServer, openai: Open, question: CompletionRequest
) -> None:
    """A throttled, misconfigured or otherwise refusing server is asked again later, and nothing is kept."""
    store = MemoryDialects()
    endpoint = await openai(dialect=None, dialects=store)
    for status, error, requests in ((429, ModelThrottled, 1), (404, EndpointMisconfigured, 1), (400, ModelRefused, 3)):
        server.seen.clear()
        server.script = lambda _, status=status: server_error(status, "no")  # type: ignore[misc] # bound now
        ends = await asyncio.gather(*(endpoint.complete(question) for _ in range(4)), return_exceptions=True)
        assert [type(end) for end in ends] == [error] * 4
        assert len(server.seen) == requests
        assert await store.get(endpoint.name, "asked/model") is None
    server.script = honouring(Dialect.JSON_SCHEMA)
    assert (await endpoint.complete(question)).content


async def test_a_probe_asks_again(server: ModelServer, sagemaker: Open) -> None:
    """A probe says which model answers and which dialect it obeys now, over the stored finding, in one search."""
    store = MemoryDialects()
    endpoint = await sagemaker(dialects=store)
    await store.put(endpoint.name, "asked/model", Dialect.NONE)
    server.script = honouring(Dialect.STRUCTURED_OUTPUTS)
    probe = await endpoint.probe()
    assert (probe.model, probe.dialect) == ("served/model", Dialect.STRUCTURED_OUTPUTS)
    assert probe.latency_seconds > 0
    assert await store.get(endpoint.name, "asked/model") is Dialect.STRUCTURED_OUTPUTS
    assert len(server.seen) == 2


async def test_reasoning_in_front_of_the_word_is_no_disobedience(server: ModelServer, openai: Open) -> None:
    """A NIM may open every reply with an empty `<think>` block, also where the grammar holds behind it."""
    obeying = honouring(Dialect.JSON_SCHEMA)

    def thinking(seen: Seen) -> Reply:
        said = json.loads(b"".join(piece for piece in obeying(seen).pieces if isinstance(piece, bytes)))
        return chat(f"<think>\n\n</think>\n\n{said['choices'][0]['message']['content']}")

    server.script = thinking
    assert (await (await openai()).probe()).dialect is Dialect.JSON_SCHEMA
    assert len(server.seen) == 1


async def test_a_probe_of_a_server_that_knows_no_dialect(server: ModelServer, openai: Open) -> None:
    """A server that refuses all three by name takes none; it is known under the name that it was asked by."""
    server.script = honouring(strict=True)
    probe = await (await openai()).probe()
    assert (probe.model, probe.dialect) == ("asked/model", Dialect.NONE)
    assert len(server.seen) == 3


async def test_a_streaming_endpoint_is_searched_by_streaming(
    server: ModelServer, sagemaker: Open, question: CompletionRequest
) -> None:
    """The search goes the way that the answers will go."""

    def answer(seen: Seen) -> Reply:
        schema = schema_in(seen.body, Dialect.JSON_SCHEMA) or {}
        words = schema.get("properties", {}).get("word", {}).get("enum", ["any"])
        return Reply(frames(sse(json.dumps({"word": words[0]}))))

    server.script = answer
    await (await sagemaker(dialect=None, streaming=True)).complete(question)
    assert {seen.path for seen in server.seen} == {"/endpoints/contract-nim/invocations-response-stream"}
    assert fields_sent(server) == ["response_format"] * 2
