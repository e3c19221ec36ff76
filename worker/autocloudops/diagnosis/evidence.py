"""What is known about an incident, piece by piece: where it comes from, and what it says."""

from collections.abc import Iterable, Iterator, Mapping

from pydantic import Field

from autocloudops.alarms.model import Alarm, Condition, Metric, MetricQuery
from autocloudops.diagnosis.model import EvidenceId
from autocloudops.redaction import clean
from autocloudops.values import Value

NAME_CHARACTERS = 256
TEXT_CHARACTERS = 1024
RULE_CHARACTERS = 2048
ITEMS = 20

_OPERATORS = {
    "GreaterThanThreshold": "greater than",
    "GreaterThanOrEqualToThreshold": "greater than or equal to",
    "LessThanThreshold": "less than",
    "LessThanOrEqualToThreshold": "less than or equal to",
    "GreaterThanUpperThreshold": "above the upper bound of",
    "LessThanLowerThreshold": "below the lower bound of",
    "LessThanLowerOrGreaterThanUpperThreshold": "outside",
}


class Evidence(Value):
    """One piece of context, cleaned and bounded.

    `kind` says what it is (`alarm`, `metric`, …), `source` where it was read. `missing` marks what could not be read:
    then `text` says why, and the model cannot cite it.
    """

    id: EvidenceId
    kind: str = Field(pattern=r"^[a-z][a-z-]{0,31}$")
    source: str
    text: str
    missing: bool = False


def alarm_evidence(alarm: Alarm, id: str) -> Evidence:  # noqa: A002 - the field's name
    """Return what `alarm` itself says, as lines `key: value`: every value on one line, cleaned and bounded.

    Args:
        alarm: the state change.
        id: the evidence id, as `E1`.
    """
    lines = (f"{key}: {_line(value, bound)}" for key, value, bound in _fields(alarm) if value)
    return Evidence(id=id, kind="alarm", source=f"cloudwatch {alarm.shape}", text="\n".join(lines))


def _fields(alarm: Alarm) -> Iterator[tuple[str, str, int]]:
    key, resource = alarm.key, alarm.resource
    yield "name", key.name, NAME_CHARACTERS
    yield "state", f"{alarm.previous_state or 'unknown'} -> {alarm.state}", NAME_CHARACTERS
    yield "at", alarm.at.isoformat(timespec="milliseconds"), NAME_CHARACTERS
    yield "account", key.account, NAME_CHARACTERS
    yield "region", key.region, NAME_CHARACTERS
    yield "kind", alarm.kind, NAME_CHARACTERS
    yield "resource", f"{resource.type} {resource.id} (account {resource.account})", TEXT_CHARACTERS
    yield "owner", resource.owner, NAME_CHARACTERS
    yield from _measured(alarm)
    yield "reason", alarm.reason, TEXT_CHARACTERS
    yield "description", alarm.description or "", TEXT_CHARACTERS
    yield from _context(alarm)


def _measured(alarm: Alarm) -> Iterator[tuple[str, str, int]]:
    if alarm.metric:
        yield "metric", _metric(alarm.metric), TEXT_CHARACTERS
    for query in alarm.queries[:ITEMS]:
        yield "query", _query(query), TEXT_CHARACTERS
    yield "condition", _condition(alarm), TEXT_CHARACTERS
    yield "unit", alarm.unit or "", NAME_CHARACTERS
    yield "rule", alarm.rule or "", RULE_CHARACTERS
    yield "log or PromQL query", alarm.query or "", RULE_CHARACTERS
    yield "children", ", ".join(alarm.children[:ITEMS]), RULE_CHARACTERS


def _context(alarm: Alarm) -> Iterator[tuple[str, str, int]]:
    yield "contributor", alarm.key.contributor, NAME_CHARACTERS
    yield "contributor labels", _pairs(alarm.contributor_labels), TEXT_CHARACTERS
    yield "tags", _pairs(alarm.tags), TEXT_CHARACTERS
    yield "evaluation state", alarm.evaluation_state or "", NAME_CHARACTERS
    if alarm.suppression:
        yield "actions suppressed by", f"{alarm.suppression.by} {alarm.suppression.reason}", TEXT_CHARACTERS
    if alarm.actions_enabled is False:
        yield "actions", "disabled on the alarm", NAME_CHARACTERS


def _metric(metric: Metric) -> str:
    account = f" in account {metric.account}" if metric.account else ""
    return f"{metric.namespace} {metric.name} [{_pairs(metric.dimensions)}]{account}"


def _query(query: MetricQuery) -> str:
    parts = (
        query.id,
        _metric(query.metric) if query.metric else "",
        query.statistic,
        f"every {query.period_seconds} s" if query.period_seconds else "",
        f"expression {query.expression}" if query.expression else "",
        f"label {query.label}" if query.label else "",
        "" if query.returned else "(not returned)",
    )
    return " ".join(part for part in parts if part)


def _condition(alarm: Alarm) -> str:
    condition = alarm.condition
    if condition.operator is None:
        return ""
    what = f"{alarm.statistic or 'value'} {_OPERATORS.get(condition.operator, condition.operator)}"
    missing = f", missing data is {condition.missing_data}" if condition.missing_data else ""
    return f"{what} {_limit(condition)}{_window(condition)}{missing}"


def _limit(condition: Condition) -> str:
    if condition.threshold is not None:
        return f"{condition.threshold:.15g}"
    return condition.threshold_metric_id or "an unknown threshold"


def _window(condition: Condition) -> str:
    if condition.evaluation_periods is None:
        return ""
    needed = condition.datapoints_to_alarm or condition.evaluation_periods
    length = f" of {condition.period_seconds} s" if condition.period_seconds else ""
    return f" in {needed} of {condition.evaluation_periods} periods{length}"


def _pairs(values: Mapping[str, str]) -> str:
    shown: Iterable[tuple[str, str]] = list(values.items())[:ITEMS]
    more = f", and {len(values) - ITEMS} more" if len(values) > ITEMS else ""
    return ", ".join(f"{name}={value}" for name, value in shown) + more


def _line(value: str, bound: int) -> str:
    return clean(" ".join(value.split()), bound)
