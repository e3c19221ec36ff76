"""Arithmetic on the datapoints of one metric, for saying in a few numbers what a graph shows.

No function raises, whatever finite numbers it is given: values are scaled before they are added, and what has no answer
is None.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from math import isfinite
from statistics import median
from typing import NamedTuple

FEWEST_FOR_STEP = 6
FEWEST_FOR_SLOPE = 3
NOISE_TIMES = 4.0
LEAST_STEP = 0.05
LEFT_SHARE = 0.2
MAD_TO_DEVIATION = 1.4826
"""The standard deviation of a normal distribution in median absolute deviations."""
LEAST_TREND = 0.2
HOUR_SECONDS = 3600
LAST = 3
"""It has come back where fewer than all but one of so many last datapoints lie beyond the band."""


class Point(NamedTuple):
    """One datapoint: the start of its period, and its value."""

    at: datetime
    value: float


@dataclass(frozen=True, slots=True)
class Series:
    """Datapoints in order of time, at most one for each period.

    Args:
        points: the datapoints.
        period_seconds: how long each of them counts.
    """

    points: tuple[Point, ...]
    period_seconds: int

    @property
    def values(self) -> list[float]:
        """The values in order of time."""
        return [point.value for point in self.points]

    def scaled(self, factor: float) -> "Series":
        """Return the series with every value times `factor`."""
        return Series(tuple(Point(at, value * factor) for at, value in self.points), self.period_seconds)

    def with_zeros(self, end: datetime) -> "Series":
        """Return the series with 0 in every period without a datapoint, from its first one to `end`.

        For counts: a service that counts nothing mostly sends nothing.
        """
        if not self.points:
            return self
        period, first = timedelta(seconds=self.period_seconds), self.points[0].at
        known = {(at - first) // period: value for at, value in self.points}
        count = max([(end - first) // period, *(slot + 1 for slot in known)])
        filled = (Point(first + slot * period, known.get(slot, 0.0)) for slot in range(count))
        return Series(tuple(filled), self.period_seconds)

    def since(self, at: datetime) -> "Series":
        """Return the datapoints from `at` on."""
        return Series(tuple(point for point in self.points if point.at >= at), self.period_seconds)


@dataclass(frozen=True, slots=True)
class Usual:
    """What a metric is at one hour of the day: the median, the least and the most of `days` hourly values."""

    p50: float
    least: float
    most: float
    days: int


@dataclass(frozen=True, slots=True)
class Step:
    """A metric left its level at `at` and has not come back: medians before and after."""

    at: datetime
    before: float
    after: float


class Slope(NamedTuple):
    """A straight line through datapoints: its rise per minute, and the share of their variance that it explains."""

    per_minute: float
    fit: float


@dataclass(frozen=True, slots=True)
class Gaps:
    """Datapoints that are not there: how many of `expected`, the longest run, and the run at the end."""

    expected: int
    missing: int
    longest: int
    at_end: int


def usual(hourly: Series, at: datetime) -> Usual | None:
    """Return what the metric is at the hour of the day of `at`, None where there is no such hour.

    Args:
        hourly: one value for each hour; where its period is longer than an hour, all of its values count.
        at: the time; hours are those of UTC.
    """
    whole = hourly.period_seconds > HOUR_SECONDS
    values = [value for start, value in hourly.points if whole or start.hour == at.hour]
    if not values:
        return None
    return Usual(_median(values), min(values), max(values), len(values))


def ratio(value: float, base: float) -> float | None:
    """Return `value / base`, None where that is no number."""
    if base == 0:
        return None
    found = value / base
    return found if isfinite(found) else None


def gaps(series: Series, start: datetime, end: datetime) -> Gaps:
    """Return which periods between `start` and `end` have no datapoint; only whole periods count."""
    period = timedelta(seconds=series.period_seconds)
    expected = max(0, (end - start) // period)
    taken = {(at - start) // period for at, _ in series.points}
    edges = [-1, *sorted(slot for slot in taken if 0 <= slot < expected), expected]
    runs = [after - before - 1 for before, after in pairwise(edges)]
    return Gaps(expected, sum(runs), max(runs), runs[-1])


def step(series: Series) -> Step | None:
    """Return when the metric left its level and how far, None where it stayed, came back, or there is too little.

    The series is cut in two where the squares of deviation within both parts are least (the usual estimate of one
    change in the mean). The parts differ if their medians are further apart than four times the noise before the cut
    (from the median absolute deviation), and than a twentieth of the level before it. From the cut back in time, the
    step begins where the values began to lie beyond that band, and beyond a fifth of the way to the new level.
    """
    scale = _scale(series.values)
    if len(series.points) < FEWEST_FOR_STEP or scale == 0:
        return None
    values = [value / scale for value in series.values]
    cut = _cut(values)
    before, after = median(values[:cut]), median(values[cut:])
    noise = median(abs(value - before) for value in values[:cut]) * MAD_TO_DEVIATION
    band = max(NOISE_TIMES * noise, LEAST_STEP * abs(before), LEAST_STEP * LEAST_STEP)
    if abs(after - before) <= band:
        return None
    direction = 1 if after > before else -1
    edge = max(band, LEFT_SHARE * abs(after - before))
    beyond = [(value - before) * direction > edge for value in values]
    if sum(beyond[-LAST:]) < LAST - 1:
        return None
    return Step(series.points[_began(beyond, cut)].at, before * scale, after * scale)


def _began(beyond: Sequence[bool], cut: int) -> int:
    first = next(index for index in range(cut, len(beyond)) if beyond[index])
    while first > 0 and beyond[first - 1]:
        first -= 1
    return first


def _cut(values: Sequence[float]) -> int:
    """Return where two constants fit best: the squares explained are n1 * n2 / n * (mean1 - mean2)^2."""
    total, count, left = sum(values), len(values), 0.0
    best, best_gain = 2, -1.0
    for index in range(1, count - 1):
        left += values[index - 1]
        difference = left / index - (total - left) / (count - index)
        gain = index * (count - index) * difference * difference
        if index > 1 and gain > best_gain:
            best, best_gain = index, gain
    return best


def slope(series: Series) -> Slope | None:
    """Return by how much the metric rises per minute, by least squares, None for fewer than three datapoints."""
    scale = _scale(series.values)
    if len(series.points) < FEWEST_FOR_SLOPE:
        return None
    if scale == 0:
        return Slope(0.0, 1.0)
    origin = series.points[0].at
    minutes = [(at - origin).total_seconds() / 60 for at in (point.at for point in series.points)]
    values = [value / scale for value in series.values]
    middle, level = sum(minutes) / len(minutes), sum(values) / len(values)
    spread = sum((minute - middle) * (minute - middle) for minute in minutes)
    if spread == 0:
        return None
    together = sum((minute - middle) * (value - level) for minute, value in zip(minutes, values, strict=True))
    squares = sum((value - level) * (value - level) for value in values)
    found = together / spread * scale
    return Slope(found, together * together / (spread * squares) if squares else 1.0) if isfinite(found) else None


def minutes_to(limit: float, value: float, per_minute: float) -> float | None:
    """Return in how many minutes `value` reaches `limit` if it goes on so, None where it moves away or stands."""
    if per_minute == 0:
        return None
    minutes = (limit - value) / per_minute
    return minutes if isfinite(minutes) and minutes > 0 else None


def trend(series: Series, recent: int = 5) -> str:
    """Return `up`, `down` or `flat`: the median of the last `recent` datapoints beside that of those before them.

    A fifth of the level, or four times its noise, is no trend. `unclear` where there are too few datapoints.
    """
    scale = _scale(series.values)
    values = [value / scale for value in series.values] if scale else [0.0] * len(series.points)
    earlier, latest = values[:-recent], values[-recent:]
    if len(earlier) < recent:
        return "unclear"
    level = median(earlier)
    noise = median(abs(value - level) for value in earlier) * MAD_TO_DEVIATION
    change = median(latest) - level
    if abs(change) <= max(LEAST_TREND * abs(level), NOISE_TIMES * noise):
        return "flat"
    return "up" if change > 0 else "down"


def _scale(values: Sequence[float]) -> float:
    return max((abs(value) for value in values), default=0.0)


def _median(values: Sequence[float]) -> float:
    scale = _scale(values)
    return median(value / scale for value in values) * scale if scale else 0.0
