"""dramatiq-sqs: one consumer thread, ten messages in flight at most.

`python dramatiq_app.py` sends the samples; `dramatiq dramatiq_app` drains.
"""

import time

import dramatiq
from dramatiq_sqs import SQSBroker
from environment import BODY, ENDPOINT, PAUSE_SECONDS, QUEUE, SAMPLES

dramatiq.set_broker(SQSBroker(endpoint_url=ENDPOINT))


def handle(body: str) -> None:
    """Do nothing for as long as the bench says."""
    del body
    if PAUSE_SECONDS:
        time.sleep(PAUSE_SECONDS)


actor = dramatiq.actor(handle, queue_name=QUEUE)

if __name__ == "__main__":
    for _ in range(SAMPLES):
        actor.send(BODY)
