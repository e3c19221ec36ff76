"""Datapoints of many metrics in few calls: GetMetricData, shared by incidents of one account and region."""

import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from math import isfinite
from typing import Any

from autocloudops.clock import Clock
from autocloudops.errors import AccessDenied, ServiceFailed, ServiceUnavailable
from autocloudops.knowledge.batching import Batcher
from autocloudops.knowledge.calls import Calls
from autocloudops.knowledge.series import Point, Series

ACTION = "cloudwatch:GetMetricData"
MOST_QUERIES = 500
MOST_POINTS = 100_000
"""GetMetricData takes 500 queries and returns 100,800 datapoints at most, by its page of the API reference."""
MOST_BATCHERS = 64
THE_METRIC = "the metric"
"""What errors call it: its name is text from outside."""
_WORDS = re.compile(r"'[^']*'|\"[^\"]*\"|[A-Za-z_][A-Za-z0-9_]*")
_WHOLE_REQUEST = re.compile(r"\bMETRICS\s*\(", re.IGNORECASE)
_FAILURES = {"Forbidden": AccessDenied, "InternalError": ServiceUnavailable}

Answers = Mapping[str, Sequence[Series]]
"""Series by the id of their query: one, or several for an anomaly band or a search."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time; equal spans share calls."""

    start: datetime
    end: datetime

    @property
    def seconds(self) -> float:
        """Its length."""
        return (self.end - self.start).total_seconds()


@dataclass(frozen=True, slots=True)
class Query:
    """One row of a request.

    Args:
        body: the row as GetMetricData takes it.
        period_seconds: of what it returns.
    """

    body: Mapping[str, Any]
    period_seconds: int

    @property
    def id(self) -> str:
        """Its id within its request."""
        return str(self.body["Id"])


Queries = tuple[Query, ...]


class Datapoints:
    """Reads series of datapoints.

    Args:
        calls: makes the calls.
        clock: time.
    """

    def __init__(self, calls: Calls, clock: Clock) -> None:
        self._calls = calls
        self._clock = clock
        self._batchers: OrderedDict[tuple[str, str, Span], Batcher[Queries, Answers | ServiceFailed]] = OrderedDict()

    async def read(self, place: tuple[str, str], span: Span, queries: Queries) -> Answers:
        """Return the datapoints of `queries` whose periods lie in `span`.

        An expression over METRICS() means every metric of its request, so that its queries are asked alone.

        Args:
            place: the account whose quota is used, and the region.
            span: from when to when.
            queries: rows with ids of their own, asked together.

        Raises:
            ServiceFailed: they could not be read, or one of them could not.
        """
        if any(_WHOLE_REQUEST.search(str(query.body.get("Expression", ""))) for query in queries):
            (answers,) = await self._ask(place, span, [queries])
        else:
            answers = await self._batcher(place, span).get(queries)
        if isinstance(answers, ServiceFailed):
            raise answers
        return answers

    def _batcher(self, place: tuple[str, str], span: Span) -> Batcher[Queries, Answers | ServiceFailed]:
        key = (*place, span)
        if key not in self._batchers:
            self._batchers[key] = Batcher(
                partial(self._ask, place, span), self._clock, MOST_QUERIES, partial(_size, span)
            )
            if len(self._batchers) > MOST_BATCHERS:
                self._batchers.popitem(last=False)
        return self._batchers[key]

    async def _ask(
        self, place: tuple[str, str], span: Span, groups: Sequence[Queries]
    ) -> Sequence[Answers | ServiceFailed]:
        prefixes = [f"g{number}_" for number in range(len(groups))] if len(groups) > 1 else [""]
        together = list(zip(groups, prefixes, strict=True))
        rows = [query.body for group, prefix in together for query in _renamed(group, prefix)]
        page = await self._calls.make(ACTION, *place, partial(_asked, rows, span), THE_METRIC)
        return [_answers(page, group, prefix, span) for group, prefix in together]


async def _asked(rows: Sequence[Mapping[str, Any]], span: Span, client: Any) -> Mapping[str, Any]:  # noqa: ANN401 - a client has no type here
    page: Mapping[str, Any] = await client.get_metric_data(
        MetricDataQueries=rows,
        StartTime=span.start,
        EndTime=span.end,
        ScanBy="TimestampDescending",
        MaxDatapoints=MOST_POINTS,
    )
    return page


def _size(span: Span, queries: Queries) -> int:
    """Return the share of a full call that `queries` take, in queries: by their number, or by their datapoints."""
    points = sum(span.seconds / query.period_seconds for query in queries)
    return max(len(queries), int(points * MOST_QUERIES / MOST_POINTS) + 1)


def _renamed(queries: Queries, prefix: str) -> Queries:
    """Return `queries` under ids that no other group has, in their expressions too; quoted text stays as it is."""
    ids = {query.id for query in queries}

    def new(word: re.Match[str]) -> str:
        return prefix + word[0] if word[0] in ids else word[0]

    return tuple(Query(_with_ids(query.body, prefix, new), query.period_seconds) for query in queries)


def _with_ids(body: Mapping[str, Any], prefix: str, new: Any) -> Mapping[str, Any]:  # noqa: ANN401 - what re.sub takes
    changed = {**body, "Id": prefix + str(body["Id"])}
    if "Expression" in body:
        changed["Expression"] = _WORDS.sub(new, str(body["Expression"]))
    return changed


def _answers(page: Mapping[str, Any], queries: Queries, prefix: str, span: Span) -> Answers | ServiceFailed:
    periods = {query.id: query.period_seconds for query in queries}
    found: dict[str, list[Series]] = {}
    for result in page.get("MetricDataResults", ()):
        name = str(result["Id"])
        own = name.removeprefix(prefix)
        if not name.startswith(prefix) or own not in periods:
            continue
        if failure := _FAILURES.get(str(result.get("StatusCode"))):
            return failure(ACTION, THE_METRIC, f"status {result['StatusCode']}")
        found.setdefault(own, []).append(_series(result, periods[own], span))
    return found


def _series(result: Mapping[str, Any], period_seconds: int, span: Span) -> Series:
    latest = span.end - timedelta(seconds=period_seconds)
    together = zip(result.get("Timestamps", ()), result.get("Values", ()), strict=False)
    points = {at: float(value) for at, value in together if span.start <= at <= latest and isfinite(value)}
    return Series(tuple(Point(at, value) for at, value in sorted(points.items())), period_seconds)
