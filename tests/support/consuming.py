"""A consumer on a queue in memory, in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from memory_queue import MemoryQueue
from virtual_time import VirtualClock

from autocloudops.queue.client import Delivery
from autocloudops.queue.consumer import Consumer, Done, Ending, Handler, Limits

LEASE_SECONDS = 180
LIMITS = Limits(concurrency=4, lease_seconds=LEASE_SECONDS, drain_seconds=20)


async def done(_: Delivery) -> Ending:
    """Handle nothing."""
    return Done()


def lasting(seconds: float) -> Handler:
    """Return a handler that takes a while."""

    async def handler(_: Delivery) -> Ending:
        await asyncio.sleep(seconds)
        return Done()

    return handler


def noting(ended: list[str], seconds: float = 0) -> Handler:
    """Return a handler that takes a while and notes how it ended: `done`, or the reason of its cancellation."""

    async def handler(_: Delivery) -> Ending:
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError as reason:
            ended.append(str(reason))
            raise
        ended.append("done")
        return Done()

    return handler


@asynccontextmanager
async def consuming(queue: MemoryQueue, handler: Handler, limits: Limits = LIMITS) -> AsyncIterator[Consumer]:
    """Run a consumer beside the block, then stop and drain it."""
    consumer = Consumer(queue, handler, VirtualClock(), limits)
    stop = asyncio.Event()
    running = asyncio.create_task(consumer.run(stop))
    try:
        yield consumer
    finally:
        stop.set()
        await running


async def consume(
    queue: MemoryQueue, handler: Handler, until: Callable[[], Awaitable[object]], limits: Limits = LIMITS
) -> Consumer:
    """Run a consumer until `until` returns, then stop and drain it."""
    async with consuming(queue, handler, limits) as consumer:
        await until()
    return consumer


async def passing(seconds: float) -> None:
    """Let virtual time pass."""
    await asyncio.sleep(seconds)


def now() -> float:
    """Return the virtual time in seconds."""
    return asyncio.get_running_loop().time()
