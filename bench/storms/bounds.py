"""What a storm must not exceed, and by how much it did not."""

from collections.abc import Iterable
from dataclasses import dataclass

from bench.storms.measures import Pairs
from bench.storms.results import Result

REQUESTS_PER_CAUSE = 1.5
LEAST_PRECISION = 0.99
LEAST_RECALL = 0.95
MOST_WAITING = 1_999
MOST_A_SECOND = 167


@dataclass(frozen=True, slots=True)
class Bound:
    """One promise: what it is about, what was measured, and what is allowed; `least` where more is better."""

    about: str
    measured: float
    allowed: float
    least: bool = False

    @property
    def kept(self) -> bool:
        """Whether the promise holds."""
        return self.measured >= self.allowed if self.least else self.measured <= self.allowed


def of_grouping(result: Result, pairs: Pairs, causes: int, changes: int) -> list[Bound]:
    """Return the bounds of one run.

    Args:
        result: what its audit says.
        pairs: its groups against the causes.
        causes: how many causes there were.
        changes: how many state changes were sent, copies not counted.
    """
    once = sum(number == 1 for number in result.ended.values())
    return [
        Bound("requests to the model", result.requests, int(REQUESTS_PER_CAUSE * causes)),
        Bound("precision", pairs.precision, LEAST_PRECISION, least=True),
        Bound("recall", pairs.recall, LEAST_RECALL, least=True),
        Bound("state changes that end once", once, changes, least=True),
        Bound("state changes that end more often", len(result.ended) - once, 0),
    ]


def of_flow(left: int, parked: int, peak: int) -> list[Bound]:
    """Return the bounds of what a queue held: at the end, in its dead-letter queue, and at most at once."""
    return [
        Bound("messages left in the queue", left, 0),
        Bound("messages in the dead-letter queue", parked, 0),
        Bound("messages waiting or in flight at once", peak, MOST_WAITING),
    ]


def missed(bounds: Iterable[Bound]) -> list[Bound]:
    """Return the bounds that were not kept."""
    return [bound for bound in bounds if not bound.kept]
