"""The port behind which incidents are kept."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from autocloudops.alarms.model import Alarm, AlarmKey
from autocloudops.incidents.model import Change, Incident, Placement


class IncidentStore(Protocol):
    """Incidents and the state changes in them, moved by conditional writes only.

    Every method raises `ServiceFailed` where the store cannot be reached.
    """

    async def history(self, key: AlarmKey) -> Sequence[Change]:
        """Return the newest recorded changes of `key`."""
        ...

    async def current(self, owner_key: str) -> Incident | None:
        """Return the newest incident of an owner."""
        ...

    async def record(self, alarm: Alarm, placement: Placement, now: datetime) -> bool:
        """Make `placement` true. False: somebody else was faster; read again and place again."""
        ...

    async def incident(self, incident_id: UUID) -> Incident | None:
        """Return one incident as it stands now."""
        ...

    async def claim(self, incident_id: UUID, asker: str, lease_until: datetime, now: datetime) -> Incident | None:
        """Become the only one who asks; None while somebody else holds the lease or it is decided."""
        ...

    async def members(self, incident: Incident) -> Sequence[Alarm]:
        """Return the first and last alarms of an incident, by time."""
        ...

    async def settle(self, asked: Incident, decision_id: UUID, record_sha256: str) -> bool:
        """Make a decision the effective one. False: the attempt that `asked` carries is no longer current."""
        ...
