import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from acted import claim, lifecycle, log
from audit_folder import CPU_INCIDENT, DATABASE_INCIDENT, TODAYS, TOMORROWS, write_audit
from audit_history import record
from memory_audit import MemoryObjects
from reading_verbs import typed
from virtual_time import START, VirtualClock, run

from autocloudops.audit.actions import ActionObjects
from autocloudops.audit.record import AuditRecord
from autocloudops.audit.writer import AuditWriter
from autocloudops.cli.audit_reading.tail import LOOK_SECONDS, Follower, Line
from autocloudops.errors import ServiceUnavailable

LONG_AGO = "999d"


class FailingObjects(MemoryObjects):
    """Objects that cannot be listed for a while."""

    unlisted = 0

    async def keys(self, prefix: str) -> AsyncIterator[str]:
        if self.unlisted:
            self.unlisted -= 1
            raise ServiceUnavailable("s3:ListBucket", "memory", "slow down")
        async for key in super().keys(prefix):
            yield key


async def append(objects: MemoryObjects, *records: AuditRecord) -> None:
    """Write records as a worker that starts for it."""
    writer = AuditWriter(objects, VirtualClock())
    committing = asyncio.create_task(writer.run())
    await asyncio.gather(*map(writer.append, records))
    committing.cancel()


async def next_of(lines: AsyncIterator[Line], count: int) -> Sequence[Line]:
    """Return as many lines as are named."""
    return [await anext(lines) for _ in range(count)]


def test_what_stands_there_is_printed_once(tmp_path: Path) -> None:
    """Without following, records and entries since the time are printed as they stand, with their objects."""
    folder = write_audit(tmp_path / "audit-here")
    log(folder, *lifecycle(claim(TODAYS[0])))
    result = typed("tail", "--since", LONG_AGO, "--no-follow", "--location", str(folder))
    assert result.exception is None
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["outcome"] for line in lines if "outcome" in line] == [
        *(each.outcome for each in TODAYS),
        *(each.outcome for each in TOMORROWS),
    ]
    assert [line["step"] for line in lines if "step" in line] == ["intent", "outcome", "verification"]
    assert {line["incident_id"] for line in lines if "decision" in line} == {str(CPU_INCIDENT), str(DATABASE_INCIDENT)}
    assert all((folder / line["object"]).is_file() for line in lines)


def test_what_is_older_is_left_out(tmp_path: Path) -> None:
    """A short span shows nothing of an audit that is old."""
    folder = write_audit(tmp_path / "audit-here")
    result = typed("tail", "--since", "10m", "--no-follow", "--location", str(folder))
    assert (result.exception, result.stdout) == (None, "")


@pytest.mark.parametrize("said", ["soon", "10", "m", "-3h", "3w"])
def test_a_span_that_cannot_be_read_is_refused(tmp_path: Path, said: str) -> None:
    """A span of time that is none is named before any audit is read."""
    result = typed("tail", f"--since={said}", "--location", str(tmp_path))
    assert "is no span of time" in str(result.exception)


def test_what_is_added_follows() -> None:
    """New objects come within one look, each once, also an action and an object of a later hour."""

    async def followed() -> None:
        objects = MemoryObjects()
        await append(objects, record(1))
        lines = Follower(objects, VirtualClock(), START).follow()
        assert [line["number"] for line in await next_of(lines, 1)] == [0]
        coming = asyncio.create_task(next_of(lines, 3))
        await asyncio.sleep(LOOK_SECONDS * 3)
        assert not coming.done()
        await append(objects, record(2), record(3))
        await asyncio.sleep(timedelta(hours=3).total_seconds())
        (intent, *_) = lifecycle(claim(TODAYS[0]))
        await ActionObjects(objects).write(intent)
        first, second, third = await coming
        assert [each["unparseable"]["reason"] for each in (first, second)] == ["no JSON 2", "no JSON 3"]
        assert third["step"] == "intent"
        more = asyncio.create_task(next_of(lines, 1))
        await asyncio.sleep(timedelta(hours=3).total_seconds())
        assert not more.done()
        await append(objects, record(4))
        assert (await more)[0]["unparseable"]["reason"] == "no JSON 4"

    run(followed())


def test_little_is_remembered() -> None:
    """What no later look lists is forgotten, so that following for days takes no more memory than for hours."""

    async def followed() -> None:
        objects = MemoryObjects()
        follower = Follower(objects, VirtualClock(), START)
        for hour in range(12):
            await append(objects, record(hour))
            assert len([line async for line in follower.look()]) == 1
            assert len(follower._seen) <= 3
            await asyncio.sleep(timedelta(hours=1).total_seconds())

    run(followed())


def test_an_audit_that_cannot_be_read_for_a_while_is_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    """While following, an outage is told and costs nothing; what was written meanwhile comes after it."""

    async def followed() -> None:
        objects = FailingObjects()
        objects.unlisted = 3
        await append(objects, record(1))
        lines = Follower(objects, VirtualClock(), START).follow()
        assert len(await next_of(lines, 1)) == 1

    run(followed())
    assert capsys.readouterr().err.count("the audit is not read at the moment") == 3


def test_a_damaged_object_is_told_and_passed(capsys: pytest.CaptureFixture[str]) -> None:
    """An object that cannot be read is named, and the next one is printed."""

    async def looked() -> list[Line]:
        objects = MemoryObjects()
        await append(objects, record(1))
        await append(objects, record(2))
        damaged = min(objects.objects)
        objects.objects[damaged] = objects.objects[damaged][:20]
        return [line async for line in Follower(objects, VirtualClock(), START).look()]

    assert len(run(looked())) == 1
    assert "cannot be read" in capsys.readouterr().err
