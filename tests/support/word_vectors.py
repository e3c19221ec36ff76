"""An embedding endpoint that counts a few words, and a library in a dictionary."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from autocloudops.diagnosis.endpoint import Completion, CompletionRequest, EmbeddingRequest, Embeddings, Probe
from autocloudops.errors import ModelError, ServiceFailed, TargetMissing

WORDS = ("disk", "cpu", "queue", "memory", "latency")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class WordVectors:
    """A `ModelEndpoint` that embeds; `errors` are raised in turn, one for each request, until there are no more."""

    name: str = "test://words"
    model: str = "test/words"
    seconds: float = 0
    errors: list[ModelError | None] = field(default_factory=list)
    asked: list[EmbeddingRequest] = field(default_factory=list)
    most_at_once: int = 0
    _now: int = 0

    async def embed(self, request: EmbeddingRequest) -> Embeddings:
        self.asked.append(request)
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        await asyncio.sleep(self.seconds)
        self._now -= 1
        if self.errors and (error := self.errors.pop(0)):
            raise error
        return Embeddings(vectors=tuple(map(counted, request.texts)), model=self.model, prompt_tokens=1)

    async def complete(self, request: CompletionRequest) -> Completion:
        raise AssertionError(request)

    async def probe(self) -> Probe:
        raise AssertionError


def counted(text: str) -> tuple[float, ...]:
    """Return how often each word is in `text`, and a little of everything."""
    return (*(text.lower().count(word) + 0.001 for word in WORDS), 0.1)


@dataclass
class MemoryFiles:
    """`Files` in a dictionary; `error` is raised by every call, `seconds` is how long each takes."""

    bodies: dict[str, bytes] = field(default_factory=dict)
    error: ServiceFailed | None = None
    seconds: float = 0
    reads: list[str] = field(default_factory=list)
    location: str = "memory"
    permissions: frozenset[str] = frozenset()

    async def versions(self) -> Mapping[str, str]:
        await self._wait()
        return {name: str(hash(body)) for name, body in self.bodies.items()}

    async def read(self, name: str) -> bytes:
        await self._wait()
        self.reads.append(name)
        if name not in self.bodies:
            raise TargetMissing("file:read", name, "there is no such file")
        return self.bodies[name]

    async def write(self, name: str, body: bytes) -> None:
        await self._wait()
        self.bodies[name] = body

    async def _wait(self) -> None:
        await asyncio.sleep(self.seconds)
        if self.error:
            raise self.error


def runbook(title: str, body: str = "Look at it.", match: str = "", expires: str = "") -> bytes:
    """Return the file of a runbook; `match` is YAML."""
    header = f"title: {title}\n" + (f"match: {match}\n" if match else "") + (f"expires: {expires}\n" if expires else "")
    return f"---\n{header}---\n{body}\n".encode()
