"""The consumer: demand receives, leases are kept, and every message ends in one of three ways."""

import asyncio
from collections.abc import Coroutine, Sequence
from logging import getLogger

from autocloudops.cancelling import uninterrupted
from autocloudops.clock import Clock
from autocloudops.queue.acknowledger import Acknowledger
from autocloudops.queue.client import Delivery, QueueClient, Refused
from autocloudops.queue.endings import Done, Ending, Handler, Later, Park
from autocloudops.queue.finishing import Finisher
from autocloudops.queue.leases import Leases
from autocloudops.queue.receiver import Receiver
from autocloudops.queue.slots import Slots
from autocloudops.queue.turning import Turning
from autocloudops.values import Value

__all__ = ["Consumer", "ConsumerFacts", "Done", "Ending", "Handler", "Later", "Limits", "Park"]

log = getLogger(__name__)


class Limits(Value):
    """How much the consumer holds at once, and how long it may take to stop.

    `lease_seconds` is how long a message stays hidden from others after its receive or its last renewal: after a crash
    it comes back that much later. A stop takes `drain_seconds`, in which handlers may finish, `give_back_seconds` for
    those that have to be cancelled then, and `flush_seconds` for the last calls. All of it is below ECS's `stopTimeout`
    (30 s unless the task definition says otherwise), and `drain_seconds` is longer than the long poll.
    """

    concurrency: int = 64
    lease_seconds: int = 180
    drain_seconds: float = 18.0
    give_back_seconds: float = 2.0
    flush_seconds: float = 2.0
    longest_pause_seconds: float = 30.0


class ConsumerFacts(Value):
    """What a health check asks about.

    Args:
        turned_seconds_ago: since the receive loop last looked for work; every 30 s or more often.
        unanswered_seconds: how long receives have been under way of which SQS answered none.
        receiving_fails: the error with which receives fail at the moment.
        held: messages in hand: running, waiting for a slot, or waiting to be acknowledged.
        running: handlers at work.
        oldest_seconds: how long the message that came first has been held.
        lost_leases: messages that others may have got while they were held, since the start.
        failing_deletes: deletions that failed and are tried again.
        failed_deletes: deletions that were given up, since the start.
    """

    turned_seconds_ago: float
    unanswered_seconds: float
    receiving_fails: str | None
    held: int
    running: int
    oldest_seconds: float
    lost_leases: int
    failing_deletes: int
    failed_deletes: int


class Consumer:
    """Receives while there is room, hands each message to `handler`, and makes its ending true.

    While handlers fail because a service of theirs is down, it receives one message at a time with growing pauses.

    Args:
        queue: where messages come from.
        handler: says how a message ends; what it raises makes the message come back later. It is cancelled when the
            lease of its message is lost, or when the worker has to stop.
        clock: time for leases, back-off and draining.
        limits: how much at once, how long to stop.
    """

    def __init__(self, queue: QueueClient, handler: Handler, clock: Clock, limits: Limits) -> None:
        async def delete(deliveries: Sequence[Delivery], _: int) -> Sequence[Refused]:
            return await queue.delete(deliveries)

        self._clock = clock
        self._limits = limits
        self._turning = turning = Turning()
        self._leases = leases = Leases(queue.extend, clock, limits.lease_seconds, turning)
        self.deletes = Acknowledger(delete, leases, clock, "sqs:DeleteMessage", turning)
        self.releases = Acknowledger(queue.release, leases, clock, "sqs:ChangeMessageVisibility", turning)
        finisher = Finisher(queue, leases, self.deletes, self.releases)
        self._slots = Slots(handler, finisher, leases, clock, limits.concurrency, turning)
        self._receiver = Receiver(
            queue, self._slots, turning, clock, limits.lease_seconds, limits.longest_pause_seconds
        )

    @property
    def turns(self) -> int:
        """How often the receive loop has looked for work: what a `Watchdog` watches."""
        return self._receiver.turns

    def facts(self) -> ConsumerFacts:
        """Return how the consumer is."""
        return ConsumerFacts(
            turned_seconds_ago=self._receiver.turned_seconds_ago,
            unanswered_seconds=self._receiver.unanswered_seconds,
            receiving_fails=self._receiver.trouble,
            held=len(self._leases),
            running=self._slots.running,
            oldest_seconds=self._leases.oldest_seconds(),
            lost_leases=self._leases.lost,
            failing_deletes=self.deletes.failing,
            failed_deletes=self.deletes.failed,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set, then drain.

        Raises:
            AccessDenied, TargetMissing: the queue cannot be used; nothing that waiting could mend.
        """
        deadline = asyncio.create_task(self._deadline(stop))
        beside = [self._beside(each.run()) for each in (self._leases, self.deletes, self.releases)]
        try:
            await self._receiver.run(stop)
        finally:
            stop.set()
            await uninterrupted(self._end(deadline, beside))
        self._turning.check()

    def _beside(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Run `work` beside the receive loop, which ends if `work` fails."""
        task = asyncio.create_task(work)
        task.add_done_callback(self._turning.end_with)
        return task

    async def _deadline(self, stop: asyncio.Event) -> None:
        """Return when draining has taken as long as it may, counted from `stop` and not from the end of a long poll."""
        await stop.wait()
        await self._clock.sleep(self._limits.drain_seconds)

    async def _end(self, deadline: asyncio.Task[None], beside: Sequence[asyncio.Task[None]]) -> None:
        """Drain, and leave nothing behind that runs; whoever is cancelled meanwhile waits for it."""
        try:
            await self._drain(deadline)
        finally:
            for task in (deadline, *beside):
                task.cancel()
            await asyncio.gather(deadline, *beside, return_exceptions=True)

    async def _drain(self, deadline: asyncio.Task[None]) -> None:
        """End what is held: first receiving, so that nothing that is handed back comes here again."""
        self._slots.close()
        log.info("draining: %d messages in hand, %d polls under way", len(self._leases), self._receiver.polls)
        await self._receiver.finish(deadline)
        self._slots.hand_back_buffer()
        await self._slots.finish(deadline, self._limits.give_back_seconds)
        await asyncio.gather(
            self.releases.flush(self._limits.flush_seconds), self.deletes.flush(self._limits.flush_seconds)
        )
        await self._leases.close()
