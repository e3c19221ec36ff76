"""DescribeAlarms: the current state of each metric, composite and log alarm, as a change when it came to be.

A page, or one item of it alone.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html
"""

from autocloudops.alarms.model import Alarm
from autocloudops.alarms.wire import read
from autocloudops.alarms.wire.assemble import ACTION_KEYS, IN_ALARM, Change, alarm_of, suppression
from autocloudops.alarms.wire.identity import Origin, alarm_key, located, required_name
from autocloudops.alarms.wire.shape import Node, Shape, Wire
from autocloudops.alarms.wire.watched import watched, with_reason

_PAGES = ("metricalarms", "compositealarms", "logalarms")


def _is_page(node: Node) -> bool:
    return any(isinstance(node.get(key), list) for key in _PAGES)


def _accepts(node: Node) -> bool:
    return _is_page(node) or ("statevalue" in node and "alarmname" in node)


def _parts(node: Node, _wire: Wire) -> list[object]:
    return [item for key in _PAGES for item in read.items(node, key)] if _is_page(node) else [node]


def _read(node: Node, wire: Wire) -> Alarm:
    arn = read.text(node, "alarmarn")
    name, value = required_name(node, "alarmname"), read.required_state(node.get("statevalue"))
    place = located(Origin(arn, node.get("accountid"), node.get("region")), wire.place)
    # The time of the update moves with the evaluation state too; the one of the transition only with the state.
    at = read.required_instant(node.get("statetransitionedtimestamp") or node.get("stateupdatedtimestamp"))
    key = alarm_key(name, None, place)
    reason, data = read.text(node, "statereason") or "", read.embedded(node, "statereasondata")
    seen, tags = with_reason(watched(node), reason, data), read.mapping(node.get("tags"))
    enabled = read.boolean(node.get("actionsenabled"))
    change = Change(
        key=key,
        state=value,
        at=at,
        seen=seen,
        reason=reason,
        reason_data=read.json_text(node, "statereasondata"),
        description=read.text(node, "alarmdescription"),
        arn=arn,
        triggering=read.items(data, "triggeringalarms"),
        evaluation_state=read.text(node, "evaluationstate"),
        actions=read.texts(node, *ACTION_KEYS),
        alarm_actions=read.texts(node, IN_ALARM),
        actions_enabled=enabled,
        suppression=suppression(node, read.NOTHING, enabled),
        tags=tags,
    )
    return alarm_of(change, wire)


SHAPE = Shape("describe_alarms", _accepts, _read, _parts)
