"""Texts to vectors, through whatever endpoint embeds: a Retrieval NIM, or a stand-in."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass

from autocloudops.clock import Clock
from autocloudops.diagnosis.endpoint import EmbeddingRequest, Embeddings, ModelEndpoint
from autocloudops.errors import ModelError
from autocloudops.knowledge.configurations.remembering import Remembered

TEXT_CHARACTERS = 4_000
"""More than the 512 tokens that NVIDIA's smaller embedding models read; the server cuts what it cannot."""
KEPT_SECONDS = 1.0
_SUFFIXES = ("-passage", "-query")

Vector = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Batching:
    """How much goes to the endpoint.

    Args:
        texts: at most so many texts in a request.
        characters: at most so many characters in a request, unless one text alone has more.
        at_once: requests under way at the same time.
        seconds: a request that cannot be sent within this time fails.
    """

    texts: int = 32
    characters: int = 48_000
    at_once: int = 4
    seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Embedded:
    """Vectors for the texts at `places` of what was asked for, and the name of the model without its input type."""

    places: tuple[int, ...]
    vectors: tuple[Vector, ...]
    model: str


class Embedder:
    """Embeds texts in batches.

    Args:
        endpoint: what embeds.
        batching: how much goes to it.
    """

    def __init__(self, endpoint: ModelEndpoint, batching: Batching | None = None) -> None:
        self._endpoint = endpoint
        self._batching = batching or Batching()

    @property
    def name(self) -> str:
        """The endpoint's URL."""
        return self._endpoint.name

    async def passages(self, texts: Sequence[str]) -> AsyncIterator[Embedded]:
        """Yield the vectors of texts that are to be found, a few batches at a time.

        Raises:
            ModelError: a batch failed; those that went with it and succeeded were yielded before.
        """
        shortened = [text[:TEXT_CHARACTERS] for text in texts]
        for group in _groups(list(batches(shortened, self._batching)), self._batching.at_once):
            done = await asyncio.gather(*(self._batch(shortened, places) for places in group), return_exceptions=True)
            for each in done:
                if isinstance(each, Embedded):
                    yield each
            if failed := next((each for each in done if isinstance(each, BaseException)), None):
                raise failed

    async def query(self, text: str) -> Embedded:
        """Return the vector of a text that something is looked for with.

        Raises:
            ModelError: the endpoint gave none.
        """
        request = EmbeddingRequest(
            texts=(text[:TEXT_CHARACTERS],), input_type="query", start_within_seconds=self._batching.seconds
        )
        return self._embedded((0,), await self._endpoint.embed(request))

    async def _batch(self, texts: Sequence[str], places: tuple[int, ...]) -> Embedded:
        request = EmbeddingRequest(
            texts=tuple(texts[place] for place in places),
            input_type="passage",
            start_within_seconds=self._batching.seconds,
        )
        return self._embedded(places, await self._endpoint.embed(request))

    def _embedded(self, places: tuple[int, ...], answer: Embeddings) -> Embedded:
        if len(answer.vectors) != len(places):
            said = f"{len(answer.vectors)} vectors for {len(places)} texts"
            raise ModelError(self.name, said, "check that an embedding model is served there")
        return Embedded(places, answer.vectors, _base(answer.model))


class Questions:
    """Makes the vector of a question once, for every source that looks for something with it.

    Args:
        embedder: makes it.
        clock: time.
    """

    def __init__(self, embedder: Embedder, clock: Clock) -> None:
        self._embedder = embedder
        self._kept: Remembered[Embedded] = Remembered(clock, KEPT_SECONDS, lambda _: True)

    async def query(self, text: str) -> Embedded:
        """Return the vector of a text that something is looked for with.

        Raises:
            ModelError: the endpoint gave none.
        """
        return await self._kept.get(text, lambda: self._embedder.query(text))


def batches(texts: Sequence[str], limits: Batching) -> Iterator[tuple[int, ...]]:
    """Yield the places of `texts` in their order, batch by batch; every place once.

    Args:
        texts: what is embedded.
        limits: how much one batch holds.
    """
    batch: list[int] = []
    size = 0
    for place, text in enumerate(texts):
        if batch and (len(batch) == limits.texts or size + len(text) > limits.characters):
            yield tuple(batch)
            batch, size = [], 0
        batch.append(place)
        size += len(text)
    if batch:
        yield tuple(batch)


def _groups(found: list[tuple[int, ...]], at_once: int) -> Iterator[list[tuple[int, ...]]]:
    return (found[first : first + at_once] for first in range(0, len(found), at_once))


def _base(model: str) -> str:
    """Return a model's name without the input type that some servers take as its end."""
    return next((model.removesuffix(suffix) for suffix in _SUFFIXES if model.endswith(suffix)), model)
