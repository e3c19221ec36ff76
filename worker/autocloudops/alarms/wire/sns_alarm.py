"""The message that CloudWatch publishes to SNS, of metric, math, band, composite, log and PromQL alarms.

Contributors come in the same message with an id and attributes.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
"""

from autocloudops.alarms.model import Alarm
from autocloudops.alarms.wire import read
from autocloudops.alarms.wire.assemble import ACTION_KEYS, IN_ALARM, Change, alarm_of, suppression
from autocloudops.alarms.wire.identity import Origin, alarm_key, located, required_name
from autocloudops.alarms.wire.shape import Node, Shape, Wire
from autocloudops.alarms.wire.watched import watched, with_contributor, with_reason


def _accepts(node: Node) -> bool:
    return "alarmname" in node or "newstatevalue" in node


def _read(node: Node, wire: Wire) -> Alarm:
    arn = read.text(node, "alarmarn")
    name, value = required_name(node, "alarmname"), read.required_state(node.get("newstatevalue"))
    place = located(Origin(arn, node.get("awsaccountid"), node.get("region")), wire.place)
    at = read.required_instant(node.get("statechangetime"))
    key = alarm_key(name, read.text(node, "alarmcontributorid"), place)
    labels, tags = read.mapping(node.get("alarmcontributorattributes")), read.mapping(node.get("tags"))
    reason, data = read.text(node, "newstatereason") or "", read.embedded(node, "newstatereasondata")
    config = {**node, **read.embedded(node, "trigger")}
    seen = with_reason(with_contributor(watched(config), labels), reason, data)
    triggering = read.items(node, "triggeringchildren") or read.items(data, "triggeringalarms")
    enabled = read.boolean(node.get("actionsenabled"))
    change = Change(
        key=key,
        state=value,
        at=at,
        seen=seen,
        previous_state=read.state(node.get("oldstatevalue")),
        reason=reason,
        reason_data=read.json_text(node, "newstatereasondata"),
        description=read.text(node, "alarmdescription"),
        arn=arn,
        triggering=triggering,
        labels=labels,
        evaluation_state=read.text(node, "evaluationstate"),
        actions=read.texts(node, *ACTION_KEYS),
        alarm_actions=read.texts(node, IN_ALARM),
        actions_enabled=enabled,
        suppression=suppression(node, read.child(node, "mutedetail"), enabled),
        tags=tags,
    )
    return alarm_of(change, wire)


SHAPE = Shape("sns_alarm", _accepts, _read)
