"""What each wire shape tells beyond the identity of an alarm."""

import json
from datetime import UTC, datetime

import pytest
from alarm_bodies import (
    ACCOUNT,
    ARN,
    AT,
    NAME,
    REGION,
    Body,
    alarm_detail,
    described,
    eventbridge,
    history_item,
    lambda_action,
    metric_row,
    sns_alarm,
    state,
)

from autocloudops.alarms.model import Alarm, AlarmKind, AlarmState, AwsEvent, Metric, MissingData, Suppression
from autocloudops.alarms.parse import parse
from autocloudops.alarms.wire.shape import Place

CHANGED_AT = datetime(2026, 3, 1, 9, 15, 27, 481000, tzinfo=UTC)
CHILDREN = [f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}" for name in ("db slow", "queue full")]
RULE = "ALARM(\"db slow\") OR (ALARM(queue-full) AND NOT ALARM('quiet'))"
LATENCY = Metric(namespace="AWS/RDS", name="ReadLatency", dimensions={"DBInstanceIdentifier": "orders-db"})


def _alarm(body: object, place: Place | None = None) -> Alarm:
    (noun,) = parse(body if isinstance(body, str) else json.dumps(body), place)
    assert isinstance(noun, Alarm), noun
    return noun


def _event(body: object, place: Place | None = None) -> AwsEvent:
    (noun,) = parse(json.dumps(body), place)
    assert isinstance(noun, AwsEvent), noun
    return noun


def test_sns_metric_alarm() -> None:
    """The SNS message of a metric alarm is read whole."""
    alarm = _alarm(sns_alarm())
    assert (alarm.key.name, alarm.key.account, alarm.key.region) == (NAME, ACCOUNT, REGION)
    assert (alarm.state, alarm.previous_state, alarm.at) == (AlarmState.ALARM, AlarmState.OK, CHANGED_AT)
    assert (alarm.kind, alarm.metric, alarm.statistic, alarm.unit) == (AlarmKind.METRIC, LATENCY, "p99", "Seconds")
    assert alarm.arn == ARN
    assert alarm.description == "Reads of the order database are slow"
    assert len(alarm.actions) == 2
    condition = alarm.condition
    assert (condition.operator, condition.threshold, condition.period_seconds) == ("GreaterThanThreshold", 0.25, 60)
    assert (condition.evaluation_periods, condition.datapoints_to_alarm) == (5, 3)
    assert (condition.missing_data, condition.low_sample_percentile) == (MissingData.MISSING, "ignore")


@pytest.mark.parametrize(
    "dimensions",
    [
        [{"name": "DBInstanceIdentifier", "value": "orders-db"}],
        [{"value": "orders-db", "name": "DBInstanceIdentifier"}],
        [{"Value": "orders-db", "Name": "DBInstanceIdentifier"}],
        [{"VALUE": "orders-db", "NAME": "DBInstanceIdentifier"}],
        {"DBInstanceIdentifier": "orders-db"},
        {"name": "DBInstanceIdentifier", "value": "orders-db"},
        {"Key": "DBInstanceIdentifier", "Value": "orders-db"},
    ],
)
def test_dimensions_come_in_any_order_and_case(dimensions: object) -> None:
    """Dimensions are read from pairs in either order and any case, from the only pair unwrapped, and from an object."""
    trigger = {"Namespace": "AWS/RDS", "MetricName": "ReadLatency", "Dimensions": dimensions}
    assert _alarm(sns_alarm(Trigger=trigger)).metric == LATENCY


def _math_rows(expression: str, **changes: object) -> list[Body]:
    stat = {"Metric": {"Namespace": "AWS/RDS", "MetricName": "ReadLatency"}, "Period": 60, "Stat": "AVERAGE"}
    expressed = {"Id": "e1", "Expression": expression, "Label": "late", "ReturnData": True}
    return [expressed, {"Id": "m1", "MetricStat": stat, "ReturnData": False, **changes}]


