import asyncio

import pytest
from audit_history import LINES, History, MemoryRegistry, StandingClock, record, settled
from memory_audit import MemoryObjects

from autocloudops.audit.reader import records
from autocloudops.audit.writer import AuditWriter, CommitPolicy
from autocloudops.errors import SettingsInvalid


async def committing(writer: AuditWriter) -> asyncio.Task[None]:
    """Run a writer."""
    running = asyncio.create_task(writer.run())
    await asyncio.sleep(0)
    return running


async def end(running: asyncio.Task[None]) -> None:
    """Cancel a writer's run, as whoever drains does."""
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_nothing_is_written_before_the_writer_is_registered() -> None:
    """While the registry does not answer, records wait: an object of an unknown writer would be taken for alien."""
    objects, registry = MemoryObjects(), MemoryRegistry(failures=4)
    writer = AuditWriter(objects, StandingClock(), registry=registry)
    running = await committing(writer)
    appended = asyncio.create_task(writer.append(record()))
    while registry.failures:
        assert not objects.calls
        assert not appended.done()
        await asyncio.sleep(0)
    await appended
    await end(running)
    assert writer.writer_id in registry.writers
    assert len(objects.objects) == 1


async def test_a_writer_that_writes_nothing_is_not_registered() -> None:
    """A process that only looks leaves no trace in the registry."""
    registry = MemoryRegistry()
    running = await committing(AuditWriter(MemoryObjects(), StandingClock(), registry=registry))
    await settled()
    await end(running)
    assert registry.kept == []


async def test_whoever_may_append_soon_has_the_writer_registered() -> None:
    """The first record of a process does not wait for its writer's registration: that is under way before."""
    objects, registry = MemoryObjects(), MemoryRegistry()
    writer = AuditWriter(objects, StandingClock(), registry=registry)
    running = await committing(writer)
    with writer.in_flight():
        await settled()
        assert [(each.sequence, each.ended) for each in registry.kept] == [(None, False)]
        await writer.append(record())
    await end(running)
    assert [(each.sequence, each.ended) for each in registry.kept] == [(None, False), (0, False), (0, True)]
    assert len(objects.objects) == 1


async def test_the_registry_follows_and_is_told_the_end() -> None:
    """Started without an object, then each number that is durable, then ended with the last."""
    history = History(MemoryObjects())
    async with history.writing() as writer:
        for number in range(3):
            await history.write_object(writer, number * 10)
    assert [(each.sequence, each.ended) for each in history.registry.kept] == [
        (None, False),
        (0, False),
        (1, False),
        (2, False),
        (2, True),
    ]


async def test_a_registry_that_fails_later_holds_up_no_record() -> None:
    """Once registered, a writer commits whatever the registry does, and tells it when it is back."""
    history = History(MemoryObjects())
    async with history.writing() as writer:
        await history.write_object(writer)
        history.registry.failures = 3
        await history.write_object(writer, 10)
        for _ in range(10):
            await settled()
        assert history.registry.writers[writer.writer_id].sequence == 1


async def test_a_writer_that_is_cancelled_while_it_writes_stays_unclosed() -> None:
    """Its last write may still arrive, so that nobody may say that it has ended."""
    objects = MemoryObjects()
    history = History(objects)
    async with history.writing() as writer:
        await history.write_object(writer)
        objects.failures = 10**9
        waiting = asyncio.create_task(history.write_object(writer, 10))
        await settled()
    waiting.cancel()
    assert not history.registry.writers[writer.writer_id].ended


async def test_no_more_wait_than_there_is_room_for() -> None:
    """While S3 is down memory is bounded: whoever has another record waits outside, and loses none of them."""
    objects = MemoryObjects(failures=50)
    writer = AuditWriter(objects, StandingClock(), CommitPolicy(records=4, waiting=10))
    running = await committing(writer)
    appended = [asyncio.create_task(writer.append(record(number))) for number in range(100)]
    while objects.failures:
        assert len(writer._waiting) <= 10
        assert not any(each.done() for each in appended)
        await asyncio.sleep(0)
    receipts = await asyncio.gather(*appended)
    await end(running)
    assert len({(each.location, each.line) for each in receipts}) == 100
    assert len([found async for found in records(objects)]) == 100


async def test_who_waits_for_room_is_told_of_a_conflict() -> None:
    """Nobody waits for room in a writer that has stopped."""
    objects, clock = MemoryObjects(), StandingClock()
    writer = AuditWriter(objects, clock, CommitPolicy(waiting=1))
    objects.objects[writer._key(clock.now())] = b"other bytes"
    appended = [asyncio.create_task(writer.append(record(number))) for number in range(3)]
    await settled()
    results = await asyncio.gather(writer.run(), *appended, return_exceptions=True)
    assert [type(each).__name__ for each in results] == ["AuditConflict"] * 4


async def test_an_object_is_closed_when_it_is_large_enough() -> None:
    """Records of any size become objects that fit into memory."""
    objects = MemoryObjects()
    writer = AuditWriter(objects, StandingClock(), CommitPolicy(object_bytes=1_000))
    running = await committing(writer)
    await asyncio.gather(*(writer.append(record(number)) for number in range(4 * LINES)))
    await end(running)
    found = [found async for found in records(objects)]
    assert [each.record.number for each in found] == list(range(4 * LINES))
    assert len(objects.objects) > 4


async def test_whoever_waits_hears_of_whatever_ends_the_writer() -> None:
    """Credentials that are gone end the writer, and nobody waits for it until Lambda ends the invocation."""

    class Forgetful(MemoryObjects):
        async def create(self, key: str, body: bytes) -> None:
            raise SettingsInvalid(f"no credentials for {len(body)} bytes at {key}")

    writer = AuditWriter(Forgetful(), StandingClock())
    running = await committing(writer)
    with pytest.raises(SettingsInvalid, match="no credentials"):
        await writer.append(record())
    with pytest.raises(SettingsInvalid, match="no credentials"):
        await writer.flush()
    with pytest.raises(SettingsInvalid, match="no credentials"):
        await running
