import json
from datetime import UTC, datetime

import pytest

from autocloudops.alarms.model import (
    Alarm,
    AlarmKey,
    AlarmKind,
    AlarmState,
    Condition,
    Metric,
    MetricQuery,
    MissingData,
    ResourceRef,
)
from autocloudops.incidents.hygiene.finding import Finding
from autocloudops.incidents.hygiene.rules import RULES, findings

ACCOUNT = "111122223333"
SIGNS = {
    ">": "GreaterThanThreshold",
    ">=": "GreaterThanOrEqualToThreshold",
    "<": "LessThanThreshold",
    "<=": "LessThanOrEqualToThreshold",
}
BASE = Alarm(
    key=AlarmKey(account=ACCOUNT, region="eu-central-1", name="orders"),
    state=AlarmState.ALARM,
    at=datetime(2026, 3, 1, 3, 0, tzinfo=UTC),
    kind=AlarmKind.METRIC,
    shape="sns_alarm",
    resource=ResourceRef(type="alarm", id="orders", account=ACCOUNT, region="eu-central-1", owner="alarm/orders"),
    raw_sha256="0" * 64,
)


def alarm(metric: str, limit: str, **changes: object) -> Alarm:
    """Build an alarm from `namespace name statistic` and `sign threshold`."""
    namespace, name, statistic = metric.split(" ")
    sign, threshold = limit.split(" ")
    own: dict[str, object] = {
        "metric": Metric(namespace=namespace, name=name, dimensions={"Id": "x"}),
        "statistic": statistic,
        "condition": Condition(operator=SIGNS[sign], threshold=float(threshold), period_seconds=60),
    }
    return BASE.model_copy(update=own | changes)


def math(expression: str, condition: str, **metrics: str) -> Alarm:
    """Build an alarm on `expression` over metrics given as `namespace name statistic dimension`."""
    sign, threshold = condition.split(" ")
    rows = [MetricQuery(id="e1", expression=expression)]
    for name, written in metrics.items():
        namespace, measured, statistic, resource = written.split(" ")
        metric = Metric(namespace=namespace, name=measured, dimensions={"QueueName": resource})
        rows.append(MetricQuery(id=name, metric=metric, statistic=statistic, returned=False))
    limit = Condition(operator=SIGNS[sign], threshold=float(threshold))
    return BASE.model_copy(update={"kind": AlarmKind.MATH, "queries": tuple(rows), "condition": limit})


def found(code: str, given: Alarm) -> Finding | None:
    """Return the finding of `code`, if there is one."""
    return next((finding for finding in findings(given) if finding.code == code), None)


def codes(given: Alarm) -> set[str]:
    """Return the codes of all findings."""
    return {finding.code for finding in findings(given)}


@pytest.mark.parametrize(
    ("metric", "condition"),
    [
        ("AWS/EC2 StatusCheckFailed Maximum", ">= 0"),
        ("AWS/EC2 StatusCheckFailed Sum", ">= 0"),
        ("AWS/EC2 CPUUtilization Average", "<= 100"),
        ("AWS/EC2 CPUUtilization p99", "> -1"),
        ("AWS/Lambda Errors Sum", "> -1"),
        ("AWS/RDS FreeableMemory Average", ">= 0"),
        ("Shop/Orders Latency SampleCount", ">= 0"),
    ],
)
def test_a_threshold_that_every_value_breaches_vetoes(metric: str, condition: str) -> None:
    """Where every possible value breaches, the alarm is proven wrong."""
    finding = found("threshold-always-breaches", alarm(metric, condition))
    assert finding is not None
    assert finding.veto
    assert finding.evidence["metric"] == metric
    assert finding.evidence["condition"] == condition


@pytest.mark.parametrize(
    ("metric", "condition"),
    [
        ("AWS/EC2 CPUUtilization Average", "> 100"),
        ("AWS/EC2 StatusCheckFailed Maximum", "> 1"),
        ("AWS/ApiGateway 4XXError Average", "> 5"),
        ("AWS/Lambda Throttles Sum", "< 0"),
        ("AWS/SQS ApproximateNumberOfMessagesVisible Average", "<= -1"),
    ],
)
def test_a_threshold_that_no_value_breaches_vetoes(metric: str, condition: str) -> None:
    """Where no possible value breaches, whatever made the alarm fire was not what it is for."""
    finding = found("threshold-never-breaches", alarm(metric, condition))
    assert finding is not None
    assert finding.veto