def test_sns_math_alarm() -> None:
    """A math alarm keeps its rows, and has no metric of its own."""
    alarm = _alarm(sns_alarm(Trigger={"Metrics": _math_rows("m1 * 1000"), "Threshold": 1e3}))
    assert (alarm.kind, alarm.metric, alarm.condition.threshold) == (AlarmKind.MATH, None, 1000)
    expression, metric = alarm.queries
    assert (expression.id, expression.expression, expression.label, expression.returned) == (
        "e1",
        "m1 * 1000",
        "late",
        True,
    )
    assert metric.metric is not None
    assert (metric.metric.name, metric.statistic, metric.returned) == ("ReadLatency", "Average", False)


def test_the_account_is_the_metrics() -> None:
    """A metric of another account puts the resource there, not where the alarm is."""
    dimensions = {"DBInstanceIdentifier": "orders-db"}
    metric = {"namespace": "AWS/RDS", "name": "ReadLatency", "dimensions": dimensions}
    row = metric_row(metricStat={"metric": metric, "period": 60, "stat": "Sum"}, accountId="210987654321")
    alarm = _alarm(eventbridge(alarm_detail(configuration={"metrics": [row]})))
    assert (alarm.key.account, alarm.resource.account) == (ACCOUNT, "210987654321")
    assert alarm.metric is not None
    assert alarm.metric.account == "210987654321"


def test_anomaly_band() -> None:
    """A band is known by its expression, its operator or its metric id; its limit is no number."""
    rows = _math_rows("ANOMALY_DETECTION_BAND(m1, 2)", ReturnData=True)
    alarm = _alarm(sns_alarm(Trigger={"Metrics": rows, "ThresholdMetricId": "e1"}))
    assert (alarm.kind, alarm.condition.threshold, alarm.condition.threshold_metric_id) == ("anomaly", None, "e1")
    assert alarm.metric is not None
    assert alarm.metric.name == "ReadLatency"
    operator = {"ComparisonOperator": "GreaterThanUpperThreshold"}
    assert _alarm(described(**operator)).kind is AlarmKind.ANOMALY


def test_a_band_over_math_is_about_what_its_metrics_share() -> None:
    """A band over two metrics blames neither of them; both are kept, as of a math alarm without a band."""
    queue = {"Namespace": "AWS/SQS", "MetricName": "Sent", "Dimensions": [{"name": "QueueName", "value": "jobs"}]}
    balancer = {"Namespace": "AWS/ELB", "MetricName": "N", "Dimensions": [{"name": "LoadBalancerName", "value": "web"}]}
    stats = [{"Id": f"m{n}", "MetricStat": {"Metric": metric}} for n, metric in enumerate((balancer, queue), start=1)]
    bands = [{"Id": "e1", "Expression": "m1/m2"}, {"Id": "b", "Expression": "ANOMALY_DETECTION_BAND(e1, 2)"}]
    alarm = _alarm(sns_alarm(Trigger={"Metrics": [*stats, *bands], "ThresholdMetricId": "b"}))
    assert (alarm.kind, alarm.metric, len(alarm.queries)) == (AlarmKind.ANOMALY, None, 4)
    assert (alarm.resource.type, alarm.resource.owner) == ("alarm", f"alarm/{NAME}")


def test_sns_composite_alarm() -> None:
    """A composite alarm has its rule and the children that changed it."""
    children = [{"Arn": child, "State": {"Value": "ALARM", "Timestamp": AT}} for child in CHILDREN]
    alarm = _alarm(sns_alarm(Trigger=..., AlarmRule=RULE, TriggeringChildren=children))
    assert (alarm.kind, alarm.rule, alarm.children) == (AlarmKind.COMPOSITE, RULE, tuple(CHILDREN))
    assert (alarm.metric, alarm.queries, alarm.resource.type) == (None, (), "alarm")
    data = {"triggeringAlarms": [{"arn": child} for child in CHILDREN]}
    assert _alarm(sns_alarm(Trigger=..., AlarmRule="TRUE", NewStateReasonData=data)).children == tuple(CHILDREN)


