"""How many alarms a second one core parses, by wire shape, beside decoding alone and pydantic alone.

    python bench/parse.py [SECONDS]

Each body is parsed for SECONDS (default 0.5) of CPU. Prints for each shape: the size of the body, alarms a second and
core, the multiple of `json.loads` of the same body, and the share of pydantic, which is the time to build and validate
the same nouns again. Ratios carry from machine to machine, times do not.
"""

import json
import sys
from collections.abc import Callable, Iterator
from time import process_time

from rich.console import Console
from rich.table import Table

from autocloudops.alarms.model import Alarm
from autocloudops.alarms.parse import parse
from autocloudops.alarms.wire.shape import Place
from autocloudops.values import Value

ROUNDS = 10
ACCOUNT, REGION, NAME = "012345678901", "eu-north-1", "orders latency"
ARN = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{NAME}"
PLACE = Place(ACCOUNT, REGION)
AT = "2026-03-01T09:15:27.481+0000"
REASON = (
    "Threshold Crossed: 3 out of the last 5 datapoints [0.41 (01/03/26 09:14:00), 0.4 (01/03/26 09:13:00)] were "
    "greater than the threshold (0.25) (minimum 3 datapoints for OK -> ALARM transition)."
)
DIMENSIONS = {"DBInstanceIdentifier": "orders-db"}
PAIRS = [{"value": value, "name": name} for name, value in DIMENSIONS.items()]
RULE = 'ALARM("orders latency") OR ALARM("orders errors")'
TRIGGER = {
    "MetricName": "ReadLatency",
    "Namespace": "AWS/RDS",
    "StatisticType": "Statistic",
    "Statistic": "AVERAGE",
    "Unit": None,
    "Dimensions": PAIRS,
    "Period": 60,
    "EvaluationPeriods": 5,
    "DatapointsToAlarm": 3,
    "ComparisonOperator": "GreaterThanThreshold",
    "Threshold": 0.25,
    "TreatMissingData": "missing",
    "EvaluateLowSampleCountPercentile": "",
}
SNS = {
    "AlarmName": NAME,
    "AlarmDescription": "Reads of the order database are slow: see the runbook of the data team.",
    "AWSAccountId": ACCOUNT,
    "AlarmConfigurationUpdatedTimestamp": AT,
    "NewStateValue": "ALARM",
    "NewStateReason": REASON,
    "StateChangeTime": AT,
    "Region": "EU (Stockholm)",
    "AlarmArn": ARN,
    "OldStateValue": "OK",
    "OKActions": [],
    "AlarmActions": [f"arn:aws:sns:{REGION}:{ACCOUNT}:pages"],
    "InsufficientDataActions": [],
    "Trigger": TRIGGER,
}
METRIC = {"namespace": "AWS/RDS", "name": "ReadLatency", "dimensions": DIMENSIONS}
ROW = {"id": "m1", "metricStat": {"metric": METRIC, "period": 60, "stat": "Average"}, "returnData": True}
STATE = {
    "value": "ALARM",
    "reason": REASON,
    "reasonData": json.dumps({"period": 60, "threshold": 0.25}),
    "timestamp": AT,
}
DETAIL = {"alarmName": NAME, "state": STATE, "previousState": STATE, "configuration": {"metrics": [ROW]}}
BAND = {"id": "ad1", "expression": "ANOMALY_DETECTION_BAND(m1, 2)", "label": "expected", "returnData": True}
COMPOSITE = {key: value for key, value in SNS.items() if key != "Trigger"} | {
    "AlarmRule": RULE,
    "TriggeringChildren": [{"Arn": ARN, "State": {"Value": "ALARM", "Timestamp": AT}}],
}
DESCRIBED = {
    **TRIGGER,
    "AlarmName": NAME,
    "AlarmArn": ARN,
    "StateValue": "ALARM",
    "StateReason": REASON,
    "StateUpdatedTimestamp": AT,
}
STATES = {"oldState": {"stateValue": "OK"}, "newState": {"stateValue": "ALARM", "stateReason": REASON}}
HISTORY = {"AlarmName": NAME, "Timestamp": AT, "HistoryItemType": "StateUpdate", "HistoryData": json.dumps(STATES)}
LABELS = {"alertname": "Slow", "service": "orders", "pod": "orders-1", "severity": "page"}
ALERT = {"status": "firing", "labels": LABELS, "annotations": {"summary": REASON}, "startsAt": AT, "fingerprint": "f1"}


