"""Values that the tests of catalogue, diagnosis and decisions start from: alarms, a prompt, a good reply."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime

from autocloudops.alarms.model import (
    Alarm,
    AlarmKey,
    AlarmKind,
    AlarmState,
    Condition,
    Metric,
    MissingData,
    ResourceRef,
)
from autocloudops.catalogue import offers
from autocloudops.diagnosis.evidence import Evidence, alarm_evidence
from autocloudops.diagnosis.prompt import Prompt, PromptInput, build

ACCOUNT = "111122223333"
REGION = "eu-west-1"
AT = datetime(2026, 11, 22, 3, 11, 42, 125000, UTC)


def alarm_on(resource: ResourceRef, metric: Metric | None, condition: Condition) -> Alarm:
    """Return an alarm that has just fired."""
    return Alarm(
        key=AlarmKey(account=ACCOUNT, region=REGION, name="night-shift"),
        state=AlarmState.ALARM,
        previous_state=AlarmState.OK,
        at=AT,
        kind=AlarmKind.METRIC,
        shape="sns",
        resource=resource,
        raw_sha256="0" * 64,
        metric=metric,
        statistic="Average",
        condition=condition,
        reason="Threshold Crossed: 3 datapoints were greater than the threshold (80.0).",
        description="the shop's order service works too hard",
    )


def resource(kind: str, name: str, owner: str = "") -> ResourceRef:
    """Return a resource in the tests' account."""
    itself = f"{kind.replace(':', '-')}/{name}"
    return ResourceRef(type=kind, id=name, account=ACCOUNT, region=REGION, owner=owner or itself)


def over(threshold: float) -> Condition:
    """Return a condition that a metric above `threshold` meets."""
    return Condition(
        operator="GreaterThanThreshold",
        threshold=threshold,
        period_seconds=60,
        evaluation_periods=5,
        datapoints_to_alarm=3,
        missing_data=MissingData.BREACHING,
    )


def under(threshold: float) -> Condition:
    """Return a condition that a metric below `threshold` meets."""
    return Condition(operator="LessThanThreshold", threshold=threshold, period_seconds=60, evaluation_periods=1)


def metric(namespace: str, name: str, dimensions: Mapping[str, str]) -> Metric:
    """Return a metric."""
    return Metric(namespace=namespace, name=name, dimensions=dimensions)


def cpu_alarm() -> Alarm:
    """Return an alarm on an ECS service whose CPU is high."""
    dimensions = {"ClusterName": "shop", "ServiceName": "orders-api"}
    return alarm_on(
        resource("ecs:service", "shop/orders-api"), metric("AWS/ECS", "CPUUtilization", dimensions), over(80)
    )


def database_alarm() -> Alarm:
    """Return an alarm on an RDS instance with too many connections."""
    dimensions = {"DBInstanceIdentifier": "orders-db"}
    watched = metric("AWS/RDS", "DatabaseConnections", dimensions)
    return alarm_on(resource("rds:db-instance", "orders-db"), watched, over(650))


def disk_alarm(path: str = "/var/log") -> Alarm:
    """Return an alarm of the CloudWatch agent on an instance's full disk."""
    instance = "i-0abc1234def567890"
    dimensions = {"InstanceId": instance, "path": path, "fstype": "ext4"}
    return alarm_on(resource("ec2:instance", instance), metric("CWAgent", "disk_used_percent", dimensions), over(90))


def group_alarm() -> Alarm:
    """Return an alarm on an Auto Scaling group whose CPU is high."""
    watched = metric("AWS/EC2", "CPUUtilization", {"AutoScalingGroupName": "web-asg"})
    return alarm_on(resource("autoscaling:group", "web-asg"), watched, over(80))


def memory_alarm() -> Alarm:
    """Return an alarm on an ECS service whose memory is nearly used up."""
    dimensions = {"ClusterName": "shop", "ServiceName": "orders-api"}
    return alarm_on(
        resource("ecs:service", "shop/orders-api"), metric("AWS/ECS", "MemoryUtilization", dimensions), over(90)
    )


def error_alarm() -> Alarm:
    """Return an alarm on an ECS service whose calls fail."""
    dimensions = {"ClusterName": "shop", "ServiceName": "orders-api", "DiscoveryName": "orders"}
    watched = metric("AWS/ECS", "HTTPCode_Target_5XX_Count", dimensions)
    return alarm_on(resource("ecs:service", "shop/orders-api"), watched, over(20))


def prompt_about(alarm: Alarm, *more: Evidence) -> Prompt:
    """Return the question about one alarm and whatever else is known."""
    return build(PromptInput(evidence=(alarm_evidence(alarm, "E1"), *more), offers=offers(alarm)))


def note(id: str, text: str, missing: bool = False) -> Evidence:  # noqa: A002 - the field's name
    """Return a piece of evidence beside the alarm."""
    return Evidence(id=id, kind="change", source="cloudtrail", text=text, missing=missing)


GOOD_REPLY: Mapping[str, object] = {
    "action": "scale_out_service",
    "confidence": 8,
    "evidence_for": ["E1"],
    "evidence_against": [],
    "gaps": ["requests per second are not known"],
    "root_cause": "The service has too few tasks for its load.",
}


def reply(**changes: object) -> str:
    """Return a good reply as JSON text, with some fields changed."""
    return json.dumps({**GOOD_REPLY, **changes})
