"""Throttles and timeouts: which of them say that too much is in flight."""

from collections import deque

LATEST = 16
# Twice as many as the ceiling allows: just as many as allowed come often, by chance, and are the tail's business.
NEEDED, ANSWERS_EACH = 2, 10
SLOW_SHARE = 0.5


class Overloads:
    """Counts what was throttled or not answered in time, against the answers since the last fall of the limit.

    A timeout while every other answer is quick is no overload: lines are served in order, so where requests wait for
    a minute the others wait too. It hangs for a reason of its own.

    Args:
        ceiling_seconds: where the 95th percentile of latency should stay.
    """

    def __init__(self, ceiling_seconds: float) -> None:
        self._ceiling_seconds = ceiling_seconds
        self._latest: deque[float] = deque(maxlen=LATEST)
        self._answers = self._counted = 0

    @property
    def slow(self) -> bool:
        """Whether one of the latest answers took a good part of the ceiling."""
        return max(self._latest, default=0.0) > SLOW_SHARE * self._ceiling_seconds

    def answered(self, seconds: float) -> None:
        """Take in how long an answer took."""
        self._latest.append(seconds)

    def outweigh(self, answers: int) -> None:
        """Count answers that met the limit of now: more overloads are needed beside them."""
        self._answers += answers

    def too_many(self, seconds: float) -> bool:
        """Count a request that failed after `seconds`; return whether there are too many of them."""
        if seconds >= self._ceiling_seconds and self._latest and not self.slow:
            return False
        self._counted += 1
        return self._counted >= NEEDED and self._counted * ANSWERS_EACH >= self._answers

    def begin_anew(self) -> None:
        """Forget the counts: the limit moved."""
        self._answers = self._counted = 0
