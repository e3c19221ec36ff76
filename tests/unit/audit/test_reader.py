import asyncio
import gzip

import pytest
from audit_folder import CPU_INCIDENT, TODAYS
from audit_history import record
from memory_audit import MemoryObjects
from virtual_time import START, VirtualClock, run

from autocloudops.audit.keys import decisions_key
from autocloudops.audit.reader import LISTED, Found, records
from autocloudops.audit.writer import AuditWriter
from autocloudops.errors import InputUnreadable

WRITER = "0b6e8c1a-0000-4000-8000-000000000001"


async def written() -> MemoryObjects:
    """Return an audit with one object of records of all sorts."""
    objects = MemoryObjects()
    writer = AuditWriter(objects, VirtualClock())
    committing = asyncio.create_task(writer.run())
    await asyncio.gather(*map(writer.append, (*TODAYS, record(7))))
    committing.cancel()
    return objects


async def _found(objects: MemoryObjects, having: str) -> list[Found]:
    return [each async for each in records(objects, having=having)]


def test_only_lines_with_the_characters_are_yielded() -> None:
    """Of an incident's id every line comes that names it, each with its place in the object as it stands there."""

    async def looked() -> tuple[list[Found], list[Found]]:
        objects = await written()
        return await _found(objects, ""), await _found(objects, str(CPU_INCIDENT))

    everything, about = run(looked())
    assert about == [each for each in everything if each.record.incident_id == CPU_INCIDENT]
    assert 0 < len(about) < len(everything)


def test_what_is_not_looked_for_is_not_parsed() -> None:
    """A line that is no record stops whoever reads all, and nobody who looks for another."""

    async def looked() -> list[Found]:
        objects = await written()
        (key,) = objects.objects
        objects.objects[key] = gzip.compress(gzip.decompress(objects.objects[key]) + b"no record\n")
        with pytest.raises(InputUnreadable, match="line 7 is no audit record"):
            await _found(objects, "")
        return await _found(objects, str(CPU_INCIDENT))

    assert len(run(looked())) == 5


def test_more_objects_than_a_page_come_in_order() -> None:
    """However many there are, each comes once and in the order of the keys."""
    objects = MemoryObjects()
    (body,) = run(written()).objects.values()
    keys = [decisions_key(WRITER, number, START) for number in range(LISTED + 2)]
    objects.objects = dict.fromkeys(keys, body)
    about = asyncio.run(_found(objects, "no JSON 7"))
    assert [each.location for each in about] == keys


class SlowObjects(MemoryObjects):
    """Objects each of which takes a second more to be read than the one before."""

    begun = 0

    async def read(self, key: str) -> bytes:
        self.begun += 1
        await asyncio.sleep(self.begun)
        return await super().read(key)


def test_whoever_stops_early_leaves_nothing_behind() -> None:
    """What was being read ahead is given up with the reader."""

    async def looked() -> tuple[int, int]:
        (body,) = (await written()).objects.values()
        objects = SlowObjects()
        objects.objects = {decisions_key(WRITER, number, START): body for number in range(20)}
        await asyncio.sleep(1)
        reading = records(objects)
        await anext(reading)
        meanwhile = len(asyncio.all_tasks())
        await reading.aclose()
        return meanwhile, len(asyncio.all_tasks())

    meanwhile, afterwards = run(looked())
    assert meanwhile > afterwards == 1
