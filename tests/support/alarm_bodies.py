"""Alarm messages written for the tests, one builder for each wire shape; keywords replace or remove fields."""

import json
from typing import Any

Body = dict[str, Any]

ACCOUNT = "012345678901"
REGION = "eu-central-1"
NAME = "checkout 지연 p99"
ARN = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{NAME}"
AT = "2026-03-01T09:15:27.481+0000"


def changed(body: Body, changes: Body) -> Body:
    """Return `body` with `changes` made; `...` as a value removes the field."""
    return {key: value for key, value in {**body, **changes}.items() if value is not ...}


def sns_alarm(**changes: object) -> Body:
    """Return the SNS message of a metric alarm on a database, as CloudWatch publishes it."""
    trigger = {
        "MetricName": "ReadLatency",
        "Namespace": "AWS/RDS",
        "StatisticType": "ExtendedStatistic",
        "ExtendedStatistic": "p99",
        "Unit": "Seconds",
        "Dimensions": [{"value": "orders-db", "name": "DBInstanceIdentifier"}],
        "Period": 60,
        "EvaluationPeriods": 5,
        "DatapointsToAlarm": 3,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 2.5e-1,
        "TreatMissingData": "missing",
        "EvaluateLowSampleCountPercentile": "ignore",
    }
    body = {
        "AlarmName": NAME,
        "AlarmDescription": "Reads of the order database are slow",
        "AWSAccountId": ACCOUNT,
        "AlarmConfigurationUpdatedTimestamp": "2026-01-11T08:00:00.000+0000",
        "NewStateValue": "ALARM",
        "NewStateReason": "Threshold Crossed: 3 out of the last 5 datapoints were greater than the threshold (0.25).",
        "StateChangeTime": AT,
        "Region": "EU (Frankfurt)",
        "AlarmArn": ARN,
        "OldStateValue": "OK",
        "OKActions": [],
        "AlarmActions": [f"arn:aws:sns:{REGION}:{ACCOUNT}:pages", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:fix"],
        "InsufficientDataActions": [],
        "Trigger": trigger,
    }
    return changed(body, changes)


def sns_envelope(message: object, **changes: object) -> Body:
    """Return an SNS notification around `message`; a body is written as JSON text."""
    body = {
        "Type": "Notification",
        "MessageId": "0b7f4f3c-6a3e-4a51-9c7e-3f8a3f1f1f01",
        "TopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:pages",
        "Subject": 'OK: "something else" in US East (N. Virginia)',
        "Message": message if isinstance(message, str) else json.dumps(message),
        "Timestamp": "2026-03-01T09:59:59.999Z",
    }
    return changed(body, changes)


def state(value: str = "ALARM", **changes: object) -> Body:
    """Return the state object of EventBridge and Lambda."""
    data = {"version": "1.0", "period": 60, "recentDatapoints": [0.4], "threshold": 0.25}
    body = {
        "value": value,
        "reason": "Threshold Crossed: 1 datapoint [0.4 (01/03/26 09:14:00)] was greater than the threshold (0.25).",
        "reasonData": json.dumps(data),
        "timestamp": AT,
    }
    return changed(body, changes)


def metric_row(**changes: object) -> Body:
    """Return the row of the metric list that holds the database's latency."""
    metric = {
        "namespace": "AWS/RDS",
        "name": "ReadLatency",
        "dimensions": {"DBInstanceIdentifier": "orders-db"},
    }
    row = {"id": "m1", "metricStat": {"metric": metric, "period": 60, "stat": "p99", "unit": "Seconds"}}
    return changed({**row, "returnData": True}, changes)


def alarm_detail(**changes: object) -> Body:
    """Return what EventBridge calls `detail` and the Lambda action `alarmData`, for the alarm of `sns_alarm`."""
    body = {
        "alarmName": NAME,
        "state": state(),
        "previousState": state("OK"),
        "configuration": {"description": "Reads of the order database are slow", "metrics": [metric_row()]},
    }
    return changed(body, changes)


def eventbridge(detail: Body | None = None, **changes: object) -> Body:
    """Return an EventBridge event, by default the state change of `sns_alarm`. Keywords use `_` for `-`."""
    body = {
        "version": "0",
        "id": "c0ffee00-1111-4222-8333-444455556666",
        "detail-type": "CloudWatch Alarm State Change",
        "source": "aws.cloudwatch",
        "account": ACCOUNT,
        "time": "2026-03-01T09:15:28Z",
        "region": REGION,
        "resources": [ARN],
        "detail": alarm_detail() if detail is None else detail,
    }
    return changed(body, {key.replace("_", "-"): value for key, value in changes.items()})


def lambda_action(detail: Body | None = None, **changes: object) -> Body:
    """Return the event of a Lambda alarm action."""
    body = {
        "source": "aws.cloudwatch",
        "alarmArn": ARN,
        "accountId": ACCOUNT,
        "time": "2026-03-01T09:15:28.000+0000",
        "region": REGION,
        "alarmData": alarm_detail() if detail is None else detail,
    }
    return changed(body, changes)


def described(**changes: object) -> Body:
    """Return one item of DescribeAlarms."""
    body = {
        "AlarmName": NAME,
        "AlarmArn": ARN,
        "ActionsEnabled": True,
        "AlarmActions": [f"arn:aws:sns:{REGION}:{ACCOUNT}:pages"],
        "StateValue": "ALARM",
        "StateReason": "Threshold Crossed",
        "StateUpdatedTimestamp": "2026-03-01T09:15:27.481000+00:00",
        "Namespace": "AWS/RDS",
        "MetricName": "ReadLatency",
        "ExtendedStatistic": "p99",
        "Dimensions": [{"Name": "DBInstanceIdentifier", "Value": "orders-db"}],
        "Period": 60,
        "EvaluationPeriods": 5,
        "Threshold": 0.25,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    return changed(body, changes)


def history_item(kind: str = "StateUpdate", **changes: object) -> Body:
    """Return one item of DescribeAlarmHistory."""
    data = {
        "version": "1.0",
        "oldState": {"stateValue": "OK", "stateReason": "quiet"},
        "newState": {"stateValue": "ALARM", "stateReason": "was greater than the threshold (0.25)"},
    }
    body = {
        "AlarmName": NAME,
        "AlarmType": "MetricAlarm",
        "Timestamp": "2026-03-01T09:15:27.502000+00:00",
        "HistoryItemType": kind,
        "HistorySummary": "Alarm updated from OK to ALARM",
        "HistoryData": json.dumps(data),
    }
    return changed(body, changes)


def alert(**changes: object) -> Body:
    """Return one alert of Alertmanager."""
    body = {
        "status": "firing",
        "labels": {"alertname": "QueueStuck", "service": "billing", "pod": "billing-7c9-x2", "severity": "page"},
        "annotations": {"summary": "The queue does not move", "description": "No message left for ten minutes"},
        "startsAt": "2026-03-01T10:15:27.481901234+01:00",
        "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": "8f14e45fceea167a",
    }
    return changed(body, changes)


def alertmanager(*alerts: Body, **changes: object) -> Body:
    """Return Alertmanager's webhook around `alerts`."""
    body = {
        "version": "4",
        "receiver": "autocloudops",
        "status": "firing",
        "alerts": list(alerts),
        "groupLabels": {},
        "commonLabels": {"cluster": "blue"},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example",
    }
    return changed(body, changes)
