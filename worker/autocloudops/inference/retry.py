"""The one retry layer in front of a model endpoint."""

from tenacity import (
    AsyncRetrying,
    retry_if_exception_type,
    retry_if_not_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from autocloudops.clock import Clock
from autocloudops.diagnosis.endpoint import Completion, CompletionRequest, ModelEndpoint
from autocloudops.errors import ModelTimedOut, ModelUnavailable


class RetryingEndpoint:
    """Repeats what may pass, with full jitter, until the caller's deadline cancels it.

    A request that timed out is not sent again: it may still run on the GPU.

    Args:
        endpoint: the endpoint that is asked.
        clock: time for back-off.
        attempts: how often a request is sent at most.
    """

    def __init__(self, endpoint: ModelEndpoint, clock: Clock, attempts: int) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._attempts = attempts

    @property
    def name(self) -> str:
        """The URL of the endpoint behind it."""
        return self._endpoint.name

    async def complete(self, request: CompletionRequest) -> Completion:
        """Return the model's answer, or raise what the last attempt raised."""
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(ModelUnavailable) & retry_if_not_exception_type(ModelTimedOut),
            wait=wait_random_exponential(multiplier=0.5, max=10),
            stop=stop_after_attempt(self._attempts),
            sleep=self._clock.sleep,
            reraise=True,
        )
        return await retrying(self._endpoint.complete, request)