@pytest.mark.parametrize(
    ("metric", "condition"),
    [
        ("AWS/EC2 StatusCheckFailed Maximum", ">= 1"),
        ("AWS/EC2 CPUUtilization Average", ">= 100"),
        ("AWS/ECS CPUUtilization Average", "> 150"),
        ("AWS/ApiGateway 4XXError Sum", "> 5"),
        ("AWS/RDS AuroraBinlogReplicaLag Average", "<= -1"),
        ("AWS/EFS BurstCreditBalance Average", "<= 0"),
        ("AWS/SQS NumberOfMessagesSent Sum", "<= 0"),
        ("Shop/Orders Balance Average", ">= 0"),
        ("AWS/EC2 CPUUtilization Average", "> nan"),
    ],
)
def test_a_reachable_threshold_is_left_alone(metric: str, condition: str) -> None:
    """A threshold that some values breach and others do not, or that nothing is known of, proves nothing."""
    assert codes(alarm(metric, condition)).isdisjoint({"threshold-always-breaches", "threshold-never-breaches"})


def test_datapoints_outside_the_known_range_outweigh_the_table() -> None:
    """An alarm that saw 100.2 % is not told that it cannot see it."""
    seen = alarm("AWS/EC2 CPUUtilization Average", "> 100", reason_data=json.dumps({"recentDatapoints": [100.2]}))
    assert "threshold-never-breaches" not in codes(seen)


def test_a_band_has_no_threshold_to_check() -> None:
    """Anomaly alarms are compared with a band, so that threshold rules stay silent."""
    band = Condition(operator="GreaterThanUpperThreshold", threshold_metric_id="ad1")
    given = alarm("AWS/EC2 CPUUtilization Average", "> 100", condition=band, kind=AlarmKind.ANOMALY)
    assert not findings(given)


@pytest.mark.parametrize(
    ("expression", "condition"),
    [("FILL(m1, 0)", ">= 0"), ("FILL(m1,0)+FILL(m2,0)", ">= 0"), ("MAX([m1,m2])*2", "> -1"), ("SUM(METRICS())", "< 0")],
)
def test_math_over_known_metrics_is_proven_too(expression: str, condition: str) -> None:
    """An expression that can only breach, or never, is found through its metrics' ranges."""
    given = math(expression, condition, m1="AWS/SQS NumberOfMessagesSent Sum a", m2="AWS/Lambda Errors Sum a")
    assert codes(given) & {"threshold-always-breaches", "threshold-never-breaches"}


def test_math_over_unknown_metrics_is_no_proof() -> None:
    """Of a custom metric that may be negative, `FILL(m1, 0) >= 0` is a hint, not a proof."""
    given = math("FILL(m1, 0)", ">= 0", m1="Shop/Orders Balance Average a")
    assert codes(given) == {"fill-breaches"}
    assert not any(finding.veto for finding in findings(given))


def test_a_filled_heartbeat_is_sane() -> None:
    """Silence filled with zero is how a heartbeat is watched from below."""
    assert not findings(math("FILL(m1, 0)", "< 1", m1="Shop/Orders Beats Sum a"))


@pytest.mark.parametrize(
    ("metric", "condition"),
    [
        ("AWS/RDS FreeStorageSpace Minimum", "< 10"),
        ("AWS/SageMaker ModelLatency Average", "> 500"),
        ("AWS/ApplicationELB TargetResponseTime Average", "> 500"),
    ],
)
def test_an_implausible_threshold_is_a_hint(metric: str, condition: str) -> None:
    """A threshold that only another unit would make sensible is evidence without a veto."""
    finding = found("threshold-implausible", alarm(metric, condition))
    assert finding is not None
    assert not finding.veto


