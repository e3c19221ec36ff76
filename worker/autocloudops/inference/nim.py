"""What a NIM says and hears, whatever carries it: the part that both adapters share."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from autocloudops.clock import Clock
from autocloudops.diagnosis.endpoint import (
    Completion,
    CompletionRequest,
    Dialect,
    EmbeddingRequest,
    Embeddings,
    Probe,
)
from autocloudops.errors import ModelRefused
from autocloudops.inference import body
from autocloudops.inference.body import WholeReply
from autocloudops.inference.dialects import DialectFinder, DialectStore, MemoryDialects, names_format
from autocloudops.inference.faults import FAILURES, named
from autocloudops.inference.stream import StreamedReply

# SageMaker cuts an answer after 60 s, and a streamed one after 8 minutes; AWS wants clients to wait longer than that.
ANSWER_SECONDS = 70.0
STREAM_SECONDS = 490.0
# A stream is silent no longer than an answer that comes at once may take: a server that hangs is then given up as soon.
SILENCE_SECONDS = ANSWER_SECONDS
# A server that said [DONE] has this long to end the response, so that the connection can be used again.
LINGER_SECONDS = 1.0
# SageMaker's bound of CustomAttributes, which are visible ASCII (its API reference, InvokeEndpoint).
ID_CHARACTERS = 1024
NOT_VISIBLE_ASCII = re.compile(r"[^\x21-\x7e]")


class Route(StrEnum):
    """What is asked for; the values are paths of the OpenAI API."""

    CHAT = "chat/completions"
    EMBEDDINGS = "embeddings"


@dataclass(frozen=True, slots=True)
class Letter:
    """One request on its way; its id can stand in a header."""

    route: Route
    body: bytes
    correlation_id: str = ""
    streaming: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NimOptions:
    """How an endpoint is asked.

    Args:
        streaming: answers come in pieces; needed where one may take over 60 s.
        timeout_seconds: the bound of one whole request; without it SageMaker's own limit and 10 s.
        dialect: how it is told a schema; None finds it out.
        dialects: where that finding is kept.
        name: what records and logs call it; its URL where None.
    """

    streaming: bool = False
    timeout_seconds: float | None = None
    dialect: Dialect | None = Dialect.JSON_SCHEMA
    dialects: DialectStore = field(default_factory=MemoryDialects)
    name: str | None = None

    @property
    def limit_seconds(self) -> float:
        """The bound of one whole request."""
        return self.timeout_seconds or (STREAM_SECONDS if self.streaming else ANSWER_SECONDS)

    @property
    def silence_seconds(self) -> float:
        """The bound of the time to the first byte, and of the time between two."""
        return SILENCE_SECONDS if self.streaming else self.limit_seconds


class Wire(Protocol):
    """What carries a request to a NIM and the bytes of its reply back."""

    @property
    def url(self) -> str:
        """The endpoint's URL, without credentials."""
        ...

    async def send(self, letter: Letter, feed: Callable[[bytes], None]) -> None:
        """Send one request, once, and feed each piece of its reply; raises `FAILURES` or a `ModelError`."""
        ...


class NimEndpoint:
    """A `ModelEndpoint` over a wire. One call is one request, except where a dialect is found out.

    Args:
        wire: what carries requests.
        model: the served model's name, sent in each body.
        clock: for latency.
        options: how it is asked.
    """

    def __init__(self, wire: Wire, model: str, clock: Clock, options: NimOptions) -> None:
        self.name = wire.url
        self._wire = wire
        self._model = model
        self._clock = clock
        self._options = options
        self._dialects = DialectFinder(wire.url, model, options.dialects, self._ask, options.dialect)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {self._model!r})"

    async def complete(self, request: CompletionRequest) -> Completion:
        """Return the model's answer; where `request` has no schema, the server is told of none.

        A server that does not know how it was told the schema is searched for another way, once for each way.

        Raises:
            ModelError: see `autocloudops.inference.faults` for which.
        """
        if not request.json_schema:
            return await self._ask(request, Dialect.NONE)
        tried: set[Dialect] = set()
        while True:
            dialect = await self._dialects.current()
            try:
                return await self._ask(request, dialect)
            except ModelRefused as refusal:
                if dialect in tried or not names_format(refusal, dialect):
                    raise
            tried.add(dialect)
            await self._dialects.refused(dialect)

    async def embed(self, request: EmbeddingRequest) -> Embeddings:
        """Return one vector for each text.

        Raises:
            ModelError: see `autocloudops.inference.faults` for which.
        """
        reply = WholeReply(self.name, body.EMBEDDINGS_LIMIT_BYTES)
        raw = body.encoded(self.name, body.embedding_body(self._model, request))
        await self._exchange(Letter(Route.EMBEDDINGS, raw), reply)
        return body.embeddings(self.name, self._model, len(request.texts), reply.raw)

    async def probe(self) -> Probe:
        """Ask which dialect the endpoint obeys, keep that, and return what it is.

        Raises:
            ModelError: see `autocloudops.inference.faults` for which.
        """
        started = self._clock.monotonic()
        dialect, answer = await self._dialects.probe()
        if answer is None:
            return Probe(model=self._model, dialect=dialect, latency_seconds=self._clock.monotonic() - started)
        return Probe(model=answer.model, dialect=dialect, latency_seconds=answer.latency_seconds)

    async def aclose(self) -> None:
        """End what is found out beside the questions."""
        await self._dialects.aclose()

    async def _ask(self, request: CompletionRequest, dialect: Dialect) -> Completion:
        started = self._clock.monotonic()
        streaming = self._options.streaming
        raw = body.encoded(self.name, body.chat_body(self._model, request, dialect, streaming=streaming))
        correlation_id = NOT_VISIBLE_ASCII.sub("-", request.correlation_id[:ID_CHARACTERS])
        letter = Letter(Route.CHAT, raw, correlation_id, streaming)
        answer = await (self._streamed(letter) if streaming else self._at_once(letter))
        return answer.model_copy(update={"latency_seconds": self._clock.monotonic() - started})

    async def _at_once(self, letter: Letter) -> Completion:
        reply = WholeReply(self.name, body.COMPLETION_LIMIT_BYTES)
        await self._exchange(letter, reply)
        return body.completion(self.name, self._model, reply.raw)

    async def _streamed(self, letter: Letter) -> Completion:
        reply = StreamedReply(self.name, self._model)
        await self._exchange(letter, reply)
        return reply.completion()

    async def _exchange(self, letter: Letter, reply: WholeReply | StreamedReply) -> None:
        """Send a request and gather its reply; what fails after the answer is whole costs nothing."""
        now = asyncio.get_running_loop().time
        ends, silence = now() + self._options.limit_seconds, self._options.silence_seconds
        try:
            async with asyncio.timeout_at(min(ends, now() + silence)) as bound:

                def feed(chunk: bytes) -> None:
                    nonlocal ends
                    lingering = reply.done
                    reply.feed(chunk)
                    if reply.done and not lingering:
                        ends = now() + LINGER_SECONDS
                    bound.reschedule(min(ends, now() + silence))

                await self._wire.send(letter, feed)
        except FAILURES as error:
            if not reply.whole:
                raise named(self.name, error) from error
