"""What is watched: kinds of owners, and the alarms that a team sets on each of them.

A kind is a table of families, one row for each metric. Rows with `{part}` in a dimension stand once for each part of
the owner (an instance, a task, a shard); the others once. Owners without parts have a critical alarm beside each
alarm, as teams set them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import count, islice

from autocloudops.alarms.model import AlarmKey
from autocloudops.alarms.wire.shape import Place

SEVERITIES = ("", "-critical")


@dataclass(frozen=True, slots=True)
class Gauge:
    """A metric, how it is aggregated, and the threshold that it crosses when something is wrong."""

    namespace: str
    metric: str
    statistic: str
    threshold: float
    upward: bool = True

    def reading(self, *, bad: bool) -> float:
        """Return a value on the wanted side of the threshold."""
        return round(self.threshold * (1.15 if bad is self.upward else 0.6), 3)


@dataclass(frozen=True, slots=True)
class Family:
    """The alarms of one owner on one metric; `contributors` marks a Metrics Insights alarm with one per part."""

    slug: str
    gauge: Gauge
    dimensions: Mapping[str, str]
    contributors: bool = False

    @property
    def each_part(self) -> bool:
        """Whether every part of the owner has this alarm."""
        return any(field in value for value in self.dimensions.values() for field in ("{part:", "{number:"))


@dataclass(frozen=True, slots=True)
class Owner:
    """Whom a person would be paged for."""

    kind: str
    name: str
    place: Place


@dataclass(frozen=True, slots=True)
class Watch:
    """One alarm as it is configured, or one contributor of it; a composite alarm has children and no gauge."""

    owner: Owner
    name: str
    gauge: Gauge | None = None
    dimensions: tuple[tuple[str, str], ...] = ()
    contributor: str = ""
    children: tuple[str, ...] = ()

    @property
    def key(self) -> AlarmKey:
        """The identity of the alarm."""
        place = self.owner.place
        return AlarmKey(account=place.account, region=place.region, name=self.name, contributor=self.contributor)


def _ecs(metric: str, statistic: str, threshold: float, namespace: str = "AWS/ECS") -> Gauge:
    return Gauge(namespace, metric, statistic, threshold)


_GROUP = {"AutoScalingGroupName": "{owner}"}
_HOST = {**_GROUP, "InstanceId": "i-{part:17}", "ImageId": "ami-{owner_id:17}", "InstanceType": "m7g.xlarge"}
_SERVICE = {"ClusterName": "prod", "ServiceName": "{owner}"}
_TASK = {**_SERVICE, "TaskId": "{part:32}"}
_POD = {"ClusterName": "blue", "Namespace": "apps", "Service": "{owner}", "PodName": "{owner}-{owner_id:9}-{part:5}"}
_BALANCER = {"LoadBalancer": "app/{owner}/{owner_id:16}"}
_TARGETS = {**_BALANCER, "TargetGroup": "targetgroup/{owner}-{part:4}/{part:16}"}
_STREAM = {"StreamName": "{owner}"}
_SHARD = {**_STREAM, "ShardId": "shardId-{number:012}"}
_TABLE = {"TableName": "{owner}"}
_INDEX = {**_TABLE, "GlobalSecondaryIndexName": "by-{part:6}"}
_DATABASE = {"DBInstanceIdentifier": "{owner}"}
_QUEUE = {"QueueName": "{owner}"}
_FUNCTION = {"FunctionName": "{owner}"}
_DOMAIN = {"DomainName": "{owner}", "ClientId": "{account}"}

KINDS: Mapping[str, tuple[Family, ...]] = {
    "asg": (
        Family("cpu", Gauge("AWS/EC2", "CPUUtilization", "Average", 80), _GROUP),
        Family("capacity", Gauge("AWS/AutoScaling", "GroupInServiceInstances", "Minimum", 40, upward=False), _GROUP),
        Family("memory", Gauge("CWAgent", "mem_used_percent", "Average", 85), _HOST),
        Family("iowait", Gauge("CWAgent", "cpu_usage_iowait", "Average", 40), _HOST),
        Family("disk", Gauge("CWAgent", "disk_used_percent", "Maximum", 85), {**_HOST, "path": "/", "fstype": "xfs"}),
    ),
    "ecs": (
        Family("cpu", _ecs("CPUUtilization", "Average", 85), _SERVICE),
        Family("5xx", _ecs("HTTPCode_Target_5XX_Count", "Sum", 30), {**_SERVICE, "DiscoveryName": "{owner}"}),
        Family("task-cpu", _ecs("TaskCpuUtilization", "Average", 85, "ECS/ContainerInsights"), _TASK),
        Family("task-memory", _ecs("TaskMemoryUtilization", "Average", 85, "ECS/ContainerInsights"), _TASK),
    ),
    "eks": (
        Family("pod-cpu", Gauge("ContainerInsights", "pod_cpu_utilization", "Average", 85), _POD, contributors=True),
        Family("pod-memory", Gauge("ContainerInsights", "pod_memory_utilization", "Average", 85), _POD),
        Family("restarts", Gauge("ContainerInsights", "pod_number_of_container_restarts", "Maximum", 3), _POD),
    ),
    "alb": (
        Family("elb-5xx", Gauge("AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count", "Sum", 50), _BALANCER),
        Family("rejected", Gauge("AWS/ApplicationELB", "RejectedConnectionCount", "Sum", 10), _BALANCER),
        Family("target-5xx", Gauge("AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", "Sum", 25), _TARGETS),
        Family("latency", Gauge("AWS/ApplicationELB", "TargetResponseTime", "p99", 1.5), _TARGETS),
        Family("unhealthy", Gauge("AWS/ApplicationELB", "UnHealthyHostCount", "Maximum", 2), _TARGETS),
    ),
    "kinesis": (
        Family("age", Gauge("AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", "Maximum", 60_000), _STREAM),
        Family("failed", Gauge("AWS/Kinesis", "PutRecords.FailedRecords", "Sum", 100), _STREAM),
        Family("writes", Gauge("AWS/Kinesis", "WriteProvisionedThroughputExceeded", "Sum", 20), _SHARD),
        Family("reads", Gauge("AWS/Kinesis", "ReadProvisionedThroughputExceeded", "Sum", 20), _SHARD),
    ),
    "dynamodb": (
        Family("errors", Gauge("AWS/DynamoDB", "SystemErrors", "Sum", 5), _TABLE),
        Family("latency", Gauge("AWS/DynamoDB", "SuccessfulRequestLatency", "Average", 60), _TABLE),
        Family("writes", Gauge("AWS/DynamoDB", "WriteThrottleEvents", "Sum", 40), _INDEX),
        Family("reads", Gauge("AWS/DynamoDB", "ReadThrottleEvents", "Sum", 40), _INDEX),
    ),
    "rds": (
        Family("connections", Gauge("AWS/RDS", "DatabaseConnections", "Maximum", 600), _DATABASE),
        Family("cpu", Gauge("AWS/RDS", "CPUUtilization", "Average", 85), _DATABASE),
        Family("memory", Gauge("AWS/RDS", "FreeableMemory", "Minimum", 2e9, upward=False), _DATABASE),
        Family("reads", Gauge("AWS/RDS", "ReadLatency", "Average", 0.25), _DATABASE),
    ),
    "sqs": (
        Family("age", Gauge("AWS/SQS", "ApproximateAgeOfOldestMessage", "Maximum", 600), _QUEUE),
        Family("depth", Gauge("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum", 5_000), _QUEUE),
    ),
    "lambda": (
        Family("errors", Gauge("AWS/Lambda", "Errors", "Sum", 10), _FUNCTION),
        Family("throttles", Gauge("AWS/Lambda", "Throttles", "Sum", 10), _FUNCTION),
        Family("duration", Gauge("AWS/Lambda", "Duration", "p99", 8_000), _FUNCTION),
    ),
    "opensearch": (
        Family("heap", Gauge("AWS/ES", "JVMMemoryPressure", "Maximum", 80), _DOMAIN),
        Family("cpu", Gauge("AWS/ES", "CPUUtilization", "Average", 80), _DOMAIN),
        Family("storage", Gauge("AWS/ES", "FreeStorageSpace", "Minimum", 20_480, upward=False), _DOMAIN),
    ),
}
FLEETS = tuple(kind for kind, families in KINDS.items() if any(family.each_part for family in families))
SINGLES = tuple(kind for kind in KINDS if kind not in FLEETS)


class _Hex(str):
    """Hexadecimal text, of which a format takes as many characters as it says."""

    __slots__ = ()

    def __format__(self, width: str) -> str:
        return self[: int(width)]


def _hex(text: str) -> _Hex:
    return _Hex(sha256(text.encode()).hexdigest())


def watches(owner: Owner, most: int) -> list[Watch]:
    """Return the alarms on `owner`, those of the whole owner first; fewer than `most` where it has no parts."""
    families = KINDS[owner.kind]
    whole = (family for family in families if not family.each_part)
    if owner.kind in SINGLES:
        return [_watch(family, owner, 0, severity) for severity in SEVERITIES for family in families][:most]
    parted = [family for family in families if family.each_part]
    return list(islice(_both(whole, parted, owner), most))


def most_watches(kind: str, wanted: int) -> int:
    """Return how many of `wanted` alarms an owner of this kind can have."""
    return wanted if kind in FLEETS else min(wanted, len(SEVERITIES) * len(KINDS[kind]))


def _both(whole: Iterator[Family], parted: list[Family], owner: Owner) -> Iterator[Watch]:
    yield from (_watch(family, owner, 0, "") for family in whole)
    for number in count():
        yield from (_watch(family, owner, number, f"-{number}") for family in parted)


def _watch(family: Family, owner: Owner, number: int, suffix: str) -> Watch:
    part = _hex(f"{owner.name}/{number}")
    known = {"owner": owner.name, "owner_id": _hex(owner.name), "part": part, "number": number}
    named = {**known, "account": owner.place.account}
    dimensions = tuple((name, value.format_map(named)) for name, value in family.dimensions.items())
    if family.contributors:
        return Watch(owner, f"{owner.name}-{family.slug}", family.gauge, dimensions, contributor=part[:32])
    return Watch(owner, f"{owner.name}-{family.slug}{suffix}", family.gauge, dimensions)
