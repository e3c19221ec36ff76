"""The last step to an `Alarm`: what every shape finds in the same way."""

import re
from collections.abc import Mapping

from autocloudops.alarms.model import AlarmKey, ResourceRef, Suppression
from autocloudops.alarms.resources import resolve
from autocloudops.alarms.wire import read
from autocloudops.alarms.wire.labels import resource_of_labels
from autocloudops.alarms.wire.shape import Node
from autocloudops.alarms.wire.watched import Watched

ACTION_KEYS = ("alarmactions", "okactions", "insufficientdataactions")
_RULE_CHILD = re.compile(
    r"\b(?:ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?:\"([^\"]{1,2048})\"|'([^']{1,2048})'|([^\s()\"']{1,2048}))\s*\)"
)


def resource_of(key: AlarmKey, seen: Watched, labels: Mapping[str, str], tags: Mapping[str, str]) -> ResourceRef:
    """Return the thing that the alarm is about, in the account of its metric.

    Args:
        key: whose alarm it is.
        seen: what it watches; where that is no metric, the labels of its contributor tell more.
        labels: the contributor's.
        tags: the tags in the message.
    """
    watches_metrics = seen.metric is not None or any(query.metric for query in seen.queries)
    named = None if watches_metrics else resource_of_labels(key, labels)
    return named or resolve(key, seen.metric, seen.queries, tags, seen.account or key.account)


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
    prefix = arn.rpartition(":alarm:")[0] if arn and ":alarm:" in arn else None
    found = (next(filter(None, match.groups())) for match in _RULE_CHILD.finditer(rule))
    return [name if name.startswith("arn:") or prefix is None else f"{prefix}:alarm:{name}" for name in found]


def children(triggering: list[object], rule: str | None, arn: str | None) -> tuple[str, ...]:
    """Return the ARNs of a composite alarm's children.

    Args:
        triggering: the children that caused the change, as CloudWatch lists them.
        rule: the alarm rule, whose children stand in where none is listed.
        arn: the composite alarm's own ARN: a rule names children of its own account and region.
    """
    listed = [read.text(read.fold(child), "arn") for child in triggering]
    found = [child for child in listed if child] or (_rule_children(rule, arn) if rule else [])
    return tuple(dict.fromkeys(found))[: read.ITEM_LIMIT]
