"""Writers that digests forget because they are quiet for days, and that come back."""

import asyncio
import gzip
from collections.abc import Callable
from datetime import timedelta

import pytest
from audit_history import History, settled
from memory_audit import MemoryObjects, RefusingObjects

from autocloudops.audit.digest import Digest
from autocloudops.audit.findings import Kind
from autocloudops.audit.keys import DECISIONS
from autocloudops.audit.verifying import Range

QUIET = timedelta(days=3)


@pytest.fixture
def history() -> History:
    """An audit in which nothing happened yet."""
    return History(MemoryObjects())


async def test_a_writer_that_was_quiet_for_days_goes_on(history: History) -> None:
    """A digest forgets writers that it does not hear of for two days; one that comes back is no stranger."""
    async with history.writing() as writer:
        await history.write_object(writer)
        history.clock.at += QUIET
        await history.digest()
        await history.write_object(writer, 10)
        history.pass_hour()
        await history.digest()
        assert (await history.verified()).findings == ()
        since = history.clock.at - timedelta(days=1)
        assert (await history.verified(Range(since))).findings == ()


async def test_what_comes_late_of_a_writer_that_was_quiet_for_days_is_listed() -> None:
    """An object that S3 accepts after its hour's digest is in the next one, though digests had forgotten its writer."""
    objects = RefusingObjects()
    history = History(objects)
    async with history.writing() as writer:
        await history.write_object(writer)
        history.clock.at += QUIET
        await history.digest()
        objects.refused = DECISIONS
        waiting = asyncio.create_task(history.write_object(writer, 10))
        await settled()
        history.pass_hour()
        await history.digest()
        objects.refused = "nothing"
        key = await waiting
        history.pass_hour()
        (made,) = await history.digest()
    assert [each.key for each in Digest.model_validate_json(objects.objects[made]).objects if each.late] == [key]
    report = await history.verified()
    assert (report.findings, report.unproven, report.objects) == ((), 0, 2)


def delete(objects: MemoryObjects, key: str) -> None:
    """Take an object away."""
    del objects.objects[key]


def behead(objects: MemoryObjects, key: str) -> None:
    """Take an object's first line away."""
    lines = gzip.decompress(objects.objects[key]).splitlines()
    objects.objects[key] = gzip.compress(b"\n".join(lines[1:]) + b"\n", mtime=0)


@pytest.mark.parametrize(
    ("damage", "which", "kind"),
    [(behead, 0, Kind.MISSING), (delete, 0, Kind.MISSING), (delete, 1, Kind.TRUNCATED)],
)
async def test_a_writer_that_comes_back_is_followed_from_where_it_was(
    history: History, damage: Callable[[MemoryObjects, str], None], which: int, kind: Kind
) -> None:
    """What it loses on its return, before anybody signed, is found by a verification of the last day alone."""
    assert isinstance(history.objects, MemoryObjects)
    async with history.writing() as writer:
        await history.write_object(writer)
        history.clock.at += QUIET
        history.pass_hour()
        await history.digest()
        keys = [await history.write_object(writer, number * 10) for number in (1, 2)]
        damage(history.objects, keys[which])
        history.pass_hour()
        await history.digest()
    since = history.clock.at - timedelta(days=1)
    assert [each.kind for each in (await history.verified(Range(since))).findings] == [kind]


async def test_a_writer_that_comes_back_after_digests_were_lost_goes_on(history: History) -> None:
    """Where a digest before is gone, nothing says how far the writer was: what it writes now is listed all the same."""
    assert isinstance(history.objects, MemoryObjects)
    async with history.writing() as writer:
        await history.write_object(writer)
        history.clock.at += QUIET
        history.pass_hour()
        made = await history.digest()
        delete(history.objects, made[-2])
        key = await history.write_object(writer, 10)
        history.pass_hour()
        (made_last,) = await history.digest()
    assert [each.key for each in Digest.model_validate_json(history.objects.objects[made_last]).objects] == [key]
