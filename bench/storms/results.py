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

    `ended` counts the lasting records of each event: every event ends exactly once. `questions` counts the questions
    of each revision, 0 for the first; `requests` the requests to the model, repairs included.
    """

    groups: Mapping[UUID, UUID]
    ended: Mapping[UUID, int]
    questions: Mapping[int, int]
    requests: int
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
        alarms: the ids that are to be grouped: those of the turns to ALARM.
    """
    groups: dict[UUID, UUID] = {}
    ended: Counter[UUID] = Counter()
    decided: list[AuditRecord] = []
    repeated = 0
    for record in records:
        repeated += record.repeated
        if record.repeated or record.outcome not in ENDINGS or record.event_id is None:
            continue
        ended[record.event_id] += 1
        if record.incident_id and record.event_id in alarms:
            groups[record.event_id] = record.incident_id
        if record.outcome is Outcome.DECIDED:
            decided.append(record)
    return Result(
        groups=groups,
        ended=ended,
        questions=Counter(record.decision.revision for record in decided if record.decision and _asked(record)),
        requests=sum(_asked(record) for record in decided),
        suppressed=sum(not _asked(record) for record in decided),
        repeated=repeated,
    )


def _asked(record: AuditRecord) -> int:
    return record.model.requests if record.model else 0