def test_eventbridge_composite_alarm() -> None:
    """On EventBridge the children stand in the reason data, and a suppressor holds the actions back."""
    data = {"triggeringAlarms": [{"arn": child, "state": {"value": "ALARM"}} for child in CHILDREN]}
    suppressed = {"actionsSuppressedBy": "Alarm", "actionsSuppressedReason": "Actions suppressed by maintenance"}
    detail = alarm_detail(state=state(reasonData=json.dumps(data), **suppressed), configuration={"alarmRule": RULE})
    alarm = _alarm(eventbridge(detail))
    assert alarm.children == tuple(CHILDREN)
    assert alarm.suppression == Suppression(by="Alarm", reason="Actions suppressed by maintenance")
    assert alarm.condition.threshold is None


def test_a_rule_stands_in_for_children_that_are_not_listed() -> None:
    """Where no child is listed, those whose trouble the rule asks for are, in the composite's account and region."""
    prefix = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm"
    alarm = _alarm({"CompositeAlarms": [described(AlarmRule=RULE, MetricName=..., Namespace=...)]})
    assert alarm.children == (f"{prefix}:db slow", f"{prefix}:queue-full")


def test_mute_rule() -> None:
    """A mute rule is the reason for silence, before any suppressor."""
    mute = {
        "mutedByArn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm-mute-rule:nights",
        "muteWindowStart": "2026-03-01T09:00:00.000+0000",
        "muteWindowEnd": "2026-03-01T10:00:00.000+0000",
    }
    detail = alarm_detail(muteDetail=mute, state=state(actionsSuppressedBy="WaitPeriod"))
    suppression = _alarm(eventbridge(detail)).suppression
    assert suppression is not None
    assert suppression.by == "MuteRule"
    assert "alarm-mute-rule:nights until 2026-03-01T10:00" in suppression.reason


def test_switched_off_actions() -> None:
    """An alarm whose actions are switched off says so."""
    alarm = _alarm(described(ActionsEnabled=False))
    assert alarm.actions_enabled is False
    assert alarm.suppression == Suppression(by="ActionsDisabled")
    assert _alarm(described()).suppression is None


INSIGHTS = {
    "id": "q1",
    "expression": 'SELECT MAX(ReadLatency) FROM "AWS/RDS" GROUP BY DBInstanceIdentifier',
    "period": 60,
}
LABELS = {"DBInstanceIdentifier": "orders-db"}


def test_contributor_on_eventbridge_and_sns() -> None:
    """A contributor is its own event, has its labels, and its metric where a Metrics Insights query names it."""
    contributor = {"id": "6d44", "attributes": LABELS}
    detail = alarm_detail(alarmContributor=contributor, previousState=..., configuration={"metrics": [INSIGHTS]})
    bus = _alarm(eventbridge(detail, detail_type="CloudWatch Alarm Contributor State Change"))
    row = {"Id": "q1", "Expression": INSIGHTS["expression"], "Period": 60}
    topic = _alarm(sns_alarm(Trigger={"Metrics": [row]}, AlarmContributorId="6d44", AlarmContributorAttributes=LABELS))
    assert bus.event_id == topic.event_id
    assert bus.key.contributor == "6d44"
    assert bus.contributor_labels == topic.contributor_labels == LABELS
    assert bus.metric == topic.metric == LATENCY
    assert bus.resource == topic.resource
    assert bus.resource.type == "rds:db-instance"


def test_contributors_of_one_alarm_stay_apart() -> None:
    """Two contributors, and the alarm itself, are three events at the same millisecond."""
    contributors: list[object] = [{"id": "a"}, {"id": "b"}, ...]
    found = {_alarm(lambda_action(alarm_detail(alarmContributor=each))).event_id for each in contributors}
    assert len(found) == 3


def test_insights_query_without_contributor() -> None:
    """The alarm over all contributors is math with the query, and no single metric."""
    alarm = _alarm(eventbridge(alarm_detail(configuration={"metrics": [INSIGHTS]})))
    assert (alarm.kind, alarm.metric, alarm.query) == (AlarmKind.MATH, None, INSIGHTS["expression"])


