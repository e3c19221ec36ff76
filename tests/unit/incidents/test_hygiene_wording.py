from datetime import UTC, datetime

import pytest

from autocloudops.alarms.model import Alarm, AlarmKey, AlarmKind, AlarmState, Condition, Metric, ResourceRef
from autocloudops.incidents.hygiene.finding import Finding
from autocloudops.incidents.hygiene.rules import findings

ACCOUNT = "111122223333"
SIGNS = {">": "GreaterThanThreshold", "<": "LessThanThreshold", "<=": "LessThanOrEqualToThreshold"}


def alarm(metric: str, limit: str, description: str | None = None, name: str = "orders") -> Alarm:
    """Build an alarm from `namespace name statistic`, `sign threshold` and its text."""
    namespace, measured, statistic = metric.split(" ")
    sign, threshold = limit.split(" ")
    return Alarm(
        key=AlarmKey(account=ACCOUNT, region="eu-central-1", name=name),
        state=AlarmState.ALARM,
        at=datetime(2026, 3, 1, 3, 0, tzinfo=UTC),
        kind=AlarmKind.METRIC,
        shape="sns_alarm",
        resource=ResourceRef(type="alarm", id=name, account=ACCOUNT, region="eu-central-1", owner=f"alarm/{name}"),
        raw_sha256="0" * 64,
        description=description,
        metric=Metric(namespace=namespace, name=measured, dimensions={"Id": "x"}),
        statistic=statistic,
        condition=Condition(operator=SIGNS[sign], threshold=float(threshold), period_seconds=60, evaluation_periods=5),
    )


def found(code: str, given: Alarm) -> Finding | None:
    """Return the finding of `code`, if there is one."""
    return next((finding for finding in findings(given) if finding.code == code), None)


def codes(given: Alarm) -> set[str]:
    """Return the codes of all findings."""
    return {finding.code for finding in findings(given)}


@pytest.mark.parametrize(
    ("metric", "condition", "text", "words"),
    [
        ("AWS/Lambda Duration Average", "> 30", "Fires when a run takes longer than 30 s", "30 s"),
        ("AWS/Lambda Duration p90", "> 30", "duration above 30 seconds for 5 minutes", "30 seconds"),
        ("AWS/RDS FreeableMemory Average", "< 5", "Less than 5 GB of memory left", "5 GB"),
        ("AWS/RDS FreeStorageSpace Minimum", "< 10", "free storage < 10GiB", "10GiB"),
        ("AWS/ES FreeStorageSpace Minimum", "< 20", "below 20 gigabytes", "20 gigabytes"),
        ("AWS/ApplicationELB TargetResponseTime p99", "> 500", "p99 over 500ms", "500ms"),
        ("AWS/SQS ApproximateAgeOfOldestMessage Maximum", "> 10", "Older than 10 minutes", "10 minutes"),
    ],
)
def test_a_unit_that_the_text_contradicts_vetoes(metric: str, condition: str, text: str, words: str) -> None:
    """The text's number in another unit than the metric's proves that the threshold is not what was meant."""
    finding = found("unit-contradicts-text", alarm(metric, condition, text))
    assert finding is not None
    assert finding.veto
    assert finding.evidence["text"] == words
    assert words in finding.statement


@pytest.mark.parametrize(
    ("metric", "condition", "text"),
    [
        ("AWS/Lambda Duration Average", "> 30000", "Fires when a run takes longer than 30 s"),
        ("AWS/Lambda Duration Average", "> 30", "Fires when a run takes longer than 30 ms, checked every 30 s"),
        ("AWS/RDS FreeableMemory Average", "< 5368709120", "Less than 5 GB of memory left"),
        ("AWS/RDS FreeableMemory Average", "< 5000000000", "Less than 5 GiB of memory left"),
        ("AWS/ApplicationELB TargetResponseTime Average", "> 1", "1 minute average is too high"),
        ("AWS/ApplicationELB TargetResponseTime Average", "> 3", "slow over 3 minutes"),
        ("AWS/Lambda Duration Average", "> 20", "slow in the last 20 s"),
        ("AWS/Lambda Duration Average", "> 300", "slow, 300 s"),
        ("AWS/RDS FreeStorageSpace SampleCount", "< 10", "less than 10 GB"),
        ("AWS/EC2 CPUUtilization Average", "> 30", "above 30 s"),
        ("AWS/RDS FreeStorageSpace Minimum", "<= 0", "0 GB left"),
    ],
)
def test_a_text_that_agrees_or_speaks_of_a_window_is_no_contradiction(metric: str, condition: str, text: str) -> None:
    """The same quantity in another unit, an evaluation window, and another kind of unit contradict nothing."""
    assert "unit-contradicts-text" not in codes(alarm(metric, condition, text))


def test_the_name_counts_as_text() -> None:
    """Where there is no description, the name says what was meant."""
    given = alarm("AWS/RDS FreeableMemory Average", "< 5", name="orders-db_memory-below-5gb")
    assert "unit-contradicts-text" in codes(given)


def test_memory_above_where_the_text_wants_below_is_inverted() -> None:
    """A comparison that both text and nature contradict is proven wrong."""
    given = alarm("AWS/RDS FreeableMemory Average", "> 5", "Memory is less than 5 GB")
    finding = found("comparison-inverted", given)
    assert finding is not None
    assert finding.veto
    assert finding.evidence["text"] == "less than 5"
    assert codes(given) == {"unit-contradicts-text", "comparison-inverted", "threshold-implausible"}


def test_text_alone_contradicting_the_comparison_is_a_hint() -> None:
    """Of a metric that is bad on either side, the text's side is evidence without a veto."""
    finding = found(
        "comparison-against-text", alarm("AWS/EC2 CPUUtilization Average", "< 80", "Notify when CPU is above 80 %")
    )
    assert finding is not None
    assert not finding.veto


@pytest.mark.parametrize(
    "text",
    ["CPU should be below 80", "Keep it under 80 %", "Back to normal when less than 80", "above 80, then below 80"],
)
def test_text_about_the_good_state_contradicts_nothing(text: str) -> None:
    """What the text says of the healthy side is no claim about when the alarm fires."""
    assert not findings(alarm("AWS/EC2 CPUUtilization Average", "> 80", text))


def test_nature_alone_contradicting_the_comparison_is_a_hint() -> None:
    """An alarm on many healthy hosts is odd, not proven wrong."""
    finding = found("comparison-against-nature", alarm("AWS/ApplicationELB HealthyHostCount Minimum", "> 1"))
    assert finding is not None
    assert not finding.veto
