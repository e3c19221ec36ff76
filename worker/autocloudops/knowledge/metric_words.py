"""What the datapoints of an alarm's metric, and of its companions, say in a few numbers."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from autocloudops.alarms.model import Alarm
from autocloudops.incidents.hygiene.comparison import Comparison, comparison_of
from autocloudops.knowledge.companions import Companion
from autocloudops.knowledge.datapoints import Span
from autocloudops.knowledge.series import Series, Step, Usual, gaps, minutes_to, ratio, slope, step, trend, usual
from autocloudops.knowledge.watching import HOUR_SECONDS, Watching
from autocloudops.knowledge.wording import bounded, duration, minute, moment, number, quoted

SLOPE_WINDOW = timedelta(minutes=15)
SLOPE_PERIODS = 5
RECENT = timedelta(minutes=5)
LATE_PERIODS = 2
"""CloudWatch shows the last datapoints some minutes late: so few at the end are no gap."""
MOST_MINUTES = 24 * 60
MOST_SHARE = 100.0
MOST_RATIO = 10_000.0
FLAT = 0.0005
"""A slope that moves the value by less than so much of itself in a minute: three percent in an hour."""
LEAST_FIT = 0.4
"""A line that explains less of the datapoints than this is no slope."""


@dataclass(frozen=True, slots=True)
class Read:
    """What was read of one metric.

    Args:
        fine: at the alarm's period.
        coarse: fourteen days, in the unit of one of the alarm's periods; None where that was not read.
        span: which the fine datapoints are from.
        band: the band of an anomaly alarm, lower and upper, where there is one.
    """

    fine: Series
    coarse: Series | None
    span: Span
    band: tuple[float, float] | None = None


def metric_text(alarm: Alarm, watched: Watching, read: Read) -> str:
    """Return the metric of `alarm` in labelled numbers, a fact a line."""
    name = quoted(alarm.metric.name if alarm.metric and watched.statistic else f"the expression {watched.main}")
    unit = f", unit {quoted(alarm.unit)}" if alarm.unit and watched.statistic else ""
    statistic = f" {quoted(watched.statistic)}" if watched.statistic else ""
    head = f"metric: {name}{statistic} every {watched.period_seconds} s{unit}"
    if not read.fine.points:
        labels = " under exactly the contributor's labels" if alarm.key.contributor else ""
        silence = f"now: no datapoint{labels} in the last {duration(read.span.seconds)}"
        return bounded(head, silence, _usual(read, watched, None))
    last = read.fine.points[-1]
    limit = _Limit.of(alarm)
    return bounded(
        head,
        f"now: {number(last.value)} at {minute(last.at)}{limit.beside(last.value) if limit else ''}{_band(read)}",
        _usual(read, watched, last.value),
        *_course(read, limit),
        _gaps(read),
    )


@dataclass(frozen=True, slots=True)
class _Limit:
    """The static limit of an alarm: what counts down to it, and when."""

    comparison: Comparison
    value: float

    @classmethod
    def of(cls, alarm: Alarm) -> "_Limit | None":
        comparison = comparison_of(alarm.condition.operator)
        value = alarm.condition.threshold
        return cls(comparison, value) if comparison and value is not None else None

    def broken_by(self, value: float) -> bool:
        return self.comparison.breached_by(value, self.value)

    def beside(self, value: float) -> str:
        distance = number(abs(value - self.value))
        share = ratio(abs(value - self.value), abs(self.value))
        percent = f" ({share:.0%})" if share is not None and share < MOST_SHARE else ""
        side = "beyond it by" if self.broken_by(value) else "within it by"
        return f", limit {self.comparison.value} {number(self.value)}: {side} {distance}{percent}"


def _band(read: Read) -> str:
    return f", expected band {number(read.band[0])} to {number(read.band[1])}" if read.band else ""


def _usual(read: Read, watched: Watching, value: float | None) -> str:
    if read.coarse is None:
        return ""
    found = usual(read.coarse, read.span.end)
    if found is None:
        return "same hour of the day, last 14 days: no datapoint"
    hours = "same hour of the day" if read.coarse.period_seconds <= HOUR_SECONDS else "all datapoints"
    values = f"p50 {number(found.p50)}, max {number(found.most)}, min {number(found.least)} (n={found.days})"
    sums = "; hours, not periods: sums feed the expression" if watched.counts and not watched.statistic else ""
    return f"{hours}, last 14 days: {values}{sums}{_beside_usual(found, value)}"


def _beside_usual(found: Usual, value: float | None) -> str:
    if value is None:
        return ""
    times = ratio(value, found.p50)
    above, below = value > found.most, value < found.least
    side = "above them all" if above else "below them all" if below else "among them"
    return f"; now is {side}{f', {number(times)} x p50' if times is not None else ''}"


def _course(read: Read, limit: _Limit | None) -> Iterator[str]:
    """Say when the metric left its level, how fast it moves, and when it reaches the limit or comes back to it."""
    left = step(read.fine)
    span = duration(read.span.seconds)
    if left:
        ago = duration((read.span.end - left.at).total_seconds())
        levels = f"from {number(left.before)} to {number(left.after)}"
        yield f"step: left its level at {moment(left.at)}, {ago} ago: {levels}"
    else:
        yield f"step: none that lasts, in {span}"
    recent = _recent(read.fine, left)
    rise = slope(recent)
    if rise is None:
        return
    last = read.fine.points[-1]
    over = duration((last.at - recent.points[0].at).total_seconds())
    if abs(rise.per_minute) <= FLAT * abs(last.value) or rise.fit < LEAST_FIT:
        yield f"slope: {'flat' if rise.fit >= LEAST_FIT else 'none that is clear'} over the last {over}"
        return
    yield f"slope: {'+' if rise.per_minute > 0 else ''}{number(rise.per_minute)} per min over the last {over}"
    yield _arrival(limit, last.value, rise.per_minute)


def _recent(fine: Series, left: Step | None) -> Series:
    window = max(SLOPE_WINDOW, timedelta(seconds=SLOPE_PERIODS * fine.period_seconds))
    since_step = fine.since(left.at) if left else fine
    recent = since_step.since(fine.points[-1].at - window)
    return recent if slope(recent) is not None else fine.since(fine.points[-1].at - window)


def _arrival(limit: _Limit | None, value: float, rise: float) -> str:
    if limit is None:
        return ""
    minutes = minutes_to(limit.value, value, rise)
    if limit.broken_by(value):
        back = f"back within it in about {number(minutes)} min" if minutes and minutes <= MOST_MINUTES else ""
        return f"at this slope: {back or 'no way back within the limit'}"
    if minutes is None or minutes > MOST_MINUTES:
        return "at this slope: the limit is not reached within a day"
    return f"at this slope: reaches the limit in about {number(minutes)} min"


def _gaps(read: Read) -> str:
    found = gaps(read.fine, read.span.start, read.span.end)
    missing = f"datapoints: {found.expected - found.missing} of {found.expected} periods have one"
    if found.at_end > LATE_PERIODS:
        return f"{missing}, none of the last {found.at_end}"
    return f"{missing}, at most {found.longest} missing in a row" if found.missing > LATE_PERIODS else missing


def companions_text(read: tuple[tuple[Companion, Read], ...]) -> str:
    """Return one line for each companion: now, the same hour, their ratio, and where it goes."""
    lines = [(each, _companion(each, found)) for each, found in read]
    silent = ", ".join(each.metric.name for each, line in lines if not line)
    return bounded(
        "now (5 min; counts per min) | same hour, p50 of 14 days | ratio | trend of 3 h",
        *(line for _, line in lines),
        f"no datapoint: {silent}" if silent else "",
    )


def _companion(companion: Companion, read: Read) -> str:
    fine, coarse = read.fine, read.coarse
    if not fine.points:
        return ""
    now = _now(fine, companion)
    found = usual(coarse, read.span.end) if coarse else None
    times = ratio(now, found.p50) if found else None
    late = fine.points[-1].at < read.span.end - 3 * RECENT
    parts = (
        f"{number(now)}{f' at {minute(fine.points[-1].at)}' if late else ''}",
        number(found.p50) if found else "unknown",
        f"{times:.2f} x" if times is not None and abs(times) < MOST_RATIO else "no ratio",
        trend(fine, max(1, int(RECENT.total_seconds()) // fine.period_seconds)),
    )
    return f"{companion.metric.name} {companion.statistic}: {' | '.join(parts)}"


def _now(fine: Series, companion: Companion) -> float:
    """Return the mean of the last five minutes, or their extreme where the statistic is one."""
    values = fine.since(fine.points[-1].at - RECENT + timedelta(seconds=1)).values
    if companion.statistic == "Maximum":
        return max(values)
    if companion.statistic == "Minimum":
        return min(values)
    scale = max(map(abs, values)) or 1.0
    return sum(value / scale for value in values) / len(values) * scale
