import asyncio
import logging
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import cast

import pytest
import virtual_time
from memory_audit import MemoryObjects
from virtual_time import VirtualClock

from autocloudops.alarms.model import Unparseable
from autocloudops.audit.record import AuditRecord, Outcome
from autocloudops.audit.writer import AuditWriter
from autocloudops.entrypoints.ecs import (
    FLUSH_SECONDS,
    GIVE_BACK_SECONDS,
    SWEEP_SECONDS,
    Run,
    _committing,
    _sweeping,
    serve,
)
from autocloudops.entrypoints.health import Troubles
from autocloudops.errors import AccessDenied, AuditConflict, SettingsInvalid, cause_of
from autocloudops.pipeline import Asking
from autocloudops.settings import HealthSettings

RECORD = AuditRecord(
    outcome=Outcome.NOTE,
    at=datetime(2026, 3, 1, 12, tzinfo=UTC),
    unparseable=Unparseable(code="not_json", reason="no JSON", raw_sha256="0"),
)


class Refusing(MemoryObjects):
    """Objects that hold somebody else's bytes."""

    async def create(self, key: str, body: bytes) -> None:
        raise AuditConflict(f"{key} holds {len(body)} other bytes")


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

    async def consume() -> None:
        writer = AuditWriter(Refusing(), VirtualClock())
        async with _committing(writer):
            writing = asyncio.create_task(writer.append(RECORD))
            await asyncio.gather(writing, return_exceptions=True)
            await asyncio.Event().wait()

    with pytest.raises(ExceptionGroup) as raised:
        virtual_time.run(consume())
    assert raised.group_contains(AuditConflict)


@pytest.mark.parametrize("objects", [MemoryObjects(), MemoryObjects(failures=1_000)])
def test_a_worker_that_ends_with_an_error_leaves_its_audit_behind(objects: MemoryObjects) -> None:
    """What was written before a permission was lost is durable if it can be, and the permission is what is told."""

    async def failing() -> None:
        writer = AuditWriter(objects, VirtualClock())
        async with _committing(writer):
            handler = asyncio.create_task(writer.append(RECORD))
            await asyncio.sleep(0)
            handler.cancel()
            raise AccessDenied("sqs:DeleteMessage", "queue", "denied")

    with pytest.raises(ExceptionGroup) as raised:
        virtual_time.run(failing())
    assert isinstance(cause_of(raised.value), AccessDenied)
    assert bool(objects.objects) == (not objects.failures)


class Clinging:
    """Sweeps that give back what they hold for ever."""

    async def sweep(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(10_000)


def test_a_sweep_that_cannot_let_go_keeps_nobody() -> None:
    """A state table that hangs while a sweep gives its leases back does not outlast the time that ECS gives."""

    async def left() -> float:
        run = Run(AsyncExitStack(), VirtualClock(), asyncio.Event(), Troubles())
        async with _sweeping(cast("Asking", Clinging()), None, run):
            await run.clock.sleep(SWEEP_SECONDS + 1)
            started = run.clock.monotonic()
        return run.clock.monotonic() - started

    assert virtual_time.run(left()) <= GIVE_BACK_SECONDS + 0.1


async def test_every_missing_setting_is_logged_at_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever starts a worker without settings reads all that are missing, and the worker ends with the first."""
    missing = ("QUEUE_URL", "QUEUE_DLQ_URL", "MODEL_ENDPOINTS", "AUDIT_LOCATION", "NOTIFY_TOPIC_ARN")
    for name in missing:
        monkeypatch.delenv(f"AUTOCLOUDOPS_{name}", raising=False)
    with caplog.at_level(logging.ERROR), pytest.raises(SettingsInvalid, match=r"^AUTOCLOUDOPS_QUEUE_URL: "):
        await serve(HealthSettings())
    assert all(f"AUTOCLOUDOPS_{name}: it is not set" in caplog.text for name in missing)