def _envelope(message: object) -> dict[str, object]:
    return {"Type": "Notification", "TopicArn": "arn:aws:sns:::t", "Message": json.dumps(message), "Timestamp": AT}


def _event(detail: object) -> dict[str, object]:
    head = {"id": "e", "detail-type": "CloudWatch Alarm State Change", "source": "aws.cloudwatch", "time": AT}
    return {**head, "account": ACCOUNT, "region": REGION, "resources": [ARN], "detail": detail}


def _action(detail: object) -> dict[str, object]:
    return {"alarmArn": ARN, "accountId": ACCOUNT, "region": REGION, "time": AT, "alarmData": detail}


def _records(*bodies: object) -> dict[str, object]:
    return {"Records": [{"messageId": "m", "eventSource": "aws:sqs", "body": json.dumps(body)} for body in bodies]}


BODIES: dict[str, str] = {
    "sns_alarm": json.dumps(SNS),
    "sns_alarm, composite": json.dumps(COMPOSITE),
    "sns_envelope": json.dumps(_envelope(SNS)),
    "lambda_sns_event": json.dumps({"Records": [{"EventSource": "aws:sns", "Sns": _envelope(SNS)}]}),
    "lambda_sqs_event of 10": json.dumps(_records(*[_envelope(SNS)] * 10)),
    "eventbridge_alarm": json.dumps(_event(DETAIL)),
    "eventbridge_alarm, band": json.dumps(_event({**DETAIL, "configuration": {"metrics": [ROW, BAND]}})),
    "lambda_action": json.dumps(_action(DETAIL)),
    "lambda_action, literal": repr(_action(DETAIL)),
    "describe_alarms of 100": json.dumps({"MetricAlarms": [DESCRIBED] * 100}),
    "alarm_history of 100": json.dumps({"AlarmHistoryItems": [HISTORY] * 100}),
    "alertmanager of 20": json.dumps({"status": "firing", "alerts": [ALERT] * 20}),
}


def _cpu_seconds(act: Callable[[], object], budget: float) -> float:
    """Return the CPU seconds that one call of `act` takes: the least of ten rounds that take `budget` in all."""
    least = float("inf")
    for _ in range(ROUNDS):
        calls, started = 0, process_time()
        while (spent := process_time() - started) < budget / ROUNDS:
            act()
            calls += 1
        least = min(least, spent / calls)
    return least


def _values(found: object) -> Iterator[Value]:
    if isinstance(found, Value):
        for _, field in found:
            yield from _values(field)
        yield found
    elif isinstance(found, tuple):
        for item in found:
            yield from _values(item)


def _rebuild(nouns: list[Alarm]) -> Callable[[], object]:
    """Return what builds and validates every value in `nouns` again, from fields that are there already."""
    parts = [(type(value), dict(value)) for noun in nouns for value in _values(noun)]
    return lambda: [build(**fields) for build, fields in parts]


def _row(shape: str, body: str, budget: float) -> tuple[str, ...]:
    raw = body.encode()
    nouns = [noun for noun in parse(raw, PLACE) if isinstance(noun, Alarm)]
    assert nouns, f"{shape} became no alarm"
    parsing = _cpu_seconds(lambda: parse(raw, PLACE), budget)
    building = _cpu_seconds(_rebuild(nouns), budget)
    multiple = "-" if body[:1] + body[1:2] == "{'" else f"{parsing / _cpu_seconds(lambda: json.loads(raw), budget):.1f}"
    return shape, f"{len(raw):,}", f"{len(nouns) / parsing:,.0f}", multiple, f"{building / parsing:.0%}"


def main() -> None:
    """Measure every shape and print the table."""
    budget = float(sys.argv[1]) if len(sys.argv) > 1 else 0.5
    table = Table("shape", "bytes", "alarms/s and core", "x json.loads", "pydantic", title="autocloudops.alarms.parse")
    for column in table.columns[1:]:
        column.justify = "right"
    for shape, body in BODIES.items():
        table.add_row(*_row(shape, body, budget))
    Console().print(table)


if __name__ == "__main__":
    main()
