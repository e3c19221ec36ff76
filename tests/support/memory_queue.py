"""SQS in memory, in virtual time: visibility, receipts, receive counts, a dead-letter queue, and faults on demand.

It is as unkind as SQS may be: only the newest receipt deletes, and an older one is told that it did; a visibility can
be changed only while the message is in flight, and for 12 hours in all.
"""

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from autocloudops.errors import ServiceFailed, ServiceUnavailable
from autocloudops.queue.client import Delivery, Refused

LONGEST_SECONDS = 43_200
TICK_SECONDS = 1e-6


@dataclass(frozen=True, slots=True)
class LostAnswer:
    """The call takes effect, and nobody hears of it."""


@dataclass(frozen=True, slots=True)
class Partly:
    """The first `entries` of the batch are refused."""

    entries: int = 1
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class Slow:
    """The call takes effect at once, and its answer takes `seconds`."""

    seconds: float


Fault = ServiceFailed | LostAnswer | Partly | Slow


@dataclass
class Held:
    """A message in the queue: visible again at `visible_at` seconds of the loop's clock."""

    body: str
    visible_at: float = 0.0
    received_at: float = 0.0
    receipts: list[str] = field(default_factory=list)


class MemoryQueue:
    """A `QueueClient` whose calls can be made to fail.

    `faults` has a line of faults for each method; every call takes the first of its line. `calls` counts calls, and
    `under_way` those that were not answered yet.

    Args:
        poll_seconds: the long poll.
        call_seconds: how long every other call takes.
    """

    def __init__(self, poll_seconds: float = 10, call_seconds: float = 0) -> None:
        self.messages: dict[str, Held] = {}
        self.parked: list[tuple[str, str]] = []
        self.sent = 0
        self.calls: Counter[str] = Counter()
        self.under_way: Counter[str] = Counter()
        self.faults: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self.asked_too_long = 0
        self._poll_seconds = poll_seconds
        self._call_seconds = call_seconds
        self._changed = asyncio.Event()
        self._polls: set[asyncio.Task[Sequence[Delivery]]] = set()

    def send(self, *bodies: str, after_seconds: float = 0) -> None:
        """Send messages that become visible after a while."""
        for body in bodies:
            visible_at = asyncio.get_running_loop().time() + after_seconds if after_seconds else 0.0
            self.messages[f"m{self.sent}"] = Held(body, visible_at)
            self.sent += 1
        self._changed.set()

    def show(self, message_id: str) -> None:
        """Deliver a message once more although it is hidden, as SQS may."""
        self.messages[message_id].visible_at = 0.0
        self._changed.set()

    @property
    def in_flight(self) -> int:
        """How many messages somebody received and may still hold."""
        now = asyncio.get_running_loop().time()
        return sum(held.visible_at > now for held in self.messages.values())

    async def receive(self, limit: int, lease_seconds: int) -> Sequence[Delivery]:
        fault = self._begin("receive")
        try:
            taken = await self._served(min(limit, 10), lease_seconds)
        except asyncio.CancelledError:
            self.under_way["receive"] -= 1
            raise
        await self._end("receive", fault)
        return taken

    async def extend(self, deliveries: Sequence[Delivery], seconds: int) -> Sequence[Refused]:
        fault = self._begin("extend")
        refused = self._hide(deliveries, seconds, fault)
        await self._end("extend", fault)
        return refused

    async def delete(self, deliveries: Sequence[Delivery]) -> Sequence[Refused]:
        fault = self._begin("delete")
        refused = _partly(deliveries, fault)
        for delivery in deliveries[len(refused) :]:
            held = self.messages.get(delivery.message_id)
            if held and held.receipts[-1] == delivery.receipt:
                del self.messages[delivery.message_id]
        await self._end("delete", fault)
        return refused

    async def release(self, deliveries: Sequence[Delivery], after_seconds: int) -> Sequence[Refused]:
        fault = self._begin("release")
        refused = self._hide(deliveries, after_seconds, fault)
        self._changed.set()
        await self._end("release", fault)
        return refused

    async def park(self, delivery: Delivery, code: str, reason: str) -> None:
        fault = self._begin("park")
        if not reason:
            raise ServiceUnavailable("sqs:SendMessage", "dlq", "an attribute may not be empty")
        self.parked.append((delivery.body, code))
        await self._end("park", fault)

    def _begin(self, call: str) -> Fault | None:
        self.calls[call] += 1
        fault = self.faults[call].popleft() if self.faults[call] else None
        if isinstance(fault, ServiceFailed):
            raise fault
        self.under_way[call] += 1
        return fault

    async def _end(self, call: str, fault: Fault | None) -> None:
        seconds = fault.seconds if isinstance(fault, Slow) else self._call_seconds
        try:
            if seconds:
                await asyncio.sleep(seconds)
        finally:
            self.under_way[call] -= 1
        if isinstance(fault, LostAnswer):
            raise ServiceUnavailable(f"sqs:{call}", "queue", "the answer was lost")

    async def _served(self, limit: int, lease_seconds: int) -> Sequence[Delivery]:
        """Poll as SQS does: it goes on for somebody who hung up, and hides from everybody what it finds for him."""
        poll = asyncio.create_task(self._polled(limit, lease_seconds))
        self._polls.add(poll)
        poll.add_done_callback(self._polls.discard)
        return await asyncio.shield(poll)

    async def _polled(self, limit: int, lease_seconds: int) -> Sequence[Delivery]:
        deadline = asyncio.get_running_loop().time() + self._poll_seconds
        while not (taken := self._take(limit, lease_seconds)):
            if asyncio.get_running_loop().time() >= deadline - TICK_SECONDS:
                return []
            self._changed.clear()
            try:
                async with asyncio.timeout_at(min(deadline, self._next_visible()) + TICK_SECONDS):
                    await self._changed.wait()
            except TimeoutError:
                continue
        return taken

    def _next_visible(self) -> float:
        return min((held.visible_at for held in self.messages.values()), default=float("inf"))

    def _take(self, limit: int, lease_seconds: int) -> list[Delivery]:
        now = asyncio.get_running_loop().time()
        visible = [(name, held) for name, held in self.messages.items() if held.visible_at <= now][:limit]
        for name, held in visible:
            held.visible_at, held.received_at = now + lease_seconds, now
            held.receipts.append(f"{name}/{len(held.receipts)}")
        return [
            Delivery(message_id=name, receipt=held.receipts[-1], body=held.body, receive_count=len(held.receipts))
            for name, held in visible
        ]

    def _hide(self, deliveries: Sequence[Delivery], seconds: int, fault: Fault | None) -> Sequence[Refused]:
        refused = list(_partly(deliveries, fault))
        now = asyncio.get_running_loop().time()
        for delivery in deliveries[len(refused) :]:
            held = self.messages.get(delivery.message_id)
            if held is None or held.visible_at <= now or held.receipts[-1] != delivery.receipt:
                refused.append(Refused(delivery, "MessageNotInflight", lasting=True))
            elif now + seconds > held.received_at + LONGEST_SECONDS:
                self.asked_too_long += 1
                refused.append(Refused(delivery, "InvalidParameterValue", lasting=True))
            else:
                held.visible_at = now + seconds
        return refused


def _partly(deliveries: Sequence[Delivery], fault: Fault | None) -> Sequence[Refused]:
    if not isinstance(fault, Partly):
        return []
    return [Refused(each, "InternalError", lasting=fault.lasting) for each in deliveries[: fault.entries]]
