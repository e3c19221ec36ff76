"""DescribeAlarmHistory: state changes, configuration changes, and the SNS messages that actions sent.

A page, or one item of it alone. Items name neither account nor region: both come from the caller, else from an alarm
ARN elsewhere in the page, which is always of one account and region. An item's time is that of the record, some
milliseconds after the change, so that its identity is approximate.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarmHistory.html
"""

import re
from collections.abc import Sequence

from autocloudops.alarms.load import Refused
from autocloudops.alarms.model import Alarm, AlarmKind, AwsEvent
from autocloudops.alarms.wire import read
from autocloudops.alarms.wire.assemble import Change, alarm_of, suppression
from autocloudops.alarms.wire.events import Notice, aws_event
from autocloudops.alarms.wire.identity import Origin, alarm_key, located, required_name
from autocloudops.alarms.wire.shape import Inner, Node, Shape, Wire
from autocloudops.alarms.wire.watched import Watched, with_reason

_ALARM_ARN = r"alarmArn[\\\"]{1,16}:\s?[\\\"]{1,16}(arn:aws[a-z-]{0,12}:cloudwatch:[a-z0-9-]{5,24}:\d{1,32})"
_UPDATED = r"updated (?:from (\w{2,20}) )?to (\w{2,20})"
_KINDS = {"CompositeAlarm": AlarmKind.COMPOSITE, "LogAlarm": AlarmKind.LOG}
_STATE_ITEMS = ("StateUpdate", "AlarmContributorStateUpdate")
_ACTION_ITEMS = ("Action", "AlarmContributorAction")
_DETAIL_TYPES = {
    "ConfigurationUpdate": "CloudWatch Alarm Configuration Change",
    "Action": "CloudWatch Alarm Action",
    "AlarmContributorAction": "CloudWatch Alarm Action",
}


def _accepts(node: Node) -> bool:
    return isinstance(node.get("alarmhistoryitems"), list) or "historyitemtype" in node


def _arn_prefix(values: Sequence[object]) -> str | None:
    told = (read.text(read.fold(value), "historydata", limit=read.LONG_TEXT_LIMIT) for value in values)
    found = (re.search(_ALARM_ARN, text, re.IGNORECASE) for text in told if text)
    return next((match[1] for match in found if match), None)


def _parts(node: Node, wire: Wire) -> Sequence[object]:
    values: list[object] = [node]
    if "alarmhistoryitems" in node:
        values = read.items(node, "alarmhistoryitems")
    prefix = _arn_prefix(values) if wire.place is None else None
    if prefix is None:
        return values
    return [{"alarmarn": f"{prefix}:alarm:{read.text(item, 'alarmname')}", **item} for item in map(read.fold, values)]


def _state_change(node: Node, wire: Wire) -> Alarm:
    data = read.embedded(node, "historydata")
    new, old = read.child(data, "newstate"), read.child(data, "oldstate")
    summary = re.search(_UPDATED, read.text(node, "historysummary") or "")
    if not new and summary is None:
        raise Refused("history_data_unreadable", "neither HistoryData nor HistorySummary tells the states")
    before, after = summary.groups() if summary else (None, None)
    arn, name = read.text(node, "alarmarn"), required_name(node, "alarmname")
    value = read.required_state(new.get("statevalue", after))
    place = located(Origin(arn, node.get("accountid"), node.get("region")), wire.place)
    at = read.required_instant(node.get("timestamp"))
    key = alarm_key(name, read.text(node, "alarmcontributorid"), place)
    labels = read.mapping(node.get("alarmcontributorattributes"))
    reason = read.text(new, "statereason") or ""
    kind = _KINDS.get(read.text(node, "alarmtype") or "", AlarmKind.METRIC)
    seen = with_reason(Watched(kind=kind), reason, read.embedded(new, "statereasondata"))
    change = Change(
        key=key,
        state=value,
        at=at,
        seen=seen,
        previous_state=read.state(old.get("statevalue", before)),
        reason=reason,
        reason_data=read.json_text(new, "statereasondata"),
        arn=arn,
        labels=labels,
        evaluation_state=read.text(new, "evaluationstate"),
        suppression=suppression(new, read.NOTHING, None),
        approximate=True,
    )
    return alarm_of(change, wire)


def _event(node: Node, detail_type: str, wire: Wire) -> AwsEvent:
    arn = read.text(node, "alarmarn")
    detail = {
        "alarmName": required_name(node, "alarmname"),
        "summary": read.text(node, "historysummary"),
        "data": read.decoded(node, "historydata"),
    }
    resources = (arn,) if arn else ()
    notice = Notice("aws.cloudwatch", detail_type, node.get("timestamp"), detail, resources)
    return aws_event(notice, node.get("accountid"), node.get("region"), wire)


def _read(node: Node, wire: Wire) -> Alarm | AwsEvent | Inner:
    kind = read.text(node, "historyitemtype") or ""
    if kind in _STATE_ITEMS:
        return _state_change(node, wire)
    published = read.embedded(node, "historydata").get("publishedmessage") if kind in _ACTION_ITEMS else None
    if published:
        return Inner(published)
    if kind in _DETAIL_TYPES:
        return _event(node, _DETAIL_TYPES[kind], wire)
    raise Refused("history_item_unknown", f"{read.shown(kind)} is no type of history item")


SHAPE = Shape("alarm_history", _accepts, _read, _parts)
