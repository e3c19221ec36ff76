"""A million records: one pass, and memory that does not grow with them."""

import gzip
import os
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from audit_history import KEY, TRUSTED, MemoryRegistry, StandingClock
from virtual_time import START

from autocloudops.audit.digesting import Digester
from autocloudops.audit.keys import HOUR, decisions_key
from autocloudops.audit.objects import FolderObjects
from autocloudops.audit.record import canonical, digest
from autocloudops.audit.signing import LocalSigner
from autocloudops.audit.verifying import Progress, Range, Verifier
from autocloudops.registered_writer import RegisteredWriter

STATUS = Path("/proc/self/statm")
WRITER = str(UUID(int=7))
HOURS = 24
LINES = 500
MOST_GROWTH_BYTES = 200_000_000


def resident_bytes() -> int:
    """Return how much memory this process holds now."""
    return int(STATUS.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def objects_of(count: int) -> Iterator[tuple[int, bytes]]:
    """Yield the numbers and bodies of `count` objects of one writer, without the cost of making real records."""
    number, prev = 0, ""
    for sequence in range(count):
        lines: list[bytes] = []
        for _ in range(LINES):
            said = {"outcome": "note", "at": START.isoformat(), "note": f"{number * 7919:032x}" * 8}
            lines.append(canonical({**said, "writer": WRITER, "number": number, "prev": prev, "schema_version": 1}))
            number, prev = number + 1, digest(lines[-1])
        yield sequence, gzip.compress(b"\n".join(lines) + b"\n", compresslevel=1, mtime=0)


def write(folder: Path, count: int) -> RegisteredWriter:
    """Write `count` objects over a day, and return their writer as it ends."""
    at, body = START, b""
    for sequence, body in objects_of(count):
        at = START + sequence * HOURS * HOUR / count
        path = folder / decisions_key(WRITER, sequence, at)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    last = gzip.decompress(body).splitlines()[-1]
    return RegisteredWriter(WRITER, START, at, count - 1, count * LINES, digest(last), ended=True)


@pytest.mark.skipif(not STATUS.exists(), reason="how much memory is held is read from /proc")
@pytest.mark.parametrize("records", [20_000, pytest.param(1_000_000, marks=pytest.mark.soak)])
async def test_many_records_are_verified_in_one_pass_of_bounded_memory(tmp_path: Path, records: int) -> None:
    """Every record is proved, and memory grows by less than 200 MB, however many there are."""
    objects, clock, registry = FolderObjects(tmp_path), StandingClock(), MemoryRegistry()
    await registry.keep(write(tmp_path, records // LINES))
    clock.at = START + (HOURS + 1) * HOUR
    made = [each.key async for each in Digester(objects, registry, LocalSigner(KEY), clock).make()]
    before, peak = resident_bytes(), 0

    def told(_: Progress) -> None:
        nonlocal peak
        peak = max(peak, resident_bytes())

    report = await Verifier(objects, TRUSTED, clock, told).verify(Range())
    assert report.clean
    assert (report.records, report.digests, report.unproven) == (records, len(made), 0)
    assert peak - before < MOST_GROWTH_BYTES
