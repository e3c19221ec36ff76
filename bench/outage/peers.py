"""What an endpoint is asked through: the retry layer of the worker, and beside it what an SDK does by itself."""

from collections.abc import Callable, Sequence

from chat_only import ChatOnly
from tenacity import AsyncRetrying, retry_if_exception_type, retry_if_not_exception_type, stop_after_attempt
from tenacity import wait_random_exponential as jitter

from autocloudops.clock import Clock
from autocloudops.diagnosis.endpoint import Completion, CompletionRequest, ModelEndpoint
from autocloudops.errors import ModelBrokeOff, ModelUnavailable
from autocloudops.inference.failover import Change
from autocloudops.inference.reliable import Backend

SDK_ATTEMPTS = 3
LONGEST_PAUSE_SECONDS = 20

Opener = Callable[[Sequence[Backend], Clock, Callable[[Change], None]], ModelEndpoint]


class SdkRetries(ChatOnly):
    """What botocore's mode `standard` does: three attempts, after a read time-out too, and full jitter between them.

    A `ModelError` of the container's own is not repeated. There is no deadline, no budget, and no second endpoint.

    Args:
        endpoint: what is asked.
        clock: time between attempts.
    """

    def __init__(self, endpoint: ModelEndpoint, clock: Clock) -> None:
        self.name = endpoint.name
        self._endpoint = endpoint
        self._clock = clock

    async def complete(self, request: CompletionRequest) -> Completion:
        """Return the model's answer, or raise what the third attempt raised."""
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(ModelUnavailable) & retry_if_not_exception_type(ModelBrokeOff),
            wait=jitter(multiplier=1, max=LONGEST_PAUSE_SECONDS),
            stop=stop_after_attempt(SDK_ATTEMPTS),
            sleep=self._clock.sleep,
            reraise=True,
        )
        return await retrying(self._endpoint.complete, request)


def sdk(backends: Sequence[Backend], clock: Clock, _: Callable[[Change], None]) -> ModelEndpoint:
    """Open the first endpoint with the SDK's retries."""
    return SdkRetries(backends[0].endpoint, clock)
