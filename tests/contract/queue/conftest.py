"""Both transports behind one fixture, each opened the way the worker opens it."""

from contextlib import AsyncExitStack

import pytest
from scripted_sqs import OpenQueue

from autocloudops.entrypoints.wiring import open_queue
from autocloudops.queue.client import SqsQueue
from autocloudops.settings import QueueSettings


@pytest.fixture(params=["aiobotocore", "lean"])
def open_sqs(request: pytest.FixtureRequest, stack: AsyncExitStack) -> OpenQueue:
    """Opens a queue through each transport in turn: its URL, its dead-letter queue's, seconds of the long poll."""

    async def opened(url: str, dlq_url: str, wait_seconds: int = 0) -> SqsQueue:
        settings = QueueSettings(url=url, dlq_url=dlq_url, transport=request.param)
        return await open_queue(stack, settings.model_copy(update={"wait_seconds": wait_seconds}))

    return opened
