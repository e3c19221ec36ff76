import asyncio
import logging
from datetime import UTC, datetime

import pytest
import virtual_time
from memory_audit import MemoryObjects
from virtual_time import VirtualClock

from autocloudops.alarms.model import Unparseable
from autocloudops.audit.record import AuditRecord, Outcome
from autocloudops.audit.writer import AuditWriter
from autocloudops.entrypoints.ecs import FLUSH_SECONDS, _committing
from autocloudops.errors import AuditConflict

RECORD = AuditRecord(
    outcome=Outcome.NOTE,
    at=datetime(2026, 3, 1, 12, tzinfo=UTC),
    unparseable=Unparseable(code="not_json", reason="no JSON", raw_sha256="0"),
)


async def left(objects: MemoryObjects) -> float:
    """Append a record, give up waiting for it as a cancelled handler does, and return how long leaving took."""
    clock = VirtualClock()
    writer = AuditWriter(objects, clock)
    async with _committing(writer):
        handler = asyncio.create_task(writer.append(RECORD))
        await asyncio.sleep(0)
        handler.cancel()
        started = clock.monotonic()
    return clock.monotonic() - started


def test_what_a_cancelled_handler_wrote_is_durable_before_clients_close() -> None:
    """The audit is flushed on the way out, also what nobody waits for any more."""
    objects = MemoryObjects()
    assert virtual_time.run(left(objects)) < FLUSH_SECONDS
    assert len(objects.objects) == 1


def test_an_audit_that_is_down_does_not_keep_the_worker(caplog: pytest.LogCaptureFixture) -> None:
    """Flushing has a bound: ECS would kill a worker that waits for S3, and what is not durable was not acknowledged."""
    objects = MemoryObjects(failures=1_000)
    with caplog.at_level(logging.ERROR):
        assert virtual_time.run(left(objects)) == FLUSH_SECONDS
    assert not objects.objects
    assert "the audit was not flushed" in caplog.text


def test_somebody_elses_bytes_end_the_worker() -> None:
    """A writer that meets an alien object takes the consumer along: nothing is acknowledged any more."""

    class Alien(MemoryObjects):
        async def create(self, key: str, body: bytes) -> None:
            raise AuditConflict(f"{key} holds {len(body)} other bytes")

    async def consume() -> None:
        writer = AuditWriter(Alien(), VirtualClock())
        async with _committing(writer):
            writing = asyncio.create_task(writer.append(RECORD))
            await asyncio.gather(writing, return_exceptions=True)
            await asyncio.Event().wait()

    with pytest.raises(ExceptionGroup) as raised:
        virtual_time.run(consume())
    assert raised.group_contains(AuditConflict)
