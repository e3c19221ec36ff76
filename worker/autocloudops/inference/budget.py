"""What retries may cost an endpoint: a share of the questions that it was asked, and no more."""

from autocloudops.clock import Clock
from autocloudops.values import Value


class RetryTerms(Value):
    """How many retries an endpoint may see.

    A retry is paid where the request before it may have run on the GPU: `paid_ratio` of the questions, and
    `paid_reserve` on top. A retry is free where the endpoint turned the request away: `free_ratio` of the questions,
    `free_per_second`, and `free_reserve` on top. What is not used is kept up to the reserve, so that a quiet week
    does not pay for a storm of retries.
    """

    paid_ratio: float = 0.1
    paid_reserve: float = 5.0
    free_ratio: float = 1.0
    free_per_second: float = 1.0
    free_reserve: float = 10.0


class RetryBudget:
    """Counts the questions and the retries of one endpoint.

    A retry takes its place before it waits, so that retries in back-off count (envoyproxy/envoy#30205). In any stretch
    of time there are at most ratio · questions + reserve paid retries; free ones begin at the rate of their terms.

    Args:
        clock: time for the free retries.
        terms: how many.
    """

    def __init__(self, clock: Clock, terms: RetryTerms | None = None) -> None:
        self._clock = clock
        self._terms = terms or RetryTerms()
        self._paid = self._terms.paid_reserve
        self._free = self._terms.free_reserve
        self._counted_at: float | None = None

    def asked(self) -> None:
        """Count a question that is asked for the first time."""
        self._refill()
        self._paid = min(self._terms.paid_reserve, self._paid + self._terms.paid_ratio)
        self._free = min(self._terms.free_reserve, self._free + self._terms.free_ratio)

    def take_paid(self) -> bool:
        """Return whether a request that may have run on the GPU may be sent again, and count it if so."""
        if self._paid < 1:
            return False
        self._paid -= 1
        return True

    def take_free(self, within_seconds: float) -> float | None:
        """Return in how many seconds a request that was turned away may be sent again, and count it.

        Args:
            within_seconds: how long the question can wait; None is returned, and nothing counted, if that is too short.
        """
        self._refill()
        wait_seconds = max(0.0, (1 - self._free) / self._terms.free_per_second)
        if wait_seconds > within_seconds:
            return None
        self._free -= 1
        return wait_seconds

    def _refill(self) -> None:
        now = self._clock.monotonic()
        elapsed = now - self._counted_at if self._counted_at is not None else 0.0
        self._counted_at = now
        self._free = min(self._terms.free_reserve, self._free + self._terms.free_per_second * elapsed)
