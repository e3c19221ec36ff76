"""The worker's own consumer with a handler that does nothing: leases and checked acknowledgements are on."""

import asyncio
import signal
from contextlib import AsyncExitStack

import uvloop
from environment import PAUSE_SECONDS

from autocloudops.clock import SystemClock
from autocloudops.entrypoints.collecting import uncollected
from autocloudops.entrypoints.wiring import open_queue
from autocloudops.environment import read
from autocloudops.queue.client import Delivery
from autocloudops.queue.consumer import Consumer, Done, Ending, Limits
from autocloudops.settings import QueueSettings

DONE = Done()


async def handle(delivery: Delivery) -> Ending:
    """Do nothing for as long as the bench says."""
    del delivery
    if PAUSE_SECONDS:
        await asyncio.sleep(PAUSE_SECONDS)
    return DONE


async def main() -> None:
    """Consume until SIGTERM, then drain."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    settings = read(QueueSettings)
    async with AsyncExitStack() as stack:
        with uncollected():
            queue = await open_queue(stack, settings)
        limits = Limits(concurrency=settings.concurrency, drain_seconds=settings.drain_seconds)
        await Consumer(queue, handle, SystemClock(), limits).run(stop)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
