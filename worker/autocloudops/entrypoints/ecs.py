"""The long-lived worker: look, start, consume until told to stop, drain, exit.

It stops in this order: receiving ends, what was not begun goes back to the queue, handlers finish or are cancelled at
the deadline, acknowledgements leave, the sweeper ends, the audit is flushed, clients are closed.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from logging import getLogger

from autocloudops.audit.writer import AuditWriter
from autocloudops.cancelling import cancel
from autocloudops.clock import Clock, SystemClock
from autocloudops.entrypoints import wiring
from autocloudops.entrypoints.collecting import uncollected
from autocloudops.entrypoints.health import Health, Troubles, WatchedNotifier, serving
from autocloudops.entrypoints.preflight import Weight, planned, preflight
from autocloudops.entrypoints.preflight.clients import Clients
from autocloudops.entrypoints.service import Opening, open_service
from autocloudops.entrypoints.signals import stopping
from autocloudops.entrypoints.spot import log_notice
from autocloudops.environment import faults, read
from autocloudops.errors import cause_of
from autocloudops.pipeline import Asking, Pipeline
from autocloudops.pipeline.acting import Acting
from autocloudops.queue.client import Delivery
from autocloudops.queue.consumer import Consumer, Ending, Handler, Limits
from autocloudops.queue.watchdog import PATIENCE_SECONDS, Watchdog
from autocloudops.settings import ROOMS, ActionSettings, HealthSettings, QueueSettings

log = getLogger(__name__)

SWEEP_SECONDS = 30.0
MEASURE_SECONDS = 30.0
GIVE_BACK_SECONDS = 2.0
FLUSH_SECONDS = 2.0
FOLLOWED_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Run:
    """What every part of one run of the worker shares."""

    stack: AsyncExitStack
    clock: Clock
    stop: asyncio.Event
    troubles: Troubles


async def serve(health: HealthSettings) -> None:
    """Consume alarms until SIGTERM or SIGINT, then finish what is in flight.

    Args:
        health: where the worker says how it is.

    Raises:
        AutoCloudOpsError: a setting is wrong, a permission is missing, or the audit holds somebody else's bytes.
    """
    _refuse_faults()
    try:
        await _consume_until_stopped(health)
    except ExceptionGroup as failures:
        raise cause_of(failures) from failures


def _refuse_faults() -> None:
    """Raise the first thing that is wrong with the settings, once the log has named all of them."""
    found = [fault for room in ROOMS for fault in faults(room)]
    for fault in found:
        log.error("%s", fault)
    if found:
        raise found[0]


async def _consume_until_stopped(settings: HealthSettings) -> None:
    async with asyncio.TaskGroup() as notices, AsyncExitStack() as stack:
        run = Run(stack, SystemClock(), asyncio.Event(), Troubles())
        stack.enter_context(stopping(run.stop, lambda: _tell(notices)))
        health = await _looked(run, settings)
        if not run.stop.is_set():
            await _consume(run, health)
    log.info("worker stopped")


def _tell(notices: asyncio.TaskGroup) -> None:
    notices.create_task(log_notice(), name="stop notice")


async def _looked(run: Run, settings: HealthSettings) -> Health:
    """Look at everything that this worker needs, and answer for it meanwhile."""
    clients = Clients(run.stack)
    checks = planned(clients)
    models = [check for check in checks if check.weight is Weight.WATCHED]
    health = Health(run.clock, run.troubles, models, run.stop)
    await run.stack.enter_async_context(serving(health, settings))
    await clients.open()
    await preflight(checks, run.clock, run.stop)
    return health


async def _consume(run: Run, health: Health) -> None:
    with uncollected():
        service = await open_service(Opening(run.stack, run.clock, _own_name()))
    rooms = replace(service.rooms, notifier=WatchedNotifier(service.rooms.notifier, run.troubles))
    await run.stack.enter_async_context(_committing(rooms.audit))
    asking = Asking(rooms, service.investigator, name=_own_name())
    await run.stack.enter_async_context(_sweeping(asking, rooms.acting, run))
    if service.measure:
        await run.stack.enter_async_context(_measuring(service.measure, run))
    queue = read(QueueSettings)
    beside = await _beside(rooms.acting, queue, run)
    consumer = Consumer(
        await wiring.open_queue(run.stack, queue),
        _watched(Pipeline(rooms, asking, service.gatekeeper).handle, run.troubles, "handling"),
        run.clock,
        _limits(queue, queue.concurrency),
    )
    health.runs({"queue": consumer, **beside}, lambda: rooms.audit.unwell)
    log.info("worker started: it receives from %s", queue.url)
    with Watchdog(lambda: consumer.turns, PATIENCE_SECONDS + queue.drain_seconds):
        await consumer.run(run.stop)
    log.info("drained: %d messages acknowledged", consumer.deletes.done)


async def _beside(acting: Acting | None, alarms: QueueSettings, run: Run) -> Mapping[str, Consumer]:
    """Return what else receives, by the name of its queue: nothing where nothing is ever done."""
    queue = wiring.follow_up_queue(alarms, read(ActionSettings))
    if acting is None or queue is None:
        return {}
    return {"queue of follow-ups": await run.stack.enter_async_context(_following(acting, queue, run))}


def _watched(handler: Handler, troubles: Troubles, who: str) -> Handler:
    async def handle(delivery: Delivery) -> Ending:
        with troubles.watching(who):
            return await handler(delivery)

    return handle


@asynccontextmanager
async def _committing(writer: AuditWriter) -> AsyncIterator[None]:
    """Run the writer beside the consumer: if it fails, the consumer is cancelled, and its messages come back."""
    async with asyncio.TaskGroup() as group:
        commits = group.create_task(writer.run(), name="audit")
        try:
            yield
        finally:
            await _flush(writer)
            commits.cancel()


async def _flush(writer: AuditWriter) -> None:
    """Make durable what is written; what is not belongs to messages that were not acknowledged."""
    try:
        async with asyncio.timeout(FLUSH_SECONDS):
            await writer.flush()
    except TimeoutError:
        log.error("the audit was not flushed in %g s, its messages come back: %s", FLUSH_SECONDS, writer.unwell)  # noqa: TRY400 - where it waited says nothing
    except Exception as fault:  # noqa: BLE001 - the writer itself ends the worker with it
        log.error("the audit was not flushed, its messages come back: %s", fault)  # noqa: TRY400 - likewise


@asynccontextmanager
async def _sweeping(asking: Asking, acting: Acting | None, run: Run) -> AsyncIterator[None]:
    """Look after incidents and actions that somebody left behind, for as long as this worker lives."""

    async def sweep() -> None:
        while True:
            await run.clock.sleep(SWEEP_SECONDS)
            try:
                with run.troubles.watching("sweeping"):
                    await asking.sweep()
                if acting:
                    with run.troubles.watching("acting"):
                        await acting.sweep()
            except Exception:
                log.exception("sweeping failed, trying on")

    async with _until_stopped(sweep(), "sweeper", run.stop):
        yield


@asynccontextmanager
async def _measuring(measure: Callable[[], Awaitable[None]], run: Run) -> AsyncIterator[None]:
    """Measure how things stand beside the sweeps, which wait while the audit is down: then it is worth the most."""

    async def measured() -> None:
        while True:
            await run.clock.sleep(MEASURE_SECONDS)
            try:
                await measure()
            except Exception:
                log.exception("measuring failed, trying on")

    async with _until_stopped(measured(), "measuring", run.stop):
        yield


@asynccontextmanager
async def _until_stopped(work: Coroutine[None, None, None], name: str, stop: asyncio.Event) -> AsyncIterator[None]:
    """Do `work` until the worker is to stop: what it gives back then, it gives back while messages are drained."""

    async def ended() -> None:
        await stop.wait()
        await cancel({working}, GIVE_BACK_SECONDS)

    working = asyncio.create_task(work, name=name)
    ending = asyncio.create_task(ended(), name=f"end of {name}")
    try:
        yield
    finally:
        stop.set()
        await ending


@asynccontextmanager
async def _following(acting: Acting, queue: QueueSettings, run: Run) -> AsyncIterator[Consumer]:
    """Look after what was begun, as the queue of follow-ups asks for it: beside the alarms, and drained with them."""
    handle = _watched(acting.handle, run.troubles, "following")
    consumer = Consumer(await wiring.open_queue(run.stack, queue), handle, run.clock, _limits(queue, FOLLOWED_AT_ONCE))
    following = asyncio.create_task(consumer.run(run.stop), name="follow-ups")
    try:
        with Watchdog(lambda: consumer.turns, PATIENCE_SECONDS + queue.drain_seconds):
            yield consumer
    finally:
        run.stop.set()
        await following


def _limits(queue: QueueSettings, concurrency: int) -> Limits:
    return Limits(concurrency=concurrency, lease_seconds=queue.lease_seconds, drain_seconds=queue.drain_seconds)


def _own_name() -> str:
    return f"{socket.gethostname()}/{os.getpid()}"
