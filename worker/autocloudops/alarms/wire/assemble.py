"""The last step to an `Alarm`: from what a shape has read to the whole noun."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from autocloudops.alarms.model import Alarm, AlarmKey, AlarmState, ResourceRef, Suppression
from autocloudops.alarms.resources import resolve
from autocloudops.alarms.robots import settler_among
from autocloudops.alarms.rule import firing_in
from autocloudops.alarms.wire import read
from autocloudops.alarms.wire.labels import resource_of_labels
from autocloudops.alarms.wire.shape import Node, Wire
from autocloudops.alarms.wire.watched import Watched

IN_ALARM = "alarmactions"
ACTION_KEYS = (IN_ALARM, "okactions", "insufficientdataactions")


@dataclass(slots=True, kw_only=True)
class Change:
    """What a shape reads of one change of state; `alarm_of` adds what is found in the same way for all.

    Attributes:
        seen: what the alarm watches.
        labels: the contributor's.
        alarm_actions: those of `actions` that run in ALARM.
        triggering: the children that caused the change, as CloudWatch lists them.
        Others: as in `Alarm`.
    """

    key: AlarmKey
    state: AlarmState
    at: datetime
    seen: Watched
    arn: str | None = None
    previous_state: AlarmState | None = None
    reason: str = ""
    reason_data: str | None = None
    description: str | None = None
    evaluation_state: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    triggering: Sequence[object] = ()
    actions: tuple[str, ...] = ()
    alarm_actions: tuple[str, ...] = ()
    actions_enabled: bool | None = None
    suppression: Suppression | None = None
    approximate: bool = False


def alarm_of(change: Change, wire: Wire) -> Alarm:
    """Return the alarm: the change, what it watches, the resource that this is about, and the children behind it."""
    seen = change.seen
    return Alarm(
        key=change.key,
        state=change.state,
        at=change.at,
        kind=seen.kind,
        shape=wire.shape,
        resource=_resource(change),
        raw_sha256=wire.raw_sha256,
        previous_state=change.previous_state,
        reason=change.reason,
        reason_data=change.reason_data,
        description=change.description,
        arn=change.arn,
        metric=seen.metric,
        queries=seen.queries,
        statistic=seen.statistic,
        unit=seen.unit,
        condition=seen.condition,
        rule=seen.rule,
        query=seen.query,
        children=_children(change),
        contributor_labels=change.labels,
        evaluation_state=change.evaluation_state,
        actions=change.actions,
        settled_by=settler_among(change.alarm_actions),
        actions_enabled=change.actions_enabled,
        suppression=change.suppression,
        tags=change.tags,
        approximate=change.approximate,
    )


def _resource(change: Change) -> ResourceRef:
    key, seen = change.key, change.seen
    watches_metrics = seen.metric is not None or any(query.metric for query in seen.queries)
    named = None if watches_metrics else resource_of_labels(key, change.labels)
    found = named or resolve(key, seen.metric, seen.queries, change.tags, key.account)
    # An ARN is made of the alarm's region: of a metric that is elsewhere it would name another thing of the same name.
    return found.model_copy(update={"arn": None}) if seen.region not in (None, key.region) else found


def suppression(state: Node, mute: Node, actions_enabled: bool | None) -> Suppression | None:
    """Return why CloudWatch runs no actions: a mute rule goes before a suppressor alarm, that before the switch.

    Args:
        state: the object that holds `actionsSuppressedBy`.
        mute: `muteDetail`.
        actions_enabled: the alarm's own switch, where the message has it.
    """
    if mute:
        rule = read.text(mute, "mutedbyarn", "mutedby") or "a mute rule"
        until = read.text(mute, "mutewindowend")
        return Suppression(by="MuteRule", reason=f"muted by {rule}" + (f" until {until}" if until else ""))
    by = read.text(state, "actionssuppressedby")
    if by is not None:
        return Suppression(by=by, reason=read.text(state, "actionssuppressedreason") or "")
    return Suppression(by="ActionsDisabled") if actions_enabled is False else None


def _rule_children(rule: str, arn: str | None) -> list[str]:
    """Return the ARNs of the alarms in `rule`, whose names are those of the composite's own account and region."""
    prefix = arn.rpartition(":alarm:")[0] if arn and ":alarm:" in arn else None
    names = firing_in(rule)
    return [name if name.startswith("arn:") or prefix is None else f"{prefix}:alarm:{name}" for name in names]


def _children(change: Change) -> tuple[str, ...]:
    listed = [read.text(read.fold(child), "arn") for child in change.triggering]
    rule = change.seen.rule
    found = [child for child in listed if child] or (_rule_children(rule, change.arn) if rule else [])
    return tuple(dict.fromkeys(found))[: read.ITEM_LIMIT]
