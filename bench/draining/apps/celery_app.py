"""celery[sqs]: a pycurl hub that receives, threads that handle, one delete for each message.

`python celery_app.py` sends the samples; `celery -A celery_app worker` drains.
"""

import sys
import time
from urllib.parse import urlsplit

from celery import Celery
from environment import BODY, ENDPOINT, PAUSE_SECONDS, QUEUE, SAMPLES, WAIT_SECONDS

app = Celery("celery_app", broker=f"sqs://testing:testing@{urlsplit(ENDPOINT).netloc}//")
app.conf.update(
    broker_transport_options={"is_secure": False, "region": "eu-west-1", "wait_time_seconds": WAIT_SECONDS},
    task_default_queue=QUEUE,
    task_acks_late=True,
    task_ignore_result=True,
    worker_enable_remote_control=False,
)


def handle(body: str) -> None:
    """Do nothing for as long as the bench says."""
    del body
    if PAUSE_SECONDS:
        time.sleep(PAUSE_SECONDS)


task = app.task(name="handle")(handle)

if __name__ == "__main__":
    for _ in range(SAMPLES):
        task.delay(BODY)
    sys.exit(0)
