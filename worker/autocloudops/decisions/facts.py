"""What the gates need to know about the resource that an action is for, read when an action is proposed at all."""

from collections.abc import Mapping

from autocloudops.alarms.model import Alarm
from autocloudops.catalogue.model import Capacity
from autocloudops.decisions.modes import Mode
from autocloudops.values import Value


class Unknown(Value):
    """A fact that could not be read, and why: a gate that needs it refuses."""

    unknown: str


class AlarmFacts(Value):
    """What a policy's rules for alarms look at: an alarm's name and its metrics, as `AWS/ECS/CPUUtilization`."""

    name: str
    metrics: tuple[str, ...] = ()


def alarm_facts(alarm: Alarm) -> AlarmFacts:
    """Return what a policy's rules look at of `alarm`."""
    watched = (alarm.metric, *(query.metric for query in alarm.queries))
    metrics = dict.fromkeys(f"{metric.namespace}/{metric.name}" for metric in watched if metric)
    return AlarmFacts(name=alarm.key.name, metrics=tuple(metrics))


class ActionFacts(Value):
    """What is known about one action request before it is decided about.

    `tags` are the target's. `calendars` says of each configured change calendar whether it is open. `guards` are the
    guard alarms that are in ALARM. `capacity` is None where the action changes none. `state` is what a rollback would
    restore. `control` is the mode that the control item allows, None where there is no such item. `breaker` says why
    the runbook's breaker is open, empty where it is not. `missing` names what the action cannot run without and that
    is not there: a runbook document, a permission.
    """

    tags: Mapping[str, str] | Unknown
    calendars: Mapping[str, bool] | Unknown
    guards: tuple[str, ...] | Unknown
    capacity: Capacity | Unknown | None
    state: Mapping[str, str] | Unknown
    control: Mode | Unknown | None
    breaker: str | Unknown
    missing: tuple[str, ...] | Unknown
