"""What a run came to, read from its audit records."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from autocloudops.audit.record import AuditRecord, Outcome

ENDINGS = frozenset({Outcome.DECIDED, Outcome.JOINED, Outcome.PARKED, Outcome.OK, Outcome.CONTEXT})


@dataclass(frozen=True, slots=True)
class Result:
    """The groups that a run made, and what they took.

    `groups` is the incident of each alarm; incidents that the audit ties to each other count as one. `ended` counts the
    lasting records of each event: every event ends exactly once. `questions` counts what was asked by revision, 0 for
    the first time; `requests` are those to the model, repairs included. `linked` are the incidents that name an earlier
    one of their owner; `suppressed` counts decisions without a question; `repeated` the copies that were recognised.
    """

    groups: Mapping[UUID, UUID]
    ended: Mapping[UUID, int]
    questions: Mapping[int, int]
    requests: int
    linked: frozenset[UUID]
    suppressed: int
    repeated: int

    @property
    def incidents(self) -> int:
        """How many incidents there were."""
        return len(set(self.groups.values()))

    @property
    def reasked(self) -> int:
        """How many questions were asked again."""
        return sum(number for revision, number in self.questions.items() if revision)


def result_of(records: Iterable[AuditRecord], alarms: Mapping[UUID, str]) -> Result:
    """Return what a run came to.

    Args:
        records: every record of its audit.
        alarms: whose groups are wanted, by event id.
    """
    kept = list(records)
    lasting = [record for record in kept if record.outcome in ENDINGS and not record.repeated]
    decided = [record for record in lasting if record.outcome is Outcome.DECIDED]
    one = _tied(kept)
    groups = {
        record.event_id: one.get(record.incident_id, record.incident_id)
        for record in lasting
        if record.event_id in alarms and record.incident_id
    }
    return Result(
        groups={alarm: incident for alarm, incident in groups.items() if alarm},
        ended=Counter(record.event_id for record in lasting if record.event_id),
        questions=Counter(record.decision.revision for record in decided if record.decision and requests_of(record)),
        requests=sum(map(requests_of, decided)),
        linked=frozenset(each.incident_id for each in decided if each.incident_id and each.previous_incident),
        suppressed=sum(not requests_of(record) for record in decided),
        repeated=sum(record.repeated for record in kept),
    )


def requests_of(record: AuditRecord) -> int:
    """Return how many requests to the model a decision took."""
    return record.model.requests if record.model else 0


def _tied(records: Iterable[AuditRecord]) -> dict[UUID, UUID]:
    """Return for each incident that a record ties to others the one that stands for all of them."""
    together: dict[UUID, set[UUID]] = {}
    for record in records:
        if record.incident_id and record.tied:
            whole = {each for end in (record.incident_id, record.tied) for each in together.get(end, {end})}
            together |= dict.fromkeys(whole, whole)
    return {incident_id: min(whole) for incident_id, whole in together.items()}