def test_promql_alarm_without_reason() -> None:
    """A PromQL alarm has its query; that no reason is given is no fault."""
    criteria = {"PromQLCriteria": {"Query": "rate(errors[5m]) > 1", "PendingPeriod": 60}}
    labels = {"@resource.service.name": "billing", "@resource.k8s.pod.name": "billing-1"}
    body = sns_alarm(
        NewStateReason=None,
        Trigger={"EvaluationCriteria": criteria},
        AlarmContributorId="c1",
        AlarmContributorAttributes=labels,
    )
    alarm = _alarm(body)
    assert (alarm.kind, alarm.query, alarm.reason) == (AlarmKind.PROMQL, "rate(errors[5m]) > 1", "")
    assert (alarm.resource.type, alarm.resource.id, alarm.resource.owner) == (
        "label:pod",
        "billing-1",
        "service/billing",
    )


def test_log_alarm() -> None:
    """A log alarm has its query and what is counted in it, and counts query results as periods."""
    scheduled = {"QueryString": "filter level = 'ERROR'", "AggregationExpression": "count(*) by host"}
    item = described(
        MetricName=...,
        Namespace=...,
        EvaluationPeriods=...,
        ScheduledQueryConfiguration=scheduled,
        QueryResultsToEvaluate=3,
        QueryResultsToAlarm=2,
    )
    alarm = _alarm({"LogAlarms": [item]})
    assert (alarm.kind, alarm.query) == (AlarmKind.LOG, "filter level = 'ERROR'\ncount(*) by host")
    assert (alarm.condition.evaluation_periods, alarm.condition.datapoints_to_alarm) == (3, 2)


@pytest.mark.parametrize(
    ("body", "part"),
    [(sns_alarm(), "Trigger"), (eventbridge(), "detail"), (lambda_action(), "alarmData")],
)
def test_a_part_that_is_written_as_text_is_read(body: Body, part: str) -> None:
    """Relays write parts of a message as JSON texts: what the alarm watches is read from them all the same."""
    written, direct = _alarm({**body, part: json.dumps(body[part])}), _alarm(body)
    assert written.metric == LATENCY
    assert written.model_copy(update={"raw_sha256": direct.raw_sha256}) == direct


def test_a_described_alarm_changed_when_its_state_did() -> None:
    """A later evaluation state moves the time of the update, not of the change; only that stands in for the latter."""
    later = "2026-03-01T11:00:00.000000+00:00"
    moved = described(StateTransitionedTimestamp="2026-03-01T09:15:27.481000+00:00", StateUpdatedTimestamp=later)
    assert _alarm(moved).event_id == _alarm(described()).event_id
    assert _alarm(moved).at == CHANGED_AT


def test_condition_from_the_reason() -> None:
    """EventBridge's reduced configuration is completed from the reason and its data."""
    condition = _alarm(eventbridge()).condition
    assert (condition.operator, condition.threshold, condition.period_seconds) == ("GreaterThanThreshold", 0.25, 60)
    told = _alarm(eventbridge(alarm_detail(state=state(reasonData=...)))).condition
    assert (told.operator, told.threshold) == ("GreaterThanThreshold", 0.25)


def test_partial_data() -> None:
    """The state of the evaluation is kept."""
    detail = alarm_detail(state=state(evaluationState="PARTIAL_DATA"))
    assert _alarm(eventbridge(detail)).evaluation_state == "PARTIAL_DATA"


def test_the_event_source_does_not_matter() -> None:
    """A state change is known by its detail type: a stand-in for EventBridge may not call itself AWS."""
    assert _alarm(eventbridge(source="local.stand-in")).key.name == NAME


def test_a_missing_account_is_in_the_arn() -> None:
    """An emulator that leaves out the account leaves it in the ARN."""
    assert _alarm(eventbridge(account=...)).key.account == ACCOUNT


