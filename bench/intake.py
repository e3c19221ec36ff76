"""Send every payload of a folder through a real queue and a real worker process, and count how each one ends.

    python bench/intake.py FOLDER

Prints one row per sub-folder and the codes of what was parked; exits 1 if anything was lost or left in the queue.
Needs the extra `local`; talks to loopback only.
"""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from rich.console import Console
from rich.table import Table

from autocloudops import aws
from autocloudops.audit.reader import records
from autocloudops.audit.record import Outcome, StoredRecord
from autocloudops.entrypoints.wiring import open_audit
from autocloudops.sandbox import SandboxResources, sandbox

if TYPE_CHECKING:
    from types_aiobotocore_sqs.client import SQSClient

ENDS = (Outcome.DECIDED, Outcome.JOINED, Outcome.PARKED, Outcome.OK, Outcome.CONTEXT)
LIMIT_SECONDS = 240
LIMIT_FILES = 5_000
LIMIT_BODY_BYTES = 1_000_000
TIMINGS = {
    "AUTOCLOUDOPS_INCIDENT_QUIET_SECONDS": "0.2",
    "AUTOCLOUDOPS_INCIDENT_BATCH_SECONDS": "1",
    "AUTOCLOUDOPS_QUEUE_WAIT_SECONDS": "1",
    "AUTOCLOUDOPS_LOG_LEVEL": "ERROR",
}


@dataclass(frozen=True)
class Run:
    """What went in and what came out: files by message id, records by message id, what the queues still hold."""

    sent: Mapping[str, Path]
    ended: Mapping[str, list[StoredRecord]]
    left: int
    parked: int


def bodies(folder: Path) -> dict[Path, str]:
    """Return the payloads of a folder by path, as many and as large as a queue takes."""
    files = [path for path in sorted(folder.rglob("*.json")) if path.stat().st_size <= LIMIT_BODY_BYTES]
    return {path: path.read_text(encoding="utf-8") for path in files[:LIMIT_FILES]}


async def drained_through_a_sandbox(payloads: Mapping[Path, str]) -> Run:
    """Run the bench over `payloads`."""
    async with sandbox() as local, AsyncExitStack() as stack:
        os.environ |= local.environment() | TIMINGS
        calls = aws.config(read_timeout_seconds=20, attempts=3)
        sqs = cast("SQSClient", await stack.enter_async_context(aws.session().create_client("sqs", config=calls)))
        return await drained(sqs, local.resources, payloads)


async def drained(sqs: "SQSClient", resources: SandboxResources, payloads: Mapping[Path, str]) -> Run:
    """Send the payloads, run a worker until the queue is empty, and read the audit."""
    sent = {}
    for path, body in payloads.items():
        answer = await sqs.send_message(QueueUrl=resources.queue_url, MessageBody=body)
        sent[answer["MessageId"]] = path
    async with worker():
        left = await until_empty(sqs, resources.queue_url)
    ended: dict[str, list[StoredRecord]] = {message_id: [] for message_id in sent}
    async with AsyncExitStack() as stack:
        async for found in records(await open_audit(stack, f"s3://{resources.audit_bucket}")):
            if found.record.delivery:
                ended[found.record.delivery.message_id].append(found.record)
    return Run(sent=sent, ended=ended, left=left, parked=await depth(sqs, resources.dlq_url))


@asynccontextmanager
async def worker() -> AsyncIterator[None]:
    """Run one worker process, and see it exit with 0."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "autocloudops", "worker")
    try:
        yield
    finally:
        process.terminate()
        assert await process.wait() == 0, "the worker did not stop cleanly"


async def until_empty(sqs: "SQSClient", url: str) -> int:
    """Return how many messages are left once the queue is empty, or when time is up."""
    left = 1
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            while left:
                await asyncio.sleep(0.5)
                left = await depth(sqs, url)
    except TimeoutError:
        sys.stderr.write(f"not empty after {LIMIT_SECONDS} s\n")
    return left


async def depth(sqs: "SQSClient", url: str) -> int:
    """Return how many messages a queue holds, visible and in flight."""
    answer = await sqs.get_queue_attributes(
        QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    )
    held = answer["Attributes"]
    return int(held["ApproximateNumberOfMessages"]) + int(held["ApproximateNumberOfMessagesNotVisible"])


def report(folder: Path, run: Run) -> int:
    """Print how everything ended and return 1 if something did not."""
    lost = [path for message_id, path in run.sent.items() if not run.ended[message_id]]
    table = Table(title=f"{len(run.sent)} payloads of {folder}")
    table.add_column("shape", no_wrap=True)
    for column in ("sent", *ENDS, "lost"):
        table.add_column(column, justify="right")
    for shape in sorted({path.parent.name for path in run.sent.values()}):
        table.add_row(shape, *(str(number) for number in row_of(shape, run)))
    console = Console()
    console.print(table)
    for code, count in sorted(codes_of(run).items()):
        console.print(f"  parked {count:4}  {code}")
    for path in lost:
        console.print(f"  LOST {path}")
    console.print(f"left in the queue: {run.left}; in the dead-letter queue: {run.parked}")
    return 1 if lost or run.left else 0


def row_of(shape: str, run: Run) -> list[int]:
    """Return the counts of one sub-folder: sent, records by outcome, lost."""
    ids = [message_id for message_id, path in run.sent.items() if path.parent.name == shape]
    outcomes = Counter(record.outcome for message_id in ids for record in run.ended[message_id])
    lost = sum(not run.ended[message_id] for message_id in ids)
    return [len(ids), *(outcomes[outcome] for outcome in ENDS), lost]


def codes_of(run: Run) -> Counter[str]:
    """Return why payloads were parked."""
    every = (record for ended in run.ended.values() for record in ended)
    return Counter(record.unparseable.code for record in every if record.unparseable)


def main(folder: Path) -> int:
    """Run the bench over `folder` and return the exit code."""
    payloads = bodies(folder)
    if not payloads:
        sys.stderr.write(f"{folder}: no .json files here\n")
        return 252
    return report(folder, asyncio.run(drained_through_a_sandbox(payloads)))


if __name__ == "__main__":
    if len(sys.argv) != 2:  # noqa: PLR2004 - the script and its folder
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1])))
