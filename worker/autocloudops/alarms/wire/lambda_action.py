"""The event that a Lambda alarm action receives, whole as `alarmData` with its envelope.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html
"""

from autocloudops.alarms.model import Alarm
from autocloudops.alarms.wire import read
from autocloudops.alarms.wire.detail import alarm_from_detail
from autocloudops.alarms.wire.identity import Origin
from autocloudops.alarms.wire.shape import Node, Shape, Wire


def _accepts(node: Node) -> bool:
    return "alarmdata" in node


def _read(node: Node, wire: Wire) -> Alarm:
    origin = Origin(read.text(node, "alarmarn"), node.get("accountid"), node.get("region"))
    return alarm_from_detail(read.embedded(node, "alarmdata"), origin, wire)


SHAPE = Shape("lambda_action", _accepts, _read)