@pytest.mark.parametrize(("partition", "region"), [("aws-cn", "cn-northwest-1"), ("aws-us-gov", "us-gov-east-1")])
def test_other_partitions(partition: str, region: str) -> None:
    """ARNs of China and GovCloud are read like all others."""
    alarm = _alarm(sns_alarm(AlarmArn=f"arn:{partition}:cloudwatch:{region}:{ACCOUNT}:alarm:a:b c", Region="?"))
    assert (alarm.key.account, alarm.key.region) == (ACCOUNT, region)


def test_python_literal_of_the_guide() -> None:
    """The Lambda action event printed as Python prints it is read like the JSON."""
    printed = repr(lambda_action(alarm_detail(note='it\'s "so"\n\x00é', flag=True, nothing=None)))
    assert _alarm(printed).event_id == _alarm(lambda_action()).event_id


def test_configuration_change() -> None:
    """A change of configuration is context, with its detail as sent."""
    detail = {"alarmName": NAME, "operation": "update", "state": {"value": "OK", "timestamp": AT}}
    event = _event(eventbridge(detail, detail_type="CloudWatch Alarm Configuration Change"))
    assert (event.source, event.resources, event.detail) == ("aws.cloudwatch", (ARN,), detail)


def test_the_region_of_an_event_may_be_in_its_resource() -> None:
    """An event whose region cannot be read takes that of its resource."""
    assert _event(eventbridge({}, detail_type="Other", region="eu-*")).region == REGION


PLACE = Place(ACCOUNT, REGION)


def test_history_state_update() -> None:
    """A state update of history is a change of approximate identity, where the caller knows the place."""
    alarm = _alarm(history_item(), PLACE)
    assert (alarm.state, alarm.previous_state, alarm.approximate) == (AlarmState.ALARM, AlarmState.OK, True)
    assert alarm.at - CHANGED_AT == alarm.at.resolution * 21_000
    assert (alarm.condition.operator, alarm.condition.threshold) == ("GreaterThanThreshold", 0.25)
    assert alarm.key == _alarm(sns_alarm()).key


def test_history_summary_stands_in_for_lost_data() -> None:
    """An export without HistoryData still tells the states in its summary."""
    alarm = _alarm(history_item(HistoryData=...), PLACE)
    assert (alarm.state, alarm.previous_state) == (AlarmState.ALARM, AlarmState.OK)


def test_history_contributor() -> None:
    """A contributor's update in history has its id and labels."""
    item = history_item(
        "AlarmContributorStateUpdate",
        AlarmContributorId="6d44",
        AlarmContributorAttributes=LABELS,
        AlarmType="LogAlarm",
    )
    alarm = _alarm(item, PLACE)
    assert (alarm.key.contributor, alarm.contributor_labels, alarm.kind) == ("6d44", LABELS, AlarmKind.LOG)


def test_a_page_of_history_tells_its_place() -> None:
    """One ARN in a page of history places all of its items; the message that an action sent is exact."""
    published = {"default": json.dumps(sns_alarm()), "email": "…", "sms": "…"}
    action = {"actionState": "Succeeded", "publishedMessage": json.dumps(published)}
    page = {"AlarmHistoryItems": [history_item(), history_item("Action", HistoryData=json.dumps(action))]}
    update, sent = parse(json.dumps(page))
    assert isinstance(update, Alarm)
    assert isinstance(sent, Alarm)
    assert update.key == sent.key
    assert (update.approximate, sent.approximate) == (True, False)
    assert sent.shape == "alarm_history+sns_structure+sns_alarm"


def test_history_of_configuration_and_failed_actions() -> None:
    """A change of configuration, and an action that published nothing, are context."""
    data = json.dumps({"version": "1.0", "type": "Update", "updatedAlarm": {"alarmArn": ARN, "threshold": 1.0}})
    event = _event(history_item("ConfigurationUpdate", HistoryData=data))
    assert (event.detail_type, event.resources) == ("CloudWatch Alarm Configuration Change", (ARN,))
    failed = json.dumps({"actionState": "Failed", "publishedMessage": None})
    assert _event(history_item("Action", HistoryData=failed), PLACE).detail_type == "CloudWatch Alarm Action"
