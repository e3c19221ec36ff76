"""A loopback SQS, as fast as Python allows: raw HTTP on uvloop, the JSON protocol, no authentication.

    python bench/draining/server.py

It prints the URL that it listens on. Source: AWS JSON 1.0 protocol, as the SQS API reference shows it.
"""

import asyncio
import sys
from functools import partial
from json import loads
from pathlib import Path
from typing import cast

import uvloop

sys.path.append(str(Path(__file__).parents[2]))

from bench.draining.api import Api, UnknownQueueError, received
from bench.draining.queues import VISIBILITY_SECONDS, Message, Poll, Queue

TICK_SECONDS = 0.1
RECEIVE = "ReceiveMessage"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Connection(asyncio.Protocol):
    """One keep-alive connection; requests come one after the other."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._buffer = b""
        self._polled: tuple[Queue, Poll] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where answers go."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Hand out nothing to a consumer that is gone."""
        del exc
        if self._polled:
            queue, poll = self._polled
            queue.forget(poll)

    def data_received(self, data: bytes) -> None:
        """Answer each request that is complete."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            length = int(_header(head, b"content-length") or b"0")
            if b"\r\nexpect:" in head and len(self._buffer) == end + 4 < end + 4 + length:
                self._transport.write(CONTINUE)
            if len(self._buffer) < end + 4 + length:
                return
            body, self._buffer = self._buffer[end + 4 : end + 4 + length], self._buffer[end + 4 + length :]
            self._answer(_header(head, b"x-amz-target").decode(), body)

    def _answer(self, target: str, body: bytes) -> None:
        action = self._api.names.get(target.removeprefix("amazonsqs."), target)
        fields = loads(body or b"{}")
        try:
            if action == RECEIVE:
                self._receive(fields)
            else:
                self._write(b"200 OK", self._api.answer(action, fields))
        except UnknownQueueError as error:
            self._write(b"400 Bad Request", f'{{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"{error}"}}')
        except KeyError as error:
            print("not understood:", target, body[:300], file=sys.stderr)
            self._write(
                b"400 Bad Request", f'{{"__type":"InvalidParameterValue","message":"{action}: {error.args[0]}"}}'
            )

    def _receive(self, fields: dict[str, object]) -> None:
        queue = self._api.queue(RECEIVE, fields)
        most = int(str(fields.get("MaxNumberOfMessages") or 1))
        wait_seconds = float(str(fields.get("WaitTimeSeconds") or 0))
        hidden = fields.get("VisibilityTimeout")
        poll = Poll(
            most,
            VISIBILITY_SECONDS if hidden is None else float(str(hidden)),
            asyncio.get_running_loop().time() + wait_seconds,
            partial(self._received, fields),
        )
        if queue.waiting or not wait_seconds:
            poll.answer(queue.receive(poll.most, poll.visibility_seconds))
        else:
            self._polled = (queue, poll)
            queue.poll(poll)

    def _received(self, fields: dict[str, object], messages: list[Message]) -> None:
        self._polled = None
        self._write(b"200 OK", received(fields, messages))

    def _write(self, status: bytes, text: str) -> None:
        body = text.encode()
        self._transport.write(
            b"HTTP/1.1 %b\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: %d\r\n"
            b"x-amzn-RequestId: 00000000-0000-0000-0000-000000000000\r\n\r\n%b" % (status, len(body), body)
        )


def _header(head: bytes, name: bytes) -> bytes:
    at = head.find(b"\r\n" + name + b":")
    if at < 0:
        return b""
    begin = at + len(name) + 3
    end = head.find(b"\r\n", begin)
    return head[begin : end if end >= 0 else len(head)].strip()


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    api = Api()
    server = await loop.create_server(lambda: Connection(api), "127.0.0.1", 0)
    api.base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    print(api.base, flush=True)
    while True:
        await asyncio.sleep(TICK_SECONDS)
        for queue in api.queues.values():
            queue.tick()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve())
