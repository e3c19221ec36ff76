"""What of an alarm can be read as a metric: the rows that GetMetricData is asked for, fine and coarse."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from autocloudops.alarms.model import Alarm, AlarmKind, Metric, MetricQuery
from autocloudops.knowledge.companions import Companion
from autocloudops.knowledge.datapoints import Queries, Query, Span

FINE = timedelta(hours=3)
FINE_HIGH_RESOLUTION = timedelta(minutes=170)
"""Datapoints of less than a minute are kept for three hours, counted from the moment of the call."""
ALIGNED_SECONDS = 300
"""CloudWatch counts periods from the start that it is asked for: this one is a whole multiple of most of them."""
COARSE = timedelta(days=14)
MINUTE_SECONDS = 60
HOUR_SECONDS = 3600
OWN = "own"
_BAND = "ANOMALY_DETECTION_BAND"
_SELECT = re.compile(r"\s*SELECT\s+(\w{1,16})\(", re.IGNORECASE)
_FUNCTIONS = {"AVG": "Average", "COUNT": "SampleCount", "MAX": "Maximum", "MIN": "Minimum", "SUM": "Sum"}
COUNTS = frozenset({"Sum", "SampleCount"})
"""Statistics that grow with the period."""


@dataclass(frozen=True, slots=True)
class Watching:
    """How the metric of an alarm is read.

    Args:
        fine: the rows at the alarm's period; none where that is an hour or more, and the coarse rows say it all.
        coarse: the rows for the baseline, at an hour or the alarm's longer period.
        main: the id of the row that the alarm compares.
        period_seconds: the alarm's period.
        statistic: of the metric, None for an expression.
        counts: whether the values of an hour are sums of those of the alarm's periods; for an expression, whether sums
            feed it.
    """

    fine: Queries
    coarse: Queries
    main: str
    period_seconds: int
    statistic: str | None
    counts: bool

    @property
    def coarse_period_seconds(self) -> int:
        """The period of the baseline."""
        return max(HOUR_SECONDS, self.period_seconds)


def spans(at: datetime, period_seconds: int) -> tuple[Span, Span]:
    """Return the fine and the coarse span: to the last whole minute before `at`, and to the last whole hour.

    Args:
        at: when facts are gathered.
        period_seconds: the alarm's period.
    """
    end = at.replace(second=0, microsecond=0)
    hour = end.replace(minute=0)
    start = end - (FINE_HIGH_RESOLUTION if period_seconds < MINUTE_SECONDS else FINE)
    start -= timedelta(seconds=start.timestamp() % max(ALIGNED_SECONDS, period_seconds))
    return Span(start, end), Span(hour - COARSE, hour)


def watching(alarm: Alarm) -> Watching | None:
    """Return how the metric of `alarm` is read, None where it has none: composite, log, PromQL, external."""
    if alarm.metric is None:
        measured = [query for query in alarm.queries if _BAND not in (query.expression or "").upper()]
        returned = [query for query in measured if query.returned] or measured
        return _watching(alarm, alarm.queries, returned[-1]) if returned else None
    direct = next((query for query in alarm.queries if query.metric and query.statistic), None)
    if alarm.kind is AlarmKind.ANOMALY and direct:
        return _watching(alarm, alarm.queries, direct)
    query = MetricQuery(id=OWN, metric=alarm.metric, statistic=_statistic(alarm), unit=alarm.unit)
    return _watching(alarm, (query,), query)


def _statistic(alarm: Alarm) -> str:
    """Return the alarm's statistic; that of a contributor's metric is the function of its Metrics Insights query."""
    if alarm.statistic:
        return alarm.statistic
    selected = _SELECT.match(alarm.query or "")
    return _FUNCTIONS.get(selected[1].upper(), "Average") if selected else "Average"


def _watching(alarm: Alarm, queries: tuple[MetricQuery, ...], main: MetricQuery) -> Watching:
    periods = [query.period_seconds for query in queries if query.period_seconds]
    period = alarm.condition.period_seconds or max(periods, default=MINUTE_SECONDS)
    account, hourly = alarm.key.account, max(period, HOUR_SECONDS)
    baseline = (main,) if main.metric else queries
    return Watching(
        fine=tuple(_row(query, account, period) for query in queries) if period < HOUR_SECONDS else (),
        coarse=tuple(_row(query, account, hourly) for query in baseline),
        main=main.id,
        period_seconds=period,
        statistic=main.statistic if main.metric else None,
        counts=any(query.statistic in COUNTS for query in queries),
    )


def companion_rows(found: tuple[Companion, ...], account: str, least_period_seconds: int) -> Queries:
    """Return a row for each companion, with its place in `found` as its id: `c0`, `c1` and so on.

    Args:
        found: the companions.
        account: the alarm's account.
        least_period_seconds: no period is shorter.
    """
    return tuple(
        _row(
            MetricQuery(id=f"c{number}", metric=each.metric, statistic=each.statistic),
            account,
            max(each.period_seconds, least_period_seconds),
        )
        for number, each in enumerate(found)
    )


def _row(query: MetricQuery, account: str, period_seconds: int) -> Query:
    body: dict[str, Any] = {"Id": query.id, "ReturnData": query.returned}
    if query.metric:
        body["MetricStat"] = _stat(query, query.metric, period_seconds)
        if query.metric.account and query.metric.account != account:
            body["AccountId"] = query.metric.account
    else:
        body["Expression"] = query.expression or ""
        if query.period_seconds:
            body["Period"] = period_seconds
    return Query(body, period_seconds)


def _stat(query: MetricQuery, metric: Metric, period_seconds: int) -> Mapping[str, Any]:
    dimensions = [{"Name": name, "Value": value} for name, value in metric.dimensions.items()]
    named = {"Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": dimensions}
    stat = {"Metric": named, "Period": period_seconds, "Stat": query.statistic or "Average"}
    return {**stat, "Unit": query.unit} if query.unit else stat
