"""State changes as CloudWatch sends them: to an SNS topic, and to EventBridge. The label of a change is in neither."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from bench.storms.estate import Gauge, Watch
from bench.storms.outages import Turn

from autocloudops.alarms.model import AlarmState

Node = dict[str, Any]

REGION_NAMES = {"eu-west-1": "EU (Ireland)", "us-east-1": "US East (N. Virginia)", "eu-north-1": "EU (Stockholm)"}
PERIOD_SECONDS = 60
OTHER_STATE = {AlarmState.ALARM: AlarmState.OK, AlarmState.OK: AlarmState.ALARM}
OPERATORS = {True: "GreaterThanThreshold", False: "LessThanThreshold"}
COMPARISONS = {True: "greater than", False: "less than"}


def topic_of(watch: Watch) -> str:
    """Return the ARN of the topic that an alarm notifies."""
    place = watch.owner.place
    return f"arn:aws:sns:{place.region}:{place.account}:ops-alarms"


def alarm_arn(watch: Watch, name: str = "") -> str:
    """Return the ARN of an alarm, or of the alarm `name` beside it."""
    place = watch.owner.place
    return f"arn:aws:cloudwatch:{place.region}:{place.account}:alarm:{name or watch.name}"


def sns_message(turn: Turn, start: datetime) -> Node:
    """Return the message that an alarm's SNS action publishes."""
    watch, at = turn.watch, moment(turn, start)
    body: Node = {
        "AlarmName": watch.name,
        "AlarmDescription": _description(watch),
        "AWSAccountId": watch.owner.place.account,
        "AlarmConfigurationUpdatedTimestamp": _written(start - timedelta(days=12)),
        "NewStateValue": turn.state,
        "NewStateReason": _reason(turn, start),
        "StateChangeTime": _written(at),
        "Region": REGION_NAMES[watch.owner.place.region],
        "AlarmArn": alarm_arn(watch),
        "OldStateValue": OTHER_STATE[turn.state],
        "OKActions": [topic_of(watch)],
        "AlarmActions": [topic_of(watch)],
        "InsufficientDataActions": [],
    }
    if watch.contributor:
        body |= {"AlarmContributorId": watch.contributor, "AlarmContributorAttributes": dict(watch.dimensions)}
    return body | (_triggered(turn, start) if watch.gauge is None else {"Trigger": _trigger(watch, watch.gauge)})


def sns_envelope(turn: Turn, start: datetime) -> Node:
    """Return the envelope in which SNS hands that message to a queue."""
    topic = topic_of(turn.watch)
    return {
        "Type": "Notification",
        "MessageId": _id("sns", turn, start),
        "TopicArn": topic,
        "Subject": f'{turn.state}: "{turn.watch.name}" in {REGION_NAMES[turn.watch.owner.place.region]}'[:100],
        "Message": json.dumps(sns_message(turn, start)),
        "Timestamp": _iso(moment(turn, start) + timedelta(milliseconds=60)),
        "UnsubscribeURL": f"https://sns.{turn.watch.owner.place.region}.amazonaws.com/?Action=Unsubscribe"
        f"&SubscriptionArn={topic}:{_id('subscription', turn, start)}",
    }


def event(turn: Turn, start: datetime) -> Node:
    """Return the event that CloudWatch sends to EventBridge."""
    watch, at = turn.watch, moment(turn, start)
    detail: Node = {
        "alarmName": watch.name,
        "state": {
            "value": turn.state,
            "reason": _reason(turn, start),
            "reasonData": json.dumps(_reason_data(turn, start)),
            "timestamp": _written(at),
        },
        "previousState": {"value": OTHER_STATE[turn.state], "timestamp": _written(at - timedelta(hours=7))},
        "configuration": _configuration(watch),
    }
    if watch.contributor:
        detail["alarmContributor"] = {"id": watch.contributor, "attributes": dict(watch.dimensions)}
    return {
        "version": "0",
        "id": _id("eventbridge", turn, start),
        "detail-type": f"CloudWatch Alarm {'Contributor ' if watch.contributor else ''}State Change",
        "source": "aws.cloudwatch",
        "account": watch.owner.place.account,
        "time": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": watch.owner.place.region,
        "resources": [alarm_arn(watch)],
        "detail": detail,
    }


def moment(turn: Turn, start: datetime) -> datetime:
    """Return when a turn happens in a storm that begins at `start`, to the millisecond, as CloudWatch writes it."""
    return start + timedelta(milliseconds=round(turn.at_seconds * 1000))


def _description(watch: Watch) -> str:
    if watch.gauge is None:
        return f"{watch.owner.name} does not serve its customers as promised. Page: platform on call."
    return f"{watch.gauge.metric} of {watch.owner.name} is out of bounds for one minute. See the team's runbook."


