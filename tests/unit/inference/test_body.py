"""Bodies of requests and replies."""

import json
from types import MappingProxyType

import pytest

from autocloudops.diagnosis.endpoint import CompletionRequest, Dialect, Message
from autocloudops.errors import ModelBrokeOff
from autocloudops.inference.body import chat_body, completion, encoded

URL = "sagemaker://nim"
SCHEMA = {"type": "object", "properties": {}}


def question() -> CompletionRequest:
    """Return a question whose schema is read-only, as rooms hand schemas around."""
    return CompletionRequest(
        messages=(Message(role="system", content="detailed thinking off"), Message(role="user", content="Why? ü")),
        json_schema=MappingProxyType(SCHEMA),
        max_tokens=40,
        correlation_id="incident-1",
    )


@pytest.mark.parametrize(
    ("dialect", "fields"),
    [
        (
            Dialect.JSON_SCHEMA,
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "diagnosis", "strict": True, "schema": SCHEMA},
                }
            },
        ),
        (Dialect.NVEXT, {"nvext": {"guided_json": SCHEMA}}),
        (Dialect.STRUCTURED_OUTPUTS, {"structured_outputs": {"json": SCHEMA}}),
        (Dialect.NONE, {}),
    ],
)
def test_each_dialect_has_its_field(dialect: Dialect, fields: dict[str, object]) -> None:
    """The schema stands in one field, and everything else is the same in every dialect."""
    body = json.loads(encoded(URL, chat_body("m", question(), dialect)))
    common = {
        "model": "m",
        "messages": [
            {"role": "system", "content": "detailed thinking off"},
            {"role": "user", "content": "Why? ü"},
        ],
        "temperature": 0.0,
        "max_tokens": 40,
    }
    assert body == common | fields


def reply(**message: object) -> bytes:
    """Return a chat completion with this message, and without what servers may leave out."""
    return json.dumps({"choices": [{"message": message}]}).encode()


def test_what_a_server_leaves_out_is_empty() -> None:
    """Without usage, model, id and finish reason, an answer is an answer."""
    found = completion(URL, "asked/model", reply(content="{}"))
    assert found.content == "{}"
    assert found.model == "asked/model"
    assert (found.prompt_tokens, found.completion_tokens) == (0, 0)
    assert found.finish_reason is None
    assert found.request_id == ""
    assert found.endpoint == URL


@pytest.mark.parametrize(
    "message",
    [
        {"content": None, "reasoning_content": "It may be load."},
        {"content": None, "tool_calls": [{"function": {"name": "restart", "arguments": "{}"}}]},
        {"role": "assistant"},
    ],
)
def test_an_answer_without_content_is_an_answer(message: dict[str, object]) -> None:
    """Reasoning and tool calls are no content; whoever reads the reply decides what that means."""
    assert completion(URL, "m", reply(**message)).content is None


def test_null_usage_is_no_usage() -> None:
    """Servers send null where they counted nothing."""
    for usage in (None, {}, {"prompt_tokens": None, "completion_tokens": None}):
        raw = json.dumps({"choices": [{"message": {"content": "x"}}], "usage": usage, "model": None, "id": None})
        assert completion(URL, "m", raw.encode()).prompt_tokens == 0


def test_names_are_bounded() -> None:
    """A server cannot fill an audit record with the name of its model."""
    long = "x" * 10_000
    choice = {"message": {"content": "{}"}, "finish_reason": long}
    found = completion(URL, "m", json.dumps({"choices": [choice], "model": long, "id": long}).encode())
    assert len(found.model) == len(found.request_id) == len(found.finish_reason or "") == 200


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b'{"choices": []}',
        b'{"choices": [null]}',
        b'{"choices": [{"message": "text"}]}',
        b'{"choices": [{"message": {"content": 7}}]}',
        b"[" * 100_000,
        b'{"choices": ' + b"[" * 100_000,
    ],
)
def test_what_is_no_chat_completion_is_named(raw: bytes) -> None:
    """Anything else is a failure of the server, worth one more request, and no exception of a parser."""
    with pytest.raises(ModelBrokeOff, match="no chat completion"):
        completion(URL, "m", raw)
