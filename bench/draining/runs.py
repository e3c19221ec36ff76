"""One contender drains one queue: warm first, then counted, then told to stop while it is busy."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from uuid import uuid4

from bench.draining.client import BenchServer
from bench.draining.contenders import APPS, SLOTS, Contender
from bench.draining.installing import Installed
from bench.draining.processes import Consumer, machine_cpu_seconds, started

BODY = '{"AlarmName":"orders-api-cpu-high","NewStateValue":"ALARM","Trigger":{"MetricName":"CPUUtilization"}}'.ljust(
    190
)
SAMPLES = 200
WARM_SECONDS = 30
WAIT_SECONDS = 10
POLL_SECONDS = 0.05
BUSY_SECONDS = 0.5
STOP_MESSAGES = 6_400
STOP_SECONDS = 20
SEND_SECONDS = 60
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Drained:
    """What draining a queue came to.

    `server_share` is the share of one core that the server needed meanwhile: near 1, the server set the pace.
    `others_cores` is what the rest of the machine used: rates are too low and CPU times too high by it.
    `drained` is false where the time was over first; the rate is then that of this time.
    """

    drained: bool
    rate: float
    cpu_milliseconds_per_1000: float
    calls_per_message: float
    resident_bytes: int
    redelivered: int
    server_share: float
    others_cores: float


@dataclass(frozen=True, slots=True)
class Stopped:
    """How a busy contender stopped: seconds from SIGTERM to its end (None: killed), messages that it left hidden."""

    seconds: float | None
    stranded: int


@dataclass(frozen=True, slots=True)
class Job:
    """What there is to drain.

    Args:
        messages: how many.
        pause_seconds: how long the handler sleeps.
        most_seconds: after which a contender is stopped.
        warm_messages: drained before anything is counted, so that nobody pays for starting.
        bodies: of the messages, in turn.
    """

    messages: int
    pause_seconds: float
    most_seconds: float
    warm_messages: int = 1_000
    bodies: Sequence[str] = (BODY,) * SAMPLES


class NothingDrainedError(Exception):
    """A contender did not get through its first messages."""


def run(server: BenchServer, contender: Contender, home: Installed, job: Job, log: Path) -> tuple[Drained, Stopped]:
    """Measure one contender on one job.

    Raises:
        NothingDrainedError: it did not start to work; its log says why.
    """
    queue = f"q{uuid4().hex}"
    environment = _environment(server, queue, contender, home, job)
    _samples(server, queue, contender.sender and contender.sender(home), environment, job.bodies)
    with started(contender.command(home), environment, log) as consumer:
        server.fill(queue, job.warm_messages)
        if not _until_empty(server, queue, consumer, job.warm_messages, WARM_SECONDS):
            raise NothingDrainedError(f"not warm after {WARM_SECONDS} s: {_last_words(log)}")
        drained = _drain(server, queue, consumer, job)
        return drained, _stop(server, queue, consumer)


def _drain(server: BenchServer, queue: str, consumer: Consumer, job: Job) -> Drained:
    machine, cpu, begin = machine_cpu_seconds(), consumer.cpu_seconds(), monotonic()
    served = server.fill(queue, job.messages)
    drained = _until_empty(server, queue, consumer, job.messages, job.most_seconds)
    stats, elapsed = server.stats(queue), monotonic() - begin
    cpu, served = consumer.cpu_seconds() - cpu, stats.server_cpu_seconds - served
    return Drained(
        drained=drained,
        rate=stats.deleted / stats.seconds,
        cpu_milliseconds_per_1000=cpu * 1e6 / stats.deleted,
        calls_per_message=stats.calls / stats.deleted,
        resident_bytes=consumer.resident_bytes(),
        redelivered=stats.redelivered,
        server_share=served / elapsed,
        others_cores=max(0.0, (machine_cpu_seconds() - machine - cpu - served) / elapsed),
    )


def _stop(server: BenchServer, queue: str, consumer: Consumer) -> Stopped:
    server.fill(queue, STOP_MESSAGES)
    sleep(BUSY_SECONDS)
    seconds = consumer.stop(STOP_SECONDS)
    consumer.kill()
    return Stopped(seconds, server.stats(queue).in_flight)


def _until_empty(server: BenchServer, queue: str, consumer: Consumer, messages: int, most_seconds: float) -> bool:
    deadline = monotonic() + most_seconds
    while monotonic() < deadline and consumer.running:
        if server.stats(queue).deleted >= messages:
            return True
        sleep(POLL_SECONDS)
    return False


def _samples(
    server: BenchServer, queue: str, sender: Sequence[str] | None, environment: Mapping[str, str], bodies: Sequence[str]
) -> None:
    server.create(queue)
    if sender is None:
        server.keep(queue, bodies)
        return
    subprocess.run(  # noqa: S603 - an app of the bench
        sender, env=environment, cwd=APPS, check=True, timeout=SEND_SECONDS, capture_output=True
    )
    server.keep(queue)


def _environment(server: BenchServer, queue: str, contender: Contender, home: Installed, job: Job) -> dict[str, str]:
    url = f"{server.url}/000000000000/{queue}"
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "PYTHONPATH": os.pathsep.join(map(str, (APPS, ROOT, ROOT / "tests" / "support"))),
        "AWS_ENDPOINT_URL": server.url,
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_EC2_METADATA_DISABLED": "true",
        "BENCH_MODULES": str(home.home),
        "BENCH_ENDPOINT": server.url,
        "BENCH_QUEUE": queue,
        "BENCH_QUEUE_URL": url,
        "BENCH_SLOTS": str(SLOTS),
        "BENCH_WAIT_SECONDS": str(WAIT_SECONDS),
        "BENCH_PAUSE_SECONDS": str(job.pause_seconds),
        "BENCH_SAMPLES": str(SAMPLES),
        "BENCH_BODY": BODY,
        "AUTOCLOUDOPS_QUEUE_URL": url,
        "AUTOCLOUDOPS_QUEUE_DLQ_URL": f"{url}-dlq",
        "AUTOCLOUDOPS_QUEUE_WAIT_SECONDS": str(WAIT_SECONDS),
        "AUTOCLOUDOPS_QUEUE_CONCURRENCY": str(SLOTS),
        **contender.environment,
    }


def _last_words(log: Path) -> str:
    return " ".join(log.read_text(errors="replace").split())[-300:]
