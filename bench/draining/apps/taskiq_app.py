"""taskiq-aio-sqs: one poll in flight, a bounded stream, one delete for each message.

`python taskiq_app.py` sends the samples; `taskiq worker taskiq_app:broker` drains.
"""

import asyncio

from environment import BODY, ENDPOINT, PAUSE_SECONDS, QUEUE, SAMPLES, WAIT_SECONDS
from taskiq_aio_sqs import SQSBroker

broker = SQSBroker(
    QUEUE,
    endpoint_url=ENDPOINT,
    region_name="eu-west-1",
    wait_time_seconds=WAIT_SECONDS,
    max_number_of_messages=10,
)


async def handle(body: str) -> None:
    """Do nothing for as long as the bench says."""
    del body
    if PAUSE_SECONDS:
        await asyncio.sleep(PAUSE_SECONDS)


task = broker.task(task_name="handle")(handle)


async def _send() -> None:
    await broker.startup()
    for _ in range(SAMPLES):
        await task.kiq(BODY)
    await broker.shutdown()


if __name__ == "__main__":
    asyncio.run(_send())
