"""A storm through two real worker processes: queue, state and audit in the embedded AWS, the model simulated.

Arrivals are paced: never more than 167 a second, and none while 1,800 messages wait. Everything is on loopback and
ends by itself.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast

from bench.storms.deliveries import Message, messages
from bench.storms.storm import Storm

from autocloudops import aws
from autocloudops.audit.reader import records
from autocloudops.audit.record import StoredRecord
from autocloudops.entrypoints.wiring import open_audit
from autocloudops.sandbox import SandboxResources, sandbox

if TYPE_CHECKING:
    from types_aiobotocore_sqs.client import SQSClient
    from types_aiobotocore_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

WORKERS = 2
CONCURRENCY = 256
LEAD_SECONDS = 8
LIMIT_SECONDS = 540
STOP_SECONDS = 60
MOST_A_SECOND = 167
MOST_WAITING = 1_800
TICK_SECONDS = 0.25
BATCH = 10
SETTINGS = {
    "AUTOCLOUDOPS_QUEUE_CONCURRENCY": str(CONCURRENCY),
    "AUTOCLOUDOPS_QUEUE_WAIT_SECONDS": "1",
    "AUTOCLOUDOPS_LOG_LEVEL": "ERROR",
}


@dataclass
class LiveRun:
    """What a run of real processes leaves.

    `start` is when the storm began; `peak` the most messages that were seen waiting or in flight; `busiest` the most
    that were sent in one second; `requests` what the model answered, without the empty ones that a preflight sends.
    """

    start: datetime
    kept: list[StoredRecord] = field(default_factory=list)
    sent: int = 0
    peak: int = 0
    busiest: int = 0
    left: int = 0
    parked: int = 0
    requests: int = 0


async def run_live(storm: Storm, seed: int) -> LiveRun:
    """Return what a storm, which begins some seconds from now, comes to with two worker processes.

    Raises:
        TimeoutError: it is not over after nine minutes.
    """
    async with asyncio.timeout(LIMIT_SECONDS + STOP_SECONDS), sandbox() as local, AsyncExitStack() as stack:
        os.environ |= local.environment() | SETTINGS
        calls = aws.config(read_timeout_seconds=20, attempts=3)
        sqs = cast("SQSClient", await stack.enter_async_context(aws.session().create_client("sqs", config=calls)))
        now = datetime.now(UTC) + timedelta(seconds=LEAD_SECONDS)
        done = LiveRun(now.replace(microsecond=now.microsecond // 1000 * 1000))
        sending = await asyncio.to_thread(messages, storm, seed, done.start)
        async with workers():
            await _send(sqs, local.resources.queue_url, sending, done)
            await _drain(sqs, local.resources.queue_url, done)
        await _read(sqs, local.resources, done)
        done.requests = local.endpoint.stats.answered
    return done


@asynccontextmanager
async def workers() -> AsyncIterator[None]:
    """Run the worker processes, and see each exit with 0."""
    command = (sys.executable, "-m", "autocloudops", "worker")
    processes = [await asyncio.create_subprocess_exec(*command) for _ in range(WORKERS)]
    try:
        yield
    finally:
        codes = await asyncio.gather(*(_stopped(process) for process in processes))
        assert not any(codes), f"workers ended with {codes}"


async def _stopped(process: asyncio.subprocess.Process) -> int:
    """Return how a worker ended that was told to stop, and killed where it did not."""
    process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            return await process.wait()
    except TimeoutError:
        process.kill()
        return await process.wait()


async def _send(sqs: "SQSClient", url: str, sending: Sequence[Message], done: LiveRun) -> None:
    """Send each message when it is due, as far as the pace allows."""
    loop = asyncio.get_running_loop()
    begin = loop.time() + (done.start - datetime.now(UTC)).total_seconds()
    pace = _Pace()
    while done.sent < len(sending):
        due = done.sent
        room = pace.room(loop.time()) if done.left < MOST_WAITING else 0
        while due < min(len(sending), done.sent + room) and sending[due].at_seconds <= loop.time() - begin:
            due += 1
        await asyncio.gather(
            *(_put(sqs, url, sending[at : min(at + BATCH, due)]) for at in range(done.sent, due, BATCH))
        )
        pace.took(loop.time(), due - done.sent)
        done.sent = due
        await _look(sqs, url, done)
        await asyncio.sleep(TICK_SECONDS)
    done.busiest = pace.busiest


class _Pace:
    """How many messages may be sent now, such that no second sees too many."""

    def __init__(self) -> None:
        self._sent: list[tuple[float, int]] = []
        self.busiest = 0

    def room(self, now: float) -> int:
        """Return how many messages the last second leaves room for."""
        self._sent = [(at, number) for at, number in self._sent if at > now - 1]
        return MOST_A_SECOND - sum(number for _, number in self._sent)

    def took(self, now: float, number: int) -> None:
        """Remember that some were sent."""
        self._sent.append((now, number))
        self.busiest = max(self.busiest, MOST_A_SECOND - self.room(now))


async def _put(sqs: "SQSClient", url: str, batch: Sequence[Message]) -> None:
    entries: list[SendMessageBatchRequestEntryTypeDef] = [
        {"Id": str(number), "MessageBody": message.body} for number, message in enumerate(batch)
    ]
    answer = await sqs.send_message_batch(QueueUrl=url, Entries=entries)
    assert not answer.get("Failed"), f"SQS refused {answer.get('Failed')}"


async def _look(sqs: "SQSClient", url: str, done: LiveRun) -> None:
    done.left = await depth(sqs, url)
    done.peak = max(done.peak, done.left)


async def _drain(sqs: "SQSClient", url: str, done: LiveRun) -> None:
    """Wait until the queue is empty, or time is up."""
    spent = (datetime.now(UTC) - done.start).total_seconds()
    for _ in range(int(max(0.0, LIMIT_SECONDS - spent))):
        await _look(sqs, url, done)
        if not done.left:
            return
        await asyncio.sleep(1)


async def depth(sqs: "SQSClient", url: str) -> int:
    """Return how many messages a queue holds, visible and in flight."""
    answer = await sqs.get_queue_attributes(
        QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    )
    held = answer["Attributes"]
    return int(held["ApproximateNumberOfMessages"]) + int(held["ApproximateNumberOfMessagesNotVisible"])


async def _read(sqs: "SQSClient", resources: SandboxResources, done: LiveRun) -> None:
    done.left = await depth(sqs, resources.queue_url)
    done.parked = await depth(sqs, resources.dlq_url)
    async with AsyncExitStack() as stack:
        audit = await open_audit(stack, f"s3://{resources.audit_bucket}")
        done.kept = [found.record async for found in records(audit)]
