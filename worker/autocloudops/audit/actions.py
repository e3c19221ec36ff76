"""The action log: what is about to be done, what came of it and whether it helped, one object for each step."""

from autocloudops.audit.keys import ACTIONS
from autocloudops.audit.objects import AuditObjects
from autocloudops.audit.record import canonical
from autocloudops.decisions.claims import ActionEntry
from autocloudops.redaction import redact_json

SCHEMA_VERSION = 1


class ActionObjects:
    """Keeps each entry as a create-only object that is durable when `write` returns.

    Args:
        objects: where the audit is.
    """

    def __init__(self, objects: AuditObjects) -> None:
        self._objects = objects

    async def write(self, entry: ActionEntry) -> None:
        """Keep an entry; the same one again is no error.

        Raises:
            ServiceFailed: it is not durable.
            AuditConflict: another entry stands in its place.
        """
        content = redact_json(entry.model_dump(mode="json", exclude_defaults=True))
        await self._objects.create(key_of(entry), canonical({"schema_version": SCHEMA_VERSION, **content}))


def key_of(entry: ActionEntry) -> str:
    """Return an entry's key: that of its claim and step alone, whoever writes it on whichever day."""
    claim = entry.claim
    name = f"{claim.incident_id}-{claim.request.runbook}-{claim.claim_id.hex[:8]}-{entry.step}"
    return f"{ACTIONS}dt={claim.claimed_at:%Y-%m-%d}/{name}.json"
