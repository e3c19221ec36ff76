"""State changes of alarms on databases, as bodies of queue messages: through SNS, and the same through EventBridge."""

import json
from collections.abc import Mapping
from datetime import timedelta

from alarm_bodies import ACCOUNT, REGION, alarm_detail, eventbridge, metric_row, sns_alarm, state
from virtual_time import START


def arn_of(name: str) -> str:
    """Return the ARN of an alarm."""
    return f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"


def owner_of(database: str) -> str:
    """Return the owner key under which alarms of a database meet."""
    return f"{ACCOUNT}/{REGION}/rds-db-instance/{database}"


def sns(
    name: str, value: str = "ALARM", seconds: float = 0, metric: str = "ReadLatency", database: str = "orders-db"
) -> str:
    """Return the change of alarm `name` to `value`, `seconds` after the tests' beginning, as SNS delivers it raw."""
    trigger = sns_alarm()["Trigger"] | {
        "MetricName": metric,
        "Dimensions": [{"name": "DBInstanceIdentifier", "value": database}],
    }
    body = sns_alarm(
        AlarmName=name, AlarmArn=arn_of(name), NewStateValue=value, StateChangeTime=moment(seconds), Trigger=trigger
    )
    return json.dumps(body)


def event(
    name: str, value: str = "ALARM", seconds: float = 0, metric: str = "ReadLatency", database: str = "orders-db"
) -> str:
    """Return the change that `sns` returns for the same arguments, as EventBridge delivers it."""
    watched = {"namespace": "AWS/RDS", "name": metric, "dimensions": {"DBInstanceIdentifier": database}}
    row = metric_row(metricStat={"metric": watched, "period": 60, "stat": "p99"})
    detail = alarm_detail(
        alarmName=name,
        state=state(value, timestamp=moment(seconds)),
        configuration={"description": "Reads are slow", "metrics": [row]},
    )
    return json.dumps(eventbridge(detail, resources=[arn_of(name)]))


def composite(name: str, *children: str, value: str = "ALARM", seconds: float = 0) -> str:
    """Return the change of a composite alarm over `children`, as SNS delivers it raw."""
    body = sns_alarm(
        AlarmName=name,
        AlarmArn=arn_of(name),
        NewStateValue=value,
        StateChangeTime=moment(seconds),
        AlarmRule=" OR ".join(f'ALARM("{child}")' for child in children),
        Trigger=...,
    )
    return json.dumps(body)


def contributor(name: str, labels: Mapping[str, str], seconds: float = 0, value: str = "ALARM") -> str:
    """Return the change of one contributor of a Metrics Insights alarm, as SNS delivers it raw."""
    expression = 'SELECT MAX(ReadLatency) FROM "AWS/RDS" GROUP BY DBInstanceIdentifier'
    body = sns_alarm(
        AlarmName=name,
        AlarmArn=arn_of(name),
        NewStateValue=value,
        StateChangeTime=moment(seconds),
        Trigger={"Metrics": [{"Id": "q1", "Expression": expression, "Period": 60}]},
        AlarmContributorId="-".join(labels.values()),
        AlarmContributorAttributes=dict(labels),
    )
    return json.dumps(body)


def moment(seconds: float) -> str:
    """Return a time as CloudWatch writes it."""
    at = START + timedelta(seconds=seconds)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "+0000")
