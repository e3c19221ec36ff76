"""What is remembered of a decided incident, for whoever meets the same trouble again.

PastIncident  what was decided about an incident, and what came of it
Label         what a person said of it afterwards
PastVector    what a decided incident reads like, in numbers
Nearby        incidents at about the same time in the same account and region
"""

from datetime import datetime
from enum import StrEnum
from typing import Self
from uuid import UUID

from pydantic import Field, model_validator

from autocloudops.alarms.model import Alarm
from autocloudops.incidents.model import Incident
from autocloudops.values import Value

NOTE_CHARACTERS = 200
RIGHT_CAUSE_CHARACTERS = 300
BY_CHARACTERS = 80
CAUSE_CHARACTERS = 600
MOST_METRICS = 4


class Judgement(StrEnum):
    """What a person may say of a decided incident.

    `not-actionable` is said of an alarm about which nobody could have done anything.
    """

    RIGHT = "right"
    WRONG_CAUSE = "wrong-cause"
    WRONG_ACTION = "wrong-action"
    NOT_ACTIONABLE = "not-actionable"

    @property
    def overturns(self) -> bool:
        """Whether it says that the decision was wrong."""
        return self in {Judgement.WRONG_CAUSE, Judgement.WRONG_ACTION}

    @property
    def about(self) -> frozenset[str]:
        """What it judges: a later judgement about the same thing replaces an earlier one."""
        return _ABOUT[self]


_ABOUT = {
    Judgement.RIGHT: frozenset({"cause", "action"}),
    Judgement.WRONG_CAUSE: frozenset({"cause"}),
    Judgement.WRONG_ACTION: frozenset({"action"}),
    Judgement.NOT_ACTIONABLE: frozenset({"alarm"}),
}


class Label(Value):
    """What a person said of one decision. It comes from a command that a person gave, never from a model's text.

    `cause` is what it really was, where the cause was wrong.
    """

    judgement: Judgement
    by: str = Field(min_length=1, max_length=BY_CHARACTERS)
    at: datetime
    decision_id: UUID
    note: str = Field(default="", max_length=NOTE_CHARACTERS)
    cause: str = Field(default="", max_length=RIGHT_CAUSE_CHARACTERS)

    @model_validator(mode="after")
    def _corrects_what_was_wrong(self) -> Self:
        if self.cause and self.judgement is not Judgement.WRONG_CAUSE:
            raise ValueError(f"a cause belongs to {Judgement.WRONG_CAUSE} only")
        return self


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
        """The labels that hold: none that a later one about the same thing replaces, none of an earlier decision.

        What was said of the alarm itself holds for later decisions too.
        """
        last: dict[str, Label] = {}
        for label in sorted(self.labels, key=lambda label: label.at):
            if label.judgement is Judgement.NOT_ACTIONABLE or label.decision_id == self.decision_id:
                last |= dict.fromkeys(label.judgement.about, label)
        standing = dict.fromkeys(last.values())
        return tuple(label for label in standing if all(last[each] is label for each in label.judgement.about))

    @property
    def corrected(self) -> str:
        """The cause that people gave instead of the model's, empty where nobody did."""
        return next((label.cause for label in self.judged if label.cause), "")


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
