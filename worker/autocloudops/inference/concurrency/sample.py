"""What a controller of concurrency is told, and what it says."""

from typing import NamedTuple, Protocol


class Sample(NamedTuple):
    """One answered request: when it was sent and answered (monotonic seconds), and the tokens that were generated.

    `in_flight` is how many of this process's requests were in flight during its life, on average.
    """

    sent_at: float
    answered_at: float
    tokens: int
    in_flight: float

    @property
    def seconds(self) -> float:
        """How long the answer took."""
        return self.answered_at - self.sent_at


class Controller(Protocol):
    """Says how many requests may be in flight, from what came of the ones before."""

    @property
    def limit(self) -> int:
        """How many requests may be in flight now, at least 1."""
        ...

    def answered(self, sample: Sample) -> None:
        """Learn from an answer."""
        ...

    def overloaded(self, sent_at: float, now: float) -> None:
        """Learn that a request sent at `sent_at` was throttled or not answered in time."""
        ...
