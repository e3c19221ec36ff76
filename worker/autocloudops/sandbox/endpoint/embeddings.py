"""An embedding NIM: its requests and answers, and the engine `simulated/hash-embedding`.

The engine is no model: it hashes words, so that texts which share words are near each other, and nothing more. Source
of the wire: NVIDIA, NeMo Retriever text embedding NIM, API reference.
"""

import base64
import math
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import shake_128
from struct import pack
from typing import Annotated, Any, Literal, Protocol

from pydantic import Field, StrictInt, ValidationError, model_validator

from autocloudops.sandbox.endpoint.wire import (
    CHARACTERS_PER_TOKEN,
    Fault,
    Received,
    invalid,
    refused,
    tokens,
    unknown_model,
)

MODEL = "simulated/hash-embedding"
DIMENSIONS = 384
MAX_TOKENS = 512
WORD = re.compile(r"[^\W_]+")
SUFFIXES = ("query", "passage")


class EmbeddingRequest(Received):
    """Texts to embed. `input_type` is required, unless the model's name ends in `-query` or `-passage`."""

    input: Annotated[str | tuple[str, ...], Field(min_length=1)]
    model: str
    input_type: Literal["query", "passage"] | None = None
    truncate: Literal["NONE", "START", "END"] = "NONE"
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: Annotated[StrictInt, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _typed(self) -> "EmbeddingRequest":
        if self.input_type is None and not self.model.endswith(tuple(f"-{suffix}" for suffix in SUFFIXES)):
            raise ValueError("'input_type' parameter is required")
        return self

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts, one or more."""
        return (self.input,) if isinstance(self.input, str) else self.input

    @property
    def prompt(self) -> str:
        """All text of the request."""
        return "\n".join(self.texts)


class EmbeddingEngine(Protocol):
    """What embeds inside the endpoint.

    `model` is the name it is served under, `dimensions` the length of its vectors, `max_tokens` the longest text.
    """

    model: str
    dimensions: int
    max_tokens: int

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one vector of length 1 for each text."""
        ...


class HashEmbeddingEngine:
    """Adds up one pseudo-random direction for each word; see the module.

    Args:
        dimensions: the length of a vector, a multiple of 8.
        max_tokens: the longest text that is read.
    """

    model = MODEL

    def __init__(self, dimensions: int = DIMENSIONS, max_tokens: int = MAX_TOKENS) -> None:
        self.dimensions = dimensions
        self.max_tokens = max_tokens

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one vector for each text; a text without words has the direction of the empty word."""
        return [self._embedded(text) for text in texts]

    def _embedded(self, text: str) -> list[float]:
        words = WORD.findall(text.casefold()) or [""]
        return normalised(
            [sum(column) for column in zip(*(_signs(word, self.dimensions) for word in words), strict=True)]
        )


@lru_cache(maxsize=4096)
def _signs(word: str, dimensions: int) -> tuple[int, ...]:
    bits = int.from_bytes(shake_128(word.encode()).digest(dimensions // 8))
    return tuple(1 if bits >> at & 1 else -1 for at in range(dimensions))


def normalised(vector: Sequence[float]) -> list[float]:
    """Return `vector` with length 1; the null vector stays as it is."""
    length = math.hypot(*vector) or 1.0
    return [value / length for value in vector]


def parse_embedding(body: bytes, engine: EmbeddingEngine) -> EmbeddingRequest | Fault:
    """Return the request, or the refusal that an embedding NIM gives for it through SageMaker."""
    try:
        request = EmbeddingRequest.model_validate_json(body)
    except ValidationError as error:
        return invalid(error)
    if request.model not in {engine.model, *(f"{engine.model}-{suffix}" for suffix in SUFFIXES)}:
        return unknown_model(request.model)
    if (request.dimensions or 0) > engine.dimensions:
        return refused(400, "BadRequestError", f"dimensions: this model has {engine.dimensions}")
    longest = max(map(tokens, request.texts))
    if request.truncate == "NONE" and longest > engine.max_tokens:
        said = f"Input length {longest} exceeds maximum allowed token size {engine.max_tokens}"
        return refused(400, "BadRequestError", said)
    return request


def shortened(request: EmbeddingRequest, max_tokens: int) -> list[str]:
    """Return the texts, each cut to `max_tokens` at the side that the request names."""
    characters = max_tokens * CHARACTERS_PER_TOKEN
    if request.truncate == "START":
        return [text[-characters:] for text in request.texts]
    return [text[:characters] for text in request.texts]


def embedding_body(request: EmbeddingRequest, vectors: Sequence[Sequence[float]], read_tokens: int) -> dict[str, Any]:
    """Return an embedding NIM's response body.

    Args:
        request: what was asked.
        vectors: one for each text, in full length; shortened here to the dimensions that were asked for.
        read_tokens: how many tokens were read.
    """
    data = [_datum(request, index, vector) for index, vector in enumerate(vectors)]
    usage = {"prompt_tokens": read_tokens, "total_tokens": read_tokens}
    return {"object": "list", "data": data, "model": request.model, "usage": usage}


def _datum(request: EmbeddingRequest, index: int, vector: Sequence[float]) -> Mapping[str, Any]:
    kept = normalised(vector[: request.dimensions])
    packed = base64.b64encode(pack(f"<{len(kept)}f", *kept)).decode()
    return {
        "object": "embedding",
        "index": index,
        "embedding": kept if request.encoding_format == "float" else packed,
    }
