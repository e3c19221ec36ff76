"""Acknowledgements in batches, each entry's success checked."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from logging import getLogger

from autocloudops.clock import Clock
from autocloudops.errors import ServiceFailed
from autocloudops.queue.client import BATCH, Delivery, Refused
from autocloudops.queue.leases import Lease, Leases
from autocloudops.queue.turning import Turning

log = getLogger(__name__)

LINGER_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0

Call = Callable[[Sequence[Delivery], int], Awaitable[Sequence[Refused]]]


class Acknowledger:
    """Collects leases that end the same way: a full batch goes at once, a part of one within 0.2 s.

    A message whose entry failed is tried again for as long as its lease lasts, unless SQS says that its receipt is no
    longer good. What fails in the end is delivered once more, which the state table recognises.

    Args:
        call: the batched call; it returns the messages for which it failed.
        leases: what is held; a lease is renewed while it waits here, and not while its call is under way.
        clock: time for lingering and backing off.
        name: what the call does, for the log.
        turning: turns the receive loop when a batch was answered.
    """

    def __init__(self, call: Call, leases: Leases, clock: Clock, name: str, turning: Turning) -> None:
        self._call = call
        self._leases = leases
        self._clock = clock
        self._name = name
        self._turning = turning
        self._waiting: dict[int, list[Lease]] = {}
        self._any = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self.done = 0
        self.failing = 0
        self.failed = 0

    def add(self, lease: Lease, seconds: int = 0) -> None:
        """Take a lease along in the next batch, of those with the same `seconds`."""
        waiting = self._waiting.setdefault(seconds, [])
        waiting.append(lease)
        if len(waiting) >= BATCH:
            self._send(self._waiting.pop(seconds), seconds)
        elif not self._any.is_set():
            self._any.set()

    async def run(self) -> None:
        """Send what lingers until cancelled."""
        while True:
            await self._any.wait()
            await self._clock.sleep(LINGER_SECONDS)
            self._send_all()

    async def flush(self, most_seconds: float) -> None:
        """Send what waits, and return when every batch has been answered, or given up after `most_seconds`."""
        self._send_all()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=most_seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _send_all(self) -> None:
        self._any.clear()
        while self._waiting:
            seconds, batch = self._waiting.popitem()
            self._send(batch, seconds)

    def _send(self, batch: Sequence[Lease], seconds: int) -> None:
        task = asyncio.create_task(self._until_done(batch, seconds))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._turning.end_with(task)

    async def _until_done(self, batch: Sequence[Lease], seconds: int) -> None:
        left: Sequence[Lease] = batch
        pause_seconds = LINGER_SECONDS
        try:
            await asyncio.sleep(0)  # what a free slot begins goes first: a call takes a millisecond of CPU
            while left := await self._attempt(left, seconds):
                pause_seconds = min(pause_seconds * 2, LONGEST_PAUSE_SECONDS)
                left = await self._held_after(left, pause_seconds)
                if not left:
                    break
        except asyncio.CancelledError:
            self._give_up(left)
            raise
        self._turning.wake()

    async def _held_after(self, left: Sequence[Lease], pause_seconds: float) -> Sequence[Lease]:
        """Pause, and return what is still held then: the receipt of the rest could take it from who has it by now."""
        self.failing += len(left)
        try:
            await self._clock.sleep(pause_seconds)
        finally:
            self.failing -= len(left)
        expired = [lease for lease in left if self._leases.expired(lease)]
        self._give_up(expired)
        return [lease for lease in left if lease not in expired]

    async def _attempt(self, batch: Sequence[Lease], seconds: int) -> Sequence[Lease]:
        """Make one call, and return what is to be tried again."""
        await self._leases.leave(batch)
        deliveries = [lease.delivery for lease in batch]
        try:
            refused = await self._call(deliveries, seconds)
        except ServiceFailed as error:
            self._say(error)
            refused = [Refused(delivery, type(error).__name__) for delivery in deliveries]
        if not refused:
            return self._all_done(batch)
        return self._sort(batch, {each.delivery.receipt: each for each in refused})

    def _all_done(self, batch: Sequence[Lease]) -> Sequence[Lease]:
        self.done += len(batch)
        for lease in batch:
            self._leases.drop(lease)
        return ()

    def _sort(self, batch: Sequence[Lease], refused: dict[str, Refused]) -> Sequence[Lease]:
        """Part what is done from what failed for good, and return the rest, whose leases are renewed again."""
        failed = [lease for lease in batch if lease.delivery.receipt in refused]
        self._all_done([lease for lease in batch if lease.delivery.receipt not in refused])
        lasting = [lease for lease in failed if refused[lease.delivery.receipt].lasting or self._leases.expired(lease)]
        self._give_up(lasting)
        again = [lease for lease in failed if lease not in lasting]
        for lease in again:
            self._leases.stay(lease)
        return again

    def _give_up(self, batch: Sequence[Lease]) -> None:
        self.failed += len(batch)
        for lease in batch:
            self._leases.drop(lease)
            log.error("%s failed for %s and SQS will deliver it again", self._name, lease.delivery)

    def _say(self, error: ServiceFailed) -> None:
        log.warning("%s", error)
        self._turning.fail_unless_it_may_pass(error)
