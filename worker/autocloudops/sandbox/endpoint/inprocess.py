"""A served model behind the model port without a socket: what a benchmark in virtual time asks.

It is the real adapter on another wire, so that it says and hears the same bytes, and raises the same errors.
"""

from collections.abc import Callable
from contextlib import aclosing
from typing import Any, cast

from aiohttp import ClientPayloadError
from botocore.exceptions import ClientError, ConnectionClosedError, EventStreamError

from autocloudops.clock import Clock
from autocloudops.inference.nim import Letter, NimEndpoint, NimOptions
from autocloudops.sandbox.endpoint.served import STREAM_LIMIT_SECONDS, Answer, ServedModel
from autocloudops.sandbox.endpoint.wire import Broken, Fault, StreamFault

OPERATION = "InvokeEndpoint"


class InProcessEndpoint(NimEndpoint):
    """A `ModelEndpoint` over `served`, in the time of the running event loop.

    Args:
        served: the model.
        name: the endpoint's name; its URL is `sagemaker://name`.
        clock: for latency.
        options: how it is asked.
    """

    def __init__(self, served: ServedModel, name: str, clock: Clock, options: NimOptions | None = None) -> None:
        wire = _InProcessWire(served, f"sagemaker://{name}")
        super().__init__(wire, served.task.model, clock, options or NimOptions())


class _InProcessWire:
    def __init__(self, served: ServedModel, url: str) -> None:
        self._served = served
        self.url = url

    async def send(self, letter: Letter, feed: Callable[[bytes], None]) -> None:
        """Ask the model once, and feed what it says."""
        if letter.streaming:
            await self._stream(letter, feed)
        else:
            await self._invoke(letter, feed)

    async def _invoke(self, letter: Letter, feed: Callable[[bytes], None]) -> None:
        said = await self._served.invoke(letter.body)
        if isinstance(said, Fault | Broken):
            raise self._refusal(said)
        for part in said.parts():
            feed(part)

    async def _stream(self, letter: Letter, feed: Callable[[bytes], None]) -> None:
        async with self._served.accepted(letter.body, None, STREAM_LIMIT_SECONDS) as said:
            if not isinstance(said, Answer):
                raise self._refusal(said)
            async with aclosing(self._served.streamed(said)) as stream:
                async for part in stream:
                    if not isinstance(part, bytes):
                        raise _broken_stream(part)
                    feed(part)

    def _refusal(self, said: Fault | Broken) -> Exception:
        """Return what the SDK raises instead of an answer."""
        if isinstance(said, Broken):
            return ConnectionClosedError(endpoint_url=self.url)
        error = {"Code": said.error_type, "Message": said.body.get("Message") or ""}
        status = {"HTTPStatusCode": said.status}
        # botocore's type of a response has no place for the members of one operation's errors.
        response = cast("Any", {**said.body, "Error": error, "ResponseMetadata": status})
        return ClientError(response, OPERATION)


def _broken_stream(end: StreamFault | Broken) -> Exception:
    """Return what the SDK raises in the middle of a stream."""
    if isinstance(end, Broken):
        return ClientPayloadError("Response payload is not completed")
    return EventStreamError({"Error": {"Code": end.kind, "Message": end.body["Message"]}}, OPERATION)
