"""The bodies that a NIM reads and writes: OpenAI's chat completions and embeddings, with NVIDIA's additions.

Source: NVIDIA NIM for LLMs and NeMo Retriever Text Embedding NIM, API reference; vLLM, structured outputs.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field, FiniteFloat, ValidationError

from autocloudops.diagnosis.endpoint import Completion, CompletionRequest, Dialect, EmbeddingRequest, Embeddings
from autocloudops.errors import ContextTooLong, ModelBrokeOff
from autocloudops.values import Value

# SageMaker's limit for the body of a real-time request (its botocore model).
REQUEST_LIMIT_BYTES = 6_291_456
COMPLETION_LIMIT_BYTES = 4 * 1024 * 1024
EMBEDDINGS_LIMIT_BYTES = 64 * 1024 * 1024
NAME_CHARACTERS = 200


class Usage(Value):
    """What the server counted; servers leave out what they did not count."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Message(Value):
    content: str | None = None


class _Choice(Value):
    message: _Message
    finish_reason: str | None = None


class _ChatReply(Value):
    choices: Annotated[tuple[_Choice, ...], Field(min_length=1)]
    usage: Usage | None = None
    model: str | None = None
    id: str | None = None


class _Vector(Value):
    index: int
    embedding: Annotated[tuple[FiniteFloat, ...], Field(min_length=1)]


class _EmbeddingReply(Value):
    data: tuple[_Vector, ...]
    usage: Usage | None = None
    model: str | None = None


class WholeReply:
    """Gathers a reply that comes as one body.

    Args:
        url: the endpoint, for errors.
        limit_bytes: the longest body that is kept.
    """

    whole = done = False

    def __init__(self, url: str, limit_bytes: int) -> None:
        self._url = url
        self._limit_bytes = limit_bytes
        self._gathered = bytearray()

    def feed(self, chunk: bytes) -> None:
        """Add what came.

        Raises:
            ModelBrokeOff: the body is over the limit.
        """
        self._gathered += chunk
        if len(self._gathered) > self._limit_bytes:
            raise ModelBrokeOff(self._url, f"the answer is over {self._limit_bytes} bytes", "lower max_tokens")

    @property
    def raw(self) -> bytes:
        """All that came."""
        return bytes(self._gathered)


def chat_body(model: str, request: CompletionRequest, dialect: Dialect, *, streaming: bool = False) -> dict[str, Any]:
    """Return the body of a chat completion.

    Args:
        model: the served model's name.
        request: the question.
        dialect: how the server is told the schema.
        streaming: whether the answer is to come in pieces; then the last one counts the tokens.
    """
    body: dict[str, Any] = {
        "model": model,
        "messages": [message.model_dump() for message in request.messages],
        "temperature": request.temperature,
        "max_tokens": request.max_tokens,
        **_schema_fields(request.json_schema, dialect),
    }
    return body | {"stream": True, "stream_options": {"include_usage": True}} if streaming else body


def embedding_body(model: str, request: EmbeddingRequest) -> dict[str, Any]:
    """Return the body of an embedding request; the server cuts what is too long at its end."""
    return {
        "model": model,
        "input": list(request.texts),
        "input_type": request.input_type,
        "truncate": "END",
        "encoding_format": "float",
    }


def encoded(url: str, body: Mapping[str, Any]) -> bytes:
    """Return a body's bytes.

    Raises:
        ContextTooLong: SageMaker takes no body of that size.
    """
    raw = json.dumps(body).encode()
    if len(raw) > REQUEST_LIMIT_BYTES:
        raise ContextTooLong(url, f"the request is {len(raw)} bytes, over {REQUEST_LIMIT_BYTES}", "send less evidence")
    return raw


def completion(url: str, model: str, raw: bytes) -> Completion:
    """Return the answer in a chat completion's body.

    Args:
        url: the endpoint.
        model: the name of the model that was asked, for a reply without one.
        raw: the body. Reasoning and tool calls are passed over.

    Raises:
        ModelBrokeOff: the body is no chat completion.
    """
    try:
        reply = _ChatReply.model_validate_json(raw)
    except ValidationError as error:
        raise ModelBrokeOff(url, "the answer is no chat completion", "check what serves it") from error
    choice, usage = reply.choices[0], reply.usage or Usage()
    return Completion(
        content=choice.message.content,
        finish_reason=named_in(choice.finish_reason),
        model=named_in(reply.model) or model,
        prompt_tokens=usage.prompt_tokens or 0,
        completion_tokens=usage.completion_tokens or 0,
        latency_seconds=0.0,
        request_id=named_in(reply.id) or "",
        endpoint=url,
    )


def embeddings(url: str, model: str, texts: int, raw: bytes) -> Embeddings:
    """Return the vectors in an embedding reply's body, in the order of the texts.

    Raises:
        ModelBrokeOff: the body is no embedding reply, or not one of `texts` vectors of one length.
    """
    try:
        reply = _EmbeddingReply.model_validate_json(raw)
    except ValidationError as error:
        raise ModelBrokeOff(url, "the answer is no embedding reply", "check what serves it") from error
    ordered = sorted(reply.data, key=lambda vector: vector.index)
    vectors = tuple(vector.embedding for vector in ordered)
    if [vector.index for vector in ordered] != list(range(texts)) or _lengths(vectors) > 1:
        raise ModelBrokeOff(url, f"the answer is not {texts} vectors of one length", "check what serves it")
    usage = reply.usage or Usage()
    return Embeddings(vectors=vectors, model=named_in(reply.model) or model, prompt_tokens=usage.prompt_tokens or 0)


def named_in(name: str | None) -> str | None:
    """Return the start of a name that a server gave."""
    return name[:NAME_CHARACTERS] if name else None


def _lengths(vectors: Sequence[Sequence[float]]) -> int:
    return len({len(vector) for vector in vectors})


def _schema_fields(schema: Mapping[str, object], dialect: Dialect) -> dict[str, Any]:
    match dialect:
        case Dialect.JSON_SCHEMA:
            named = {"name": "diagnosis", "strict": True, "schema": dict(schema)}
            return {"response_format": {"type": "json_schema", "json_schema": named}}
        case Dialect.STRUCTURED_OUTPUTS:
            return {"structured_outputs": {"json": dict(schema)}}
        case Dialect.NVEXT:
            return {"nvext": {"guided_json": dict(schema)}}
        case Dialect.NONE:
            return {}
