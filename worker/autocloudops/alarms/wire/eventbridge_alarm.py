"""EventBridge: `CloudWatch Alarm State Change` and `CloudWatch Alarm Contributor State Change`.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html
"""

from autocloudops.alarms.model import Alarm
from autocloudops.alarms.wire import read
from autocloudops.alarms.wire.detail import alarm_from_detail
from autocloudops.alarms.wire.identity import Origin
from autocloudops.alarms.wire.shape import Node, Shape, Wire

_DETAIL_TYPES = frozenset({"CloudWatch Alarm State Change", "CloudWatch Alarm Contributor State Change"})


def _accepts(node: Node) -> bool:
    detail_type = node.get("detail-type")
    return isinstance(detail_type, str) and detail_type in _DETAIL_TYPES


def _read(node: Node, wire: Wire) -> Alarm:
    arn = next((arn for arn in read.texts(node, "resources") if ":alarm:" in arn), None)
    origin = Origin(arn, node.get("account"), node.get("region"))
    return alarm_from_detail(read.embedded(node, "detail"), origin, wire)


SHAPE = Shape("eventbridge_alarm", _accepts, _read)
