"""Alarms in every wire shape, and what may ever be requested because of each.

That says a table which was written by hand, and not the code that is under attack.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from alarm_bodies import (
    ACCOUNT,
    ARN,
    REGION,
    Body,
    alarm_detail,
    alert,
    alertmanager,
    described,
    eventbridge,
    history_item,
    lambda_action,
    metric_row,
    sns_alarm,
    sns_envelope,
    state,
)

from autocloudops.alarms.model import Alarm
from autocloudops.alarms.parse import parse
from autocloudops.alarms.wire.shape import Place

FIRED = "2026-03-01T11:59:50.000+0000"


@dataclass(frozen=True)
class Started:
    """A runbook that SSM was asked to start: which, where, with what, and whether a person has to approve it."""

    runbook: str
    account: str
    region: str
    parameters: Mapping[str, str]
    approval: bool


@dataclass(frozen=True)
class Trouble:
    """What an alarm watches, and all that may ever be requested because of it; None for nothing."""

    name: str
    namespace: str
    metric: str
    dimensions: Mapping[str, str]
    may: Started | None = None

    def __str__(self) -> str:
        return self.name

    @property
    def reason(self) -> str:
        """What CloudWatch says of it."""
        return "Threshold Crossed: 1 datapoint [93.0 (01/03/26 11:59:00)] was greater than the threshold (80.0)."


SERVICE = {"ClusterName": "shop", "ServiceName": "orders-api"}
NAMED = {"Cluster": "shop", "Service": "orders-api"}
TROUBLES = (
    Trouble(
        "a busy service",
        "AWS/ECS",
        "CPUUtilization",
        SERVICE,
        Started(
            "AutoCloudOps-ScaleOutService",
            ACCOUNT,
            REGION,
            {**NAMED, "ExpectedDesiredCount": "4", "DesiredCount": "6"},
            approval=False,
        ),
    ),
    Trouble(
        "a leaking service",
        "AWS/ECS",
        "MemoryUtilization",
        SERVICE,
        Started("AutoCloudOps-RestartService", ACCOUNT, REGION, NAMED, approval=True),
    ),
    Trouble(
        "a busy group",
        "AWS/EC2",
        "CPUUtilization",
        {"AutoScalingGroupName": "web-asg"},
        Started(
            "AutoCloudOps-ScaleOutGroup",
            ACCOUNT,
            REGION,
            {"Group": "web-asg", "ExpectedDesiredCount": "4", "DesiredCount": "6"},
            approval=False,
        ),
    ),
    Trouble("a crowded database", "AWS/RDS", "DatabaseConnections", {"DBInstanceIdentifier": "orders-db"}),
    Trouble("a full disk", "CWAgent", "disk_used_percent", {"InstanceId": "i-0abc1234def567890", "path": "/var/log"}),
)
BUSY = TROUBLES[0]
NOTE = "The shop's order service works too hard"


def _detail(trouble: Trouble) -> Body:
    metric = {"namespace": trouble.namespace, "name": trouble.metric, "dimensions": dict(trouble.dimensions)}
    row = metric_row(metricStat={"metric": metric, "period": 60, "stat": "Average"})
    now = state("ALARM", reason=trouble.reason, timestamp=FIRED)
    return alarm_detail(state=now, configuration={"description": NOTE, "metrics": [row]})


def _sns(trouble: Trouble) -> Body:
    trigger = {
        "MetricName": trouble.metric,
        "Namespace": trouble.namespace,
        "StatisticType": "Statistic",
        "Statistic": "AVERAGE",
        "Unit": None,
        "Dimensions": [{"value": value, "name": name} for name, value in trouble.dimensions.items()],
        "Period": 60,
        "EvaluationPeriods": 1,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 80.0,
        "TreatMissingData": "missing",
    }
    return sns_alarm(
        Trigger=trigger,
        StateChangeTime=FIRED,
        NewStateReason=trouble.reason,
        AlarmDescription=NOTE,
        AlarmActions=[f"arn:aws:sns:{REGION}:{ACCOUNT}:pages"],
    )


def _described(trouble: Trouble) -> Body:
    return described(
        StateUpdatedTimestamp=FIRED,
        StateReason=trouble.reason,
        AlarmDescription=NOTE,
        Namespace=trouble.namespace,
        MetricName=trouble.metric,
        ExtendedStatistic=...,
        Statistic="Average",
        Dimensions=[{"Name": name, "Value": value} for name, value in trouble.dimensions.items()],
        Threshold=80.0,
    )


def _composite(_: Trouble) -> Body:
    return sns_alarm(
        Trigger=...,
        StateChangeTime=FIRED,
        AlarmRule='ALARM("orders-cpu") OR ALARM("orders-memory")',
        TriggeringChildren=[{"Arn": ARN, "State": {"Value": "ALARM", "Timestamp": FIRED}}],
        AlarmActions=[],
    )


def _from_sqs(trouble: Trouble) -> Body:
    return {"Records": [{"messageId": "m-1", "eventSource": "aws:sqs", "body": json.dumps(_from_bus(trouble))}]}


def _from_bus(trouble: Trouble) -> Body:
    return eventbridge(_detail(trouble))


SHAPES: Mapping[str, Callable[[Trouble], Body]] = {
    "sns_alarm": _sns,
    "sns_envelope": lambda trouble: sns_envelope(_sns(trouble)),
    "sns_composite": _composite,
    "eventbridge": _from_bus,
    "lambda_action": lambda trouble: lambda_action(_detail(trouble)),
    "lambda_sns_event": lambda trouble: {"Records": [{"Sns": {"Message": json.dumps(_sns(trouble))}}]},
    "lambda_sqs_event": _from_sqs,
    "describe_alarms": _described,
    "alarm_history": lambda _: history_item(Timestamp=FIRED),
    "alertmanager": lambda _: alertmanager(alert(startsAt="2026-03-01T11:59:50Z")),
}
OFFERING = ("sns_alarm", "sns_envelope", "eventbridge", "lambda_action", "lambda_sns_event", "lambda_sqs_event")
"""Shapes that say enough of an alarm for an action to be offered; so does `describe_alarms`."""


def alarms_in(body: object) -> list[Alarm]:
    """Return the alarms that a message becomes."""
    text = body if isinstance(body, str) else json.dumps(body)
    return [noun for noun in parse(text, Place(ACCOUNT, REGION)) if isinstance(noun, Alarm)]
