"""CloudFormation's notice of a stack event, which is lines of `Key='value'`.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-console-create-stack.html
"""

from autocloudops.alarms.model import AwsEvent
from autocloudops.alarms.wire import read
from autocloudops.alarms.wire.events import Notice, aws_event
from autocloudops.alarms.wire.shape import Node, Shape, Wire

_FIELDS = (
    "StackName",
    "LogicalResourceId",
    "PhysicalResourceId",
    "ResourceType",
    "ResourceStatus",
    "ResourceStatusReason",
)


def _accepts(node: Node) -> bool:
    return "stackid" in node and "resourcestatus" in node


def _read(node: Node, wire: Wire) -> AwsEvent:
    status = read.text(node, "resourcestatus")
    notice = Notice(
        source="aws.cloudformation",
        detail_type=f"CloudFormation {status}" if status else "CloudFormation stack event",
        time=node.get("timestamp"),
        detail=read.picked(node, _FIELDS),
        resources=tuple(filter(None, [read.text(node, "stackid")])),
        id=read.text(node, "eventid"),
    )
    return aws_event(notice, None, None, wire)


SHAPE = Shape("cloudformation_notice", _accepts, _read)
