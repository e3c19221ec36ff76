"""What an alarm compares with its threshold: one metric under one statistic, or an expression over several."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from math import inf

from autocloudops.alarms.model import Alarm, Metric, MetricQuery
from autocloudops.incidents.hygiene.comparison import ANYTHING, Comparison, Range, comparison_of
from autocloudops.incidents.hygiene.domains import Domain, domain_of
from autocloudops.incidents.hygiene.expressions import range_of

NAME_CHARACTERS = 128
_REFERENCES = 4
_LEVEL_STATISTIC = re.compile(r"average|minimum|maximum|iqm|(?:p|tm|wm)\d+(?:\.\d+)?|(?:tm|wm)\([^)]*\)", re.IGNORECASE)
_DATAPOINTS = re.compile(r"\bdatapoints? \[([^\]]*)\]")
_NUMBER = re.compile(r"(?:^|, )(-?\d[\d.eE+-]*)(?= \(|,|$)")


@dataclass(frozen=True, slots=True)
class Limit:
    """An alarm's comparison with a static threshold."""

    comparison: Comparison
    threshold: float

    def __str__(self) -> str:
        return f"{self.comparison.value} {self.threshold:g}"

    def breached_by(self, value: float) -> bool:
        """Tell whether `value` breaches."""
        return self.comparison.breached_by(value, self.threshold)


@dataclass(frozen=True, slots=True)
class Subject:
    """A metric under a statistic, and what is known of its values."""

    metric: Metric
    statistic: str | None
    domain: Domain | None
    unit: str | None

    @property
    def name(self) -> str:
        """The metric as people write it: namespace, name and statistic, cut to a bound."""
        words = (self.metric.namespace, self.metric.name, self.statistic)
        return " ".join(word[:NAME_CHARACTERS] for word in words if word)

    @property
    def is_level(self) -> bool:
        """Whether the statistic keeps what one sample can be; sums and counts of samples do not."""
        return bool(self.statistic and _LEVEL_STATISTIC.fullmatch(self.statistic))


def limit_of(alarm: Alarm) -> Limit | None:
    """Return the alarm's static comparison, None where it has none (composite, anomaly band, no threshold)."""
    comparison = comparison_of(alarm.condition.operator)
    threshold = alarm.condition.threshold
    if comparison is None or threshold is None or alarm.condition.threshold_metric_id:
        return None
    return Limit(comparison, threshold)


def subject_of(alarm: Alarm) -> Subject | None:
    """Return the one metric that the alarm compares, None where it compares an expression or nothing."""
    compared = _compared(alarm)
    if alarm.metric:
        statistic = alarm.statistic or (compared.statistic if compared else None)
        return _subject(alarm.metric, statistic, alarm.unit)
    if compared and compared.metric and not compared.expression:
        return _subject(compared.metric, compared.statistic, compared.unit)
    return None


def expression_of(alarm: Alarm) -> str | None:
    """Return the expression that the alarm compares, None where it compares a metric or nothing."""
    compared = None if alarm.metric else _compared(alarm)
    return compared.expression if compared else None


def reach_of(alarm: Alarm) -> Range:
    """Return the values that what the alarm compares can have, as far as they are known."""
    subject = subject_of(alarm)
    if subject:
        return _subject_reach(subject)
    expression = expression_of(alarm)
    return range_of(expression, _Reaches(alarm.queries).of) if expression else ANYTHING


def observed(alarm: Alarm) -> tuple[float, ...]:
    """Return the datapoints that the alarm says it has seen, those of its reason data if it has any."""
    recent = _reason_data(alarm).get("recentDatapoints")
    if isinstance(recent, list):
        return tuple(value for value in map(_finite, recent) if value is not None)
    listed = _DATAPOINTS.search(alarm.reason)
    found = _NUMBER.findall(listed[1]) if listed else []
    return tuple(value for value in map(_finite, found) if value is not None)


def told_threshold(alarm: Alarm) -> float | None:
    """Return the threshold that the alarm was evaluated against, as its reason data has it."""
    return _finite(_reason_data(alarm).get("threshold"))


def _compared(alarm: Alarm) -> MetricQuery | None:
    returned = tuple(query for query in alarm.queries if query.returned)
    return returned[0] if len(returned) == 1 else None


def _subject(metric: Metric, statistic: str | None, unit: str | None) -> Subject:
    return Subject(metric, statistic, domain_of(metric.namespace, metric.name), unit)


def _subject_reach(subject: Subject) -> Range:
    if (subject.statistic or "").upper() == "SAMPLECOUNT":
        return Range(0, inf)
    if subject.domain is None:
        return ANYTHING
    sample = subject.domain.reach
    return sample if subject.is_level else Range(0 if sample.low >= 0 else -inf, inf)


class _Reaches:
    """The reaches of an alarm's queries by id, each worked out once; what refers to itself can be anything."""

    def __init__(self, queries: tuple[MetricQuery, ...]) -> None:
        self._queries = {query.id: query for query in queries}
        self._found: dict[str, Range] = {}
        self._depth = 0

    def of(self, name: str) -> Range:
        """Return the reach of the query `name`; of the empty name, that of all metrics together."""
        if name not in self._found:
            self._found[name] = ANYTHING
            self._depth += 1
            self._found[name] = self._worked_out(name) if self._depth <= _REFERENCES else ANYTHING
            self._depth -= 1
        return self._found[name]

    def _worked_out(self, name: str) -> Range:
        if not name:
            metrics = [each for each in self._queries.values() if each.metric and not each.expression]
            return reduce(Range.joined, map(_metric_reach, metrics)) if metrics else ANYTHING
        query = self._queries.get(name)
        if query and query.expression:
            return range_of(query.expression, self.of)
        return _metric_reach(query) if query else ANYTHING


def _metric_reach(query: MetricQuery) -> Range:
    return _subject_reach(_subject(query.metric, query.statistic, query.unit)) if query.metric else ANYTHING


def _reason_data(alarm: Alarm) -> Mapping[str, object]:
    try:
        data = json.loads(alarm.reason_data or "{}")
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _finite(value: object) -> float | None:
    """Return a datapoint as a number, None where it is none: null stands for a missing one."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if abs(number) < inf else None
