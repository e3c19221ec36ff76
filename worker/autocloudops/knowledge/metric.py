"""The metric behind an alarm: the last three hours, the same hour of fourteen days, and the metrics beside it."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from autocloudops.alarms.model import Alarm
from autocloudops.clock import Clock
from autocloudops.diagnosis.gathering import Piece, Subject, not_read
from autocloudops.errors import ServiceFailed
from autocloudops.knowledge.calls import Calls
from autocloudops.knowledge.companions import Companion, companions
from autocloudops.knowledge.datapoints import ACTION, Answers, Datapoints, Queries, Span
from autocloudops.knowledge.metric_words import Read, companions_text, metric_text
from autocloudops.knowledge.series import Series
from autocloudops.knowledge.watching import (
    COUNTS,
    HOUR_SECONDS,
    MINUTE_SECONDS,
    Watching,
    companion_rows,
    spans,
    watching,
)

SOURCE = "cloudwatch GetMetricData"
WORTH = 90
COMPANION_WORTH = 72
LATE = timedelta(minutes=3)
"""How late CloudWatch may show a datapoint: where none is there yet, none is counted as zero."""
_BAND = 2

Answer = Answers | ServiceFailed


class MetricHistory:
    """Reads the alarm's metric and its companions in two calls, which concurrent incidents share.

    Args:
        calls: makes the calls.
        clock: time.
    """

    kind = "metric"
    essential = True
    permissions = frozenset({ACTION})

    def __init__(self, calls: Calls, clock: Clock) -> None:
        self._datapoints = Datapoints(calls, clock)

    async def read(self, subject: Subject) -> Sequence[Piece]:
        """Return the metric of the alarm in numbers, or of the first alarm of the incident that has one.

        Where none has one, the fact is missing: whoever acts on such an alarm must look.

        Raises:
            ServiceFailed: its recent datapoints could not be read.
        """
        for alarm in (subject.alarm, *subject.alarms):
            if watched := watching(alarm):
                return await self._pieces(subject, alarm, watched)
        return [_unread("no alarm of this incident watches a metric of CloudWatch")]

    async def _pieces(self, subject: Subject, alarm: Alarm, watched: Watching) -> Sequence[Piece]:
        fine, coarse = spans(subject.at, watched.period_seconds)
        beside = companions(alarm)
        own, baseline, near, usual = await asyncio.gather(
            self._read(alarm, fine, watched.fine),
            self._read(alarm, coarse, watched.coarse),
            self._read(alarm, fine, companion_rows(beside, alarm.key.account, MINUTE_SECONDS)),
            self._read(alarm, coarse, companion_rows(beside, alarm.key.account, HOUR_SECONDS)),
        )
        main, span = (own, fine) if watched.fine else (baseline, coarse)
        if isinstance(main, ServiceFailed):
            raise main
        pieces = [_metric(subject, alarm, watched, _own(watched, main, baseline, span))]
        pieces += _failures("the 14 days before", baseline) + _failures("the metrics beside it", near, usual)
        if beside and not isinstance(near, ServiceFailed):
            pieces.append(_beside(beside, near, usual, fine))
        return pieces

    async def _read(self, alarm: Alarm, span: Span, queries: Queries) -> Answer:
        try:
            return await self._datapoints.read((alarm.key.account, alarm.key.region), span, queries) if queries else {}
        except ServiceFailed as error:
            return error


def _metric(subject: Subject, alarm: Alarm, watched: Watching, read: Read) -> Piece:
    text = metric_text(alarm, watched, read)
    if alarm.key != subject.alarm.key:
        text = f"(of another alarm of this incident)\n{text}"
    return Piece(kind=MetricHistory.kind, source=SOURCE, text=text, worth=WORTH)


def _own(watched: Watching, main: Answers, baseline: Answer, span: Span) -> Read:
    period = watched.period_seconds
    coarse = (
        None if isinstance(baseline, ServiceFailed) else _one(baseline, watched.main, watched.coarse_period_seconds)
    )
    if coarse and watched.counts and watched.statistic:
        coarse = coarse.scaled(period / coarse.period_seconds)
    return Read(_one(main, watched.main, period), coarse, span, _band(watched, main))


def _band(watched: Watching, main: Answers) -> tuple[float, float] | None:
    """Return the newest values of the only row that answers with two series, an anomaly band."""
    others = (series for name, series in main.items() if name != watched.main)
    pair = next((series for series in others if len(series) == _BAND and all(each.points for each in series)), None)
    if pair is None:
        return None
    lower, upper = sorted(each.points[-1].value for each in pair)
    return lower, upper


def _one(answers: Answers, name: str, period_seconds: int) -> Series:
    return next(iter(answers.get(name, ())), Series((), period_seconds))


def _beside(found: Sequence[Companion], near: Answers, usual: Answer, span: Span) -> Piece:
    text = companions_text(
        tuple((each, _companion(each, f"c{number}", near, usual, span)) for number, each in enumerate(found))
    )
    return Piece(kind="companions", source=SOURCE, text=text, worth=COMPANION_WORTH)


def _companion(companion: Companion, name: str, near: Answers, usual: Answer, span: Span) -> Read:
    fine = _one(near, name, companion.period_seconds)
    coarse = None if isinstance(usual, ServiceFailed) else _one(usual, name, HOUR_SECONDS)
    if companion.statistic in COUNTS:
        fine = fine.with_zeros(span.end - LATE).scaled(MINUTE_SECONDS / companion.period_seconds)
        coarse = coarse.with_zeros(span.end).scaled(MINUTE_SECONDS / HOUR_SECONDS) if coarse else None
    return Read(fine, coarse, span)


def _failures(what: str, *answers: Answer) -> list[Piece]:
    error = next((answer for answer in answers if isinstance(answer, ServiceFailed)), None)
    if error is None:
        return []
    return [_unread(f"{what}: {not_read(error)}")]


def _unread(why: str) -> Piece:
    return Piece(kind=MetricHistory.kind, source="AutoCloudOps", text=f"NOT READ: {why}", worth=0, missing=True)
