"""One invocation of a Lambda function: what it is given is answered, deferred or handed back before its end."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import timedelta
from logging import getLogger
from typing import Any, NamedTuple

from autocloudops.cancelling import cancel
from autocloudops.entrypoints.service import Service
from autocloudops.errors import ServiceFailed, SettingsInvalid
from autocloudops.pipeline import Asking, Pipeline, Shift
from autocloudops.queue.client import BATCH, Delivery, QueueClient
from autocloudops.queue.endings import Ending, Later, Park, patient

log = getLogger(__name__)

AT_ONCE = Later(after_seconds=0)
PARTS = (1.0, 0.5, 0.3, 0.1)
"""How much of the margin is left at each end."""


class Times(NamedTuple):
    """The ends of an invocation, in seconds of the event loop's clock.

    No model's answer is waited for after `answers`, and no question begins. Handlers are cancelled at `handlers`, and
    have until `handing_back` to give back what they hold. Whatever else there is to do is left at `all`.
    """

    answers: float
    handlers: float
    handing_back: float
    all: float


def times(now: float, left_seconds: float, margin_seconds: float) -> Times:
    """Return the ends of an invocation: answers may take until the margin, and everything else a part of it.

    Args:
        now: seconds of the event loop's clock.
        left_seconds: until Lambda ends the invocation.
        margin_seconds: what is kept for deciding, deferring and handing back.

    Raises:
        SettingsInvalid: there is nothing left but the margin.
    """
    if left_seconds <= margin_seconds:
        raise SettingsInvalid(
            f"AUTOCLOUDOPS_LAMBDA_MARGIN_SECONDS: {margin_seconds:g} s of {left_seconds:g} s are left for no work",
            "raise the function's timeout",
        )
    end = now + left_seconds
    return Times(*(end - margin_seconds * part for part in PARTS))


Handle = Callable[[Delivery], Awaitable[Ending]]


class Invocation:
    """What one invocation does with a service that outlives it.

    Args:
        service: takes alarms to decisions.
        queue: where messages are handed back or parked.
        name: who asks, written into the lease of an incident.
        ends: when what must be over.
        retry: how long a question that got no answer is deferred.
    """

    def __init__(self, service: Service, queue: QueueClient, name: str, ends: Times, retry: timedelta) -> None:
        self._queue = queue
        self._ends = ends
        self._rooms = service.rooms
        self._measure = service.measure
        clock = service.rooms.clock
        shift = Shift(clock.now() + timedelta(seconds=_seconds_until(ends.answers)), retry)
        self._asking = Asking(service.rooms, service.investigator, name, shift)
        self._pipeline = Pipeline(service.rooms, self._asking, service.gatekeeper)

    async def answer(self, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        """Return the alarms of a batch that must come again; of every other one the record is durable.

        Raises:
            AuditConflict: the audit holds somebody else's bytes; what could not be kept was handed back.
        """
        return await self._answered(deliveries, self._pipeline.handle)

    async def follow(self, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        """Return the follow-ups of a batch that must come again: where nothing acts, all of them.

        Raises:
            AuditConflict: the audit holds somebody else's bytes; what could not be kept was handed back.
        """
        acting = self._rooms.acting
        return await self._answered(deliveries, acting.handle) if acting else deliveries

    async def _answered(self, deliveries: Sequence[Delivery], handle: Handle) -> Sequence[Delivery]:
        tasks = [asyncio.create_task(self._ending(each, handle), name=str(each)) for each in deliveries]
        await self._until_over(tasks)
        ended = [(delivery, _left(task, delivery)) for delivery, task in zip(deliveries, tasks, strict=True)]
        back = [(delivery, later.after_seconds) for delivery, later in ended if later]
        await self._within(self._hand_back(back))
        await self._within(self._rooms.audit.flush())
        return [delivery for delivery, _ in back]

    async def sweep(self) -> None:
        """Finish what other invocations left behind, and ask what was deferred until now.

        Raises:
            ServiceFailed: the state cannot be read.
            AuditConflict: the audit holds somebody else's bytes.
        """
        sweeping = asyncio.create_task(self._swept(), name="sweep")
        await self._until_over([sweeping])
        try:
            await self._within(self._rooms.audit.flush())
        finally:
            _raise_what_failed(sweeping)

    async def _swept(self) -> None:
        if self._measure:
            await self._measure()
        await self._asking.sweep()
        if self._rooms.acting:
            await self._rooms.acting.sweep()

    async def _ending(self, delivery: Delivery, handle: Handle) -> Later | None:
        """Return when a message must come again, or None where it is answered for."""
        try:
            ending = await handle(delivery)
            if isinstance(ending, Park):
                await self._queue.park(delivery, ending.code, ending.reason)
        except ServiceFailed as error:
            log.warning("%s comes back later: %s", delivery, error)
            return patient(delivery)
        except Exception:
            log.exception("%s comes back later", delivery)
            return patient(delivery)
        return ending if isinstance(ending, Later) else None

    async def _until_over(self, tasks: Collection[asyncio.Task[Any]]) -> None:
        """Let tasks run until handlers must end; what is cancelled then may still give back what it holds.

        None runs on into the next invocation, where nobody would hear of it.
        """
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=_seconds_until(self._ends.handlers))
        for task in await cancel(late, _seconds_until(self._ends.handing_back)):
            log.error("%s does not end", task.get_name())

    async def _hand_back(self, back: Sequence[tuple[Delivery, int]]) -> None:
        """Let messages come back when they are worth another try; without this, when their visibility ends."""
        by_time: defaultdict[int, list[Delivery]] = defaultdict(list)
        for delivery, after_seconds in back:
            by_time[after_seconds].append(delivery)
        for after_seconds, deliveries in by_time.items():
            for start in range(0, len(deliveries), BATCH):
                await self._release(deliveries[start : start + BATCH], after_seconds)

    async def _release(self, deliveries: Sequence[Delivery], after_seconds: int) -> None:
        try:
            refused = await self._queue.release(deliveries, after_seconds)
        except ServiceFailed as error:
            log.warning("messages wait for their visibility timeout: %s", error)
            return
        for each in refused:
            log.warning("%s waits for its visibility timeout: %s", each.delivery, each.code)

    async def _within(self, work: Awaitable[None]) -> None:
        """Finish what is left while there is time."""
        try:
            async with asyncio.timeout_at(self._ends.all):
                await work
        except TimeoutError:
            log.warning("no time is left for %s", getattr(work, "__qualname__", work))


def _raise_what_failed(sweeping: asyncio.Task[None]) -> None:
    if not sweeping.done() or sweeping.cancelled():
        log.warning("the sweep took too long: the next one goes on")
    else:
        sweeping.result()


def _left(task: asyncio.Task[Later | None], delivery: Delivery) -> Later | None:
    """Return when a message must come again; one is patient that was not cancelled from here, or it came for ever."""
    if not task.done() or (task.cancelled() and task.cancelling()):
        return AT_ONCE
    return patient(delivery) if task.cancelled() else task.result()


def _seconds_until(end: float) -> float:
    return max(0.0, end - asyncio.get_running_loop().time())
