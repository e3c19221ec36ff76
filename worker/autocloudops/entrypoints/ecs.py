"""The long-lived worker: start, consume until told to stop, drain, exit."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import timedelta
from logging import getLogger

from autocloudops.audit.writer import AuditWriter, CommitPolicy
from autocloudops.clock import Clock, SystemClock
from autocloudops.entrypoints import wiring
from autocloudops.entrypoints.evidence import account_of, open_gatherer, state_of
from autocloudops.entrypoints.models import bounds_of, open_model
from autocloudops.investigation import Investigator
from autocloudops.pipeline import Asking, Pipeline, Rooms
from autocloudops.queue.consumer import Consumer, Limits
from autocloudops.settings import (
    AuditSettings,
    EvidenceSettings,
    IncidentSettings,
    ModelSettings,
    NotifySettings,
    QueueSettings,
    SafetySettings,
    SnsSettings,
    StateSettings,
    read,
)
from autocloudops.state.dialects import DynamoDialects

log = getLogger(__name__)

SWEEP_SECONDS = 30.0
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


async def serve() -> None:
    """Consume alarms until SIGTERM or SIGINT, then finish what is in flight.

    Raises:
        AutoCloudOpsError: a setting is wrong, a permission is missing, or the audit holds somebody else's bytes.
    """
    try:
        await _consume_until_stopped()
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from failures


async def _consume_until_stopped() -> None:
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        stack.enter_context(_stopping(stop))
        consumer = await _wired(stack)
        log.info("worker started")
        await consumer.run(stop)
    log.info("worker stopped: %d messages acknowledged", consumer.deletes.done)


async def _wired(stack: AsyncExitStack) -> Consumer:
    queue, model, table = read(QueueSettings), read(ModelSettings), read(StateSettings).table
    clock = SystemClock()
    client = await wiring.open_table(stack)
    state = state_of(stack, client, table, clock)
    investigator = Investigator(
        await open_model(stack, model, clock, DynamoDialects(client, table, clock)),
        wiring.policy_of(read(SafetySettings)),
        clock,
        timedelta(seconds=model.decide_within_seconds),
        bounds_of(model),
        await open_gatherer(stack, read(EvidenceSettings), state, account_of(queue.url), clock),
    )
    rooms = Rooms(
        incidents=state.incidents,
        notifier=await wiring.open_notifier(stack, read(NotifySettings)),
        audit=await stack.enter_async_context(_running_audit(read(AuditSettings))),
        clock=clock,
        windows=wiring.windows_of(read(IncidentSettings)),
        events=(state.changes.note, state.inventory.refresh),
        past=state.past,
    )
    asking = Asking(rooms, investigator, name=_own_name())
    await stack.enter_async_context(_sweeping(asking, clock))
    return Consumer(
        await wiring.open_queue(stack, queue),
        Pipeline(rooms, asking, wiring.gatekeeper_of(read(SnsSettings), clock)).handle,
        clock,
        Limits(concurrency=queue.concurrency, drain_seconds=queue.drain_seconds),
    )


@asynccontextmanager
async def _running_audit(settings: AuditSettings) -> AsyncIterator[AuditWriter]:
    """Run the writer beside the consumer: if it fails, the consumer is cancelled, and its messages come back."""
    policy = CommitPolicy(records=settings.batch_records, seconds=settings.batch_seconds)
    async with AsyncExitStack() as stack:
        writer = AuditWriter(await wiring.open_audit(stack, settings.location), SystemClock(), policy)
        async with asyncio.TaskGroup() as group:
            commits = group.create_task(writer.run(), name="audit")
            yield writer
            commits.cancel()


@asynccontextmanager
async def _sweeping(asking: Asking, clock: Clock) -> AsyncIterator[None]:
    """Look after incidents that somebody left behind, for as long as this worker lives."""

    async def sweep() -> None:
        while True:
            await clock.sleep(SWEEP_SECONDS)
            try:
                await asking.sweep()
            except Exception:
                log.exception("sweeping failed, trying on")

    sweeping = asyncio.create_task(sweep(), name="sweeper")
    try:
        yield
    finally:
        sweeping.cancel()
        await asyncio.gather(sweeping, return_exceptions=True)


@contextmanager
def _stopping(stop: asyncio.Event) -> Iterator[None]:
    """Set `stop` at the first SIGTERM or SIGINT; a second one ends the process at once."""
    loop = asyncio.get_running_loop()

    def on_signal(number: int) -> None:
        if stop.is_set():
            os._exit(128 + number)
        log.info("%s: draining", signal.Signals(number).name)
        stop.set()

    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, on_signal, number)
    try:
        yield
    finally:
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)


def _own_name() -> str:
    return f"{socket.gethostname()}/{os.getpid()}"
