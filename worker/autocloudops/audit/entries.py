"""Reading the action log back: by day, and by incident."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import datetime, timedelta
from uuid import UUID

from pydantic import ValidationError

from autocloudops.audit.keys import ACTIONS, action_day, day_of, day_prefix
from autocloudops.audit.listing import bodies
from autocloudops.audit.objects import AuditObjects
from autocloudops.audit.reader import DAMAGED
from autocloudops.audit.record import digest
from autocloudops.decisions.claims import ActionEntry
from autocloudops.errors import InputUnreadable
from autocloudops.values import Value

DAY = timedelta(days=1)


class Logged(Value):
    """An entry, where it stands, and the digest of its bytes."""

    entry: ActionEntry
    location: str
    sha256: str


async def entries(
    objects: AuditObjects, since: datetime, until: datetime, incident_id: UUID | None = None
) -> AsyncIterator[Logged]:
    """Yield the entries of claims that were made from one day to another, in the order of their keys.

    Args:
        objects: where the audit is.
        since: a moment of the first day (UTC).
        until: a moment of the last day.
        incident_id: only entries about this incident.

    Raises:
        InputUnreadable: an object is no entry of the action log.
        ServiceFailed: the audit cannot be read.
    """
    day = day_of(since)
    while day <= until:
        prefix = day_prefix(ACTIONS, day)
        wanted = f"{prefix}{incident_id}-" if incident_id else prefix
        keys = [key async for key in objects.keys(prefix) if key.startswith(wanted) and action_day(key)]
        async with aclosing(bodies(objects, keys)) as reading:
            async for key, body in reading:
                if body is not None:
                    yield _logged(objects, key, body)
        day += DAY


def _logged(objects: AuditObjects, key: str, body: bytes) -> Logged:
    try:
        entry = ActionEntry.model_validate_json(body)
    except ValidationError as error:
        raise InputUnreadable(f"{objects.location}/{key} is no entry of the action log", DAMAGED) from error
    return Logged(entry=entry, location=key, sha256=digest(body))
