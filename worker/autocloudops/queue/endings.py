"""The three ways in which a message ends."""

from collections.abc import Awaitable, Callable

from autocloudops.queue.client import Delivery
from autocloudops.values import Value


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
