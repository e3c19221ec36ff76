"""The receive loop: free slots ask for messages, and every message ends in one of three ways."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from logging import getLogger

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_random_exponential

from autocloudops.clock import Clock
from autocloudops.errors import AccessDenied, ServiceFailed, TargetMissing
from autocloudops.queue.acknowledger import Acknowledger
from autocloudops.queue.client import Delivery, QueueClient
from autocloudops.values import Value

log = getLogger(__name__)

FIRST_PATIENCE_SECONDS = 30
LONGEST_PATIENCE_SECONDS = 1_800
MOST_FAILURES = 10


class Done(Value):
    """The message is answered for: delete it."""


class Later(Value):
    """The message cannot be finished now: deliver it again after a while."""

    after_seconds: int


class Park(Value):
    """The message can never be read: move it to the dead-letter queue."""

    code: str
    reason: str


Ending = Done | Later | Park
Handler = Callable[[Delivery], Awaitable[Ending]]


class Limits(Value):
    """How much the consumer holds at once, and how long it may take to stop.

    `drain_seconds` is below ECS's `stopTimeout` (30 s unless the task definition says otherwise).
    """

    concurrency: int = 64
    drain_seconds: float = 25.0
    longest_pause_seconds: float = 30.0


class Consumer:
    """Receives while there are free slots, hands each message to `handler`, and makes its ending true.

    While handlers fail because a service of theirs is down, it receives one message at a time with growing pauses.

    Args:
        queue: where messages come from.
        handler: says how a message ends; what it raises makes the message come back later.
        clock: time for back-off and draining.
        limits: how much at once, how long to stop.
    """

    def __init__(self, queue: QueueClient, handler: Handler, clock: Clock, limits: Limits) -> None:
        self._queue = queue
        self._handler = handler
        self._clock = clock
        self._limits = limits
        self._running: dict[asyncio.Task[None], Delivery] = {}
        self._slot_freed = asyncio.Event()
        self._unwell = False
        self._failures = 0
        self.deletes = Acknowledger(queue.delete, clock, "sqs:DeleteMessage")
        self.releases = Acknowledger(partial(queue.release, after_seconds=0), clock, "sqs:ChangeMessageVisibility")

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set, then drain.

        Raises:
            AccessDenied, TargetMissing: the queue cannot be received from; nothing that waiting could mend.
        """
        deadline = asyncio.create_task(self._deadline(stop))
        try:
            while not stop.is_set():
                await self._receive_once(stop)
        finally:
            stop.set()
            await self._drain(deadline)
            deadline.cancel()

    async def _deadline(self, stop: asyncio.Event) -> None:
        """Return when draining has taken as long as it may, counted from `stop` and not from the end of a long poll."""
        await stop.wait()
        await self._clock.sleep(self._limits.drain_seconds)

    async def _receive_once(self, stop: asyncio.Event) -> None:
        free = self._limits.concurrency - len(self._running)
        if free <= 0:
            self._slot_freed.clear()
            await self._first_of(self._slot_freed.wait(), stop.wait())
            return
        if self._failures:
            free = 1
            await self._sleep_unless(stop, min(2.0**self._failures, self._limits.longest_pause_seconds))
        deliveries = await self._receive(free, stop)
        for delivery in deliveries:
            if stop.is_set():
                self.releases.add(delivery)
            else:
                self._start(delivery)

    async def _receive(self, free: int, stop: asyncio.Event) -> Sequence[Delivery]:
        """Receive once. A long poll is never aborted: SQS would still hand out messages to it, and strand them."""
        retrying = AsyncRetrying(
            retry=retry_if_exception(_may_pass),
            wait=wait_random_exponential(multiplier=0.5, max=self._limits.longest_pause_seconds),
            stop=lambda _: stop.is_set(),
            sleep=partial(self._sleep_unless, stop),
            before_sleep=self._say_unwell,
            retry_error_callback=lambda _: (),
        )
        deliveries: Sequence[Delivery] = await retrying(self._queue.receive, free)
        if self._unwell and not stop.is_set():
            log.warning("receiving again")
            self._unwell = False
        return deliveries

    async def _sleep_unless(self, stop: asyncio.Event, seconds: float) -> None:
        await self._first_of(self._clock.sleep(seconds), stop.wait())

    def _say_unwell(self, state: RetryCallState) -> None:
        if not self._unwell:
            log.error("receiving fails, trying on: %s", state.outcome.exception() if state.outcome else "")
        self._unwell = True

    def _start(self, delivery: Delivery) -> None:
        task = asyncio.create_task(self._finish(delivery), name=f"message {delivery.message_id}")
        self._running[task] = delivery
        task.add_done_callback(self._free_slot)

    def _free_slot(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        self._slot_freed.set()

    async def _finish(self, delivery: Delivery) -> None:
        try:
            await self._end(delivery, await self._handler(delivery))
            self._failures = 0
        except ServiceFailed as error:
            self._failures = min(self._failures + 1, MOST_FAILURES)
            log.warning("message %s comes back later: %s", delivery.message_id, error)
            await self._postpone(delivery, _patient(delivery))
        except Exception:
            log.exception("message %s comes back later", delivery.message_id)
            await self._postpone(delivery, _patient(delivery))

    async def _end(self, delivery: Delivery, ending: Ending) -> None:
        match ending:
            case Done():
                self.deletes.add(delivery)
            case Later():
                await self._postpone(delivery, ending)
            case Park(code=code, reason=reason):
                await self._queue.park(delivery, code, reason)
                self.deletes.add(delivery)

    async def _postpone(self, delivery: Delivery, ending: Later) -> None:
        try:
            await self._queue.release([delivery], ending.after_seconds)
        except ServiceFailed as error:
            log.warning("message %s waits for its visibility timeout: %s", delivery.message_id, error)

    async def _drain(self, deadline: asyncio.Task[None]) -> None:
        """Let handlers finish until the deadline, hand back what they could not, and send every acknowledgement."""
        if self._running:
            log.info("draining: %d messages in flight", len(self._running))
            while self._running and not deadline.done():
                await asyncio.wait({deadline, *self._running}, return_when=asyncio.FIRST_COMPLETED)
        for task, delivery in list(self._running.items()):
            task.cancel()
            self.releases.add(delivery)
        await asyncio.gather(*self._running, return_exceptions=True)
        await self.releases.flush()
        await self.deletes.flush()

    @staticmethod
    async def _first_of(*awaitables: Awaitable[object]) -> None:
        tasks = [asyncio.ensure_future(each) for each in awaitables]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()


def _patient(delivery: Delivery) -> Later:
    """Wait longer each time, so that an outage of hours does not use up the receives before the dead-letter queue."""
    doubled = FIRST_PATIENCE_SECONDS * 2 ** min(delivery.receive_count - 1, MOST_FAILURES)
    return Later(after_seconds=min(doubled, LONGEST_PATIENCE_SECONDS))


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, ServiceFailed) and not isinstance(error, AccessDenied | TargetMissing)
