"""Reading the audit back: by time, by id, by the first characters of an id."""

import gzip
import zlib
from collections.abc import AsyncIterator
from uuid import UUID

from pydantic import ValidationError

from autocloudops.audit.keys import DECISIONS
from autocloudops.audit.objects import AuditObjects
from autocloudops.audit.record import StoredRecord, digest
from autocloudops.errors import InputUnreadable
from autocloudops.values import Value

INCIDENT = "inc-"
DAMAGED = "compare it with the bucket's versions"


class Found(Value):
    """A record, where it stands, and the digest of its line."""

    record: StoredRecord
    location: str
    line: int
    sha256: str


async def records(objects: AuditObjects, day: str | None = None) -> AsyncIterator[Found]:
    """Yield every record, in the order of days, hours and writers.

    Args:
        objects: where the audit is.
        day: only this day, as `2026-11-22`.

    Raises:
        InputUnreadable: an object is no gzip file, or holds a line that is no audit record.
    """
    async for key in objects.keys(f"{DECISIONS}dt={day}/" if day else DECISIONS):
        where = f"{objects.location}/{key}"
        for number, line in enumerate(_lines(await objects.read(key), where)):
            try:
                record = StoredRecord.model_validate_json(line)
            except ValidationError as error:
                raise InputUnreadable(f"{where} line {number} is no audit record", DAMAGED) from error
            yield Found(record=record, location=key, line=number, sha256=digest(line))


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
