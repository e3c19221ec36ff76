"""How the bench talks to its server."""

import json
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen
from sys import executable
from typing import Any

CALL_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Stats:
    """What the server saw of one queue since it was filled."""

    calls: int
    redelivered: int
    deleted: int
    in_flight: int
    seconds: float
    server_cpu_seconds: float


class BenchServer:
    """The server, seen from outside.

    Args:
        url: where it listens.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def create(self, queue: str) -> str:
        """Make a queue and return its URL."""
        return str(self._call("AmazonSQS.CreateQueue", {"QueueName": queue})["QueueUrl"])

    def keep(self, queue: str, bodies: Sequence[str] = ()) -> None:
        """Keep these bodies, or else what waits in the queue, as what it is filled with."""
        self._call("BenchKeep", {"QueueName": queue, "Bodies": bodies})

    def fill(self, queue: str, count: int) -> float:
        """Fill a queue, start to count, and return the CPU seconds of the server so far."""
        return float(self._call("BenchFill", {"QueueName": queue, "Count": count})["ServerCpuSeconds"])

    def stats(self, queue: str) -> Stats:
        """Return what the server saw of a queue."""
        return Stats(**self._call("BenchStats", {"QueueName": queue}))

    def _call(self, target: str, fields: dict[str, object]) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310 - our own server
            self.url, json.dumps(fields).encode(), {"X-Amz-Target": target}
        )
        with urllib.request.urlopen(request, timeout=CALL_SECONDS) as answer:  # noqa: S310 - likewise
            found: dict[str, Any] = json.load(answer)
            return found


@contextmanager
def serving() -> Iterator[BenchServer]:
    """Run a server process as long as the block lasts."""
    command = [executable, str(Path(__file__).with_name("server.py"))]
    with Popen(command, stdout=PIPE, text=True) as process:  # noqa: S603 - our own program
        try:
            assert process.stdout
            url = process.stdout.readline().strip()
            assert url, "the server did not start"
            yield BenchServer(url)
        finally:
            process.kill()
