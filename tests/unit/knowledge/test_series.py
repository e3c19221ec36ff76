from datetime import timedelta

import pytest
from virtual_time import START

from autocloudops.knowledge.series import (
    Gaps,
    Point,
    Series,
    Step,
    Usual,
    gaps,
    minutes_to,
    ratio,
    slope,
    step,
    trend,
    usual,
)


def series(*values: float | None, period_seconds: int = 60) -> Series:
    """Return datapoints from noon on, one a period; None is missing."""
    points = (
        Point(START + number * timedelta(seconds=period_seconds), value)
        for number, value in enumerate(values)
        if value is not None
    )
    return Series(tuple(points), period_seconds)


def test_the_usual_value_is_that_of_the_same_hour() -> None:
    """Only the hours of the day of the asked time count, one for each day."""
    hourly = series(*(float(number % 24) + number // 24 for number in range(72)), period_seconds=3600)
    assert usual(hourly, START + timedelta(days=3, minutes=11)) == Usual(1.0, 0.0, 2.0, 3)
    assert usual(series(1.0, period_seconds=3600), START + timedelta(hours=1)) is None
    assert usual(series(1.0, 3.0, period_seconds=86_400), START + timedelta(hours=5)) == Usual(2.0, 1.0, 3.0, 2)


def test_gaps_count_whole_periods_only() -> None:
    """Missing periods within the span, the longest run of them, and the run at its end are counted."""
    read = series(1.0, None, None, 1.0, 1.0, None)
    assert gaps(read, START, START + timedelta(minutes=6, seconds=30)) == Gaps(6, 3, 2, 1)
    assert gaps(series(), START, START + timedelta(minutes=4)) == Gaps(4, 4, 4, 4)
    assert gaps(series(), START, START) == Gaps(0, 0, 0, 0)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([10.0] * 20 + [30.0] * 5, Step(START + timedelta(minutes=20), 10.0, 30.0)),
        ([30.0] * 20 + [10.0] * 2, Step(START + timedelta(minutes=20), 30.0, 10.0)),
        ([0.0] * 20 + [4.0] * 4, Step(START + timedelta(minutes=20), 0.0, 4.0)),
        ([10.0] * 20, None),
        ([10.0] * 10 + [30.0] * 5 + [10.0] * 10, None),
        ([10.0, 12.0, 8.0, 11.0, 9.0, 10.0, 12.0, 8.0, 13.0, 9.0], None),
        ([10.0] * 4, None),
    ],
)
def test_a_step_is_where_the_level_was_left_for_good(values: list[float], found: Step | None) -> None:
    """A lasting change of level is dated to its first datapoint; noise, a pulse, and too little data are none."""
    assert step(series(*values)) == found


def test_a_ramp_begins_where_it_left_the_level() -> None:
    """A slow rise is dated to where it left the band of the level before, not to its middle."""
    found = step(series(*[100.0] * 60, *(100.0 + 5 * number for number in range(60))))
    assert found is not None
    assert START + timedelta(minutes=60) <= found.at <= START + timedelta(minutes=75)


def test_slope_and_time_to_the_limit_have_a_sign() -> None:
    """A slope is per minute whatever the period, and a limit that the value moves away from is never met."""
    falling = slope(series(100.0, 90.0, 80.0, period_seconds=300))
    assert falling is not None
    assert falling.per_minute == pytest.approx(-2)
    assert falling.fit == pytest.approx(1)
    assert minutes_to(40, 80, -2) == 20
    assert minutes_to(120, 80, -2) is None
    assert minutes_to(120, 80, 0) is None
    assert slope(series(1.0, 2.0)) is None
    assert ratio(1.0, 0.0) is None


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([10.0] * 10 + [20.0] * 5, "up"),
        ([10.0] * 10 + [5.0] * 5, "down"),
        ([10.0] * 10 + [11.0] * 5, "flat"),
        ([0.0] * 15, "flat"),
        ([1.0, 2.0, 3.0], "unclear"),
    ],
)
def test_a_trend_is_more_than_a_fifth(values: list[float], said: str) -> None:
    """The last datapoints beside those before them go up, down, or nowhere; too few say nothing."""
    assert trend(series(*values)) == said


def test_counts_are_zero_where_nothing_was_sent() -> None:
    """Silence between the first datapoint and the end counts as zero, silence before it as nothing."""
    read = series(None, 4.0, None, 2.0, None)
    assert read.with_zeros(START + timedelta(minutes=5)).values == [4.0, 0.0, 2.0, 0.0]
    assert series().with_zeros(START).values == []
