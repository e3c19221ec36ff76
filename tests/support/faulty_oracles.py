"""What must hold after workers were met by whatever: oracles over what they left behind."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from autocloudops.alarms.model import AlarmState, Unparseable
from autocloudops.alarms.parse import parse
from autocloudops.audit.reader import Found
from autocloudops.audit.record import Outcome
from autocloudops.decisions.model import Decision, Verdict
from autocloudops.incidents.model import Incident, IncidentStatus
from autocloudops.state import items

TURNS = {AlarmState.ALARM, AlarmState.OK}
MEMBERS = {"opener", "reopener", "joiner"}
NO_END = {Outcome.NOTE, Outcome.DEFERRED}
HEAD = "HEAD"
Revision = tuple[UUID, int]
parsed = lru_cache(4096)(parse)


@dataclass(frozen=True)
class Remains:
    """What is left when every worker has stopped.

    Args:
        sent: the bodies that were sent.
        parked: the bodies on the dead-letter queue.
        kept: every line of the audit.
        table: every item of the state table.
        effective: digests of the records that ever were the effective ones; None to take what the table says now.
        complaints: what was seen on the way that must not be.
    """

    sent: Sequence[str]
    parked: Collection[str]
    kept: Sequence[Found]
    table: Sequence[dict[str, Any]]
    effective: Collection[str] | None
    complaints: Iterable[str]

    @property
    def incidents(self) -> Mapping[UUID, Incident]:
        """Every incident, by its id."""
        heads = (items.read_head(item) for item in self.table if item["sk"]["S"] == HEAD)
        return {incident.incident_id: incident for incident in heads}


def ends_of(body: str) -> frozenset[str]:
    """Return what a message asks records for: the ids of its events, and `parked` where a part cannot be read."""
    return frozenset("parked" if isinstance(part, Unparseable) else str(part.event_id) for part in parsed(body))


def broken(remains: Remains) -> list[str]:
    """Return every promise that was broken, each as a sentence."""
    incidents = remains.incidents
    effective = effective_of(remains, incidents)
    digests = {line.sha256 for lines in effective.values() for line in lines}
    return [
        *remains.complaints,
        *(f"{len(lines)} effective decisions of {name}" for name, lines in effective.items() if len(lines) != 1),
        *_undecided(remains, incidents),
        *_lost(remains, digests),
        *_wrongly_parked(remains),
        *_miscounted(remains, incidents),
        *_unchained(remains.kept),
    ]


def loud(effective: Mapping[Revision, Sequence[Found]]) -> int:
    """Return about how many decisions people are to be told."""
    decisions = (line.record.decision for lines in effective.values() for line in lines)
    return sum(isinstance(each, Decision) and each.verdict is not Verdict.SUPPRESSED for each in decisions)


def effective_of(remains: Remains, incidents: Mapping[UUID, Incident]) -> dict[Revision, list[Found]]:
    """Return the records of the effective decisions of each incident and revision: there must be one.

    The newest revision's must be the one that the incident names now.
    """
    decided = _decided(remains)
    found: dict[Revision, list[Found]] = {}
    for name, incident in incidents.items():
        for revision in range(incident.revision + 1):
            lines = decided.pop((name, revision), [])
            if remains.effective is None:
                lines = _standing(lines, incident if revision == incident.revision else None)
            named = revision < incident.revision or incident.record_sha256 in {line.sha256 for line in lines}
            found[name, revision] = lines if named else []
    return found | decided


def _decided(remains: Remains) -> defaultdict[Revision, list[Found]]:
    decided: defaultdict[Revision, list[Found]] = defaultdict(list)
    for found in remains.kept:
        decision = found.record.decision
        stood = remains.effective is None or found.sha256 in remains.effective
        if found.record.outcome is Outcome.DECIDED and decision and stood:
            decided[decision.incident_id, decision.revision].append(found)
    return decided


def _standing(lines: Sequence[Found], incident: Incident | None) -> list[Found]:
    """Return the record that an incident names, or the last attempt's of a revision that is over.

    An attempt begins only while no decision stands, and decides only while it is the last.
    """
    if incident:
        return [line for line in lines if line.sha256 == incident.record_sha256]
    last = max((line.record.attempt or 0 for line in lines), default=0)
    return [line for line in lines if line.record.attempt == last]


def _undecided(remains: Remains, incidents: Mapping[UUID, Incident]) -> Iterator[str]:
    for name, incident in incidents.items():
        if incident.status is not IncidentStatus.DECIDED:
            yield f"incident {name} is {incident.status}"
    named = {found.record.incident_id for found in remains.kept} - {None}
    yield from (f"incident {name} is in the audit and not in the table" for name in named - incidents.keys())


def _lost(remains: Remains, effective: Collection[str]) -> Iterator[str]:
    """Yield every event that does not end in exactly one state; a decision counts only where it is an effective one."""
    ends: defaultdict[str, set[Outcome]] = defaultdict(set)
    for found in remains.kept:
        record = found.record
        answers = record.outcome is not Outcome.DECIDED or record.repeated or found.sha256 in effective
        if record.event_id and record.outcome not in NO_END and answers:
            ends[str(record.event_id)].add(record.outcome)
    sent = {end for body in remains.sent for end in ends_of(body)} - {"parked"}
    yield from (f"{each} was never sent" for each in ends.keys() - sent)
    yield from (f"{each} ends as {sorted(ends[each])}" for each in sorted(sent) if len(ends[each]) != 1)


def _wrongly_parked(remains: Remains) -> Iterator[str]:
    unreadable = {body for body in remains.sent if "parked" in ends_of(body)}
    yield from (f"parked: {each[:60]}" for each in set(remains.parked) - unreadable)
    yield from (f"not parked: {each[:60]}" for each in unreadable - set(remains.parked))


def _miscounted(remains: Remains, incidents: Mapping[UUID, Incident]) -> Iterator[str]:
    """Yield every incident whose counters are not what its recorded changes amount to."""
    members: Counter[UUID | None] = Counter()
    firing: Counter[UUID | None] = Counter()
    changes: defaultdict[str, list[Any]] = defaultdict(list)
    for item in remains.table:
        if item["pk"]["S"].startswith("KEY#") and "role" in item:
            changes[item["pk"]["S"]].append(items.read_change(item))
    for recorded in changes.values():
        members.update(each.incident_id for each in recorded if each.role in MEMBERS)
        turns = [each for each in recorded if each.state in TURNS]
        newest = max(turns, key=lambda each: (each.at, each.state is AlarmState.OK), default=None)
        if newest and newest.state is AlarmState.ALARM:
            firing[newest.incident_id] += 1
    for name, incident in incidents.items():
        if (incident.members, incident.firing) != (members[name], firing[name]):
            counted = f"{incident.members} members, {incident.firing} firing"
            yield f"incident {name} counts {counted}; its changes say {members[name]} and {firing[name]}"


def _unchained(kept: Iterable[Found]) -> Iterator[str]:
    """Yield every writer whose lines do not follow one another."""
    chains: dict[str, tuple[int, str]] = {}
    for found in kept:
        record = found.record
        expected = chains.get(record.writer, (0, ""))
        if (record.number, record.prev) != expected:
            yield f"line {record.number} of {record.writer} does not follow {expected[0] - 1}"
        chains[record.writer] = record.number + 1, found.sha256
