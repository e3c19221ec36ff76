"""The worker as `autocloudops worker` runs it, with leases of seconds: a test cannot wait minutes for a dead one's.

A message that meets a failure comes back within seconds too: each worker that died with it would double that wait.

Nothing but these lengths differs. Each is forked from a process that has imported what a worker needs and nothing else:
imports are half of what a worker's start costs.
"""

import multiprocessing
import os
import runpy
import sys
from collections.abc import Mapping
from datetime import timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from unittest.mock import patch

from autocloudops.entrypoints import ecs
from autocloudops.pipeline import asking
from autocloudops.queue import endings
from autocloudops.queue.consumer import Limits

IMPORTED = [
    "autocloudops.cli.app",
    "autocloudops.cli.worker",
    "autocloudops.entrypoints.acting",
    "autocloudops.entrypoints.asking",
]
LEASE_SECONDS = 6
SWEEP_SECONDS = 5.0
LEASE_MARGIN = timedelta(seconds=4)
FIRST_PATIENCE_SECONDS = 1
LONGEST_PATIENCE_SECONDS = 30


def limits(concurrency: int, drain_seconds: float, **_: float) -> Limits:
    """Return a worker's limits with a short lease."""
    return Limits(concurrency=concurrency, drain_seconds=drain_seconds, lease_seconds=LEASE_SECONDS)


def hired(environment: Mapping[str, str], log: Path) -> ForkServerProcess:
    """Start a worker with an environment of its own, which logs to a file."""
    servers = multiprocessing.get_context("forkserver")
    servers.set_forkserver_preload(IMPORTED)
    log.touch()
    process = servers.Process(target=work, args=(dict(environment), log), name=log.stem)
    process.start()
    return process


def work(environment: Mapping[str, str], log: Path) -> None:
    """Run the worker until it is told to stop."""
    os.environ.clear()
    os.environ.update(environment)
    with log.open("w") as errors:
        os.dup2(errors.fileno(), sys.stderr.fileno())
    sys.argv = ["autocloudops", "worker"]
    with (
        patch.object(ecs, "Limits", limits),
        patch.object(ecs, "SWEEP_SECONDS", SWEEP_SECONDS),
        patch.object(asking, "LEASE_MARGIN", LEASE_MARGIN),
        patch.object(endings, "FIRST_PATIENCE_SECONDS", FIRST_PATIENCE_SECONDS),
        patch.object(endings, "LONGEST_PATIENCE_SECONDS", LONGEST_PATIENCE_SECONDS),
    ):
        runpy.run_module("autocloudops", run_name="__main__")
