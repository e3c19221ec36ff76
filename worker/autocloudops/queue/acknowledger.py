"""Acknowledgements in batches, each entry's success checked."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from logging import getLogger

from autocloudops.clock import Clock
from autocloudops.errors import ServiceFailed
from autocloudops.queue.client import BATCH, Delivery

log = getLogger(__name__)

LINGER_SECONDS = 0.2
ATTEMPTS = 4

Call = Callable[[Sequence[Delivery]], Awaitable[Sequence[Delivery]]]


class Acknowledger:
    """Collects deliveries for one batched call: a full batch goes at once, a part of one after 0.2 s.

    A delivery whose entry failed is tried again; after the last attempt SQS will deliver it once more, which the state
    table recognises.

    Args:
        call: the batched call; it returns the deliveries for which it failed.
        clock: time for lingering and backing off.
        name: what the call does, for the log.
    """

    def __init__(self, call: Call, clock: Clock, name: str) -> None:
        self._call = call
        self._clock = clock
        self._name = name
        self._waiting: list[Delivery] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.Task[None] | None = None
        self.done = 0
        self.failed = 0

    def add(self, delivery: Delivery) -> None:
        """Take a delivery along in the next batch."""
        self._waiting.append(delivery)
        if len(self._waiting) >= BATCH:
            self._send()
        elif self._timer is None:
            self._timer = asyncio.create_task(self._linger())

    async def flush(self) -> None:
        """Send what waits, and return when every batch has been answered."""
        self._send()
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _linger(self) -> None:
        await self._clock.sleep(LINGER_SECONDS)
        self._timer = None
        self._send()

    def _send(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting:
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            task = asyncio.create_task(self._until_done(batch))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _until_done(self, batch: Sequence[Delivery]) -> None:
        left = batch
        for attempt in range(ATTEMPTS):
            if attempt:
                await self._clock.sleep(LINGER_SECONDS * 2**attempt)
            left = await self._attempt(left)
            if not left:
                break
        self.done += len(batch) - len(left)
        self.failed += len(left)
        if left:
            log.error("%s failed for %d messages; SQS will deliver them again", self._name, len(left))

    async def _attempt(self, batch: Sequence[Delivery]) -> Sequence[Delivery]:
        try:
            return await self._call(batch)
        except ServiceFailed as error:
            log.warning("%s", error)
            return batch