def test_a_sum_of_a_level_is_unfit() -> None:
    """Summing percentages measures how often they were read; summing errors counts them."""
    assert codes(alarm("AWS/EC2 CPUUtilization Sum", "> 80")) == {"statistic-unfit"}
    assert codes(alarm("AWS/EC2 CPUUtilization SampleCount", "> 80")) == {"statistic-unfit"}
    assert not findings(alarm("AWS/Lambda Errors Sum", "> 0"))


def test_a_unit_filter_that_lets_nothing_through() -> None:
    """A unit in which the metric is not published is found, unless datapoints came all the same."""
    given = alarm("AWS/RDS FreeableMemory Average", "< 5e9", unit="Gigabytes")
    assert codes(given) == {"unit-filters-everything"}
    assert not findings(given.model_copy(update={"reason_data": '{"recentDatapoints":[1000000.0]}'}))
    assert not findings(given.model_copy(update={"unit": "Bytes"}))


def test_more_datapoints_than_the_window_holds_vetoes() -> None:
    """An alarm that needs 5 breaching datapoints of 3 can never fire by itself."""
    condition = Condition(operator=SIGNS[">"], threshold=80, evaluation_periods=3, datapoints_to_alarm=5)
    finding = found("datapoints-exceed-window", alarm("AWS/EC2 CPUUtilization Average", "> 80", condition=condition))
    assert finding is not None
    assert finding.veto
    assert finding.evidence == {"datapoints_to_alarm": "5", "evaluation_periods": "3"}


NOT_CROSSED = "Threshold Crossed: 1 datapoint [12.0 (01/03/26 02:55:00)] was not greater than the threshold (80.0)."
CROSSED = (
    "Threshold Crossed: 1 out of the last 1 datapoints [97.5 (01/03/26 02:55:00)] was greater than the threshold (80.0)"
)
TO_ALARM = " (minimum 1 datapoint for OK -> ALARM transition)."
TO_OK = " (minimum 1 datapoint for ALARM -> OK transition)."
SILENT = (
    "Threshold Crossed: no datapoints were received for 3 periods and 3 missing datapoints were treated as [Breaching]."
)
IN_BAND = (
    "Thresholds Crossed: 1 out of the last 1 datapoints [0.4] was not less than the lower thresholds [0.3]"
    " or not greater than the upper thresholds [0.5]"
)


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (AlarmState.ALARM, NOT_CROSSED),
        (AlarmState.ALARM, CROSSED + TO_OK),
        (AlarmState.ALARM, "Insufficient Data: 1 datapoint was unknown."),
        (AlarmState.ALARM, IN_BAND),
        (AlarmState.OK, CROSSED + "."),
        (AlarmState.OK, SILENT),
    ],
)
def test_a_reason_that_explains_another_state_vetoes(state: AlarmState, reason: str) -> None:
    """CloudWatch's own words for one state under another state prove that the message is not what it says."""
    finding = found(
        "reason-contradicts-state", alarm("AWS/EC2 CPUUtilization Average", "> 80", state=state, reason=reason)
    )
    assert finding is not None
    assert finding.veto


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (AlarmState.ALARM, CROSSED + TO_ALARM),
        (AlarmState.OK, NOT_CROSSED),
        (AlarmState.OK, IN_BAND + TO_OK),
        (AlarmState.INSUFFICIENT_DATA, "Insufficient Data: 1 datapoint was unknown."),
        (AlarmState.INSUFFICIENT_DATA, "Unchecked: Initial alarm creation"),
        (AlarmState.ALARM, "game day: the load was not greater than planned"),
    ],
)
def test_a_fitting_reason_and_words_of_people_contradict_nothing(state: AlarmState, reason: str) -> None:
    """Reasons that fit the state, and texts that people gave to SetAlarmState, yield nothing."""
    assert not findings(alarm("AWS/EC2 CPUUtilization Average", "> 80", state=state, reason=reason))


def test_composite_reasons_are_not_read_as_thresholds() -> None:
    """A composite alarm's reason quotes its children, which have states of their own."""
    given = BASE.model_copy(update={"kind": AlarmKind.COMPOSITE, "rule": "ALARM(a)", "reason": NOT_CROSSED})
    assert not findings(given)


