"""Incidents in one process: for tests, `decide`, and nothing that must survive."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from autocloudops.alarms.model import Alarm, AlarmKey
from autocloudops.incidents.grouping import change_of
from autocloudops.incidents.model import (
    Change,
    Clears,
    History,
    Incident,
    IncidentStatus,
    Joins,
    Opens,
    Placement,
    Reopens,
    Role,
    family,
)
from autocloudops.incidents.relatives import child_keys
from autocloudops.incidents.silence import Silence
from autocloudops.state.items import HISTORY_LIMIT

MEMBER_ROLES = frozenset({Role.OPENER, Role.REOPENER, Role.JOINER})


class MemoryIncidents:
    """An `IncidentStore` in memory, with the same conditions as the durable one."""

    counts_within = timedelta()

    def __init__(self) -> None:
        self._changes: defaultdict[AlarmKey, dict[UUID, Change]] = defaultdict(dict)
        self._parents: dict[AlarmKey, UUID] = {}
        self._incidents: dict[UUID, Incident] = {}
        self._current: dict[str, UUID] = {}
        self._unfinished: dict[UUID, tuple[int, str | None]] = {}
        self._members: defaultdict[UUID, dict[UUID, Alarm]] = defaultdict(dict)
        self._resources: defaultdict[tuple[str, str, datetime], set[str]] = defaultdict(set)
        self._silences: dict[str, Silence] = {}

    async def history(self, key: AlarmKey, since: datetime) -> History:
        """Return the newest recorded changes of `key`, and every one from `since` on."""
        return self._history(key, since)

    def _history(self, key: AlarmKey, since: datetime) -> History:
        changes = sorted(self._changes[key].values(), key=lambda change: change.at, reverse=True)
        kept = [change for number, change in enumerate(changes) if number < HISTORY_LIMIT or change.at >= since]
        return History(changes=tuple(kept), parent=self._parents.get(key))

    async def current(self, owner_key: str) -> Incident | None:
        """Return the newest incident of an owner."""
        incident_id = self._current.get(owner_key)
        return self._incidents[incident_id] if incident_id else None

    async def tie(self, owner_key: str, left: UUID | None, to: UUID, now: datetime) -> bool:  # noqa: ARG002 - nothing expires here
        """Let further alarms of an owner join another owner's incident, if `left` still is its newest."""
        if self._current.get(owner_key) != left:
            return False
        self._current[owner_key] = to
        return True

    async def record(self, alarm: Alarm, placement: Placement, seen: History, now: datetime) -> bool:
        """Make `placement` true and count it, or return False where somebody else was faster."""
        if alarm.event_id in self._changes[alarm.key] or self._history(alarm.key, alarm.at).beyond(seen):
            return False
        if not self._moved(alarm, placement, now):
            return False
        if isinstance(placement, Opens | Reopens | Joins) and placement.leaves:
            self._stop_firing(placement.leaves)
        change = change_of(alarm, placement)
        self._changes[alarm.key][alarm.event_id] = change
        if change.role in MEMBER_ROLES and change.incident_id:
            self._members[change.incident_id][alarm.event_id] = alarm
            self._parents |= dict.fromkeys(child_keys(alarm), change.incident_id)
            self._resources[alarm.resource.account, alarm.resource.region, _minute(now)].add(alarm.resource.id)
        return True

    def _moved(self, alarm: Alarm, placement: Placement, now: datetime) -> bool:
        match placement:
            case Opens(incident=incident):
                return self._open(incident)
            case Reopens():
                return self._reopen(alarm, placement, now)
            case Joins(incident_id=UUID() as joined):
                return self._join(joined, alarm, placement, now)
            case Clears(incident_id=UUID() as cleared, ends_episode=True):
                self._stop_firing(cleared)
        return True

    def _stop_firing(self, incident_id: UUID) -> None:
        self._update(incident_id, firing=self._incidents[incident_id].firing - 1)

    def _open(self, incident: Incident) -> bool:
        standing = self._current.get(incident.owner_key)
        if standing != incident.previous:
            return False
        self._incidents[incident.incident_id] = incident
        self._current[incident.owner_key] = incident.incident_id
        self._unfinished[incident.incident_id] = (0, None)
        return True

    def _reopen(self, alarm: Alarm, placement: Reopens, now: datetime) -> bool:
        incident = self._incidents[placement.incident_id]
        if incident.resolved or not self._ask_again(incident.incident_id, placement.revision, now):
            return False
        self._count(incident, alarm, 1, now)
        self._update(incident.incident_id, token=alarm.event_id, asked_anew=False)
        return True

    def _ask_again(self, incident_id: UUID, revision: int, now: datetime) -> bool:
        incident = self._incidents[incident_id]
        if incident.status is not IncidentStatus.DECIDED or incident.revision != revision - 1:
            return False
        self._update(
            incident_id,
            status=IncidentStatus.OPEN,
            revision=revision,
            reopened_at=now,
            asked_anew=True,
            lease_until=None,
            suppressed_until=None,
        )
        _, notice = self._unfinished.get(incident_id, (0, None))
        self._unfinished[incident_id] = (revision, notice)
        return True

    def _join(self, incident_id: UUID, alarm: Alarm, placement: Joins, now: datetime) -> bool:
        incident = self._incidents[incident_id]
        if incident.resolved and not placement.late:
            return False
        self._count(incident, alarm, int(placement.starts_episode), now)
        return True

    def _count(self, incident: Incident, alarm: Alarm, firing: int, now: datetime) -> None:
        self._update(
            incident.incident_id,
            members=incident.members + 1,
            firing=incident.firing + firing,
            families=incident.families | {family(alarm)},
            last_member_at=now,
        )

    def _update(self, incident_id: UUID, **fields: object) -> None:
        self._incidents[incident_id] = self._incidents[incident_id].model_copy(update=fields)

    async def incident(self, incident_id: UUID) -> Incident | None:
        """Return one incident as it stands now."""
        return self._incidents.get(incident_id)

    async def unfinished(self) -> Sequence[Incident]:
        """Return incidents that are not decided, or decided and not yet finished."""
        return [self._incidents[each] for each in self._unfinished]

    async def finish(self, decided: Incident) -> None:
        """Forget a decided incident as unfinished, unless people are still to be told or it was opened again."""
        if self._unfinished.get(decided.incident_id) == (decided.revision, None):
            del self._unfinished[decided.incident_id]

    async def claim(self, incident_id: UUID, asker: str, lease: timedelta, now: datetime) -> Incident | None:
        """Become the only one who asks; None while somebody else does, while it is deferred, or once it is decided."""
        incident = self._incidents[incident_id]
        taken = any(until is not None and until > now for until in (incident.lease_until, incident.retry_at))
        if incident.status is IncidentStatus.DECIDED or taken:
            return None
        self._update(
            incident_id,
            status=IncidentStatus.ASKING,
            asker=asker,
            lease_until=now + lease,
            attempt=incident.attempt + 1,
        )
        return self._incidents[incident_id]

    async def renew(self, asked: Incident, lease: timedelta, now: datetime) -> bool:
        """Hold the lease of a question for longer. False: the attempt that `asked` carries is no longer current."""
        if not self._is_current(asked):
            return False
        self._update(asked.incident_id, lease_until=now + lease)
        return True

    async def release(self, asked: Incident, until: datetime) -> None:
        """Hold the lease of a question until then only, unless somebody else has taken it."""
        if self._is_current(asked):
            self._update(asked.incident_id, lease_until=until)

    async def defer(self, asked: Incident, retry_at: datetime) -> bool:
        """Give a question back until `retry_at`. False: the attempt that `asked` carries is no longer current."""
        if not self._is_current(asked):
            return False
        self._update(asked.incident_id, status=IncidentStatus.OPEN, retry_at=retry_at, lease_until=None)
        return True

    def _is_current(self, asked: Incident) -> bool:
        incident = self._incidents[asked.incident_id]
        return incident.status is IncidentStatus.ASKING and incident.attempt == asked.attempt

    async def members(self, incident: Incident) -> Sequence[Alarm]:
        """Return the alarms of an incident, by time."""
        return sorted(self._members[incident.incident_id].values(), key=lambda alarm: alarm.at)

    async def settle(
        self, asked: Incident, decision_id: UUID, record_sha256: str, now: datetime, notice: str | None = None
    ) -> bool:
        """Make a decision the effective one, unless the attempt is no longer current."""
        if not self._is_current(asked):
            return False
        self._update(
            asked.incident_id,
            status=IncidentStatus.DECIDED,
            decision_id=decision_id,
            record_sha256=record_sha256,
            decided_at=now,
            retry_at=None,
            suppressed_until=asked.suppressed_until,
            asked_families=asked.asked_families,
        )
        self._unfinished[asked.incident_id] = (asked.revision, notice)
        return True

    async def notice(self, incident_id: UUID) -> str | None:
        """Return what people were not told yet about the decisions of an incident."""
        _, notice = self._unfinished.get(incident_id, (0, None))
        return notice

    async def told(self, incident_id: UUID, notice: str) -> None:
        """Forget a notice, unless that of another decision has taken its place."""
        revision, kept = self._unfinished.get(incident_id, (0, None))
        if kept == notice:
            self._unfinished[incident_id] = (revision, None)

    async def ask_again(self, decided: Incident, now: datetime) -> bool:
        """Open a decided incident for its next revision without a new alarm. False: it has changed meanwhile."""
        return self._ask_again(decided.incident_id, decided.revision + 1, now)

    async def storm(self, account: str, region: str, now: datetime) -> int:
        """Return how many distinct resources alarmed in this minute and the one before."""
        minutes = (_minute(now), _minute(now) - timedelta(minutes=1))
        return len(set().union(*(self._resources.get((account, region, minute), set()) for minute in minutes)))

    async def silence(self, silence: Silence) -> None:
        """Keep a silence until it expires; one for the same owner is replaced."""
        self._silences[silence.owner_key] = silence

    async def silences(self, now: datetime) -> Sequence[Silence]:
        """Return the silences that have not expired."""
        return [each for each in self._silences.values() if each.until > now]

    async def lift(self, owner_key: str) -> bool:
        """End the silence of an owner early. False: there was none."""
        return self._silences.pop(owner_key, None) is not None


def _minute(now: datetime) -> datetime:
    return now.replace(second=0, microsecond=0)
