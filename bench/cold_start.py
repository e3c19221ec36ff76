"""How long a Lambda environment takes from its first import to the end of its first message, beside bare clients.

    python bench/cold_start.py [--runs N]

Starts a process for each run, in turn one with the worker's handler and one with a handler that opens the same
clients and makes the same five calls by hand: what an OK takes that ends nothing, which is the change, whether it ends
an episode, the audit's writer and its first object. A first run of each is not counted: it compiles all modules, as
the build of the image does. Prints the fastest run of each, its wall time and its CPU time. Exits 1 if the worker's
fastest takes more than 1.3 times that of the bare clients. Takes about a minute; needs the extra `local`; talks to
loopback only.
"""

import asyncio
import json
import os
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from autocloudops.sandbox import sandbox

FEWEST_RUNS, RUNS = 10, 20
DOCKERFILE = Path(__file__).parents[1] / "worker" / "Dockerfile"
ALLOWED_RATIO = 1.3
HANDLERS = {"worker": "cold/worker.py", "bare clients": "cold/bare.py"}


@dataclass(frozen=True, slots=True)
class Start:
    """One cold start, in seconds."""

    wall_seconds: float
    cpu_seconds: float


def main() -> int:
    """Run the bench and return the exit code."""
    fastest = asyncio.run(_measured(_asked().runs))
    for name, start in fastest.items():
        print(f"{name:12} {start.wall_seconds * 1000:7.0f} ms   {start.cpu_seconds * 1000:7.0f} ms CPU")
    worker, bare = (fastest[name].wall_seconds for name in HANDLERS)
    kept = worker <= ALLOWED_RATIO * bare
    print(f"{'kept  ' if kept else 'MISSED'} ratio {worker / bare:.2f}, at most {ALLOWED_RATIO}")
    return 0 if kept else 1


async def _measured(runs: int) -> Mapping[str, Start]:
    starts: dict[str, list[Start]] = {name: [] for name in HANDLERS}
    with TemporaryDirectory() as compiled:
        async with sandbox() as local:
            environment = {
                **os.environ,
                **local.environment(),
                **_image(),
                "AUTOCLOUDOPS_LOG_LEVEL": "ERROR",
                **_bytecode(compiled),
            }
            for _ in range(1 + runs):
                for name, script in HANDLERS.items():
                    starts[name].append(await asyncio.to_thread(_start, script, environment))
    return {name: min(each[1:], key=lambda start: start.wall_seconds) for name, each in starts.items()}


def _image() -> Mapping[str, str]:
    """Return what the image says to pydantic: that it need not look through every package for plugins."""
    (line,) = (each for each in DOCKERFILE.read_text().splitlines() if "PYDANTIC_DISABLE_PLUGINS=" in each)
    name, _, value = line.strip(" \\").partition("=")
    return {name: value}


def _bytecode(folder: str) -> Mapping[str, str]:
    """Return what makes every process find all modules compiled, whatever is so beside their sources."""
    return {"PYTHONPYCACHEPREFIX": folder, "PYTHONDONTWRITEBYTECODE": ""}


def _start(script: str, environment: Mapping[str, str]) -> Start:
    """Run one handler in a process of its own, with an alarm that nobody has seen."""
    done = subprocess.run(  # noqa: S603 - our own interpreter, our own script
        [sys.executable, str(Path(__file__).parent / script)],
        env=dict(environment),
        input=json.dumps(_event()),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Start(*json.loads(done.stdout))


def _event() -> Mapping[str, object]:
    """Return a batch with one OK, as an event source mapping hands it over."""
    now = datetime.now(UTC)
    body = {
        "AlarmName": f"cold-{uuid4()}",
        "AlarmArn": f"arn:aws:cloudwatch:us-east-1:111122223333:alarm:cold-{uuid4()}",
        "AWSAccountId": "111122223333",
        "NewStateValue": "OK",
        "OldStateValue": "ALARM",
        "NewStateReason": "Threshold Crossed: no datapoints were over the threshold.",
        "StateChangeTime": now.strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
        "Region": "US East (N. Virginia)",
        "Trigger": {"MetricName": "CPUUtilization", "Namespace": "AWS/EC2", "Dimensions": []},
    }
    record = {
        "messageId": str(uuid4()),
        "receiptHandle": "receipt",
        "body": json.dumps(body),
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": str(int(now.timestamp() * 1000))},
        "eventSource": "aws:sqs",
    }
    return {"Records": [record]}


def _asked() -> Namespace:
    first, *_, last = (__doc__ or "").split("\n\n")
    parser = ArgumentParser(description=first, epilog=last)
    parser.add_argument("--runs", type=_runs, default=RUNS, help=f"of each, at least {FEWEST_RUNS}; {RUNS} by default")
    return parser.parse_args()


def _runs(text: str) -> int:
    return max(FEWEST_RUNS, int(text))


if __name__ == "__main__":
    sys.exit(main())
