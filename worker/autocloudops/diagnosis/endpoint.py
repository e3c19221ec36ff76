"""The port through which the model is asked; `inference/` implements it."""

from collections.abc import Mapping
from typing import Literal, Protocol

from pydantic import Field

from autocloudops.values import Value


class Message(Value):
    """One message of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


class CompletionRequest(Value):
    """One question: the chat so far, the schema of the answer, and the bound of its length in tokens.

    `correlation_id` travels to the endpoint's log where it has one; it is no idempotency key.
    """

    messages: tuple[Message, ...]
    json_schema: Mapping[str, object]
    max_tokens: int = Field(gt=0)
    temperature: float = Field(default=0.0, ge=0.0)
    correlation_id: str


class Completion(Value):
    """One answer as the endpoint gave it: `content` is untrusted text, and may be missing."""

    content: str | None
    finish_reason: str | None
    model: str
    prompt_tokens: int
    completion_tokens: int
    latency_seconds: float
    request_id: str = ""


class ModelEndpoint(Protocol):
    """A model that answers chats."""

    @property
    def name(self) -> str:
        """The endpoint's URL, as people configured it."""
        ...

    async def complete(self, request: CompletionRequest) -> Completion:
        """Return the endpoint's answer to `request`.

        Raises:
            ModelRefused: the same request would be refused again.
            ModelUnavailable: the endpoint may answer later; `ModelTimedOut` where the request may still run.
        """
        ...
