"""Other ways to choose how many requests are in flight, as their owners describe them."""

from collections import deque

from autocloudops.inference.concurrency import Sample

MOST = 4096
AIMD_FALL, AIMD_FULL = 0.9, 2
LONG_WINDOW, SHORT_SMOOTHING = 600, 0.2
TOLERANCE, LEAST_GRADIENT = 1.5, 0.5
DRIFT, FAR_BELOW = 0.95, 2.0
QUEUE, WARM_UP_ANSWERS = 4.0, 10
FIRST = 20


class Fixed:
    """Always the same limit."""

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def answered(self, sample: Sample) -> None:
        """Learn nothing."""

    def overloaded(self, sent_at: float, now: float) -> None:
        """Learn nothing."""


class Aimd:
    """Netflix concurrency-limits' AIMDLimit: one more while full, a tenth less on a drop or above the ceiling.

    Source: Netflix/concurrency-limits, AIMDLimit (backoffRatio 0.9, initial limit 20; its timeout is the ceiling here).
    """

    def __init__(self, ceiling_seconds: float) -> None:
        self._ceiling_seconds = ceiling_seconds
        self.limit = FIRST

    def answered(self, sample: Sample) -> None:
        """One more, or a tenth less if it took longer than the ceiling."""
        if sample.seconds > self._ceiling_seconds:
            self.overloaded(sample.sent_at, sample.answered_at)
        elif sample.in_flight * AIMD_FULL >= self.limit:
            self.limit = min(MOST, self.limit + 1)

    def overloaded(self, sent_at: float, now: float) -> None:
        """A tenth less."""
        del sent_at, now
        self.limit = max(1, min(self.limit - 1, int(self.limit * AIMD_FALL)))


class Gradient2:
    """Netflix concurrency-limits' Gradient2Limit: the long latency over the short one says whether requests queue.

    Source: Netflix/concurrency-limits, Gradient2Limit (long window 600, tolerance 1.5, smoothing 0.2, queue 4). A drop
    changes nothing there (issue 176), nor here. Its bounds of 20 and 200 are lifted.
    """

    def __init__(self) -> None:
        self._limit = float(FIRST)
        self._long = 0.0
        self._warm_up: deque[float] = deque(maxlen=WARM_UP_ANSWERS)

    @property
    def limit(self) -> int:
        """The limit, whole."""
        return max(1, int(self._limit))

    def answered(self, sample: Sample) -> None:
        """Move the limit by the gradient of the two latencies."""
        short, long = sample.seconds, self._long_seconds(sample.seconds)
        if long / short > FAR_BELOW:
            self._long *= DRIFT
        if sample.in_flight < self._limit / 2:
            return
        gradient = max(LEAST_GRADIENT, min(1.0, TOLERANCE * long / short))
        wanted = self._limit * gradient + QUEUE
        self._limit = min(MOST, max(1.0, self._limit * (1 - SHORT_SMOOTHING) + wanted * SHORT_SMOOTHING))

    def overloaded(self, sent_at: float, now: float) -> None:
        """Learn nothing."""

    def _long_seconds(self, seconds: float) -> float:
        """Return the exponential mean over 600 answers; the plain mean of the first ten warms it up."""
        if len(self._warm_up) < WARM_UP_ANSWERS:
            self._warm_up.append(seconds)
            self._long = sum(self._warm_up) / len(self._warm_up)
        else:
            self._long += (seconds - self._long) * 2 / (LONG_WINDOW + 1)
        return self._long
