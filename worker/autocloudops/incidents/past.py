"""What is remembered of a decided incident, for whoever meets the same trouble again.

PastIncident  what was decided about an incident, and what came of it
Label         what a person said of it afterwards
PastVector    what a decided incident reads like, in numbers
Nearby        incidents at about the same time in the same account and region
"""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import Field

from autocloudops.alarms.model import Alarm
from autocloudops.incidents.model import Incident
from autocloudops.values import Value

NOTE_CHARACTERS = 200
BY_CHARACTERS = 80
CAUSE_CHARACTERS = 600
MOST_METRICS = 4


class Judgement(StrEnum):
    """What a person may say of a decided incident."""

    RIGHT_CAUSE = "right-cause"
    WRONG_CAUSE = "wrong-cause"
    RIGHT_ACTION = "right-action"
    WRONG_ACTION = "wrong-action"
    NOISE = "noise"

    @property
    def about(self) -> str:
        """What it judges: a later judgement about the same thing replaces an earlier one."""
        return self.value.rpartition("-")[2]


class Label(Value):
    """What a person said of one decision. It comes from a command that a person gave, never from a model's text."""

    judgement: Judgement
    by: str = Field(min_length=1, max_length=BY_CHARACTERS)
    at: datetime
    decision_id: UUID
    note: str = Field(default="", max_length=NOTE_CHARACTERS)


class PastIncident(Value):
    """What was decided about one incident.

    `family` is as in `metric_family`; `verdict` as in `decisions`. `cause` is the model's text, and None where there
    was no diagnosis; `action` is the name of what was proposed. `cleared_at` is when its first alarm returned to OK,
    where that is known.
    """

    incident_id: UUID
    decision_id: UUID
    revision: int
    owner_key: str
    account: str
    region: str
    resource: str
    alarm: str
    family: str | None
    opened_at: datetime
    decided_at: datetime
    verdict: str
    cause: str | None = Field(default=None, max_length=CAUSE_CHARACTERS)
    confidence: int | None = None
    action: str | None = None
    members: int = 1
    suppressed: bool = False
    cleared_at: datetime | None = None
    labels: tuple[Label, ...] = ()

    @property
    def judged(self) -> tuple[Label, ...]:
        """The last label about each thing; one about the cause or action of an earlier decision no longer counts."""
        last: dict[str, Label] = {}
        for label in sorted(self.labels, key=lambda label: label.at):
            if label.judgement is Judgement.NOISE or label.decision_id == self.decision_id:
                last[label.judgement.about] = label
        return tuple(last.values())


class VectorSpace(Value):
    """Which vectors may be compared: those of one account, made by one model, with as many numbers."""

    account: str
    model: str
    dimension: int = Field(gt=0)


class PastVector(Value):
    """What a decided incident reads like: `numbers` are little-endian floats of 16 bits, a vector of length 1."""

    incident_id: UUID
    owner_key: str
    space: VectorSpace
    decided_at: datetime
    numbers: bytes


class Neighbour(Value):
    """Another incident at about the same time, and the alarm that opened it, where that is still kept."""

    incident: Incident
    opener: Alarm | None = None


class Nearby(Value):
    """What else alarms in one account and region.

    `resources` counts the distinct resources that alarmed in the window, as far as they were counted; `complete` is
    False where there were more incidents than are read.
    """

    neighbours: tuple[Neighbour, ...] = ()
    resources: int = 0
    complete: bool = True


def metric_family(alarm: Alarm) -> str | None:
    """Return what kind of trouble an alarm reports, as `rds:db-instance AWS/RDS/ReadLatency`; None without a metric."""
    metrics = [alarm.metric] if alarm.metric else [query.metric for query in alarm.queries if query.metric]
    named = sorted({f"{metric.namespace}/{metric.name}" for metric in metrics})
    return f"{alarm.resource.type} {'+'.join(named[:MOST_METRICS])}" if named else None
