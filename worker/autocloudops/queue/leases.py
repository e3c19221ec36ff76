"""The table of what this worker holds, and the one heartbeat that keeps it hidden from other workers.

Facts: a message becomes visible again when its visibility timeout ends, 12 hours after it was received at the latest
(Amazon SQS Developer Guide, "Amazon SQS visibility timeout").
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from logging import getLogger

from autocloudops.clock import Clock
from autocloudops.errors import ServiceFailed, ServiceUnavailable
from autocloudops.queue.client import BATCH, Delivery, Refused
from autocloudops.queue.turning import Turning

log = getLogger(__name__)

LONGEST_SECONDS = 43_200
BEATS = 12
BEATS_PER_CALL = 2
"""A renewal that hangs for longer is given up: the next one may still be in time."""
LONGEST_PAUSE_SECONDS = 15.0
RENEW_BELOW = 1 / 2
BEGIN_ABOVE = 1 / 3
LOST = "the lease of its message was lost"

Extend = Callable[[Sequence[Delivery], int], Awaitable[Sequence[Refused]]]


@dataclass(slots=True, eq=False)
class Lease:
    """One message in hand.

    `since` is just before the receive was sent that brought it, and `until` is counted from just before the call that
    set it: SQS hides the message at least that long. `beat` is the renewal under way, `leaving` says that a call is
    under way which ends the lease, `task` is told when the lease is lost.
    """

    delivery: Delivery
    since: float
    until: float
    task: asyncio.Task[None] | None = None
    beat: asyncio.Task[None] | None = None
    leaving: bool = False
    lost: bool = False


class Leases:
    """Everything that is held: waiting for a slot, in a handler, or waiting to be acknowledged.

    A lease that has less than half of its time left is renewed, in batches of 10, at every beat until it worked: five
    attempts or more. One that would be hidden for longer than 12 hours is not. A lease that will end before the next
    beat counts as lost: its handler stops before another worker can get the message.

    Args:
        extend: the batched call; it returns the messages for which it failed.
        clock: time for the heartbeat.
        seconds: how long each receive and each renewal hides a message.
        turning: turns the receive loop at every beat.
    """

    def __init__(self, extend: Extend, clock: Clock, seconds: int, turning: Turning) -> None:
        self._extend = extend
        self._clock = clock
        self._seconds = seconds
        self._turning = turning
        self._pause_seconds = min(seconds / BEATS, LONGEST_PAUSE_SECONDS)
        self._held: dict[str, Lease] = {}
        self._beats: set[asyncio.Task[None]] = set()
        self._unwell = False
        self.lost = 0

    def __len__(self) -> int:
        return len(self._held)

    def oldest_seconds(self) -> float:
        """Return how long the message that was received first has been held."""
        now = self._clock.monotonic()
        return max((now - lease.since for lease in self._held.values()), default=0.0)

    def take(self, deliveries: Iterable[Delivery], sent_at: float) -> list[Lease]:
        """Hold what a receive brought, and return what was not held yet.

        SQS delivers at least once. Another copy of a message that is held here renews its lease and brings the receipt
        that the deletion needs: only the newest one is sure to delete.

        Args:
            deliveries: what the receive brought.
            sent_at: the clock just before the receive was sent.
        """
        taken: list[Lease] = []
        for delivery in deliveries:
            held = self._held.get(delivery.message_id)
            if held is not None and not held.leaving:
                held.delivery, held.until = delivery, sent_at + self._seconds
                continue
            lease = Lease(delivery, sent_at, sent_at + self._seconds)
            self._held[delivery.message_id] = lease
            taken.append(lease)
        return taken

    def may_begin(self, lease: Lease) -> bool:
        """Return whether a message that waited for a slot may still be handled: not one whose renewals fail."""
        return not lease.lost and lease.until - self._clock.monotonic() > self._seconds * BEGIN_ABOVE

    def expired(self, lease: Lease) -> bool:
        """Return whether others may have the message by now."""
        return lease.lost or self._clock.monotonic() >= lease.until

    def drop(self, lease: Lease) -> None:
        """Hold it no more."""
        if self._held.get(lease.delivery.message_id) is lease:
            del self._held[lease.delivery.message_id]

    async def leave(self, leases: Collection[Lease]) -> None:
        """Renew these no more, and return once no renewal of them is under way: what comes next has the last word."""
        for lease in leases:
            lease.leaving = True
        while beats := {lease.beat for lease in leases if lease.beat}:
            await asyncio.wait(beats)

    def stay(self, lease: Lease) -> None:
        """Renew it again: the call that was to end it failed."""
        lease.leaving = False

    async def run(self) -> None:
        """Renew what is held until cancelled."""
        while True:
            await self._clock.sleep(self._pause_seconds)
            self._beat()
            self._turning.wake()

    async def close(self) -> None:
        """Abandon renewals that are under way."""
        for beat in self._beats:
            beat.cancel()
        await asyncio.gather(*self._beats, return_exceptions=True)

    def _beat(self) -> None:
        now = self._clock.monotonic()
        staying = [lease for lease in self._held.values() if not lease.leaving]
        for lease in staying:
            if now + self._pause_seconds >= lease.until:
                self._lose(lease)
        due = [lease for lease in staying if self._due(lease, now)]
        for start in range(0, len(due), BATCH):
            self._renew(due[start : start + BATCH])

    def _due(self, lease: Lease, now: float) -> bool:
        waits = not lease.lost and lease.beat is None and lease.until - now <= self._seconds * RENEW_BELOW
        return waits and now + self._seconds <= lease.since + LONGEST_SECONDS

    def _renew(self, batch: Sequence[Lease]) -> None:
        task = asyncio.create_task(self._renewed(batch))
        self._beats.add(task)
        for lease in batch:
            lease.beat = task
        task.add_done_callback(lambda ended: self._ended(ended, batch))

    def _ended(self, task: asyncio.Task[None], batch: Sequence[Lease]) -> None:
        self._beats.discard(task)
        self._turning.end_with(task)
        for lease in batch:
            lease.beat = None

    async def _renewed(self, batch: Sequence[Lease]) -> None:
        sent_at = self._clock.monotonic()
        deliveries = [lease.delivery for lease in batch]
        try:
            async with asyncio.timeout(self._pause_seconds * BEATS_PER_CALL):
                refused = await self._extend(deliveries, self._seconds)
        except TimeoutError:
            self._say(ServiceUnavailable("sqs:ChangeMessageVisibility", "renewing leases", "no answer"))
            return
        except ServiceFailed as error:
            self._say(error)
            return
        self._unwell = False
        lasting = {each.delivery.receipt: each.lasting for each in refused}
        for lease, delivery in zip(batch, deliveries, strict=True):
            self._answer(lease, delivery, sent_at, lasting.get(delivery.receipt))

    def _answer(self, lease: Lease, delivery: Delivery, sent_at: float, refused_for_good: bool | None) -> None:
        """Take one entry's answer to heart, unless a newer receipt came meanwhile."""
        if lease.delivery is not delivery:
            return
        if refused_for_good is None:
            lease.until = sent_at + self._seconds
        elif refused_for_good:
            self._lose(lease)

    def _say(self, error: ServiceFailed) -> None:
        self._turning.fail_unless_it_may_pass(error)
        if not self._unwell:
            log.error("renewing leases fails, trying on: %s", error)
        self._unwell = True

    def _lose(self, lease: Lease) -> None:
        """Hold it no more, and stop whoever handles it: another worker may have the message by now."""
        if lease.lost:
            return
        lease.lost = True
        self.lost += 1
        self.drop(lease)
        log.warning("%s has lost its lease", lease.delivery)
        if lease.task:
            lease.task.cancel(LOST)
