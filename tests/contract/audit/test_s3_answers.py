import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

import pytest
from aiohttp import web

from autocloudops import aws
from autocloudops.alarms.model import Unparseable
from autocloudops.audit.objects import S3Objects
from autocloudops.audit.reader import records
from autocloudops.audit.record import AuditRecord, Outcome, Receipt
from autocloudops.audit.writer import AuditWriter
from autocloudops.clock import SystemClock
from autocloudops.errors import AuditConflict, ServiceFailed, ServiceUnavailable

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client

KEY = "audit/v1/decisions/dt=2026-03-01/hour=12/w-0000000000.jsonl.gz"
BUCKET = "audit-stand-in"
CONFLICT = (409, "ConditionalRequestConflict")


class Instant(SystemClock):
    """A clock that backs off without waiting."""

    async def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        await asyncio.sleep(0)


class Bucket:
    """One S3 bucket on loopback that keeps create-only objects and can be told how its next writes go wrong.

    `refusals` are answered one by one instead of writing; `lost` is how many answers to writes never arrive.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.puts: list[str] = []
        self.refusals: list[tuple[int, str]] = []
        self.lost = 0

    async def put(self, request: web.Request) -> web.Response:
        assert request.headers["If-None-Match"] == "*"
        key, body = request.match_info["key"], await request.read()
        self.puts.append(key)
        if self.refusals:
            return refusal(*self.refusals.pop(0))
        there = key in self.objects
        self.objects.setdefault(key, body)
        if self.lost:
            self.lost -= 1
            assert request.transport is not None
            request.transport.close()
        return refusal(412, "PreconditionFailed") if there else web.Response()

    async def get(self, request: web.Request) -> web.Response:
        key = request.match_info["key"]
        if key not in self.objects:
            return refusal(404, "NoSuchKey")
        return web.Response(body=self.objects[key])

    async def list(self, _: web.Request) -> web.Response:
        keys = "".join(f"<Contents><Key>{key}</Key></Contents>" for key in sorted(self.objects))
        return web.Response(text=f"<ListBucketResult>{keys}</ListBucketResult>", content_type="application/xml")


def refusal(status: int, code: str) -> web.Response:
    """Return an error as S3 writes it."""
    text = f"<Error><Code>{code}</Code><Message>as told</Message></Error>"
    return web.Response(status=status, text=text, content_type="application/xml")


@pytest.fixture
async def bucket(stack: AsyncExitStack, point_at: Callable[[str], None]) -> Bucket:
    """A bucket, served on loopback."""
    served = Bucket()
    application = web.Application()
    application.router.add_put(f"/{BUCKET}/{{key:.+}}", served.put)
    application.router.add_get(f"/{BUCKET}/{{key:.+}}", served.get)
    application.router.add_get(f"/{BUCKET}", served.list)
    runner = web.AppRunner(application)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    point_at(f"http://127.0.0.1:{runner.addresses[0][1]}")
    return served


@pytest.fixture
async def objects(bucket: Bucket, stack: AsyncExitStack) -> S3Objects:
    """The adapter under test, on the bucket, with the SDK's own retries off as in the worker."""
    assert bucket.objects == {}
    calls = aws.config(read_timeout_seconds=10, attempts=1)
    client = cast("S3Client", await stack.enter_async_context(aws.session().create_client("s3", config=calls)))
    return S3Objects(client, BUCKET)


@pytest.fixture
async def writer(objects: S3Objects) -> AsyncIterator[AuditWriter]:
    """A writer that commits into the bucket until the test ends."""
    made = AuditWriter(objects, Instant())
    running = asyncio.create_task(made.run())
    yield made
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def appended(writer: AuditWriter) -> Receipt:
    """Append one record and return where it became durable."""
    lost = Unparseable(code="not_json", reason="no JSON", raw_sha256="0" * 64)
    record = AuditRecord(outcome=Outcome.PARKED, at=datetime(2026, 3, 1, 12, tzinfo=UTC), unparseable=lost)
    async with asyncio.timeout(10):
        return await writer.append(record)


async def test_a_conflict_without_an_object_is_a_failure_that_can_be_repeated(
    bucket: Bucket, objects: S3Objects
) -> None:
    """After a 409 nothing was written: the write fails as a service's failure, and the same write then succeeds."""
    bucket.refusals = [CONFLICT]
    with pytest.raises(ServiceFailed, match="ConditionalRequestConflict"):
        await objects.create(KEY, b"body")
    assert bucket.objects == {}
    await objects.create(KEY, b"body")
    assert bucket.objects == {KEY: b"body"}


async def test_a_conflict_with_our_own_bytes_is_success(bucket: Bucket, objects: S3Objects) -> None:
    """Two writes of the same object that meet are one object: a 409 beside our own bytes needs no repeat."""
    bucket.objects[KEY] = b"body"
    bucket.refusals = [CONFLICT]
    await objects.create(KEY, b"body")
    assert bucket.puts == [KEY]


async def test_a_conflict_with_other_bytes_is_named(bucket: Bucket, objects: S3Objects) -> None:
    """A 409 that hides somebody else's object is no outage to wait for."""
    bucket.objects[KEY] = b"other"
    bucket.refusals = [CONFLICT]
    with pytest.raises(AuditConflict, match="w-0000000000"):
        await objects.create(KEY, b"body")
    assert bucket.objects == {KEY: b"other"}


@pytest.mark.parametrize("lost", [1, 5])
async def test_a_lost_answer_is_success_when_the_write_is_repeated(
    lost: int, bucket: Bucket, objects: S3Objects
) -> None:
    """The connection breaks after S3 has stored the object: a repeat, by HTTP client or caller, finds the same bytes.

    aiohttp itself sends a PUT once more where the connection was closed, so that one loss never reaches the caller.
    """
    bucket.lost = lost
    while bucket.lost > 1:
        with pytest.raises(ServiceUnavailable):
            await objects.create(KEY, b"body")
    await objects.create(KEY, b"body")
    assert bucket.objects == {KEY: b"body"}
    assert set(bucket.puts) == {KEY}
    assert len(bucket.puts) == lost + 1


async def test_the_writer_waits_out_conflicts(bucket: Bucket, writer: AuditWriter) -> None:
    """A record whose first writes meet a 409 becomes durable under the key that was tried first."""
    bucket.refusals = [CONFLICT, CONFLICT]
    receipt = await appended(writer)
    assert bucket.puts == [receipt.location] * 3
    assert list(bucket.objects) == [receipt.location]
    assert writer.unwell is None


async def test_the_writer_writes_once_though_an_answer_was_lost(
    bucket: Bucket, writer: AuditWriter, objects: S3Objects
) -> None:
    """A lost answer neither loses nor doubles a record, and the next object follows in sequence."""
    bucket.lost = 5
    first, second = await appended(writer), await appended(writer)
    assert bucket.puts == [*[first.location] * 6, second.location]
    assert [first.location[-12:], second.location[-12:]] == ["000.jsonl.gz", "001.jsonl.gz"]
    assert len([found async for found in records(objects)]) == 2
