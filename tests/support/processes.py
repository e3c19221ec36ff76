"""Processes of the program, as a shell starts them, and waiting for what they do."""

import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

POLL_SECONDS = 0.05
LONGEST_POLL_SECONDS = 0.5
REST = 4
"""How much longer than a look the pause after it is: both take time from the processes that are waited for."""
STOP_SECONDS = 30


def command(*arguments: str) -> list[str]:
    """Return the command line of one verb."""
    return [sys.executable, "-m", "autocloudops", *arguments]


def clean_environment() -> dict[str, str]:
    """Return this process's environment without AWS settings and without ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "AUTOCLOUDOPS_"))}


@contextmanager
def started(arguments: list[str], environment: Mapping[str, str], errors: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a process whose standard error goes to a file, and kill it if it outlives the block."""
    with errors.open("w") as file:
        process = subprocess.Popen(  # noqa: S603 - our own program
            arguments, env=dict(environment), stdout=subprocess.PIPE, stderr=file, text=True
        )
        with process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()


def until(what: Callable[[], bool], told: str, seconds: float = 30) -> None:
    """Wait until `what` is true, and fail as `told` after a deadline."""
    begun = time.monotonic()
    deadline = begun + seconds
    while not what():
        looked = time.monotonic()
        if looked > deadline:
            raise AssertionError(f"not within {seconds} s: {told}")
        time.sleep(min(max(POLL_SECONDS, REST * (looked - begun)), LONGEST_POLL_SECONDS))
        begun = time.monotonic()


def until_nothing_is_left(left: Callable[[], Mapping[str, int]], stuck_seconds: float) -> None:
    """Wait until nothing is left, however long that takes, and fail with what is where no less was for a while.

    Args:
        left: what is left, and how often.
        stuck_seconds: how long the sum of it may stay above the least that it was.
    """
    least: float = math.inf
    lowered = begun = time.monotonic()
    while found := left():
        looked = time.monotonic()
        if sum(found.values()) < least:
            least, lowered = sum(found.values()), looked
        if looked - lowered > stuck_seconds:
            lines = (f"{count} x {what}" for what, count in found.items())
            raise AssertionError("\n".join([f"nothing came to an end for {stuck_seconds} s; left:", *lines]))
        time.sleep(max(LONGEST_POLL_SECONDS, REST * (looked - begun)))
        begun = time.monotonic()
