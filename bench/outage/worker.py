"""The ways in which a service is run, in process and in virtual time: one row of `ENTRYPOINTS` each."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from bench.outage.site import Site
from bench.storms.virtual import Nobody, TimedIncidents
from memory_audit import MemoryObjects
from memory_queue import MemoryQueue

from autocloudops.audit.writer import AuditWriter
from autocloudops.clock import Clock
from autocloudops.decisions.model import Policy
from autocloudops.entrypoints.ecs import SWEEP_SECONDS
from autocloudops.entrypoints.invocation import Invocation, times
from autocloudops.entrypoints.service import Service
from autocloudops.entrypoints.wiring import gatekeeper_of
from autocloudops.investigation import Investigator
from autocloudops.pipeline import Asking, Pipeline, Rooms
from autocloudops.queue.client import BATCH
from autocloudops.queue.consumer import Consumer, Limits
from autocloudops.settings import SnsSettings

WORKERS = 2
ENVIRONMENTS = 4
FUNCTION_SECONDS = 120.0
MARGIN_SECONDS = 15.0
VISIBILITY_SECONDS = 720
SCHEDULE_SECONDS = 60.0
RETRY = timedelta(seconds=60)
DECIDE_WITHIN = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Estate:
    """What every worker shares: the queue, the incidents, where the audit goes, the endpoints, the time."""

    queue: MemoryQueue
    incidents: TimedIncidents
    objects: MemoryObjects
    site: Site
    clock: Clock


Entrypoint = Callable[[Estate], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def long_lived(estate: Estate) -> AsyncIterator[None]:
    """Run worker processes as `entrypoints.ecs` wires them until the block is left, and then drain them."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as workers:
        for _ in range(WORKERS):
            workers.create_task(_work(estate, stop))
        yield
        stop.set()


async def _work(estate: Estate, stop: asyncio.Event) -> None:
    clock = estate.clock
    writer = AuditWriter(estate.objects, clock)
    rooms = Rooms(incidents=estate.incidents, audit=writer, notifier=Nobody(), clock=clock)
    investigator = Investigator(estate.site.open_model(), Policy(), clock, DECIDE_WITHIN)
    asking = Asking(rooms, investigator, name=writer.writer_id)
    handle = Pipeline(rooms, asking, gatekeeper_of(SnsSettings(), clock)).handle
    async with asyncio.TaskGroup() as beside:
        tasks = [beside.create_task(writer.run()), beside.create_task(_sweep(asking, clock))]
        await Consumer(estate.queue, handle, clock, Limits()).run(stop)
        for task in tasks:
            task.cancel()


async def _sweep(asking: Asking, clock: Clock) -> None:
    while True:
        await clock.sleep(SWEEP_SECONDS)
        await asking.sweep()


@asynccontextmanager
async def by_lambda(estate: Estate) -> AsyncIterator[None]:
    """Run Lambda environments as `entrypoints.lambda_handler` does: pollers hand batches over, a schedule sweeps."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as environments:
        for number in range(ENVIRONMENTS):
            environments.create_task(_environment(estate, stop, f"environment {number}", _polled))
        environments.create_task(_environment(estate, stop, "schedule", _scheduled))
        yield
        stop.set()


Calls = Callable[[Estate, asyncio.Event, Callable[[], Invocation]], Awaitable[None]]


async def _environment(estate: Estate, stop: asyncio.Event, name: str, calls: Calls) -> None:
    clock = estate.clock
    writer = AuditWriter(estate.objects, clock)
    rooms = Rooms(incidents=estate.incidents, audit=writer, notifier=Nobody(), clock=clock)
    investigator = Investigator(estate.site.open_model(), Policy(), clock, DECIDE_WITHIN)
    service = Service(rooms, investigator, gatekeeper_of(SnsSettings(), clock))

    def invocation() -> Invocation:
        ends = times(clock.monotonic(), FUNCTION_SECONDS, MARGIN_SECONDS)
        return Invocation(service, estate.queue, name, ends, RETRY)

    async with asyncio.TaskGroup() as beside:
        commits = beside.create_task(writer.run())
        await calls(estate, stop, invocation)
        commits.cancel()


async def _polled(estate: Estate, stop: asyncio.Event, invocation: Callable[[], Invocation]) -> None:
    while not stop.is_set():
        deliveries = await estate.queue.receive(BATCH, VISIBILITY_SECONDS)
        if deliveries:
            back = await invocation().answer(deliveries)
            await estate.queue.delete([each for each in deliveries if each not in back])


async def _scheduled(estate: Estate, stop: asyncio.Event, invocation: Callable[[], Invocation]) -> None:
    while not stop.is_set():
        await estate.clock.sleep(SCHEDULE_SECONDS)
        await invocation().sweep()


ENTRYPOINTS: Mapping[str, Entrypoint] = MappingProxyType({"long-lived worker": long_lived, "Lambda": by_lambda})
