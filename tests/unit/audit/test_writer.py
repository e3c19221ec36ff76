import asyncio
import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from memory_audit import MemoryObjects

from autocloudops.alarms.model import Unparseable
from autocloudops.audit.objects import FolderObjects
from autocloudops.audit.reader import records
from autocloudops.audit.record import AuditRecord, Outcome, digest
from autocloudops.audit.writer import AuditWriter, CommitPolicy
from autocloudops.clock import SystemClock
from autocloudops.errors import AuditConflict


class InstantClock(SystemClock):
    """A clock whose sleeps return at the next turn of the event loop."""

    def now(self) -> datetime:
        return datetime(2026, 3, 1, 12, tzinfo=UTC)

    async def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        await asyncio.sleep(0)


class StuckClock(InstantClock):
    """A clock on which time never passes."""

    async def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        await asyncio.Event().wait()


def record() -> AuditRecord:
    """Return a record unlike any other."""
    lost = Unparseable(code="not_json", reason="no JSON", raw_sha256=uuid4().hex)
    return AuditRecord(outcome=Outcome.PARKED, at=datetime(2026, 3, 1, 12, tzinfo=UTC), unparseable=lost)


async def written(writer: AuditWriter, count: int) -> list[str]:
    """Append `count` records at once and return where each became durable."""
    running = asyncio.create_task(writer.run())
    try:
        async with asyncio.timeout(5):
            receipts = await asyncio.gather(*(writer.append(record()) for _ in range(count)))
    finally:
        running.cancel()
    return [receipt.location for receipt in receipts]


async def test_append_returns_only_when_the_object_is_there() -> None:
    """While S3 fails nobody is told `durable`, and the same bytes are written under the same key again."""
    objects = MemoryObjects(failures=7)
    writer = AuditWriter(objects, InstantClock())
    running = asyncio.create_task(writer.run())
    appended = asyncio.create_task(writer.append(record()))
    while objects.failures:
        assert not appended.done()
        await asyncio.sleep(0)
    async with asyncio.timeout(5):
        receipt = await appended
    running.cancel()
    assert list(objects.objects) == [receipt.location]
    assert len({(key, body) for key, body in objects.calls}) == 1
    assert writer.unwell is None


async def test_records_that_wait_together_become_one_object() -> None:
    """Everybody who is in flight is waiting, so one commit serves all of them without waiting for the timer."""
    objects = MemoryObjects()
    writer = AuditWriter(objects, StuckClock())
    places = await written(writer, 40)
    assert len(objects.objects) == 1
    assert set(places) == set(objects.objects)


async def test_a_commit_never_holds_more_than_its_limit() -> None:
    """A long queue is written as several objects in order."""
    objects = MemoryObjects()
    writer = AuditWriter(objects, InstantClock(), CommitPolicy(records=15))
    await written(writer, 40)
    counts = [len(gzip.decompress(objects.objects[key]).splitlines()) for key in sorted(objects.objects)]
    assert counts == [15, 15, 10]


async def test_a_commit_waits_for_those_in_flight_until_the_timer() -> None:
    """With somebody else in flight a record waits for company, and goes when the other one leaves."""
    objects = MemoryObjects()
    writer = AuditWriter(objects, StuckClock())
    running = asyncio.create_task(writer.run())
    with writer.in_flight():
        with writer.in_flight():
            appended = asyncio.create_task(writer.append(record()))
            for _ in range(20):
                await asyncio.sleep(0)
            assert not objects.calls
        async with asyncio.timeout(5):
            await appended
    running.cancel()
    assert len(objects.objects) == 1


async def test_lines_form_one_chain_across_objects() -> None:
    """Each line names the digest of the writer's line before it, over object borders."""
    objects = MemoryObjects()
    writer = AuditWriter(objects, InstantClock(), CommitPolicy(records=4))
    await written(writer, 10)
    lines = [line for key in sorted(objects.objects) for line in gzip.decompress(objects.objects[key]).splitlines()]
    chain = [json.loads(line) for line in lines]
    assert [each["number"] for each in chain] == list(range(10))
    assert [each["prev"] for each in chain] == ["", *(digest(line) for line in lines[:-1])]


async def test_alien_bytes_stop_the_writer_and_tell_everybody() -> None:
    """If a key holds somebody else's bytes, nobody is told `durable`."""
    objects = MemoryObjects()
    writer = AuditWriter(objects, InstantClock())
    objects.objects[f"audit/v1/decisions/dt=2026-03-01/hour=12/{writer.writer_id}-0000000000.jsonl.gz"] = b"alien"
    running = asyncio.create_task(writer.run())
    with pytest.raises(AuditConflict):
        await writer.append(record())
    with pytest.raises(AuditConflict):
        await running


async def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    """A folder holds the layout of the bucket, and the reader returns every record."""
    objects = FolderObjects(tmp_path)
    await written(AuditWriter(objects, InstantClock()), 3)
    found = [each async for each in records(objects, "2026-03-01")]
    assert [each.record.outcome for each in found] == [Outcome.PARKED] * 3
    assert [each async for each in records(objects, "2026-03-02")] == []


async def test_a_flush_returns_when_everything_before_it_is_durable() -> None:
    """Also a record whose writer has given up waiting is written before a flush returns."""
    objects = MemoryObjects(failures=3)
    writer = AuditWriter(objects, InstantClock())
    running = asyncio.create_task(writer.run())
    given_up = asyncio.create_task(writer.append(record()))
    await asyncio.sleep(0)
    given_up.cancel()
    await writer.flush()
    running.cancel()
    assert len([found async for found in records(objects)]) == 1


async def test_a_flush_of_nothing_returns_at_once() -> None:
    """Where nothing was appended there is nothing to wait for, and nobody needs to be committing."""
    await AuditWriter(MemoryObjects(), StuckClock()).flush()


async def test_after_a_conflict_nobody_waits_for_what_is_never_written() -> None:
    """Appending and flushing fail by name once the writer has stopped, instead of waiting for ever."""
    objects = MemoryObjects()
    writer = AuditWriter(objects, InstantClock())
    objects.objects[writer._key(InstantClock().now())] = b"other bytes"
    running = asyncio.create_task(writer.run())
    with pytest.raises(AuditConflict):
        await writer.append(record())
    with pytest.raises(AuditConflict):
        await running
    with pytest.raises(AuditConflict):
        await writer.append(record())
    with pytest.raises(AuditConflict):
        await writer.flush()
