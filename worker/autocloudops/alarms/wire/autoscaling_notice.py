"""EC2 Auto Scaling's notice of a launch, a termination or the failure of one.

https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-sns-notifications.html
"""

from autocloudops.alarms.model import AwsEvent
from autocloudops.alarms.wire import read
from autocloudops.alarms.wire.events import Notice, aws_event
from autocloudops.alarms.wire.shape import Node, Shape, Wire

_FIELDS = (
    "Event",
    "AutoScalingGroupName",
    "EC2InstanceId",
    "Description",
    "Cause",
    "StatusCode",
    "StatusMessage",
    "Progress",
    "StartTime",
    "EndTime",
    "Details",
)


def _accepts(node: Node) -> bool:
    return "autoscalinggrouparn" in node and "event" in node


def _read(node: Node, wire: Wire) -> AwsEvent:
    notice = Notice(
        source="aws.autoscaling",
        detail_type=read.text(node, "event") or "autoscaling",
        time=node.get("time"),
        detail=read.picked(node, _FIELDS),
        resources=tuple(filter(None, [read.text(node, "autoscalinggrouparn")])),
        id=read.text(node, "requestid"),
    )
    return aws_event(notice, node.get("accountid"), None, wire)


SHAPE = Shape("autoscaling_notice", _accepts, _read)
