"""The worker as `autocloudops worker` runs it, with leases of seconds: a test cannot wait minutes for a dead one's.

Nothing but these lengths differs. `python hurried_worker.py` starts it.
"""

import runpy
import sys
from datetime import timedelta
from unittest.mock import patch

from autocloudops.entrypoints import ecs
from autocloudops.pipeline import asking
from autocloudops.queue.consumer import Limits

LEASE_SECONDS = 6
SWEEP_SECONDS = 5.0
LEASE_MARGIN = timedelta(seconds=4)


def limits(concurrency: int, drain_seconds: float, **_: float) -> Limits:
    """Return a worker's limits with a short lease."""
    return Limits(concurrency=concurrency, drain_seconds=drain_seconds, lease_seconds=LEASE_SECONDS)


def main() -> None:
    """Run the worker until it is told to stop."""
    sys.argv = ["autocloudops", "worker"]
    with (
        patch.object(ecs, "Limits", limits),
        patch.object(ecs, "SWEEP_SECONDS", SWEEP_SECONDS),
        patch.object(asking, "LEASE_MARGIN", LEASE_MARGIN),
    ):
        runpy.run_module("autocloudops", run_name="__main__")


if __name__ == "__main__":
    main()
