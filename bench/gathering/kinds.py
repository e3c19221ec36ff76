"""Ten kinds of alarm on resources that the emulator has, each with datapoints and the changes of its state."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from aws_resources import Maker

from autocloudops.alarms.model import Alarm, Metric, ResourceRef
from autocloudops.alarms.parse import parse
from autocloudops.knowledge.companions import companions
from autocloudops.sandbox.aws import ACCOUNT

MINUTES, DAYS = 180, 13
PAGE = 500


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of alarm.

    Args:
        resource: the type of what it watches.
        namespace: of its metric.
        metric: its metric.
        dimensions: the names of its dimensions; their values are the parts of the resource's id.
        threshold: above which it fires.
    """

    resource: str
    namespace: str
    metric: str
    dimensions: tuple[str, ...]
    threshold: float

    @property
    def name(self) -> str:
        """The name of its alarm."""
        return f"{self.resource.replace(':', '-')}-{self.metric}"


KINDS = (
    Kind("ecs:service", "AWS/ECS", "CPUUtilization", ("ClusterName", "ServiceName"), 80),
    Kind("autoscaling:group", "AWS/EC2", "CPUUtilization", ("AutoScalingGroupName",), 80),
    Kind("ec2:instance", "CWAgent", "disk_used_percent", ("InstanceId",), 90),
    Kind("rds:db-instance", "AWS/RDS", "DatabaseConnections", ("DBInstanceIdentifier",), 650),
    Kind("rds:db-cluster", "AWS/RDS", "CommitLatency", ("DBClusterIdentifier",), 50),
    Kind("lambda:function", "AWS/Lambda", "Duration", ("FunctionName",), 2400),
    Kind("dynamodb:index", "AWS/DynamoDB", "ReadThrottleEvents", ("TableName", "GlobalSecondaryIndexName"), 10),
    Kind("sqs:queue", "AWS/SQS", "ApproximateAgeOfOldestMessage", ("QueueName",), 300),
    Kind("elasticache:cluster", "AWS/ElastiCache", "EngineCPUUtilization", ("CacheClusterId",), 80),
    Kind("opensearch:domain", "AWS/ES", "JVMMemoryPressure", ("DomainName",), 85),
)


class Estate:
    """Makes resources, alarms and datapoints in an emulator.

    Args:
        url: of the emulator.
        now: when the alarms have just fired.
    """

    def __init__(self, url: str, now: datetime) -> None:
        self._maker = Maker(url, ACCOUNT)
        self._cloudwatch = self._maker.client("cloudwatch")
        self._now = now

    def alarms(self) -> Mapping[str, Alarm]:
        """Make everything, and return the alarms as the worker reads them, by the type of their resource."""
        resources = self._maker.everything()
        return {kind.resource: self._alarm(kind, resources[kind.resource]) for kind in KINDS}

    def _alarm(self, kind: Kind, resource: ResourceRef) -> Alarm:
        names = zip(kind.dimensions, resource.id.split("/", len(kind.dimensions) - 1), strict=True)
        dimensions = [{"Name": name, "Value": value} for name, value in names]
        self._cloudwatch.put_metric_alarm(
            AlarmName=kind.name,
            AlarmActions=[f"arn:aws:sns:{resource.region}:{ACCOUNT}:pages"],
            Namespace=kind.namespace,
            MetricName=kind.metric,
            Dimensions=dimensions,
            Statistic="Average",
            Period=60,
            EvaluationPeriods=3,
            Threshold=kind.threshold,
            ComparisonOperator="GreaterThanThreshold",
        )
        for state in ("OK", "ALARM", "OK", "ALARM"):
            self._cloudwatch.set_alarm_state(AlarmName=kind.name, StateValue=state, StateReason=_reason(kind))
        (item,) = self._cloudwatch.describe_alarms(AlarmNames=[kind.name])["MetricAlarms"]
        (alarm,) = parse(json.dumps(item, default=_moment))
        assert isinstance(alarm, Alarm)
        assert alarm.resource.type == kind.resource, alarm.resource
        self._measure(alarm, kind.threshold)
        return alarm

    def _measure(self, alarm: Alarm, threshold: float) -> None:
        assert alarm.metric
        self._put(alarm.metric, list(self._points(0.5 * threshold, 1.2 * threshold)))
        for companion in companions(alarm):
            self._put(companion.metric, list(self._points(40, 55)))

    def _points(self, usual: float, lately: float) -> Iterator[tuple[datetime, float]]:
        """Yield three hours by the minute, with a step ten minutes ago, and the same hour of two weeks."""
        end = self._now.replace(second=0, microsecond=0)
        for ago in range(1, MINUTES):
            yield end - timedelta(minutes=ago), (lately if ago < 10 else usual) + ago % 3  # noqa: PLR2004 - the step
        for day in range(1, DAYS + 1):
            yield end - timedelta(days=day, minutes=5), usual + day % 4

    def _put(self, metric: Metric, points: Sequence[tuple[datetime, float]]) -> None:
        dimensions = [{"Name": name, "Value": value} for name, value in metric.dimensions.items()]
        rows: list[dict[str, Any]] = [
            {"MetricName": metric.name, "Dimensions": dimensions, "Timestamp": at, "Value": value}
            for at, value in points
        ]
        for first in range(0, len(rows), PAGE):
            self._cloudwatch.put_metric_data(Namespace=metric.namespace, MetricData=rows[first : first + PAGE])


def _reason(kind: Kind) -> str:
    values = ", ".join(f"{1.2 * kind.threshold + n} ({datetime.now(UTC):%d/%m/%y %H:%M:%S})" for n in range(3))
    return (
        f"Threshold Crossed: 3 out of the last 3 datapoints [{values}] were greater than the threshold "
        f"({kind.threshold}) (minimum 3 datapoints for OK -> ALARM transition)."
    )


def _moment(value: object) -> str:
    assert isinstance(value, datetime)
    return value.isoformat()
