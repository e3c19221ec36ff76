"""Handler slots, and the small buffer before them."""

import asyncio
from collections import deque
from collections.abc import Sequence
from logging import getLogger

from autocloudops.cancelling import cancel
from autocloudops.clock import Clock
from autocloudops.errors import ServiceFailed
from autocloudops.queue.client import BATCH, Delivery
from autocloudops.queue.endings import Handler
from autocloudops.queue.finishing import Finisher
from autocloudops.queue.leases import Lease, Leases
from autocloudops.queue.setbacks import Setbacks
from autocloudops.queue.turning import Turning

log = getLogger(__name__)

BUFFERED_SECONDS = 1.0
UNACKNOWLEDGED = 500
REMEMBERED = 32


class Slots:
    """Runs up to `concurrency` handlers, and keeps at hand what they will begin within a second.

    The buffer spares a slot the wait for a receive: holding slots while polls are out costs a fifth of the throughput
    of handlers of 50 ms (measured). It never holds more messages than there are slots, and none before the first
    handler has shown how long it takes: what waits behind slow handlers is better off with another worker.

    Args:
        handler: says how a message ends.
        finisher: makes it true.
        leases: what is held.
        clock: time for measuring handlers.
        concurrency: how many handlers run at once.
        turning: turns the receive loop when a slot became free.
    """

    def __init__(
        self,
        handler: Handler,
        finisher: Finisher,
        leases: Leases,
        clock: Clock,
        concurrency: int,
        turning: Turning,
    ) -> None:
        self._handler = handler
        self._finisher = finisher
        self._leases = leases
        self._clock = clock
        self._concurrency = concurrency
        self._turning = turning
        self._running: dict[asyncio.Task[None], Lease] = {}
        self._buffer: deque[Lease] = deque()
        self._buffer_places = 0
        self._mean_seconds: float | None = None
        self._setbacks = Setbacks(clock)
        self._open = True

    @property
    def running(self) -> int:
        """How many handlers run."""
        return len(self._running)

    @property
    def room(self) -> int:
        """How many more messages may be held; acknowledgements that pile up leave none."""
        places = self._concurrency + self._buffer_places
        return min(
            places - len(self._running) - len(self._buffer),
            self._concurrency + UNACKNOWLEDGED - len(self._leases),
        )

    @property
    def least(self) -> int:
        """How many make a receive worth its price: a batch, where the buffer keeps the slots busy meanwhile."""
        return min(BATCH, max(1, self._buffer_places))

    @property
    def pause_seconds(self) -> float:
        """How long to hold back because handlers fail."""
        return 2.0**self._setbacks.count if self._setbacks.count else 0.0

    def take(self, deliveries: Sequence[Delivery], sent_at: float) -> None:
        """Begin what came, or let it wait for a slot."""
        for lease in self._leases.take(deliveries, sent_at):
            if self._open and len(self._running) < self._concurrency:
                self._start_if_fresh(lease)
            else:
                self._buffer.append(lease)

    def close(self) -> None:
        """Begin nothing any more."""
        self._open = False

    def hand_back_buffer(self) -> None:
        """Hand back what was not begun."""
        while self._buffer:
            self._finisher.hand_back(self._buffer.popleft())

    async def finish(self, deadline: asyncio.Task[None], most_seconds: float) -> None:
        """Return when every handler has ended; those that still run at the deadline are cancelled.

        Args:
            deadline: ends when handlers are to be cancelled.
            most_seconds: how long they may take then to give back what they hold; their messages go back in any case.
        """
        while self._running and not deadline.done():
            await asyncio.wait({deadline, *self._running}, return_when=asyncio.FIRST_COMPLETED)
        for task in await cancel(list(self._running), most_seconds, "the worker stops"):
            lease = self._running[task]
            log.error("%s goes back, although its handler does not end", lease.delivery)
            self._finisher.hand_back(lease)

    def _start(self, lease: Lease) -> None:
        task = asyncio.create_task(self._handle(lease))
        lease.task = task
        self._running[task] = lease
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        lease = self._running.pop(task)
        lease.task = None
        if task.cancelled():
            self._finisher.hand_back(lease)
        while self._open and self._buffer and len(self._running) < self._concurrency:
            self._start_if_fresh(self._buffer.popleft())
        self._turning.wake()

    def _start_if_fresh(self, lease: Lease) -> None:
        if self._leases.may_begin(lease):
            self._start(lease)
        else:
            self._finisher.hand_back(lease)

    async def _handle(self, lease: Lease) -> None:
        began = self._clock.monotonic()
        try:
            await self._finisher.end(lease, await self._handler(lease.delivery))
            self._setbacks.succeeded()
        except asyncio.CancelledError:
            if lease.task is None or lease.task.cancelling():
                raise
            log.warning("%s comes back later: something that it waited for was cancelled", lease.delivery)
            self._finisher.postpone_patiently(lease)
        except ServiceFailed as error:
            self._setbacks.failed(began)
            log.warning("%s comes back later: %s", lease.delivery, error)
            self._finisher.postpone_patiently(lease)
        except Exception:
            log.exception("%s comes back later", lease.delivery)
            self._finisher.postpone_patiently(lease)
        self._learn(self._clock.monotonic() - began)

    def _learn(self, seconds: float) -> None:
        """Keep a moving mean of how long handlers take, and let the buffer follow it."""
        mean = seconds if self._mean_seconds is None else self._mean_seconds
        self._mean_seconds = mean = mean + (seconds - mean) / REMEMBERED
        within_a_second = self._concurrency * BUFFERED_SECONDS / max(mean, 0.001)
        self._buffer_places = int(min(self._concurrency, within_a_second))
