import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from autocloudops.incidents.hygiene.comparison import ANYTHING, Range
from autocloudops.incidents.hygiene.domains import ROWS
from autocloudops.incidents.hygiene.expressions import range_of
from autocloudops.incidents.hygiene.rules import RULES, findings

RECOMMENDED = Path(__file__).parents[3].parent / "shared" / "reference" / "recommended_alarms.json"
AT = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
HERE = ResourceRef(type="alarm", id="a", account="111122223333", region="eu-central-1", owner="alarm/a")
EVIDENCE_CHARACTERS = 4096

text = st.text(max_size=40)
PHRASES = """
below|above|30|5 GB|10 minutes|ms|should|Threshold Crossed:|was not|greater than|[1.0, 2.0]|1 datapoint|TRUE|NOT
for OK -> ALARM transition|treated as [Breaching]|no datapoints were received|FILL(m0, 0)|m1|e0|*|/|METRICS()|SUM(|)|(
"""
words = st.lists(st.sampled_from(PHRASES.strip().replace("\n", "|").split("|")), max_size=12).map(" ".join)
anything = text | words
numbers = st.none() | st.floats() | st.sampled_from([0.0, 1.0, 5.0, 30.0, 100.0])
counts = st.none() | st.integers()
known_metrics = st.sampled_from([(row.namespaces[0], row.names[0]) for row in ROWS])
dimensions = st.dictionaries(st.sampled_from(["InstanceId", "QueueName", "ClusterName", "x"]) | text, text, max_size=3)
metrics = st.builds(
    lambda named, own: Metric(namespace=named[0], name=named[1], dimensions=own),
    known_metrics | st.tuples(text, text),
    dimensions,
)
statistics = st.none() | st.sampled_from(["Average", "Sum", "SampleCount", "p99", "TM(10%:90%)", "PR(:5)"]) | text
operators = (
    st.none() | text | st.sampled_from(["GreaterThanThreshold", "LessThanThreshold", "LESS_THAN_OR_EQUAL_TO_THRESHOLD"])
)
queries = st.builds(
    MetricQuery,
    id=st.sampled_from(["m0", "m1", "e0", "e1"]),
    metric=st.none() | metrics,
    statistic=statistics,
    period_seconds=counts,
    unit=st.none() | text,
    expression=st.none() | anything,
    returned=st.booleans(),
)
conditions = st.builds(
    Condition,
    operator=operators,
    threshold=numbers,
    threshold_metric_id=st.none() | text,
    period_seconds=counts,
    evaluation_periods=counts,
    datapoints_to_alarm=counts,
    missing_data=st.none() | st.sampled_from(MissingData),
)
reason_data = (
    st.none()
    | anything
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers(min_value=-(10**400), max_value=10**400) | text,
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["recentDatapoints", "threshold"]), inner)
        ),
        max_leaves=6,
    ).map(json.dumps)
)
alarms = st.builds(
    Alarm,
    key=st.builds(AlarmKey, account=text, region=text, name=anything),
    state=st.sampled_from(AlarmState),
    at=st.just(AT),
    kind=st.sampled_from(AlarmKind),
    shape=st.just("any"),
    resource=st.just(HERE),
    raw_sha256=st.just("0" * 64),
    reason=anything,
    reason_data=reason_data,
    description=st.none() | anything,
    metric=st.none() | metrics,
    queries=st.lists(queries, max_size=4).map(tuple),
    statistic=statistics,
    unit=st.none() | text,
    condition=conditions,
    rule=st.none() | anything,
    children=st.lists(text, max_size=2).map(tuple),
    tags=st.dictionaries(text, text, max_size=2),
)


@given(alarms)
def test_every_alarm_gets_its_findings(alarm: Alarm) -> None:
    """Whatever an alarm holds, hygiene answers, in the order of the table, in sentences and within bounds."""
    order = [rule.code for rule in RULES]
    found = findings(alarm)
    assert [order.index(finding.code) for finding in found] == sorted(order.index(finding.code) for finding in found)
    for finding in found:
        assert finding.statement.endswith(".")
        assert finding.evidence
        assert sum(map(len, finding.evidence.values())) <= EVIDENCE_CHARACTERS


leaves = st.sampled_from(["a", "b", "2", "0.5", "100"])
formulas = st.recursive(
    leaves,
    lambda inner: (
        st.builds("({0} {1} {2})".format, inner, st.sampled_from("+-*"), inner)
        | st.builds("-{0}".format, inner)
        | st.builds("({0} / 4)".format, inner)
    ),
    max_leaves=8,
)


@given(formulas, st.integers(-50, 50), st.integers(-50, 50), st.integers(0, 20), st.integers(0, 20))
def test_no_value_escapes_its_range(formula: str, low_a: int, low_b: int, width_a: int, width_b: int) -> None:
    """Of any formula over two metrics, the values at the corners and in the middle lie in the range."""
    known = {"a": Range(low_a, low_a + width_a), "b": Range(low_b, low_b + width_b)}
    reach = range_of(formula, lambda name: known.get(name, ANYTHING))
    for a in (low_a, low_a + width_a / 2, low_a + width_a):
        for b in (low_b, low_b + width_b / 2, low_b + width_b):
            value = range_of(formula, {"a": Range(a, a), "b": Range(b, b)}.__getitem__)
            tolerance = 1e-9 * max(1.0, abs(value.low))
            assert reach.low - tolerance <= value.low <= reach.high + tolerance


def recommended() -> list[Mapping[str, str]]:
    """Return AWS's recommended alarms that come with a threshold, none where the shared folder is absent."""
    if not RECOMMENDED.exists():
        return []
    rows = json.loads(RECOMMENDED.read_text(encoding="utf-8"))["alarms"]
    return [row for row in rows if row.get("comparison_operator")]


def sane_threshold(row: Mapping[str, str]) -> float:
    """Return the recommended threshold; where it depends on the situation, one that any of the metrics can take."""
    try:
        return float(row["recommended_threshold"])
    except ValueError:
        return 0.5


@pytest.mark.skipif(not RECOMMENDED.exists(), reason="the shared reference folder is not beside the repository")
def test_no_recommended_alarm_is_vetoed() -> None:
    """What AWS itself recommends is never proven wrong."""
    rows = recommended()
    assert rows
    for row in rows:
        alarm = Alarm(
            key=AlarmKey(account="111122223333", region="eu-central-1", name=f"{row['namespace']} {row['metric']}"),
            state=AlarmState.ALARM,
            at=AT,
            kind=AlarmKind.METRIC,
            shape="sns_alarm",
            resource=HERE,
            raw_sha256="0" * 64,
            description=row["alarm_description"],
            metric=Metric(namespace=row["namespace"], name=row["metric"]),
            statistic=row["statistic"],
            condition=Condition(
                operator=row["comparison_operator"],
                threshold=sane_threshold(row),
                period_seconds=int(row["period"].split()[0]),
                evaluation_periods=int(row["evaluation_periods"].split()[0]),
                datapoints_to_alarm=int(row["datapoints_to_alarm"].split()[0]),
            ),
        )
        vetoes = [finding for finding in findings(alarm) if finding.veto]
        assert not vetoes, f"{alarm.key.name}: {vetoes}"
