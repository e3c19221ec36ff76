"""How a stand-in listens: on the loopback interface alone, at a port that is free."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

LOOPBACK = "127.0.0.1"
SHUTDOWN_SECONDS = 1.0


@asynccontextmanager
async def listening(app: web.Application, *, handler_cancellation: bool = False) -> AsyncIterator[int]:
    """Serve an application inside, and yield its port.

    Args:
        app: what answers.
        handler_cancellation: whether a handler is cancelled when its caller hangs up.

    Raises:
        OSError: no port is free.
    """
    runner = web.AppRunner(
        app, handler_cancellation=handler_cancellation, shutdown_timeout=SHUTDOWN_SECONDS, access_log=None
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, LOOPBACK, 0).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
