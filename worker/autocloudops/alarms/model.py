"""What the rest of the service knows about an alarm, whatever wire shape brought it.

Alarm         one state change of one alarm, or of one contributor of it
AwsEvent      any other AWS event in the queue: context for incidents
Unparseable   a body, or a part of one, that no shape accepts, and why
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid5

from pydantic import Field

from autocloudops.clock import epoch_milliseconds
from autocloudops.values import Value

EVENT_NAMESPACE = UUID("6f9d2f0e-7a35-5c0b-9c41-3b3f0f0a51ce")


class AlarmState(StrEnum):
    """CloudWatch's three alarm states."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


class AlarmKind(StrEnum):
    """What an alarm watches."""

    METRIC = "metric"
    MATH = "math"
    ANOMALY = "anomaly"
    COMPOSITE = "composite"
    LOG = "log"
    PROMQL = "promql"
    EXTERNAL = "external"


class MissingData(StrEnum):
    """CloudWatch's four treatments of missing data, in the API's spelling."""

    MISSING = "missing"
    IGNORE = "ignore"
    BREACHING = "breaching"
    NOT_BREACHING = "notBreaching"


class AlarmKey(Value):
    """The identity of an alarm, or of one contributor of it, across all wire shapes."""

    account: str
    region: str
    name: str
    contributor: str = ""

    def event_id(self, state: AlarmState, at: datetime) -> UUID:
        """Return the id of the change to `state` at `at`: equal for every copy and every path."""
        key = f"{self.account}\x1f{self.region}\x1f{self.name}\x1f{self.contributor}"
        return uuid5(EVENT_NAMESPACE, f"{key}\x1f{state}\x1f{epoch_milliseconds(at)}")


class Metric(Value):
    """One CloudWatch metric; `account` is set where it differs from the alarm's own account."""

    namespace: str
    name: str
    dimensions: Mapping[str, str] = Field(default_factory=dict)
    account: str | None = None


class MetricQuery(Value):
    """One row of an alarm's metric list: a metric with its statistic, or an expression."""

    id: str
    metric: Metric | None = None
    statistic: str | None = None
    period_seconds: int | None = None
    unit: str | None = None
    expression: str | None = None
    label: str | None = None
    returned: bool = True


class Condition(Value):
    """When the alarm fires: the comparison, its limits and its evaluation window."""

    operator: str | None = None
    threshold: float | None = None
    threshold_metric_id: str | None = None
    period_seconds: int | None = None
    evaluation_periods: int | None = None
    datapoints_to_alarm: int | None = None
    missing_data: MissingData | None = None
    low_sample_percentile: str | None = None


class Robot(StrEnum):
    """What acts on an alarm."""

    TARGET_TRACKING = "target-tracking"
    AUTOSCALING = "autoscaling"
    EC2 = "ec2"
    SSM = "ssm"
    LAMBDA = "lambda"

    @property
    def settles(self) -> bool:
        """Whether it is known to do something about the trouble itself; functions and OpsItems may only tell people."""
        return self in {Robot.TARGET_TRACKING, Robot.AUTOSCALING, Robot.EC2}


class Suppression(Value):
    """Why CloudWatch runs no actions for this change: a mute rule, a suppressor alarm, or a switch."""

    by: str
    reason: str = ""


class ResourceRef(Value):
    """The thing that an alarm is about, in the account of its metric.

    `type` is `service:kind` (`ec2:instance`, `rds:db-instance`, `alarm` where nothing better is known); `id` is the
    name that the service uses; `owner` is the service, cluster, group or database that a person would be paged for,
    written `kind/id`, and is the resource itself where nothing larger is known.
    """

    type: str
    id: str
    account: str
    region: str
    owner: str
    arn: str | None = None

    @property
    def owner_key(self) -> str:
        """The key under which alarms of one owner meet: account, region and owner."""
        return f"{self.account}/{self.region}/{self.owner}"


class Alarm(Value):
    """One state change of one alarm, normalised.

    Text fields keep the sender's words, cut to a bound: they are data from outside, never instructions.
    `at` is the time of the state change with millisecond precision, never the envelope's.
    `shape` names the wire shape; `approximate` marks identities taken from alarm history.
    `raw_sha256` is the digest of the body as it arrived.
    `actions` are those of all states; `settled_by` is who of those that run in ALARM settles the trouble.
    """

    key: AlarmKey
    state: AlarmState
    at: datetime
    kind: AlarmKind
    shape: str
    resource: ResourceRef
    raw_sha256: str
    previous_state: AlarmState | None = None
    reason: str = ""
    reason_data: str | None = None
    description: str | None = None
    arn: str | None = None
    metric: Metric | None = None
    queries: tuple[MetricQuery, ...] = ()
    statistic: str | None = None
    unit: str | None = None
    condition: Condition = Condition()
    rule: str | None = None
    query: str | None = None
    children: tuple[str, ...] = ()
    contributor_labels: Mapping[str, str] = Field(default_factory=dict)
    evaluation_state: str | None = None
    actions: tuple[str, ...] = ()
    settled_by: Robot | None = None
    actions_enabled: bool | None = None
    suppression: Suppression | None = None
    tags: Mapping[str, str] = Field(default_factory=dict)
    approximate: bool = False

    @property
    def event_id(self) -> UUID:
        """The id of this state change; see `AlarmKey.event_id`."""
        return self.key.event_id(self.state, self.at)


class AwsEvent(Value):
    """An AWS event that is no alarm: a deployment, a scaling activity, a health notice, a configuration change."""

    source: str
    detail_type: str
    account: str
    region: str
    at: datetime
    raw_sha256: str
    shape: str
    id: str = ""
    resources: tuple[str, ...] = ()
    detail: Mapping[str, object] = Field(default_factory=dict)

    @property
    def event_id(self) -> UUID:
        """An id equal for every copy of this event."""
        identity = self.id or self.raw_sha256
        return uuid5(EVENT_NAMESPACE, f"{self.source}\x1f{self.detail_type}\x1f{self.account}\x1f{identity}")


class Unparseable(Value):
    """A body, or a part of one, that became no noun. `reason` says why, in words for an operator.

    `code` is the short, stable name of the reason, for the DLQ attribute and for counting.
    """

    code: str
    reason: str
    raw_sha256: str
    shape: str = "unknown"


Parsed = Alarm | AwsEvent | Unparseable
