"""Receiving: as many long polls as there is room and need for, and none that is aborted."""

import asyncio
from collections.abc import Sequence
from logging import getLogger
from random import uniform
from typing import Protocol

from autocloudops.clock import Clock
from autocloudops.errors import AccessDenied, ServiceFailed, ServiceUnavailable, TargetMissing
from autocloudops.queue.client import BATCH, Delivery, QueueClient
from autocloudops.queue.setbacks import Setbacks
from autocloudops.queue.turning import Turning

log = getLogger(__name__)

MOST_POLLS = 8
LONGEST_POLL_SECONDS = 60.0


class Demand(Protocol):
    """Who wants messages."""

    @property
    def room(self) -> int:
        """How many more messages may be held."""
        ...

    @property
    def least(self) -> int:
        """How many make a call worth its price."""
        ...

    @property
    def pause_seconds(self) -> float:
        """How long to hold back before asking for a single message, because handlers fail; 0 while they do not."""
        ...

    def take(self, deliveries: Sequence[Delivery], sent_at: float) -> None:
        """Hold what a poll brought that was sent at `sent_at`."""
        ...


class Receiver:
    """Keeps polls under way while there is demand.

    A full answer makes room for one more poll at a time, at most 8; an empty one goes back to one, so that an idle
    queue costs one long poll at a time. A poll is never aborted, because SQS would still hand out messages to it and
    strand them; only one that gives no answer for a minute, three long polls of SQS, is given up.

    Args:
        queue: where messages come from.
        demand: who wants them.
        turning: says when to look at the demand again.
        clock: time for leases and pauses.
        lease_seconds: how long each receive hides a message from others.
        longest_pause_seconds: between two attempts while receiving or handling fails.
    """

    def __init__(
        self,
        queue: QueueClient,
        demand: Demand,
        turning: Turning,
        clock: Clock,
        lease_seconds: int,
        longest_pause_seconds: float,
    ) -> None:
        self._queue = queue
        self._demand = demand
        self._turning = turning
        self._clock = clock
        self._lease_seconds = lease_seconds
        self._longest_pause_seconds = longest_pause_seconds
        self._polls: dict[asyncio.Task[None], float] = {}
        self._asked = 0
        self._wanted = 1
        self._setbacks = Setbacks(clock)
        self.trouble: str | None = None
        self.turns = 0
        self._turned_at: float | None = None
        self._received_at = float("-inf")

    @property
    def polls(self) -> int:
        """How many polls are under way."""
        return len(self._polls)

    @property
    def turned_seconds_ago(self) -> float:
        """How long ago the loop looked for work; 0 before the first time."""
        return 0.0 if self._turned_at is None else self._clock.monotonic() - self._turned_at

    @property
    def unanswered_seconds(self) -> float:
        """How long the polls under way have waited while SQS answered none; 0 where none is under way."""
        if not self._polls:
            return 0.0
        return self._clock.monotonic() - max(self._received_at, min(self._polls.values()))

    async def run(self, stop: asyncio.Event) -> None:
        """Receive until `stop` is set.

        Raises:
            AccessDenied, TargetMissing: nothing that waiting could mend.
        """
        stopping = asyncio.create_task(stop.wait())
        stopping.add_done_callback(lambda _: self._turning.wake())
        try:
            while not stop.is_set():
                await self._turn(stopping)
        finally:
            stopping.cancel()

    async def finish(self, deadline: asyncio.Task[None]) -> None:
        """Return when every poll has been answered; at the deadline those are given up that were not."""
        while self._polls and not deadline.done():
            await asyncio.wait({deadline, *self._polls}, return_when=asyncio.FIRST_COMPLETED)
        for poll in self._polls:
            poll.cancel()
        await asyncio.gather(*self._polls, return_exceptions=True)

    async def _turn(self, stopping: asyncio.Task[bool]) -> None:
        self.turns += 1
        self._turned_at = self._clock.monotonic()
        pause_seconds = self._pause_seconds()
        if not pause_seconds:
            self._poll_as_needed()
        elif not self._polls and self._demand.room > 0:
            if not await self._rested(pause_seconds, stopping):
                return
            self._poll(1)
        await self._turning.wait()

    def _poll_as_needed(self) -> None:
        while len(self._polls) < self._wanted:
            room = self._demand.room - self._asked
            if room < self._demand.least:
                return
            self._poll(min(room, BATCH))

    def _pause_seconds(self) -> float:
        setbacks = self._setbacks.count
        own = uniform(0.25, 1) * 2**setbacks if setbacks else 0.0  # noqa: S311 - parts workers, no secret
        return min(max(own, self._demand.pause_seconds), self._longest_pause_seconds)

    async def _rested(self, seconds: float, stopping: asyncio.Task[bool]) -> bool:
        """Hold back so long, and return whether that was needed to the end: not if nothing fails any more."""
        resting = asyncio.create_task(self._clock.sleep(seconds))
        resting.add_done_callback(lambda _: self._turning.wake())
        try:
            while not resting.done():
                await self._turning.wait()
                if stopping.done() or not self._pause_seconds():
                    return False
        finally:
            resting.cancel()
        return True

    def _poll(self, limit: int) -> None:
        self._asked += limit
        task = asyncio.create_task(self._received(limit))
        self._polls[task] = self._clock.monotonic()
        task.add_done_callback(lambda ended: self._ended(ended, limit))

    def _ended(self, task: asyncio.Task[None], limit: int) -> None:
        del self._polls[task]
        self._asked -= limit
        self._turning.end_with(task)
        self._turning.wake()

    async def _received(self, limit: int) -> None:
        sent_at = self._clock.monotonic()
        try:
            async with asyncio.timeout(LONGEST_POLL_SECONDS):
                deliveries = await self._queue.receive(limit, self._lease_seconds)
        except (AccessDenied, TargetMissing):
            raise
        except ServiceFailed as error:
            self._failed(error, sent_at)
        except TimeoutError:
            silent = ServiceUnavailable("sqs:ReceiveMessage", "queue", "a poll was not answered for a minute")
            self._failed(silent, sent_at)
        else:
            self._succeeded(len(deliveries), limit)
            self._demand.take(deliveries, sent_at)

    def _succeeded(self, count: int, limit: int) -> None:
        self._received_at = self._clock.monotonic()
        if self.trouble:
            log.warning("receiving again")
        self.trouble = None
        self._setbacks.succeeded()
        if count == 0:
            self._wanted = 1
        elif count >= limit:
            self._wanted = min(self._wanted + 1, MOST_POLLS)

    def _failed(self, error: ServiceFailed, sent_at: float) -> None:
        if not self.trouble:
            log.error("receiving fails, trying on: %s", error)
        self.trouble = str(error)
        self._setbacks.failed(sent_at)
        self._wanted = 1
