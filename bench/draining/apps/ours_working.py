"""The whole worker on the bench's queue: parsing, incidents, prompts, gates and audit, with a model that only waits.

State, audit and the model are in memory, so that what is measured is the worker's own CPU time.
"""

import asyncio
import signal
from contextlib import AsyncExitStack

import uvloop
from bench.storms.virtual import PATIENCE, Latency, ModelledEndpoint, Nobody
from memory_audit import MemoryObjects

from autocloudops.audit.writer import AuditWriter
from autocloudops.clock import SystemClock
from autocloudops.decisions.model import Policy
from autocloudops.entrypoints.wiring import gatekeeper_of, open_queue
from autocloudops.environment import read
from autocloudops.investigation import Investigator
from autocloudops.pipeline import Asking, Pipeline, Rooms
from autocloudops.queue.consumer import Consumer, Limits
from autocloudops.settings import QueueSettings, SnsSettings
from autocloudops.state.memory import MemoryIncidents


async def main() -> None:
    """Consume until SIGTERM, then drain."""
    stop, clock, settings = asyncio.Event(), SystemClock(), read(QueueSettings)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    writer = AuditWriter(MemoryObjects(), clock)
    rooms = Rooms(incidents=MemoryIncidents(), audit=writer, notifier=Nobody(), clock=clock)
    investigator = Investigator(ModelledEndpoint(Latency()), Policy(), clock, PATIENCE)
    pipeline = Pipeline(rooms, Asking(rooms, investigator, name=writer.writer_id), gatekeeper_of(SnsSettings(), clock))
    async with AsyncExitStack() as stack:
        stack.callback(asyncio.create_task(writer.run()).cancel)
        queue = await open_queue(stack, settings)
        limits = Limits(concurrency=settings.concurrency, drain_seconds=settings.drain_seconds)
        await Consumer(queue, pipeline.handle, clock, limits).run(stop)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
