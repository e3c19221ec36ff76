"""The three ways in which a message ends."""

from collections.abc import Awaitable, Callable

from autocloudops.queue.client import Delivery
from autocloudops.values import Value

FIRST_PATIENCE_SECONDS = 30
LONGEST_PATIENCE_SECONDS = 300
MOST_DOUBLINGS = 4


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
    """Return when a message is tried again that met a failure: later each time, up to five minutes.

    So an outage of days leaves it receives before it is moved to the dead-letter queue, after 1,000. SQS also counts
    receives that ended with their worker, so what waits longest need not have met the most failures.
    """
    doubled = FIRST_PATIENCE_SECONDS * 2 ** min(delivery.receive_count - 1, MOST_DOUBLINGS)
    return Later(after_seconds=min(doubled, LONGEST_PATIENCE_SECONDS))
