"""A proxy before an HTTP service, in which calls go wrong as they do on the way to S3."""

from asyncio import Event
from collections import deque
from contextlib import AsyncExitStack
from enum import StrEnum

from aiohttp import ClientSession, web
from yarl import URL

HOP_BY_HOP = frozenset({"connection", "content-length", "host", "transfer-encoding"})


class HttpFault(StrEnum):
    """What meets a write.

    `down`: the connection closes before anything happens. `busy`: 503, before anything happens. `lost`: it happens, and
    the connection closes before the answer. `slow`: it happens, and no answer comes while the client waits. `partial`:
    it happens, and the answer breaks off.
    """

    DOWN = "down"
    BUSY = "busy"
    LOST = "lost"
    SLOW = "slow"
    PARTIAL = "partial"


class FaultyHttp:
    """Passes requests on, while writes meet the faults that stand in line.

    Args:
        upstream: the URL of the service.
    """

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream
        self._session: ClientSession | None = None
        self.faults: deque[HttpFault] = deque()
        self.writes: list[str] = []

    async def start(self, stack: AsyncExitStack) -> str:
        """Listen on loopback until the stack closes, and return the URL."""
        self._session = await stack.enter_async_context(ClientSession(auto_decompress=False))
        application = web.Application(client_max_size=1 << 26)
        application.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if request.method != "PUT":
            return await self._passed_on(request, body)
        self.writes.append(request.path)
        fault = self.faults.popleft() if self.faults else None
        if fault is HttpFault.BUSY:
            text = "<Error><Code>SlowDown</Code><Message>reduce your request rate</Message></Error>"
            return web.Response(status=503, text=text, content_type="application/xml")
        if fault is HttpFault.DOWN:
            return _closed(request)
        answer = await self._passed_on(request, body)
        return await _spoiled(fault, request) if fault else answer

    async def _passed_on(self, request: web.Request, body: bytes) -> web.Response:
        assert self._session is not None
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP}
        url = URL(self._upstream + request.raw_path, encoded=True)
        async with self._session.request(request.method, url, headers=headers, data=body) as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP}
            return web.Response(status=answer.status, headers=kept, body=await answer.read())


async def _spoiled(fault: HttpFault, request: web.Request) -> web.StreamResponse:
    if fault is HttpFault.SLOW:
        await Event().wait()
    if fault is HttpFault.LOST:
        return _closed(request)
    answer = web.StreamResponse(headers={"Content-Length": "1000"})
    await answer.prepare(request)
    await answer.write(b"<")
    return _closed(request)


def _closed(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.close()
    return web.Response()
