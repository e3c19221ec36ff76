"""Incidents in one process: for tests, `decide`, and nothing that must survive."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from autocloudops.alarms.model import Alarm, AlarmKey
from autocloudops.incidents.grouping import change_of
from autocloudops.incidents.model import Change, Clears, Incident, IncidentStatus, Joins, Opens, Placement, Role


class MemoryIncidents:
    """An `IncidentStore` in memory, with the same conditions as the durable one."""

    def __init__(self) -> None:
        self._history: defaultdict[AlarmKey, dict[UUID, Change]] = defaultdict(dict)
        self._incidents: dict[UUID, Incident] = {}
        self._current: dict[str, UUID] = {}
        self._members: defaultdict[UUID, dict[UUID, Alarm]] = defaultdict(dict)

    async def history(self, key: AlarmKey) -> Sequence[Change]:
        """Return the recorded changes of `key`."""
        return tuple(self._history[key].values())

    async def current(self, owner_key: str) -> Incident | None:
        """Return the newest incident of an owner."""
        incident_id = self._current.get(owner_key)
        return self._incidents[incident_id] if incident_id else None

    async def record(self, alarm: Alarm, placement: Placement, now: datetime) -> bool:
        """Make `placement` true, or return False where somebody else was faster."""
        if alarm.event_id in self._history[alarm.key]:
            return False
        match placement:
            case Opens(incident=incident):
                if self._current.get(incident.owner_key) != incident.previous:
                    return False
                self._incidents[incident.incident_id] = incident
                self._current[incident.owner_key] = incident.incident_id
            case Joins(incident_id=UUID() as joined):
                self._count(joined, members=1, firing=int(placement.starts_episode), now=now)
            case Clears(incident_id=UUID() as cleared):
                self._count(cleared, members=0, firing=-1, now=None)
        change = change_of(alarm, placement)
        self._history[alarm.key][alarm.event_id] = change
        if change.role in {Role.OPENER, Role.JOINER} and change.incident_id:
            self._members[change.incident_id][alarm.event_id] = alarm
        return True

    def _count(self, incident_id: UUID, *, members: int, firing: int, now: datetime | None) -> None:
        incident = self._incidents[incident_id]
        self._incidents[incident_id] = incident.model_copy(
            update={
                "members": incident.members + members,
                "firing": incident.firing + firing,
                "last_member_at": now or incident.last_member_at,
            }
        )

    async def incident(self, incident_id: UUID) -> Incident | None:
        """Return one incident as it stands now."""
        return self._incidents.get(incident_id)

    async def claim(self, incident_id: UUID, asker: str, lease_until: datetime, now: datetime) -> Incident | None:
        """Become the only one who asks; None while somebody else holds the lease or it is decided."""
        incident = self._incidents[incident_id]
        leased = incident.lease_until is not None and incident.lease_until > now
        if incident.status is IncidentStatus.DECIDED or leased:
            return None
        claimed = incident.model_copy(
            update={
                "status": IncidentStatus.ASKING,
                "asker": asker,
                "lease_until": lease_until,
                "attempt": incident.attempt + 1,
            }
        )
        self._incidents[incident_id] = claimed
        return claimed

    async def members(self, incident: Incident) -> Sequence[Alarm]:
        """Return the alarms of an incident, by time."""
        return sorted(self._members[incident.incident_id].values(), key=lambda alarm: alarm.at)

    async def settle(self, asked: Incident, decision_id: UUID, record_sha256: str) -> bool:
        """Make a decision the effective one, unless the attempt is no longer current."""
        incident = self._incidents[asked.incident_id]
        if incident.status is not IncidentStatus.ASKING or incident.attempt != asked.attempt:
            return False
        self._incidents[asked.incident_id] = incident.model_copy(
            update={"status": IncidentStatus.DECIDED, "decision_id": decision_id, "record_sha256": record_sha256}
        )
        return True
