"""A model server that says what a test tells it, frame by frame and byte by byte.

It answers SageMaker's runtime routes and an OpenAI API on one loopback port. Where a reply says `BREAK` it drops the
connection, where it says `HANG` it falls silent until the client leaves or the server stops.
"""

import asyncio
import json
import struct
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from types import TracebackType
from typing import Any, Self

from aiohttp import web

PATIENCE_SECONDS = 10


class Event(Enum):
    """What a server does instead of sending bytes."""

    BREAK = auto()
    HANG = auto()


@dataclass(frozen=True)
class Seen:
    """One request as it came."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Reply:
    """What is sent back, in pieces that go out one by one."""

    pieces: Sequence[bytes | Event] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Script = Callable[[Seen], Reply | Awaitable[Reply]]


class ModelServer:
    """The server, as an async context manager; `script` may be changed while it runs."""

    def __init__(self) -> None:
        self.script: Script = lambda _: chat("{}")
        self.seen: list[Seen] = []
        self.in_flight = 0
        self.arrived = asyncio.Condition()
        self.url = ""
        self._stopping = asyncio.Event()
        app = web.Application(client_max_size=16 * 1024**2)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._stopping.set()
        await self._runner.cleanup()

    async def until_in_flight(self, count: int) -> None:
        """Return when `count` requests are under way."""
        async with asyncio.timeout(PATIENCE_SECONDS), self.arrived:
            await self.arrived.wait_for(lambda: self.in_flight == count)

    async def _answer(self, http: web.Request) -> web.StreamResponse:
        raw = await http.read()
        seen = Seen(http.path, dict(http.headers), json.loads(raw) if raw else {})
        self.seen.append(seen)
        await self._count(1)
        try:
            scripted = self.script(seen)
            return await self._send(http, scripted if isinstance(scripted, Reply) else await scripted)
        finally:
            await self._count(-1)

    async def _count(self, change: int) -> None:
        async with self.arrived:
            self.in_flight += change
            self.arrived.notify_all()

    async def _send(self, http: web.Request, reply: Reply) -> web.StreamResponse:
        response = web.StreamResponse(status=reply.status, headers=dict(reply.headers))
        if reply.pieces[:1] != [Event.HANG]:
            await response.prepare(http)
        for piece in reply.pieces:
            if piece is Event.HANG:
                await self._stopping.wait()
            elif isinstance(piece, bytes):
                await response.write(piece)
            elif http.transport is not None:
                http.transport.close()
                return response
        return response


def chat(content: str | None, **more: object) -> Reply:
    """Return a whole chat completion."""
    body = {
        "id": "chat-1",
        "model": "served/model",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
    }
    return Reply([json.dumps(body | more).encode()], headers={"Content-Type": "application/json"})


def sse(*pieces: str, ending: str = "\n\n", finish_reason: str | None = "stop", done: bool = True) -> bytes:
    """Return a chat completion as server-sent events, one for each piece of its content."""
    deltas = [{"delta": {"content": piece}, "index": 0, "finish_reason": None} for piece in pieces]
    last = [{"delta": {}, "index": 0, "finish_reason": finish_reason}] if finish_reason else []
    chunks = [{"id": "chat-1", "model": "served/model", "choices": [choice]} for choice in deltas + last]
    usage = {"choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}}
    texts = [json.dumps(chunk, ensure_ascii=False) for chunk in [*chunks, *([usage] if done else [])]]
    return "".join(f"data: {text}{ending}" for text in [*texts, *(["[DONE]"] if done else [])]).encode()


def frames(*payloads: bytes) -> list[bytes]:
    """Return each payload as the PayloadPart frame in which SageMaker streams it."""
    headers = {":message-type": "event", ":event-type": "PayloadPart", ":content-type": "application/octet-stream"}
    return [frame(headers, payload) for payload in payloads]


def exception_frame(kind: str, **fields: str) -> bytes:
    """Return the frame in which SageMaker reports a failure inside a stream."""
    headers = {":message-type": "exception", ":exception-type": kind, ":content-type": "application/json"}
    return frame(headers, json.dumps(fields).encode())


def frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """Return one message of AWS's event-stream encoding; header values are strings (type 7)."""
    encoded = b"".join(
        struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", 7, len(value)) + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack("!II", 16 + len(encoded) + len(payload), len(encoded))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + encoded + payload
    return message + struct.pack("!I", zlib.crc32(message))


def aws_error(kind: str, status: int, **body: object) -> Reply:
    """Return an error of SageMaker's runtime."""
    return Reply([json.dumps(body).encode()], status, {"x-amzn-ErrorType": kind, "Content-Type": "application/json"})


def container_error(status: int, original: str) -> Reply:
    """Return SageMaker's ModelError around what the container answered."""
    said = f"Received server error ({status}) from primary with message {original!r}."
    return aws_error("ModelError", 424, Message=said, OriginalStatusCode=status, OriginalMessage=original)


def server_error(status: int, message: str) -> Reply:
    """Return an error of the model server itself."""
    body = {"error": {"message": message, "type": "Error", "param": None, "code": status}}
    return Reply([json.dumps(body).encode()], status, {"Content-Type": "application/json"})
