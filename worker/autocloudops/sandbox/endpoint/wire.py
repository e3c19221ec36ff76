"""The wire of a SageMaker real-time endpoint that serves an NVIDIA NIM: what it accepts, and what it answers.

    ChatRequest   the body of InvokeEndpoint: an OpenAI chat completion, as far as a NIM checks it
    Completion    what an engine says; becomes the NIM's response body
    Fault         what SageMaker says instead: status, error type, body
    StreamFault   … and says in the middle of a response stream
    Broken        no answer at all: silence, or a connection that is cut

Source: the SageMaker runtime API and NVIDIA's NIM reference. A NIM ignores fields that it does not know.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Protocol, runtime_checkable
from uuid import uuid4

from pydantic import ConfigDict, Field, StrictBool, StrictInt, ValidationError

from autocloudops.values import Value

CONTEXT_TOKENS = 131_072
CHARACTERS_PER_TOKEN = 4
NIM_DEFAULT_MAX_TOKENS = 16
TIMED_OUT_STATUS = 0

StreamBreak = Literal["ModelStreamError", "InternalStreamFailure", "reset"]


class Received(Value):
    """A body, or a part of one, that somebody sent."""

    model_config = ConfigDict(extra="ignore")


class Message(Received):
    """One message of the conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


class NamedSchema(Received):
    """A JSON schema under the name that the OpenAI dialect wants."""

    name: str
    schema_: Mapping[str, Any] = Field(alias="schema")
    strict: StrictBool = False


class ResponseFormat(Received):
    """What the reply must look like; `json_schema` is enforced by a grammar."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: NamedSchema | None = None


class NvidiaExtension(Received):
    """NVIDIA's request extension, as far as it concerns the reply's schema."""

    guided_json: Mapping[str, Any] | None = None


class StructuredOutputs(Received):
    """vLLM's request extension, as far as it concerns the reply's schema."""

    json_: Mapping[str, Any] | None = Field(default=None, alias="json")


class StreamOptions(Received):
    """What a stream ends with."""

    include_usage: StrictBool = False


class ChatRequest(Received):
    """A chat completion request. `max_tokens` has a NIM's low default: leaving it out truncates the reply."""

    model: str
    messages: Annotated[tuple[Message, ...], Field(min_length=1)]
    max_tokens: Annotated[StrictInt, Field(ge=1)] = NIM_DEFAULT_MAX_TOKENS
    temperature: Annotated[float, Field(ge=0, le=2)] = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    stream: StrictBool = False
    stream_options: StreamOptions | None = None
    response_format: ResponseFormat | None = None
    nvext: NvidiaExtension | None = None
    structured_outputs: StructuredOutputs | None = None

    @property
    def prompt(self) -> str:
        """All that the model is shown, in order."""
        return "\n".join(message.content for message in self.messages)

    @property
    def schema_wanted(self) -> Mapping[str, Any] | None:
        """The JSON schema that the reply must follow, in whichever dialect names one."""
        named = self.response_format.json_schema if self.response_format else None
        guided = self.nvext.guided_json if self.nvext else None
        structured = self.structured_outputs.json_ if self.structured_outputs else None
        return (named.schema_ if named else None) or guided or structured

    @property
    def json_wanted(self) -> bool:
        """Whether the reply must be a JSON object, whatever stands in it."""
        return self.response_format is not None and self.response_format.type == "json_object"

    @property
    def usage_wanted(self) -> bool:
        """Whether a stream ends with the token counts."""
        return self.stream_options is not None and self.stream_options.include_usage


class Completion(Value):
    """What an engine says. `reasoning` is what a NIM with a reasoning parser puts beside the content.

    The tokens are those that the engine counted; where it counted none they are estimated. The answer comes
    `delay_seconds` late, and where `breaks_off` is set only half of it comes.
    """

    content: str | None
    finish_reason: Literal["stop", "length"] = "stop"
    reasoning: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    delay_seconds: float = 0.0
    breaks_off: StreamBreak | None = None


class Fault(Value):
    """An error of SageMaker's runtime: HTTP status, `x-amzn-ErrorType`, and the JSON body."""

    status: int
    error_type: str
    body: Mapping[str, Any]


class StreamFault(Value):
    """The exception that ends a response stream: its type and members."""

    kind: Literal["ModelStreamError", "InternalStreamFailure"]
    body: Mapping[str, str]


class Broken(Value):
    """No answer: `hang` keeps the connection open and silent, `reset` cuts it."""

    how: Literal["hang", "reset"]