def _trigger(watch: Watch, gauge: Gauge) -> Node:
    what: Node = {
        "MetricName": gauge.metric,
        "Namespace": gauge.namespace,
        "StatisticType": "ExtendedStatistic" if gauge.statistic[:1] == "p" else "Statistic",
        "Statistic": gauge.statistic.upper(),
        "Unit": None,
        "Dimensions": [{"value": value, "name": name} for name, value in watch.dimensions],
    }
    if gauge.statistic[:1] == "p":
        what["ExtendedStatistic"] = what.pop("Statistic").lower()
    if watch.contributor:
        query = {"Id": "q1", "Expression": _query(watch, gauge), "Period": PERIOD_SECONDS, "ReturnData": True}
        what = {"Metrics": [query]}
    return what | {
        "Period": PERIOD_SECONDS,
        "EvaluationPeriods": 1,
        "DatapointsToAlarm": 1,
        "ComparisonOperator": OPERATORS[gauge.upward],
        "Threshold": float(gauge.threshold),
        "TreatMissingData": "missing",
        "EvaluateLowSampleCountPercentile": "",
    }


def _triggered(turn: Turn, start: datetime) -> Node:
    return {"AlarmRule": _rule(turn.watch), "TriggeringChildren": [_child(turn, start, "Arn", "State")]}


def _configuration(watch: Watch) -> Node:
    described: Node = {"description": _description(watch)}
    if watch.gauge is None:
        return described | {"alarmRule": _rule(watch)}
    row: Node = {"id": "m1", "returnData": True}
    if watch.contributor:
        row |= {"expression": _query(watch, watch.gauge), "period": PERIOD_SECONDS}
    else:
        metric = {"namespace": watch.gauge.namespace, "name": watch.gauge.metric, "dimensions": dict(watch.dimensions)}
        row["metricStat"] = {"metric": metric, "period": PERIOD_SECONDS, "stat": watch.gauge.statistic}
    return described | {"metrics": [row]}


def _query(watch: Watch, gauge: Gauge) -> str:
    names = ", ".join(name for name, _ in watch.dimensions)
    return f'SELECT MAX({gauge.metric}) FROM SCHEMA("{gauge.namespace}", {names}) GROUP BY {names}'  # noqa: S608 - text in a message


def _rule(composite: Watch) -> str:
    return " OR ".join(f'ALARM("{name}")' for name in composite.children)


def _reason(turn: Turn, start: datetime) -> str:
    gauge = turn.watch.gauge
    if gauge is None:
        trigger = turn.trigger or turn
        when = moment(trigger, start).strftime("%A %d %B, %Y %H:%M:%S UTC")
        return f"{alarm_arn(trigger.watch)} transitioned to {trigger.state} at {when}"
    bad = turn.state is AlarmState.ALARM
    seen = moment(turn, start).strftime("%d/%m/%y %H:%M:00")
    crossed = f"was {'' if bad else 'not '}{COMPARISONS[gauge.upward]} the threshold ({float(gauge.threshold)})"
    window = f"(minimum 1 datapoint for {OTHER_STATE[turn.state]} -> {turn.state} transition)"
    reading = gauge.reading(bad=bad)
    return f"Threshold Crossed: 1 out of the last 1 datapoints [{reading} ({seen})] {crossed} {window}."


def _reason_data(turn: Turn, start: datetime) -> Node:
    gauge = turn.watch.gauge
    if gauge is None:
        return {"triggeringAlarms": [_child(turn, start, "arn", "state")]}
    return {
        "version": "1.0",
        "queryDate": _written(moment(turn, start)),
        "statistic": gauge.statistic,
        "period": PERIOD_SECONDS,
        "recentDatapoints": [gauge.reading(bad=turn.state is AlarmState.ALARM)],
        "threshold": float(gauge.threshold),
    }


def _child(turn: Turn, start: datetime, arn: str, state: str) -> Mapping[str, object]:
    """Return the child that turned a composite alarm; SNS writes capitals where EventBridge does not."""
    trigger = turn.trigger or turn
    value, timestamp = ("Value", "Timestamp") if arn == "Arn" else ("value", "timestamp")
    return {
        arn: alarm_arn(trigger.watch),
        state: {value: trigger.state, timestamp: _written(moment(trigger, start))},
    }


def _id(path: str, turn: Turn, start: datetime) -> str:
    """Return an id that copies by the same path share, as those of real messages do."""
    event_id = turn.watch.key.event_id(turn.state, moment(turn, start))
    return str(uuid5(NAMESPACE_URL, f"{path}/{event_id}"))


def _written(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}+0000"


def _iso(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"
