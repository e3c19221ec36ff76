"""Reading the audit back: by time, by id, by the first characters of an id."""

import gzip
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from uuid import UUID

from pydantic import ValidationError

from autocloudops.audit.keys import DECISIONS
from autocloudops.audit.listing import bodies
from autocloudops.audit.objects import AuditObjects
from autocloudops.audit.record import StoredRecord, digest
from autocloudops.errors import InputUnreadable
from autocloudops.values import Value

INCIDENT = "inc-"
LISTED = 1_000
"""Keys that are listed before they are read: as many as one page of S3 has."""
DAMAGED = "compare it with the bucket's versions"


class Found(Value):
    """A record, where it stands, and the digest of its line."""

    record: StoredRecord
    location: str
    line: int
    sha256: str


async def records(objects: AuditObjects, day: str | None = None, having: str = "") -> AsyncGenerator[Found, None]:
    """Yield records, in the order of days, hours and writers.

    Args:
        objects: where the audit is.
        day: only this day, as `2026-11-22`.
        having: only lines with these characters in them, as an id's; others are not even parsed.

    Raises:
        InputUnreadable: an object is no gzip file, or holds a line that is no audit record.
        ServiceFailed: the audit cannot be read.
    """
    wanted = having.encode()
    async with aclosing(_bodies(objects, f"{DECISIONS}dt={day}/" if day else DECISIONS)) as reading:
        async for key, body in reading:
            where = f"{objects.location}/{key}"
            for number, line in enumerate(_lines(body, where)):
                if wanted in line:
                    yield Found(record=_record(line, number, where), location=key, line=number, sha256=digest(line))


def _record(line: bytes, number: int, where: str) -> StoredRecord:
    try:
        return StoredRecord.model_validate_json(line)
    except ValidationError as error:
        raise InputUnreadable(f"{where} line {number} is no audit record", DAMAGED) from error


async def _bodies(objects: AuditObjects, prefix: str) -> AsyncGenerator[tuple[str, bytes], None]:
    """Yield the objects below a prefix, a few read ahead; one that is gone since it was listed is left out."""
    async for keys in _listed(objects, prefix):
        async with aclosing(bodies(objects, keys)) as reading:
            async for key, body in reading:
                if body is not None:
                    yield key, body


async def _listed(objects: AuditObjects, prefix: str) -> AsyncIterator[Sequence[str]]:
    keys: list[str] = []
    async for key in objects.keys(prefix):
        keys.append(key)
        if len(keys) == LISTED:
            yield keys
            keys = []
    yield keys


def _lines(body: bytes, where: str) -> list[bytes]:
    try:
        return gzip.decompress(body).splitlines()
    except (OSError, EOFError, zlib.error) as error:
        raise InputUnreadable(f"{where} is no gzip file", DAMAGED) from error


def is_named(record: StoredRecord, wanted: str) -> bool:
    """Return whether one of a record's ids starts with `wanted`; after `inc-`, only its incident's."""
    prefix = wanted.lower()
    decision = record.decision.decision_id if record.decision else None
    every: tuple[UUID | None, ...] = (record.incident_id, record.event_id, decision)
    ids = every[:1] if prefix.startswith(INCIDENT) else every
    return any(str(each).startswith(prefix.removeprefix(INCIDENT)) for each in ids if each)
