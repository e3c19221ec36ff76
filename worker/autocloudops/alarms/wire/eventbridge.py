"""EventBridge: every event that is no alarm state change, as context for incidents.

https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html
"""

from autocloudops.alarms.model import AwsEvent
from autocloudops.alarms.wire import read
from autocloudops.alarms.wire.events import Notice, aws_event
from autocloudops.alarms.wire.shape import Node, Shape, Wire


def _accepts(node: Node) -> bool:
    return isinstance(node.get("detail-type"), str) and isinstance(node.get("source"), str)


def _read(node: Node, wire: Wire) -> AwsEvent:
    resources = read.texts(node, "resources")
    notice = Notice(
        source=read.text(node, "source") or "",
        detail_type=read.text(node, "detail-type") or "",
        time=node.get("time"),
        id=read.text(node, "id"),
        resources=resources,
        detail=node.get("detail"),
    )
    return aws_event(notice, node.get("account"), node.get("region"), wire)


SHAPE = Shape("eventbridge", _accepts, _read)