def test_an_alarm_whose_datapoints_do_not_breach_vetoes() -> None:
    """Datapoints that all lie on the good side prove the ALARM state wrong."""
    reason = "Threshold Crossed: 2 datapoints [3.0 (01/03/26 02:55:00), 4.5 (01/03/26 02:50:00)] crossed it."
    finding = found("datapoints-contradict-state", alarm("AWS/EC2 CPUUtilization Average", "> 80", reason=reason))
    assert finding is not None
    assert finding.veto
    assert finding.evidence["datapoints"] == "3, 4.5"


@pytest.mark.parametrize(
    ("reason", "data"),
    [
        (CROSSED + TO_ALARM, None),
        ("Threshold Crossed: 1 datapoint", json.dumps({"recentDatapoints": [12.0, 97.0]})),
        ("Threshold Crossed: 1 datapoint", json.dumps({"recentDatapoints": [75.0], "threshold": 70})),
        ("Threshold Crossed: 1 datapoint [3.0] and 1 missing datapoint was treated as [Breaching]", None),
        ("set by hand", json.dumps({"recentDatapoints": [3.0]})),
        ("Threshold Crossed: 1 datapoint", "not json"),
        ("Threshold Crossed: 1 datapoint", "[" * 100_000),
    ],
)
def test_breaching_missing_or_unreadable_datapoints_contradict_nothing(reason: str, data: str | None) -> None:
    """One breaching datapoint, a gap, a changed threshold or a hand-set state leave the state its word."""
    given = alarm("AWS/EC2 CPUUtilization Average", "> 80", reason=reason, reason_data=data)
    assert "datapoints-contradict-state" not in codes(given)


@pytest.mark.parametrize(("rule", "constant"), [("TRUE", True), ("NOT (FALSE)", True), ("ALARM(a) OR TRUE", False)])
def test_a_constant_composite_rule_vetoes(rule: str, constant: bool) -> None:
    """A rule that asks no alarm says nothing about anything."""
    given = BASE.model_copy(update={"kind": AlarmKind.COMPOSITE, "rule": rule})
    assert (codes(given) == {"composite-rule-constant"}) is constant


def test_a_composite_alarm_that_names_nothing_is_found() -> None:
    """Without rule and children there is nothing to look at; a child or a rule is enough."""
    given = BASE.model_copy(update={"kind": AlarmKind.COMPOSITE})
    assert codes(given) == {"composite-names-nothing"}
    assert not findings(given.model_copy(update={"children": ("arn:aws:cloudwatch:eu-central-1:1:alarm:a",)}))


def test_math_over_strangers_is_found() -> None:
    """A ratio of one queue's messages to another's cannot say which queue is bad."""
    strangers = math("m1/m2", "> 5", m1="AWS/SQS NumberOfMessagesSent Sum a", m2="AWS/SQS NumberOfMessagesSent Sum b")
    finding = found("math-mixes-owners", strangers)
    assert finding is not None
    assert not finding.veto
    assert finding.evidence["count"] == "2"
    friends = math("m1/m2", "> 5", m1="AWS/SQS NumberOfMessagesSent Sum a", m2="AWS/SQS NumberOfMessagesReceived Sum a")
    assert not findings(friends)


@pytest.mark.parametrize("treatment", [MissingData.BREACHING, None])
def test_firing_on_silence_is_found(treatment: MissingData | None) -> None:
    """An alarm that fired because no data came is about the silence, not about the value."""
    condition = Condition(operator=SIGNS[">"], threshold=80, missing_data=treatment)
    given = alarm("AWS/EC2 CPUUtilization Average", "> 80", condition=condition, reason=SILENT)
    assert codes(given) == {"fired-on-missing-data"}
    assert not any(finding.veto for finding in findings(given))


def test_every_rule_has_a_code_of_its_own() -> None:
    """Codes are stable names, so that no two rules share one."""
    assert len({rule.code for rule in RULES}) == len(RULES)
