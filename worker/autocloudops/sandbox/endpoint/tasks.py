"""The two kinds of container: one that chats and one that embeds. Each turns a body into work, or into a refusal."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from pydantic import Field

from autocloudops.errors import SandboxFailed
from autocloudops.sandbox.endpoint.dialects import Dialects
from autocloudops.sandbox.endpoint.embeddings import (
    EmbeddingEngine,
    EmbeddingRequest,
    embedding_body,
    parse_embedding,
    shortened,
)
from autocloudops.sandbox.endpoint.faults import FAULTS
from autocloudops.sandbox.endpoint.misbehaviour import MISBEHAVIOURS, Asked, Misbehaviour
from autocloudops.sandbox.endpoint.streaming import events
from autocloudops.sandbox.endpoint.wire import (
    CONTEXT_TOKENS,
    Broken,
    ChatRequest,
    Completion,
    Engine,
    Fault,
    StreamBreak,
    completion_body,
    limited,
    parse,
    read_tokens,
    refused,
    said_tokens,
    tokens,
)
from autocloudops.values import Value

JSON = "application/json"
EVENTS = "text/event-stream"

# Given the request and the misbehaviours that fit it, says which one it gets, if any.
Choice = Callable[[Asked, Mapping[str, Misbehaviour]], Misbehaviour | None]


class Serving(Value):
    """How an endpoint is set up.

    Args:
        dialects: the ways to name a reply's schema that it honours.
        context_tokens: how many tokens a question and its reply may be together.
        frame_bytes: the size of the frames of a stream, which then cut anywhere; None: one frame for each event.
        component: the inference component that SageMaker's callers must name; None: the endpoint hosts a model itself.
        api_key: what the OpenAI-compatible routes want as a bearer token; None: nothing.
    """

    dialects: Dialects = Dialects()
    context_tokens: int = Field(default=CONTEXT_TOKENS, ge=1)
    frame_bytes: int | None = Field(default=None, ge=1)
    component: str | None = None
    api_key: str | None = None


@dataclass(frozen=True, slots=True)
class ChatWork:
    """An answer of a chat, ready to be given."""

    request: ChatRequest
    completion: Completion
    created: int

    @property
    def content_type(self) -> str:
        """What its bytes are."""
        return EVENTS if self.request.stream else JSON

    @property
    def prompt_tokens(self) -> int:
        """How many tokens are read for it."""
        return read_tokens(self.request, self.completion)

    @property
    def completion_tokens(self) -> int:
        """How many tokens are generated for it."""
        return said_tokens(self.completion)

    @property
    def delay_seconds(self) -> float:
        """How late it begins."""
        return self.completion.delay_seconds

    @property
    def breaks_off(self) -> StreamBreak | None:
        """How it ends in the middle, if it does."""
        return self.completion.breaks_off

    def parts(self) -> list[bytes]:
        """Return its bytes: events, or one body."""
        if self.request.stream:
            return list(events(self.request, self.completion, self.created))
        return [json.dumps(completion_body(self.request, self.completion, self.created)).encode()]


@dataclass(frozen=True, slots=True)
class EmbeddingWork:
    """Vectors, ready to be given."""

    request: EmbeddingRequest
    vectors: list[list[float]]
    prompt_tokens: int
    content_type: str = JSON
    completion_tokens: int = 0
    delay_seconds: float = 0.0
    breaks_off: StreamBreak | None = None

    def parts(self) -> list[bytes]:
        """Return its bytes: one body."""
        return [json.dumps(embedding_body(self.request, self.vectors, self.prompt_tokens)).encode()]


Work = ChatWork | EmbeddingWork


class Task(Protocol):
    """What a container does with a body."""

    model: str
    path: str

    async def perform(self, body: bytes, created: int, choose: Choice) -> Work | Fault | Broken:
        """Return the work that answers `body`, or what is said instead.

        Args:
            body: as it came over the wire.
            created: Unix time in seconds.
            choose: says how this request is misbehaved to.
        """
        ...


class ChatTask:
    """Answers chats through `engine`, which is asked for nothing that a fault replaces."""

    path = "/v1/chat/completions"

    def __init__(self, engine: Engine, serving: Serving) -> None:
        self.model = engine.model
        self._engine = engine
        self._serving = serving

    async def perform(self, body: bytes, created: int, choose: Choice) -> Work | Fault | Broken:
        """Return the completion of a chat."""
        request = self._parsed(body)
        if isinstance(request, Fault):
            return request
        bad = choose(request, MISBEHAVIOURS)
        if isinstance(bad, Fault | Broken):
            return bad
        try:
            good = limited(request, await self._engine.answer(request))
        except SandboxFailed as error:
            return refused(500, "InternalServerError", error.message)
        return ChatWork(request, bad(request, good) if bad else good, created)

    def _parsed(self, body: bytes) -> ChatRequest | Fault:
        request = parse(body, self.model, self._serving.context_tokens)
        return request if isinstance(request, Fault) else self._serving.dialects.understood(request)


class EmbeddingTask:
    """Embeds texts through `engine`."""

    path = "/v1/embeddings"

    def __init__(self, engine: EmbeddingEngine) -> None:
        self.model = engine.model
        self._engine = engine

    async def perform(self, body: bytes, _: int, choose: Choice) -> Work | Fault | Broken:
        """Return the vectors of texts."""
        request = parse_embedding(body, self._engine)
        if isinstance(request, Fault):
            return request
        bad = choose(request, FAULTS)
        if isinstance(bad, Fault | Broken):
            return bad
        texts = shortened(request, self._engine.max_tokens)
        return EmbeddingWork(request, await self._engine.embed(texts), _total(texts))


def _total(texts: Iterable[str]) -> int:
    return sum(map(tokens, texts))


def task_of(engine: Engine | EmbeddingEngine, serving: Serving) -> Task:
    """Return what a container with `engine` does."""
    return ChatTask(engine, serving) if isinstance(engine, Engine) else EmbeddingTask(engine)
