"""What an alarm watches: metric, expressions, rule or query, and the condition on them, from any configuration object.

The same reader serves the `Trigger` of SNS, the `configuration` of EventBridge and Lambda, and the items of
DescribeAlarms: they differ in case, and in which fields are there at all.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from autocloudops.alarms.model import AlarmKind, Condition, Metric, MetricQuery
from autocloudops.alarms.reasons import comparison_of
from autocloudops.alarms.wire import read
from autocloudops.alarms.wire.identity import account_of
from autocloudops.alarms.wire.labels import placed
from autocloudops.alarms.wire.shape import Node

_BAND_OPERATORS = frozenset(
    {"LessThanLowerOrGreaterThanUpperThreshold", "LessThanLowerThreshold", "GreaterThanUpperThreshold"}
)
_OPERATORS = {
    operator.lower(): operator
    for operator in (
        *_BAND_OPERATORS,
        "GreaterThanOrEqualToThreshold",
        "GreaterThanThreshold",
        "LessThanThreshold",
        "LessThanOrEqualToThreshold",
    )
}
_BAND = "ANOMALY_DETECTION_BAND"
_INSIGHTS = (
    r"\s*SELECT\s+\w+\(\s*\"?(?P<name>[^\")]{1,255}?)\"?\s*\)\s+FROM\s+"
    r"(?:SCHEMA\(\s*)?(?:\"(?P<quoted>[^\"]{1,255})\"|(?P<bare>[\w/.-]{1,255}))"
)


@dataclass(frozen=True, slots=True)
class Watched:
    """What an alarm watches; the fields are those of `Alarm`.

    `region` is where the labels of a contributor say that its metric is.
    """

    kind: AlarmKind = AlarmKind.METRIC
    metric: Metric | None = None
    queries: tuple[MetricQuery, ...] = ()
    statistic: str | None = None
    unit: str | None = None
    condition: Condition = field(default_factory=Condition)
    rule: str | None = None
    query: str | None = None
    region: str | None = None


def _metric(node: Node, account: str | None) -> Metric | None:
    namespace, name = read.text(node, "namespace"), read.text(node, "metricname", "name")
    if namespace is None or name is None:
        return None
    return Metric(namespace=namespace, name=name, dimensions=read.mapping(node.get("dimensions")), account=account)


def _query(value: object, index: int) -> MetricQuery:
    node = read.fold(value)
    stat = read.child(node, "metricstat") or node
    return MetricQuery(
        id=read.text(node, "id") or f"q{index}",
        metric=_metric(read.child(stat, "metric") or stat, account_of(node.get("accountid"))),
        statistic=read.statistic(read.text(stat, "stat", "statistic")),
        period_seconds=read.integer(stat.get("period", node.get("period"))),
        unit=read.text(stat, "unit"),
        expression=read.text(node, "expression"),
        label=read.text(node, "label"),
        returned=read.boolean(node.get("returndata")) is not False,
    )


def _condition(node: Node) -> Condition:
    operator = read.text(node, "comparisonoperator")
    return Condition(
        operator=_OPERATORS.get(operator.lower(), operator) if operator else None,
        threshold=read.number(node.get("threshold")),
        threshold_metric_id=read.text(node, "thresholdmetricid"),
        period_seconds=read.integer(node.get("period")),
        evaluation_periods=read.integer(node.get("evaluationperiods", node.get("queryresultstoevaluate"))),
        datapoints_to_alarm=read.integer(node.get("datapointstoalarm", node.get("queryresultstoalarm"))),
        missing_data=read.missing_data(read.text(node, "treatmissingdata")),
        low_sample_percentile=read.text(node, "evaluatelowsamplecountpercentile"),
    )


def _promql(node: Node) -> str | None:
    criteria = read.child(node, "evaluationcriteria") or node
    return read.text(read.child(criteria, "promqlcriteria"), "query", limit=read.LONG_TEXT_LIMIT)


def _log_query(node: Node) -> str | None:
    scheduled = read.child(node, "scheduledqueryconfiguration", "scheduledquery", "logalarm") or node
    lines = (read.text(scheduled, key, limit=read.LONG_TEXT_LIMIT) for key in ("querystring", "aggregationexpression"))
    return "\n".join(line for line in lines if line) or None


def _kind(queries: tuple[MetricQuery, ...], condition: Condition) -> AlarmKind:
    banded = condition.threshold_metric_id or condition.operator in _BAND_OPERATORS
    if banded or any(_BAND in (query.expression or "").upper() for query in queries):
        return AlarmKind.ANOMALY
    return AlarmKind.MATH if any(query.expression for query in queries) else AlarmKind.METRIC


def _insights(queries: tuple[MetricQuery, ...]) -> re.Match[str] | None:
    matches = (re.match(_INSIGHTS, query.expression, re.IGNORECASE) for query in queries if query.expression)
    return next((found for found in matches if found), None)


def _of_queries(queries: tuple[MetricQuery, ...], condition: Condition) -> Watched:
    kind = _kind(queries, condition)
    direct = [query for query in queries if query.metric]
    # A band over math is about what its metrics share: the first of them may be fine while another is bad.
    if kind is AlarmKind.MATH or not direct or (kind is AlarmKind.ANOMALY and direct[1:]):
        found = _insights(queries)
        return Watched(kind=kind, queries=queries, condition=condition, query=found.string if found else None)
    first = direct[0]
    return Watched(
        kind=kind,
        metric=first.metric,
        queries=queries if kind is AlarmKind.ANOMALY else (),
        statistic=first.statistic,
        unit=first.unit,
        condition=condition.model_copy(update={"period_seconds": condition.period_seconds or first.period_seconds}),
    )


def _of_metric(metric: Metric, node: Node, condition: Condition) -> Watched:
    return Watched(
        kind=_kind((), condition),
        metric=metric,
        statistic=read.statistic(read.text(node, "statistic", "extendedstatistic")),
        unit=read.text(node, "unit"),
        condition=condition,
    )


def watched(node: Node) -> Watched:
    """Return what the configuration `node` says the alarm watches; a metric alarm of nothing where it says nothing."""
    rule = read.text(node, "alarmrule", limit=read.LONG_TEXT_LIMIT)
    if rule is not None:
        return Watched(kind=AlarmKind.COMPOSITE, rule=rule)
    condition = _condition(node)
    promql, logs = _promql(node), _log_query(node)
    if promql is not None or logs is not None:
        kind = AlarmKind.PROMQL if promql is not None else AlarmKind.LOG
        return Watched(kind=kind, query=promql if promql is not None else logs, condition=condition)
    queries = tuple(_query(value, index) for index, value in enumerate(read.items(node, "metrics")[: read.ITEM_LIMIT]))
    if queries:
        return _of_queries(queries, condition)
    metric = _metric(node, None)
    return _of_metric(metric, node, condition) if metric else Watched(kind=_kind((), condition), condition=condition)


def with_contributor(seen: Watched, labels: Mapping[str, str]) -> Watched:
    """Return `seen` for one contributor: a Metrics Insights query and the contributor's labels name one metric."""
    found = _insights(seen.queries) if labels else None
    if found is None:
        return seen
    told = placed(labels)
    namespace = found["quoted"] or found["bare"]
    metric = Metric(namespace=namespace, name=found["name"], dimensions=told.rest, account=told.account)
    return replace(seen, metric=metric, region=told.region)


def with_reason(seen: Watched, reason: str, data: Node) -> Watched:
    """Return `seen` with what the reason and its data tell of a condition that the configuration leaves out."""
    condition = seen.condition
    missing = condition.operator is None or (condition.threshold is None and seen.kind is not AlarmKind.ANOMALY)
    if seen.kind in (AlarmKind.COMPOSITE, AlarmKind.PROMQL) or not (missing or condition.period_seconds is None):
        return seen
    told = comparison_of(reason)
    known = {
        "operator": condition.operator or told.operator,
        "threshold": _threshold(seen, told.threshold, data),
        "period_seconds": condition.period_seconds or read.integer(data.get("period")),
    }
    return replace(seen, condition=condition.model_copy(update=known))


def _threshold(seen: Watched, told: float | None, data: Node) -> float | None:
    if seen.kind is AlarmKind.ANOMALY or seen.condition.threshold is not None:
        return seen.condition.threshold
    recorded = read.number(data.get("threshold"))
    return told if recorded is None else recorded
