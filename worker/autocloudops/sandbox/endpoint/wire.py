"""The wire of a SageMaker real-time endpoint that serves an NVIDIA NIM: what it accepts, and what it answers.

    ChatRequest   the body of InvokeEndpoint: an OpenAI chat completion, as far as a NIM checks it
    Completion    what an engine says; becomes the NIM's response body
    Fault         what SageMaker says instead: status, error type, body

Source: the SageMaker runtime API and NVIDIA's NIM reference. A NIM ignores fields that it does not know.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Protocol
from uuid import uuid4

from pydantic import ConfigDict, Field, StrictBool, StrictInt, ValidationError

from autocloudops.values import Value

CONTEXT_TOKENS = 131_072
CHARACTERS_PER_TOKEN = 4
NIM_DEFAULT_MAX_TOKENS = 16


class _Received(Value):
    model_config = ConfigDict(extra="ignore")


class Message(_Received):
    """One message of the conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


class NamedSchema(_Received):
    """A JSON schema under the name that the OpenAI dialect wants."""

    name: str
    schema_: Mapping[str, Any] = Field(alias="schema")
    strict: StrictBool = False


class ResponseFormat(_Received):
    """What the reply must look like; `json_schema` is enforced by a grammar."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: NamedSchema | None = None


class ChatRequest(_Received):
    """A chat completion request. `max_tokens` has a NIM's low default: leaving it out truncates the reply."""

    model: str
    messages: Annotated[tuple[Message, ...], Field(min_length=1)]
    max_tokens: Annotated[StrictInt, Field(ge=1)] = NIM_DEFAULT_MAX_TOKENS
    temperature: Annotated[float, Field(ge=0, le=2)] = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    stream: Literal[False] = False
    response_format: ResponseFormat | None = None

    @property
    def prompt(self) -> str:
        """All that the model is shown, in order."""
        return "\n".join(message.content for message in self.messages)

    @property
    def schema_wanted(self) -> Mapping[str, Any] | None:
        """The JSON schema that the reply must follow, if the request names one."""
        named = self.response_format.json_schema if self.response_format else None
        return named.schema_ if named else None


class Completion(Value):
    """What an engine says. `reasoning` is what a NIM with a reasoning parser puts beside the content."""

    content: str | None
    finish_reason: Literal["stop", "length"] = "stop"
    reasoning: str | None = None
    delay_seconds: float = 0.0


class Fault(Value):
    """An error of SageMaker's runtime: HTTP status, `x-amzn-ErrorType`, and the JSON body."""

    status: int
    error_type: str
    body: Mapping[str, Any]


class Engine(Protocol):
    """What answers inside the endpoint. `model` is the name it is served under."""

    model: str

    async def answer(self, request: ChatRequest) -> Completion:
        """Return what the model says to `request`."""
        ...


def parse(body: bytes, model: str) -> ChatRequest | Fault:
    """Return the request, or the refusal that a NIM serving `model` gives for it through SageMaker."""
    try:
        request = ChatRequest.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        return refused(400, "BadRequestError", f"{where}: {first['msg']}" if where else first["msg"])
    if request.model != model:
        return refused(404, "NotFoundError", f"The model `{request.model}` does not exist.")
    wanted = tokens(request.prompt) + request.max_tokens
    if wanted > CONTEXT_TOKENS:
        said = (
            f"This model's maximum context length is {CONTEXT_TOKENS} tokens. However, you requested {wanted} tokens."
        )
        return refused(400, "BadRequestError", said)
    return request


def refused(status: int, kind: str, message: str) -> Fault:
    """Return SageMaker's ModelError around an error body of the NIM with HTTP `status`."""
    original = {"error": {"message": message, "type": kind, "param": None, "code": status}}
    return model_error(status, json.dumps(original))


def model_error(status: int, original: str) -> Fault:
    """Return SageMaker's ModelError for a container that answered `status` with the text `original`."""
    said = f"Received server error ({status}) from primary with message {original!r}."
    return Fault(
        status=424,
        error_type="ModelError",
        body={"Message": said, "OriginalStatusCode": status, "OriginalMessage": original},
    )


def tokens(text: str | None) -> int:
    """Return an estimate of how many tokens `text` is: a quarter of its characters, rounded up."""
    return -(-len(text or "") // CHARACTERS_PER_TOKEN)


def completion_body(request: ChatRequest, completion: Completion, created: int) -> dict[str, Any]:
    """Return a NIM's response body.

    Args:
        request: what was asked; its model's name is repeated.
        completion: what the engine said.
        created: Unix time in seconds.
    """
    message: dict[str, Any] = {"role": "assistant", "content": completion.content, "tool_calls": []}
    if completion.reasoning is not None:
        message["reasoning_content"] = completion.reasoning
    said, read = tokens(completion.content) + tokens(completion.reasoning), tokens(request.prompt)
    return {
        "id": f"chat-{uuid4().hex}",
        "object": "chat.completion",
        "created": created,
        "model": request.model,
        "choices": [{"index": 0, "message": message, "finish_reason": completion.finish_reason}],
        "usage": {"prompt_tokens": read, "completion_tokens": said, "total_tokens": read + said},
    }


def limited(request: ChatRequest, completion: Completion) -> Completion:
    """Return `completion` cut at the request's `max_tokens`, as generation stops there."""
    if tokens(completion.content) <= request.max_tokens:
        return completion
    kept = (completion.content or "")[: request.max_tokens * CHARACTERS_PER_TOKEN]
    return completion.model_copy(update={"content": kept, "finish_reason": "length"})
