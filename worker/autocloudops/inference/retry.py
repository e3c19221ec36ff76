"""Which failures of one question are worth another request, and how long it waits."""

from math import inf

from tenacity import AsyncRetrying, RetryCallState, wait_random_exponential

from autocloudops.clock import Clock
from autocloudops.errors import (
    EndpointMisconfigured,
    ModelAsleep,
    ModelBrokeOff,
    ModelError,
    ModelTimedOut,
    ModelUnavailable,
)
from autocloudops.inference.budget import RetryBudget
from autocloudops.inference.failover import FailOver

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0


class Retries:
    """Tenacity's strategies for one question: full jitter, until no further attempt can start in time.

    A request that an endpoint turned away waits for a free place. One that may have run on the GPU is paid for: after
    a break it is sent once more, after a time-out as the budget allows. Where an endpoint can answer nobody, the next
    one is asked at once. Jitter: M. Brooker, Exponential Backoff And Jitter, AWS Architecture Blog, 2015.

    Args:
        fail_over: knows whether another endpoint could be asked.
        clock: time for the deadline.
        deadline: no attempt starts later, in seconds of the monotonic clock.
    """

    def __init__(self, fail_over: FailOver, clock: Clock, deadline: float) -> None:
        self._fail_over = fail_over
        self._clock = clock
        self.deadline = deadline
        self._broke_off = False
        self._prepaid = False
        self._budget: RetryBudget | None = None

    def retrying(self) -> AsyncRetrying:
        """Return what repeats the attempts; it raises what the last one raised."""
        return AsyncRetrying(
            retry=self._again, wait=self._pause, stop=self._over, sleep=self._clock.sleep, reraise=True
        )

    def charge(self, budget: RetryBudget) -> None:
        """Let the next retry take its place in the budget of the endpoint that is asked now."""
        self._budget = budget

    def prepaid(self) -> bool:
        """Pay now for the next request, which follows at once; return whether time and the budget allow that."""
        in_time = self.left_seconds > 0
        self._prepaid = in_time and self._budget is not None and self._budget.take_paid()
        return self._prepaid

    @property
    def left_seconds(self) -> float:
        """How long an attempt may still start."""
        return self.deadline - self._clock.monotonic()

    def _again(self, state: RetryCallState) -> bool:
        """Return whether another request may bring an answer."""
        error = state.outcome.exception() if state.outcome else None
        may_pass = isinstance(error, ModelUnavailable | EndpointMisconfigured)
        return may_pass and self._fail_over.soonest_seconds() < self.left_seconds

    def _pause(self, state: RetryCallState) -> float:
        """Return how long the next attempt waits, and take its place in the budget; infinite if there is none."""
        error = state.outcome.exception() if state.outcome else None
        prepaid, self._prepaid = self._prepaid, False
        if prepaid or self._budget is None or isinstance(error, ModelAsleep | EndpointMisconfigured):
            return 0.0
        longest = max(0.0, min(LONGEST_PAUSE_SECONDS, self.left_seconds))
        jitter = wait_random_exponential(multiplier=FIRST_PAUSE_SECONDS, max=longest)(state)
        if isinstance(error, ModelBrokeOff | ModelTimedOut):
            return jitter if self._may_pay(error) and self._budget.take_paid() else inf
        free = self._budget.take_free(self.left_seconds)
        return inf if free is None else max(jitter, free)

    def _over(self, state: RetryCallState) -> bool:
        """Return whether the next attempt would start too late."""
        return state.upcoming_sleep > self.left_seconds

    def _may_pay(self, error: ModelError) -> bool:
        """Return whether a question may cost more; a break is worth one request more, and a second break none."""
        if not isinstance(error, ModelBrokeOff):
            return True
        first, self._broke_off = not self._broke_off, True
        return first
