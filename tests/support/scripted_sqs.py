"""An SQS that answers what a test tells it, on loopback; and how tests open a queue on it."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from autocloudops.queue.client import SqsQueue

OpenQueue = Callable[..., Awaitable[SqsQueue]]
Script = Callable[["Seen"], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it came; `port` is the caller's, and tells connections apart."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    port: int


@dataclass(slots=True)
class ScriptedSqs:
    """The server; `script` may be changed while it runs, and wait for `stopping` to say nothing."""

    script: Script
    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Remember a request, and answer by the script."""
        assert request.transport
        port = request.transport.get_extra_info("peername")[1]
        seen = Seen(request.raw_path, request.headers, await request.read(), port)
        self.seen.append(seen)
        return await self.script(seen)


async def nothing(_: Seen) -> web.Response:
    """Answer that there is nothing to receive."""
    return web.json_response({})


@asynccontextmanager
async def scripted_sqs(tls: ssl.SSLContext | None = None) -> AsyncIterator[ScriptedSqs]:
    """Run a server as long as the block lasts; with `tls` it is called `localhost`."""
    server = ScriptedSqs(nothing)
    runner = web.ServerRunner(web.Server(server.answer), shutdown_timeout=0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        port = runner.addresses[0][1]
        server.url = f"https://localhost:{port}" if tls else f"http://127.0.0.1:{port}"
        yield server
    finally:
        server.stopping.set()
        await runner.cleanup()
