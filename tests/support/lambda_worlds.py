"""Workers as Lambda runs them: a poller calls a function with batches, a schedule calls it to sweep."""

import asyncio
from datetime import timedelta

from virtual_time import VirtualClock
from worlds import Model, Worker

from autocloudops.diagnosis.endpoint import Completion, CompletionRequest
from autocloudops.entrypoints.invocation import Invocation, times
from autocloudops.entrypoints.service import Service
from autocloudops.errors import ModelAsleep
from autocloudops.queue.client import QueueClient

BATCH = 10
FUNCTION_SECONDS = 90.0
VISIBILITY_SECONDS = 180
MARGIN_SECONDS = 15.0
SCHEDULE_SECONDS = 60.0
RETRY = timedelta(seconds=60)


class ColdModel(Model):
    """An endpoint without an instance until `awake_at`, in seconds of the loop's clock."""

    def __init__(self, awake_at: float = 30) -> None:
        super().__init__()
        self._awake_at = awake_at

    async def complete(self, request: CompletionRequest) -> Completion:
        if asyncio.get_running_loop().time() < self._awake_at:
            raise ModelAsleep(self.name, "it has no capacity")
        return await super().complete(request)


class LambdaWorker(Worker):
    """A function with one environment for batches and one for sweeps; they share a life."""

    async def _consume(self, service: Service, queue: QueueClient) -> None:
        while not self._stop.is_set():
            deliveries = await queue.receive(BATCH, VISIBILITY_SECONDS)
            if deliveries:
                back = await self._invocation(service, queue).answer(deliveries)
                answered = [each for each in deliveries if each not in back]
                await self._world.queue.delete(answered)

    async def _sweep(self, service: Service) -> None:
        while self._world.sweeping:
            await VirtualClock().sleep(SCHEDULE_SECONDS)
            await self._invocation(service, self._world.queue).sweep()

    def _invocation(self, service: Service, queue: QueueClient) -> Invocation:
        ends = times(asyncio.get_running_loop().time(), FUNCTION_SECONDS, MARGIN_SECONDS)
        return Invocation(service, queue, self._name, ends, RETRY)
