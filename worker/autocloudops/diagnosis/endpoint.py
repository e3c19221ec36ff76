"""The port through which models are asked; `inference/` implements it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal, Protocol

from pydantic import Field

from autocloudops.values import Value


class Priority(StrEnum):
    """Who goes first where an endpoint is full."""

    LIVE = "live"
    BACKFILL = "backfill"


class Dialect(StrEnum):
    """How a server is told the schema of a reply.

    `json_schema`: OpenAI's `response_format` (NIM 1.13 and later, vLLM, SGLang). `nvext`: NVIDIA's `nvext.guided_json`
    (NIM 1.1 to 1.x). `structured_outputs`: vLLM 0.12 and later. `none`: no server-side schema holds; the reply is
    checked here all the same.
    """

    JSON_SCHEMA = "json_schema"
    NVEXT = "nvext"
    STRUCTURED_OUTPUTS = "structured_outputs"
    NONE = "none"


class Message(Value):
    """One message of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


class CompletionRequest(Value):
    """One question: the chat so far, the schema of the answer, and the bound of its length in tokens.

    An empty schema asks for free text. `correlation_id` travels to the endpoint's log where it has one: the id of the
    decision that is asked for; it is no idempotency key. `prompt_tokens` is an estimate. No attempt starts later than
    `start_within_seconds` after the call; one that runs by then may finish.
    """

    messages: tuple[Message, ...]
    json_schema: Mapping[str, object]
    max_tokens: int = Field(gt=0)
    temperature: float = Field(default=0.0, ge=0.0)
    correlation_id: str
    prompt_tokens: int = Field(default=0, ge=0)
    start_within_seconds: float = Field(default=60.0, gt=0)
    priority: Priority = Priority.LIVE


class Completion(Value):
    """One answer as the endpoint gave it: `content` is untrusted text, and may be missing.

    `endpoint` is the URL of the one that answered, `attempts` how many requests it took, `latency_seconds` the time of
    the one that was answered. `endpoint_seconds` is this answer's share of the endpoint's time: the time it took,
    each moment divided by the requests that this process had in flight.
    """

    content: str | None
    finish_reason: str | None
    model: str
    prompt_tokens: int
    completion_tokens: int
    latency_seconds: float
    request_id: str = ""
    endpoint: str = ""
    attempts: int = 1
    endpoint_seconds: float = 0.0


class EmbeddingRequest(Value):
    """Texts to embed: `passage` for what is stored, `query` for what is looked for. The server cuts long ones."""

    texts: tuple[str, ...] = Field(min_length=1)
    input_type: Literal["query", "passage"]
    start_within_seconds: float = Field(default=60.0, gt=0)


class Embeddings(Value):
    """One vector for each text, in their order, and the model that made them."""

    vectors: tuple[tuple[float, ...], ...]
    model: str
    prompt_tokens: int


class Probe(Value):
    """What an endpoint turned out to be: the model that it serves, and how it is told a schema."""

    model: str
    dialect: Dialect
    latency_seconds: float


class ModelEndpoint(Protocol):
    """A model that answers chats, or that embeds texts, or both.

    Every method raises `ModelRefused` where the same request would be refused again, and `ModelUnavailable` where the
    endpoint may answer later; their children in `errors` say more.
    """

    @property
    def name(self) -> str:
        """The endpoint's URL, as people configured it, without credentials."""
        ...

    async def complete(self, request: CompletionRequest) -> Completion:
        """Return the endpoint's answer to `request`."""
        ...

    async def embed(self, request: EmbeddingRequest) -> Embeddings:
        """Return the vectors of texts."""
        ...

    async def probe(self) -> Probe:
        """Return what the endpoint is, after asking it."""
        ...
