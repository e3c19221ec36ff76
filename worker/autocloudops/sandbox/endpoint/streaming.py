"""A chat completion as server-sent events: `data: {chunk}`, a blank line, and `data: [DONE]` at the end.

Source: OpenAI's streaming format as vLLM writes it: UTF-8 is not escaped, and usage comes only where it was asked for.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from autocloudops.sandbox.endpoint.wire import (
    CHARACTERS_PER_TOKEN,
    ChatRequest,
    Completion,
    envelope,
    usage,
)

DONE = b"data: [DONE]\n\n"


def events(request: ChatRequest, completion: Completion, created: int) -> Iterator[bytes]:
    """Yield the events of a streamed answer: one for each token, then why it stopped, usage, and the end.

    Args:
        request: what was asked.
        completion: what the engine said.
        created: Unix time in seconds.
    """
    head = envelope("chat.completion.chunk", request.model, created)
    yield _event({**head, "choices": [_choice({"role": "assistant", "content": ""})]})
    for name, text in (("reasoning_content", completion.reasoning), ("content", completion.content)):
        for token in _tokens(text or ""):
            yield _event({**head, "choices": [_choice({name: token})]})
    yield _event({**head, "choices": [_choice({}, completion.finish_reason)]})
    if request.usage_wanted:
        yield _event({**head, "choices": [], "usage": usage(request, completion)})
    yield DONE


def _choice(delta: Mapping[str, str], finish_reason: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": finish_reason}


def _tokens(text: str) -> list[str]:
    return [text[at : at + CHARACTERS_PER_TOKEN] for at in range(0, len(text), CHARACTERS_PER_TOKEN)]


def _event(chunk: Mapping[str, Any]) -> bytes:
    return b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n"
