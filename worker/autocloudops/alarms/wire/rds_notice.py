"""RDS's notice of an event of an instance, a cluster, a snapshot or a group. Its times are UTC without saying so.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.Messages.html
"""

from autocloudops.alarms.model import AwsEvent
from autocloudops.alarms.wire import read
from autocloudops.alarms.wire.events import Notice, aws_event
from autocloudops.alarms.wire.shape import Node, Shape, Wire

_FIELDS = ("Event Source", "Source ID", "Event ID", "Event Message", "Tags")


def _accepts(node: Node) -> bool:
    return "event source" in node and "event message" in node


def _read(node: Node, wire: Wire) -> AwsEvent:
    notice = Notice(
        source="aws.rds",
        detail_type=f"RDS {read.text(node, 'event source') or 'event'}",
        time=node.get("event time"),
        detail=read.picked(node, _FIELDS),
        resources=tuple(filter(None, [read.text(node, "source arn")])),
    )
    return aws_event(notice, None, None, wire)


SHAPE = Shape("rds_notice", _accepts, _read)
