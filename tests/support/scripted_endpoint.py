"""An endpoint that ends each request as its script says, and remembers when it was asked."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from autocloudops.clock import Clock
from autocloudops.diagnosis.endpoint import (
    Completion,
    CompletionRequest,
    Dialect,
    EmbeddingRequest,
    Embeddings,
    Message,
    Probe,
)
from autocloudops.errors import ModelTimedOut
from autocloudops.inference.breaker import Breaker, Trip
from autocloudops.inference.budget import RetryBudget, RetryTerms
from autocloudops.inference.concurrency.sample import Sample
from autocloudops.inference.reliable import Backend
from autocloudops.inference.slots import Slots

Script = Callable[[float], Exception | None]


def question(start_within_seconds: float = 60.0, name: str = "i-1") -> CompletionRequest:
    """Return a small question about the incident `name`."""
    return CompletionRequest(
        messages=(Message(role="user", content="why"),),
        json_schema={},
        max_tokens=10,
        correlation_id=name,
        start_within_seconds=start_within_seconds,
    )


@dataclass
class Scripted:
    """A `ModelEndpoint`; `script` says how a request ends that came at a time in seconds.

    A request takes `seconds`, one for a single token a second at most, one that times out `hangs_seconds` if given. An
    endpoint that does not `count` says nothing of tokens.
    """

    name: str
    script: Script
    seconds: float = 1.0
    hangs_seconds: float | None = None
    counts: bool = True
    asked_at: list[float] = field(default_factory=list)
    asked_by: list[str] = field(default_factory=list)

    async def complete(self, request: CompletionRequest) -> Completion:
        self.asked_by.append(request.correlation_id)
        await self._end(self.seconds if request.max_tokens > 1 else min(self.seconds, 1.0))
        return Completion(
            content=request.messages[0].content,
            finish_reason="stop",
            model="m",
            prompt_tokens=1,
            completion_tokens=3 if self.counts else 0,
            latency_seconds=self.seconds,
        )

    async def embed(self, request: EmbeddingRequest) -> Embeddings:
        await self._end(self.seconds)
        return Embeddings(vectors=tuple((1.0,) for _ in request.texts), model="m", prompt_tokens=int(self.counts))

    async def probe(self) -> Probe:
        await self._end(self.seconds)
        return Probe(model=self.name, dialect=Dialect.NONE, latency_seconds=self.seconds)

    async def _end(self, seconds: float) -> None:
        now = asyncio.get_running_loop().time()
        self.asked_at.append(now)
        error = self.script(now)
        hangs = self.hangs_seconds if isinstance(error, ModelTimedOut) else None
        await asyncio.sleep(seconds if hangs is None else hangs)
        if error:
            raise error


def in_turn(*endings: Exception | None) -> Script:
    """Return a script that takes the endings one after another, and then repeats the last."""
    left = list(endings)

    def script(_: float) -> Exception | None:
        return left.pop(0) if len(left) > 1 else left[0]

    return script


class Fixed:
    """A `Controller` that never changes its mind, and counts what it was told."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.tokens: list[int] = []
        self.overloads = 0

    def answered(self, sample: Sample) -> None:
        self.tokens.append(sample.tokens)

    def overloaded(self, sent_at: float, now: float) -> None:
        assert sent_at <= now
        self.overloads += 1


def backend(
    endpoint: Scripted,
    clock: Clock,
    controller: Fixed | None = None,
    trip: Trip | None = None,
    terms: RetryTerms | None = None,
) -> Backend:
    """Return what a reliable endpoint needs around one endpoint."""
    slots = Slots(controller or Fixed(100), clock)
    return Backend(endpoint, slots, Breaker(clock, trip), RetryBudget(clock, terms))
