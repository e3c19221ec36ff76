"""What the writer makes of records: how fast, and how many bytes."""

import asyncio
import gzip
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from unittest.mock import patch

from memory_audit import MemoryObjects

from autocloudops.audit import record as recording
from autocloudops.audit.record import AuditRecord
from autocloudops.audit.writer import AuditWriter, CommitPolicy
from autocloudops.clock import SystemClock

GZIP_LEVEL = 6


@dataclass(frozen=True, slots=True)
class Written:
    """One run of the writer.

    Args:
        redacted: whether secrets were looked for.
        batch: how many records a commit had.
        records: how many there were.
        seconds: of CPU of this process; there is no network here.
        json_bytes: of the lines.
        object_bytes: of the objects.
        gzip_bytes: of all the lines in one file, as `gzip -6` makes it.
        objects: how many there are.
    """

    redacted: bool
    batch: int
    records: int
    seconds: float
    json_bytes: int
    object_bytes: int
    gzip_bytes: int
    objects: int

    @property
    def ratio(self) -> float:
        """The objects' bytes, divided by those of one file."""
        return self.object_bytes / self.gzip_bytes


def written(made: Sequence[AuditRecord], batch: int, *, redacted: bool) -> Written:
    """Return what the writer makes of records that come `batch` at a time."""
    objects = MemoryObjects()
    with _redaction(on=redacted):
        began = time.process_time()
        asyncio.run(_append(objects, made, batch))
        seconds = time.process_time() - began
    lines = b"".join(gzip.decompress(body) for body in objects.objects.values())
    assert lines.count(b"\n") == len(made)
    return Written(
        redacted=redacted,
        batch=batch,
        records=len(made),
        seconds=seconds,
        json_bytes=len(lines),
        object_bytes=sum(map(len, objects.objects.values())),
        gzip_bytes=len(gzip.compress(lines, GZIP_LEVEL)),
        objects=len(objects.objects),
    )


async def _append(objects: MemoryObjects, made: Sequence[AuditRecord], batch: int) -> None:
    writer = AuditWriter(objects, SystemClock(), CommitPolicy(records=batch))
    committing = asyncio.create_task(writer.run())
    for first in range(0, len(made), batch):
        await asyncio.gather(*map(writer.append, made[first : first + batch]))
    committing.cancel()


@contextmanager
def _redaction(*, on: bool) -> Iterator[None]:
    """Leave redaction out where it is off; nothing but this bench can do that."""
    if on:
        yield
        return
    with patch.object(recording, "redact_json", lambda value: value):
        yield
