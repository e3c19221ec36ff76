"""Server-sent events and what becomes of them."""

import json

import pytest
from model_server import sse

from autocloudops.errors import ContextTooLong, ModelBrokeOff
from autocloudops.inference.stream import ServerSentEvents, StreamedReply

URL = "https://nim/v1"


def read(raw: bytes) -> StreamedReply:
    """Return a reply that was fed these bytes at once."""
    reply = StreamedReply(URL, "asked/model")
    reply.feed(raw)
    return reply


@pytest.mark.parametrize(
    ("raw", "events"),
    [
        (b"data: a\n\ndata: b\n\n", [b"a", b"b"]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [b"a", b"b"]),
        (b"data:a\n\n", [b"a"]),
        (b"data:  a\n\n", [b" a"]),
        (b": keepalive\n\ndata: a\n\n", [b"a"]),
        (b"event: x\nid: 7\nretry: 5\ndata: a\n\n", [b"a"]),
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        (b"data\n\n", [b""]),
        (b"data: a: b\n\n", [b"a: b"]),
        (b"\n\n\n\ndata: a\n", []),
        (b"data: a", []),
    ],
)
def test_events_are_cut_at_blank_lines(raw: bytes, events: list[bytes]) -> None:
    """The fields, comments and line ends of the standard; an event without a blank line behind it is none yet."""
    assert list(ServerSentEvents().feed(raw)) == events


def test_an_answer_is_put_together() -> None:
    """The pieces of the content, the end's reason, the count of tokens, the model and the id."""
    reply = read(sse('{"a": ', "1}"))
    found = reply.completion()
    assert reply.done
    assert found.content == '{"a": 1}'
    assert found.finish_reason == "stop"
    assert found.model == "served/model"
    assert found.request_id == "chat-1"
    assert (found.prompt_tokens, found.completion_tokens) == (11, 7)
    assert found.endpoint == URL


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        sse("half", finish_reason=None, done=False),
        sse("half", finish_reason=None),
        b'{"choices": [{"message": {"content": "whole"}}]}',
        sse("x", finish_reason=None, done=False) + b'data: {"choices": [',
    ],
)
def test_a_stream_without_an_end_is_no_answer(raw: bytes) -> None:
    """Partial text is discarded, even where the server says [DONE]."""
    with pytest.raises(ModelBrokeOff):
        read(raw).completion()


def test_an_end_without_done_is_an_end() -> None:
    """The finish reason says that the model is through; tokens that nobody counted are 0."""
    reply = read(sse("{}", done=False).removesuffix(b"\n\n"))
    found = reply.completion()
    assert (found.content, found.prompt_tokens) == ("{}", 0)


def test_a_truncated_answer_is_an_answer() -> None:
    """`length` is for whoever reads the reply, as it is without streaming."""
    assert read(sse("{", finish_reason="length")).completion().finish_reason == "length"


def test_only_content_of_the_first_choice_counts() -> None:
    """Reasoning, tool calls and other choices are passed over; no content at all is None."""
    deltas = [
        {"index": 0, "delta": {"role": "assistant", "reasoning_content": "hm", "content": None}},
        {"index": 1, "delta": {"content": "other"}},
        {"index": 0, "delta": {"tool_calls": []}, "finish_reason": "stop"},
    ]
    raw = b"".join(b"data: " + json.dumps({"choices": [delta], "usage": None}).encode() + b"\n\n" for delta in deltas)
    found = read(raw).completion()
    assert found.content is None
    assert found.model == "asked/model"


def test_an_error_inside_a_stream_is_judged_by_the_table() -> None:
    """What vLLM finds out late it reports as an event."""
    said = {"error": {"message": "This model's maximum context length is 10 tokens", "code": 400}}
    with pytest.raises(ContextTooLong, match="maximum context length"):
        read(b"data: " + json.dumps(said).encode() + b"\n\n")
    whole = sse("{}", done=False) + b"data: " + json.dumps(said).encode() + b"\n\n"
    assert read(whole).completion().content == "{}"


def test_nothing_is_read_after_done() -> None:
    """[DONE] is the end, whatever follows it."""
    assert read(sse("{}") + b"data: junk\n\n").completion().content == "{}"


@pytest.mark.parametrize("raw", [b"data: 7\n\n", b"data: \xff\n\n", b'data: {"choices": 7}\n\n'])
def test_what_is_no_chunk_is_named(raw: bytes) -> None:
    """Anything else is a failure of the server, and no exception of a parser."""
    with pytest.raises(ModelBrokeOff, match="no stream of chat completion chunks"):
        read(raw)


def test_an_endless_line_is_bounded() -> None:
    """Bytes without an end of line are counted too, and cost no more than their number."""
    reply = StreamedReply(URL, "m")
    for _ in range(4194):
        reply.feed(b"x" * 1000)
    with pytest.raises(ModelBrokeOff, match="over 4194304 bytes"):
        reply.feed(b"x" * 1000)
