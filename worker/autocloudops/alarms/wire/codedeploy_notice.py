"""CodeDeploy's notice from a trigger on a deployment or an instance of one.

https://docs.aws.amazon.com/codedeploy/latest/userguide/monitoring-sns-event-notifications-json-format.html
"""

from datetime import UTC, datetime

from autocloudops.alarms.model import AwsEvent
from autocloudops.alarms.wire import read
from autocloudops.alarms.wire.events import Notice, aws_event
from autocloudops.alarms.wire.shape import Node, Shape, Wire

_FIELDS = (
    "applicationName",
    "deploymentId",
    "deploymentGroupName",
    "deploymentOverview",
    "instanceId",
    "instanceStatus",
    "lifecycleEvents",
    "errorInformation",
    "status",
)


def _accepts(node: Node) -> bool:
    return "deploymentid" in node and "eventtriggername" in node


def _time(said: str | None) -> object:
    try:
        return datetime.strptime(said or "", "%a %b %d %H:%M:%S UTC %Y").replace(tzinfo=UTC).isoformat()
    except ValueError:
        return said


def _read(node: Node, wire: Wire) -> AwsEvent:
    status = read.text(node, "status", "instancestatus")
    notice = Notice(
        source="aws.codedeploy",
        detail_type=f"CodeDeploy deployment {status}" if status else "CodeDeploy deployment",
        time=_time(read.text(node, "completetime", "lastupdatedat", "createtime")),
        detail=read.picked(node, _FIELDS),
        resources=tuple(filter(None, [read.text(node, "instanceid")])),
    )
    return aws_event(notice, node.get("accountid"), node.get("region"), wire)


SHAPE = Shape("codedeploy_notice", _accepts, _read)
