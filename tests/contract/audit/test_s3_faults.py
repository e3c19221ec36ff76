import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast
from uuid import uuid4

import pytest
from audit_history import StandingClock, record
from faulty_http import FaultyHttp, HttpFault

from autocloudops import aws
from autocloudops.audit.objects import S3Objects
from autocloudops.audit.reader import records
from autocloudops.audit.writer import AuditWriter, CommitPolicy

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client

WAITING = 10
RECORDS = 40
PATIENCE_SECONDS = 0.3


@dataclass
class Estate:
    """A writer that reaches its bucket through a proxy, and the bucket as it is."""

    writer: AuditWriter
    proxy: FaultyHttp
    client: "S3Client"
    bucket: str
    objects: S3Objects

    async def append(self, number: int) -> None:
        """Append a record, and look whether its object is there as soon as that is claimed."""
        receipt = await self.writer.append(record(number))
        there = await self.client.head_object(Bucket=self.bucket, Key=receipt.location)
        assert there["ContentLength"] > 0

    async def versions(self) -> list[str]:
        """Return the key of every version of every object."""
        listed = await self.client.list_object_versions(Bucket=self.bucket)
        return [each["Key"] for each in listed["Versions"]]


@pytest.fixture
async def estate(emulator: str, s3: "S3Client", point_at: Callable[[str], None], stack: AsyncExitStack) -> Estate:
    """A versioned bucket of its own on each emulator."""
    bucket = f"audit-{uuid4().hex[:8]}"
    await s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    await s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    proxy = FaultyHttp(emulator)
    point_at(await proxy.start(stack))
    calls = aws.config(read_timeout_seconds=PATIENCE_SECONDS, attempts=1)
    client = cast("S3Client", await stack.enter_async_context(aws.session().create_client("s3", config=calls)))
    policy = CommitPolicy(records=5, waiting=WAITING)
    return Estate(
        AuditWriter(S3Objects(client, bucket), StandingClock(), policy), proxy, s3, bucket, S3Objects(s3, bucket)
    )


@pytest.fixture
async def running(estate: Estate) -> AsyncIterator[None]:
    """Commits until the test ends."""
    task = asyncio.create_task(estate.writer.run())
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize("fault", HttpFault)
async def test_nothing_is_acknowledged_early_or_written_twice(estate: Estate, fault: HttpFault) -> None:
    """However writes fail, each record becomes durable once, before anybody is told, and few wait in memory."""
    estate.proxy.faults.extend([fault] * 4)
    most = 0

    async def watched(number: int) -> None:
        nonlocal most
        most = max(most, len(estate.writer._waiting))
        await estate.append(number)

    async with asyncio.timeout(20):
        await asyncio.gather(*(watched(number) for number in range(RECORDS)))
    found = [each.record async for each in records(estate.objects)]
    assert sorted(each.number for each in found) == list(range(RECORDS))
    assert len({each.unparseable.raw_sha256 for each in found if each.unparseable}) == RECORDS
    versions = await estate.versions()
    assert len(versions) == len(set(versions))
    assert len(estate.proxy.writes) > len(versions)
    assert most <= WAITING
    assert estate.writer.unwell is None
