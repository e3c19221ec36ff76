"""The alarms that an account has, each in a few fields: what it watches, who owns it, what speaks against it.

Fault                something that is wrong with an alarm, as the hygiene rules found it
Entry                one alarm of the inventory
ConfigurationChange  an alarm was created, changed or deleted
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from autocloudops.alarms.load import Refused
from autocloudops.alarms.model import Alarm, AlarmKey, AlarmKind, AlarmState, AwsEvent, Metric, ResourceRef, Robot
from autocloudops.alarms.robots import robot_of, settler_of
from autocloudops.alarms.wire.detail import alarm_from_detail
from autocloudops.alarms.wire.identity import Origin
from autocloudops.alarms.wire.read import fold
from autocloudops.alarms.wire.shape import Wire
from autocloudops.values import Value

CONFIGURATION_CHANGE = "CloudWatch Alarm Configuration Change"
CLOUDWATCH = "aws.cloudwatch"
MOST_CHILDREN = 20
MOST_ACTIONS = 5
ACTION_PARTS = 6
ACTION_CHARACTERS = 100
END_OF_SECOND = timedelta(milliseconds=999)
OWNERLESS = frozenset({"alarm", "metric:dimension-set"})
"""Resource types that name nothing that a person would be paged for."""


class Fault(Value):
    """Something that is wrong with an alarm; `veto` says that it proves the alarm wrong."""

    code: str
    veto: bool
    statement: str


class Entry(Value):
    """One alarm of the inventory.

    `metric` has no dimensions: they are in `resource`. `actions` are the services and accounts that are called.
    `robot` acts on it in some state; `settled_by` settles its trouble while it is in ALARM.
    `seen_at` is when this was so; a later entry of the same key replaces it, also one that says that it is `gone`.
    """

    key: AlarmKey
    kind: AlarmKind
    resource: ResourceRef
    state: AlarmState
    state_at: datetime
    seen_at: datetime
    metric: Metric | None = None
    children: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    switched_off: bool = False
    robot: Robot | None = None
    settled_by: Robot | None = None
    faults: tuple[Fault, ...] = ()
    gone: bool = False

    @property
    def excluded(self) -> bool:
        """Whether nobody is asked about it: a robot settles what it reports."""
        return self.settled_by is not None

    @property
    def ownerless(self) -> bool:
        """Whether nothing says who would be paged. A composite alarm is about whatever its children are about."""
        return self.kind is not AlarmKind.COMPOSITE and self.resource.type in OWNERLESS

    @property
    def wrong(self) -> bool:
        """Whether a fault proves it wrong."""
        return any(fault.veto for fault in self.faults)


class ConfigurationChange(Value):
    """An alarm was created, changed or deleted at `at`; if it is `gone`, `alarm` is what it was."""

    alarm: Alarm
    at: datetime
    gone: bool


def entry_of(alarm: Alarm, faults: tuple[Fault, ...], seen_at: datetime) -> Entry:
    """Return the entry of an alarm as it was described.

    Args:
        alarm: the alarm, of DescribeAlarms or of a configuration change.
        faults: what the hygiene rules found.
        seen_at: when it was so.
    """
    metric = alarm.metric
    return Entry(
        key=alarm.key,
        kind=alarm.kind,
        resource=alarm.resource,
        state=alarm.state,
        state_at=alarm.at,
        seen_at=seen_at,
        metric=Metric(namespace=metric.namespace, name=metric.name) if metric else None,
        children=alarm.children[:MOST_CHILDREN],
        actions=_called(alarm.actions),
        switched_off=alarm.actions_enabled is False,
        robot=robot_of(alarm),
        settled_by=settler_of(alarm),
        faults=faults,
    )


def configuration_change(event: AwsEvent) -> ConfigurationChange | None:
    """Return the change of an alarm's configuration that `event` tells of, None where it tells of none.

    The time is the event's, in whole seconds; a deletion counts after every change that was told in its second.

    Source: the user guide's page on alarm events and EventBridge.
    """
    if event.source != CLOUDWATCH or event.detail_type != CONFIGURATION_CHANGE:
        return None
    detail = fold(dict(event.detail))
    alarm = _alarm_in(detail, event)
    if alarm is None:
        return None
    gone = detail.get("operation") == "delete"
    return ConfigurationChange(alarm=alarm, at=event.at + END_OF_SECOND if gone else event.at, gone=gone)


def _alarm_in(detail: Mapping[str, object], event: AwsEvent) -> Alarm | None:
    arn = next((arn for arn in event.resources if ":alarm:" in arn), None)
    origin = Origin(arn, event.account, event.region)
    try:
        return alarm_from_detail(detail, origin, Wire(event.raw_sha256, event.shape))
    except Refused:
        return None


def _called(actions: tuple[str, ...]) -> tuple[str, ...]:
    called = dict.fromkeys(":".join(arn.split(":")[:ACTION_PARTS])[:ACTION_CHARACTERS] for arn in actions)
    return tuple(called)[:MOST_ACTIONS]
