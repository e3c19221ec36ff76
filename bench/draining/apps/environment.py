"""What the bench tells an app, through its environment."""

import os

QUEUE = os.environ["BENCH_QUEUE"]
QUEUE_URL = os.environ["BENCH_QUEUE_URL"]
ENDPOINT = os.environ["BENCH_ENDPOINT"]
SLOTS = int(os.environ["BENCH_SLOTS"])
WAIT_SECONDS = int(os.environ["BENCH_WAIT_SECONDS"])
PAUSE_SECONDS = float(os.environ["BENCH_PAUSE_SECONDS"])
SAMPLES = int(os.environ["BENCH_SAMPLES"])
BODY = os.environ["BENCH_BODY"]