@runtime_checkable
class Engine(Protocol):
    """What answers inside the endpoint. `model` is the name it is served under."""

    model: str

    async def answer(self, request: ChatRequest) -> Completion:
        """Return what the model says to `request`."""
        ...


def parse(body: bytes, model: str, context_tokens: int = CONTEXT_TOKENS) -> ChatRequest | Fault:
    """Return the request, or the refusal that a NIM serving `model` gives for it through SageMaker.

    Args:
        body: JSON as it came over the wire.
        model: the served model's name.
        context_tokens: how many tokens question and reply may be together.
    """
    try:
        request = ChatRequest.model_validate_json(body)
    except ValidationError as error:
        return invalid(error)
    if request.model != model:
        return unknown_model(request.model)
    wanted = tokens(request.prompt) + request.max_tokens
    return request if wanted <= context_tokens else too_long(wanted, context_tokens)


def invalid(error: ValidationError) -> Fault:
    """Return the refusal of a body that is not as it should be."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return refused(400, "BadRequestError", f"{where}: {first['msg']}" if where else first["msg"])


def unknown_model(name: str) -> Fault:
    """Return the refusal of a model that is not served here."""
    return refused(404, "NotFoundError", f"The model `{name}` does not exist.")


def too_long(wanted: int, context_tokens: int) -> Fault:
    """Return the refusal of a question that, with the reply it asks for, is longer than the context."""
    said = f"This model's maximum context length is {context_tokens} tokens. However, you requested {wanted} tokens."
    return refused(400, "BadRequestError", said)


def refused(status: int, kind: str, message: str) -> Fault:
    """Return SageMaker's ModelError around an error body of the NIM with HTTP `status`."""
    return model_error(status, json.dumps(error_body(status, kind, message)))


def error_body(status: int, kind: str, message: str) -> dict[str, Any]:
    """Return the error body of a NIM (2.x, vLLM)."""
    return {"error": {"message": message, "type": kind, "param": None, "code": status}}


def model_error(status: int, original: str) -> Fault:
    """Return SageMaker's ModelError for a container that answered `status` with the text `original`."""
    said = f"Received server error ({status}) from primary with message {original!r}."
    return Fault(
        status=424,
        error_type="ModelError",
        body={"Message": said, "OriginalStatusCode": status, "OriginalMessage": original},
    )


def timed_out() -> Fault:
    """Return SageMaker's ModelError for a container that did not answer within the limit."""
    said = "Your invocation timed out while waiting for a response from container primary."
    return model_error(TIMED_OUT_STATUS, said)


def validation_error(message: str) -> Fault:
    """Return SageMaker's refusal of a request that never reaches the container."""
    return Fault(status=400, error_type="ValidationError", body={"Message": message})


def no_capacity() -> Fault:
    """Return what an endpoint says that is scaled to zero."""
    said = "Inference Component has no capacity to process this request. ApplicationAutoScaling may be in progress."
    return validation_error(said)


def tokens(text: str | None) -> int:
    """Return an estimate of how many tokens `text` is: a quarter of its characters, rounded up."""
    return -(-len(text or "") // CHARACTERS_PER_TOKEN)


def read_tokens(request: ChatRequest, completion: Completion) -> int:
    """Return how many tokens were read for an answer."""
    return tokens(request.prompt) if completion.prompt_tokens is None else completion.prompt_tokens


def said_tokens(completion: Completion) -> int:
    """Return how many tokens an answer has."""
    if completion.completion_tokens is not None:
        return completion.completion_tokens
    return tokens(completion.content) + tokens(completion.reasoning)


def usage(request: ChatRequest, completion: Completion) -> dict[str, int]:
    """Return the token counts of an answer."""
    read, said = read_tokens(request, completion), said_tokens(completion)
    return {"prompt_tokens": read, "completion_tokens": said, "total_tokens": read + said}


def envelope(kind: str, model: str, created: int) -> dict[str, Any]:
    """Return the fields with which every body of an answer begins; `created` is Unix time in seconds."""
    return {"id": f"chat-{uuid4().hex}", "object": kind, "created": created, "model": model}


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
    return {
        **envelope("chat.completion", request.model, created),
        "choices": [{"index": 0, "message": message, "finish_reason": completion.finish_reason}],
        "usage": usage(request, completion),
    }


def limited(request: ChatRequest, completion: Completion) -> Completion:
    """Return `completion` cut at the request's `max_tokens`, as generation stops there."""
    if said_tokens(completion) <= request.max_tokens:
        return completion
    kept = (completion.content or "")[: request.max_tokens * CHARACTERS_PER_TOKEN]
    return completion.model_copy(update={"content": kept, "finish_reason": "length"})
