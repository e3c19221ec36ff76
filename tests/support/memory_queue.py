"""SQS in memory, in virtual time: visibility, receive counts, a dead-letter queue, and failures on demand."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from autocloudops.errors import ServiceFailed, ServiceUnavailable
from autocloudops.queue.client import Delivery


@dataclass
class Held:
    """A message in the queue: visible again at `visible_at` seconds of the loop's clock."""

    body: str
    visible_at: float = 0.0
    receipts: list[str] = field(default_factory=list)


class MemoryQueue:
    """A `QueueClient` whose calls can be made to fail.

    Args:
        visibility_seconds: how long a received message stays hidden.
        poll_seconds: the long poll.
    """

    def __init__(self, visibility_seconds: float = 180, poll_seconds: float = 10) -> None:
        self.messages: dict[str, Held] = {}
        self.parked: list[tuple[str, str]] = []
        self.sent = 0
        self.receives = 0
        self.receive_errors: list[ServiceFailed] = []
        self.delete_failures = 0
        self._visibility_seconds = visibility_seconds
        self._poll_seconds = poll_seconds
        self._sent = asyncio.Event()

    def send(self, *bodies: str) -> None:
        for body in bodies:
            self.messages[f"m{self.sent}"] = Held(body)
            self.sent += 1
        self._sent.set()

    @property
    def in_flight(self) -> int:
        now = asyncio.get_running_loop().time()
        return sum(held.visible_at > now for held in self.messages.values())

    async def receive(self, limit: int) -> Sequence[Delivery]:
        self.receives += 1
        if self.receive_errors:
            raise self.receive_errors.pop(0)
        try:
            async with asyncio.timeout(self._poll_seconds):
                while not (taken := self._take(min(limit, 10))):
                    self._sent.clear()
                    await self._sent.wait()
        except TimeoutError:
            return []
        return taken

    def _take(self, limit: int) -> list[Delivery]:
        now = asyncio.get_running_loop().time()
        visible = [(name, held) for name, held in self.messages.items() if held.visible_at <= now][:limit]
        for name, held in visible:
            held.visible_at = now + self._visibility_seconds
            held.receipts.append(f"{name}/{len(held.receipts)}")
        return [
            Delivery(message_id=name, receipt=held.receipts[-1], body=held.body, receive_count=len(held.receipts))
            for name, held in visible
        ]

    async def delete(self, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        failed = deliveries[:1] if self.delete_failures else []
        self.delete_failures -= len(failed)
        for delivery in deliveries[len(failed) :]:
            self.messages.pop(delivery.message_id, None)
        return failed

    async def release(self, deliveries: Sequence[Delivery], after_seconds: int) -> Sequence[Delivery]:
        now = asyncio.get_running_loop().time()
        for delivery in deliveries:
            if delivery.message_id in self.messages:
                self.messages[delivery.message_id].visible_at = now + after_seconds
        self._sent.set()
        return []

    async def park(self, delivery: Delivery, code: str, reason: str) -> None:
        if not reason:
            raise ServiceUnavailable("sqs:SendMessage", "dlq", "an attribute may not be empty")
        self.parked.append((delivery.body, code))
