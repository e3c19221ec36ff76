"""The three ways in which a message ends."""

from collections.abc import Awaitable, Callable

from autocloudops.queue.client import Delivery
from autocloudops.values import Value

FIRST_PATIENCE_SECONDS = 30
LONGEST_PATIENCE_SECONDS = 1_800
MOST_DOUBLINGS = 10


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


def patient(delivery: Delivery) -> Later:
    """Return when a message is tried again that met a failure: later each time, up to half an hour.

    So an outage of hours leaves it receives before it is moved to the dead-letter queue.
    """
    doubled = FIRST_PATIENCE_SECONDS * 2 ** min(delivery.receive_count - 1, MOST_DOUBLINGS)
    return Later(after_seconds=min(doubled, LONGEST_PATIENCE_SECONDS))
