"""Queues in memory that do what a consumer can see of a standard SQS queue: leases, redelivery, long polls.

Source: Amazon SQS Developer Guide, "Amazon SQS visibility timeout" and "short and long polling"; SQS API reference for
the fields. Left out: delays, redrive and FIFO. A receipt that is not the newest deletes nothing, and still succeeds.
"""

import json
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import md5
from itertools import count

VISIBILITY_SECONDS = 60.0
MOST_IN_A_RECEIVE = 10

Answer = Callable[[list["Message"]], None]


@dataclass(frozen=True, slots=True)
class Content:
    """What was sent, encoded once as the fields of a JSON object; `attributes` is empty where none were sent."""

    checksum: str
    encoded: str
    attributes: str


@dataclass(slots=True)
class Message:
    """One message in a queue."""

    id: str
    content: Content
    sent_milliseconds: int
    receives: int = 0
    visible_at: float = 0.0

    @property
    def receipt(self) -> str:
        """The handle of the newest delivery."""
        return f"{self.id}.{self.receives}"


@dataclass(slots=True)
class Poll:
    """A long poll that waits for its first message."""

    most: int
    visibility_seconds: float
    until: float
    answer: Answer


@dataclass(slots=True)
class Counts:
    """What happened to a queue since its counts were last set back."""

    calls: Counter[str] = field(default_factory=Counter)
    received: int = 0
    redelivered: int = 0
    deleted: int = 0
    first_receive: float = 0.0
    last_delete: float = 0.0


class Queue:
    """A standard queue.

    Args:
        name: the last part of its URL.
    """

    _numbers = count()

    def __init__(self, name: str) -> None:
        self.name = name
        self.counts = Counts()
        self._samples: Sequence[Content] = ()
        self._copied = 0
        self._ready: deque[Message] = deque()
        self._held: dict[str, Message] = {}
        self._polls: deque[Poll] = deque()

    @property
    def waiting(self) -> int:
        """How many messages can be received."""
        return len(self._ready)

    @property
    def in_flight(self) -> int:
        """How many messages somebody holds."""
        return len(self._held)

    def send(self, content: Content) -> Message:
        """Add a message."""
        message = self._made(content)
        self._ready.append(message)
        self._serve()
        return message

    def keep(self, samples: Sequence[Content]) -> None:
        """Remember what `fill` copies: these, or what waits in the queue, which is then empty."""
        self._samples = samples or [message.content for message in self._ready]
        self._ready.clear()

    def fill(self, wanted: int) -> None:
        """Start anew with `wanted` copies of the samples, in turn from where the last ended, and counts of zero."""
        self._held.clear()
        self.counts = Counts()
        numbers = range(self._copied, self._copied + wanted)
        self._copied += wanted
        self._ready = deque(self._made(self._samples[number % len(self._samples)]) for number in numbers)
        self._serve()

    def _made(self, content: Content) -> Message:
        return Message(f"m{next(self._numbers):08d}", content, int(time.time() * 1000))

    def receive(self, most: int, visibility_seconds: float) -> list[Message]:
        """Hand out up to `most` messages."""
        now = time.monotonic()
        taken = [self._ready.popleft() for _ in range(min(most, MOST_IN_A_RECEIVE, len(self._ready)))]
        for message in taken:
            message.receives += 1
            message.visible_at = now + visibility_seconds
            self._held[message.id] = message
            self.counts.redelivered += message.receives > 1
        self.counts.received += len(taken)
        if taken and not self.counts.first_receive:
            self.counts.first_receive = now
        return taken

    def poll(self, poll: Poll) -> None:
        """Answer with the first messages that come before `poll.until`, or with none."""
        self._polls.append(poll)

    def forget(self, poll: Poll) -> None:
        """Take back a poll whose connection broke."""
        if poll in self._polls:
            self._polls.remove(poll)

    def delete(self, receipt: str) -> None:
        """Delete the message, if this is its newest receipt."""
        message = self._owned(receipt)
        if message is not None:
            del self._held[message.id]
            self.counts.deleted += 1
            self.counts.last_delete = time.monotonic()

    def change(self, receipt: str, visibility_seconds: float) -> bool:
        """Set how long from now a message stays hidden, and say whether this receipt still holds it."""
        message = self._owned(receipt)
        if message is None:
            return False
        message.visible_at = time.monotonic() + visibility_seconds
        if visibility_seconds <= 0:
            self._show([message])
        return True

    def tick(self) -> None:
        """Show what nobody deleted in time, and end the polls whose time is over."""
        now = time.monotonic()
        self._show([message for message in self._held.values() if message.visible_at <= now])
        over = [poll for poll in self._polls if poll.until <= now]
        for poll in over:
            self._polls.remove(poll)
            poll.answer([])

    def _owned(self, receipt: str) -> Message | None:
        message = self._held.get(receipt.partition(".")[0])
        return message if message is not None and message.receipt == receipt else None

    def _show(self, messages: Iterable[Message]) -> None:
        for message in messages:
            del self._held[message.id]
            self._ready.append(message)
        self._serve()

    def _serve(self) -> None:
        while self._polls and self._ready:
            poll = self._polls.popleft()
            poll.answer(self.receive(poll.most, poll.visibility_seconds))


def content_of(body: str, attributes: Mapping[str, object]) -> Content:
    """Encode a body and its message attributes."""
    checksum = md5(body.encode(), usedforsecurity=False).hexdigest()
    encoded = json.dumps({"MD5OfBody": checksum, "Body": body})[1:-1]
    return Content(checksum, encoded, json.dumps({"MessageAttributes": attributes})[1:-1] if attributes else "")
