from datetime import timedelta
from math import isfinite
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from virtual_time import START

from autocloudops.knowledge.series import Point, Series, gaps, minutes_to, ratio, slope, step, trend, usual
from autocloudops.knowledge.wording import number

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
PERIODS = st.sampled_from([1, 10, 60, 300, 3600, 86_400])
LATEST = 40


@st.composite
def any_series(draw: st.DrawFn) -> Series:
    """Any finite datapoints in order of time, with gaps, of any length from none."""
    period = draw(PERIODS)
    slots = sorted(draw(st.sets(st.integers(0, LATEST))))
    return Series(tuple(Point(START + slot * timedelta(seconds=period), draw(NUMBERS)) for slot in slots), period)


@given(any_series(), NUMBERS, NUMBERS)
def test_no_finite_datapoints_make_it_raise(series: Series, value: float, limit: float) -> None:
    """Whatever is read, every answer is None or made of finite numbers within the values."""
    end = START + (LATEST + 1) * timedelta(seconds=series.period_seconds)
    low, high = min(series.values, default=0.0), max(series.values, default=0.0)
    found = step(series)
    if found:
        assert low <= min(found.before, found.after) <= max(found.before, found.after) <= high
        assert found.at in {point.at for point in series.points}
    same = usual(series, START)
    assert same is None or low <= same.least <= same.p50 <= same.most <= high
    rise = slope(series)
    assert rise is None or (isfinite(rise.per_minute) and isfinite(rise.fit) and -0.01 <= rise.fit <= 1.01)
    assert trend(series) in {"up", "down", "flat", "unclear"}
    missing = gaps(series, START, end)
    assert missing.missing == missing.expected - len(series.points)
    assert 0 <= missing.at_end <= missing.longest <= missing.missing
    minutes = minutes_to(limit, value, rise.per_minute if rise else 0.0)
    assert minutes is None or minutes > 0
    assert all(map(isfinite, series.with_zeros(end).values))
    times = ratio(value, limit)
    assert times is None or isfinite(times)


@given(
    before=st.floats(-1e6, 1e6),
    size=st.floats(1, 1e6),
    up=st.booleans(),
    lengths=st.tuples(st.integers(10, 100), st.integers(2, 30)),
    seed=st.randoms(use_true_random=False),
)
def test_a_planted_step_is_found_where_it_is(
    *, before: float, size: float, up: bool, lengths: tuple[int, int], seed: Random
) -> None:
    """A step of more than a quarter of the level, ten times the noise, is dated to its first datapoint."""
    far = size + abs(before) / 4
    after = before + far if up else before - far
    levels = [before] * lengths[0] + [after] * lengths[1]
    points = tuple(
        Point(START + timedelta(minutes=minute), level + seed.uniform(-far / 40, far / 40))
        for minute, level in enumerate(levels)
    )
    found = step(Series(points, 60))
    assert found is not None
    assert found.at == START + timedelta(minutes=lengths[0])
    assert abs(found.before - before) <= far / 20
    assert abs(found.after - after) <= far / 20


@given(st.floats(-1e3, 1e3), st.floats(-100, 100), st.integers(3, 60), PERIODS)
def test_a_straight_line_has_its_own_slope(start: float, per_minute: float, length: int, period: int) -> None:
    """The slope of a line is its rise per minute, and the line reaches its own later values when it does."""
    step_minutes = period / 60
    points = tuple(
        Point(START + timedelta(seconds=index * period), start + per_minute * index * step_minutes)
        for index in range(length)
    )
    found = slope(Series(points, period))
    assert found is not None
    assert abs(found.per_minute - per_minute) <= 1e-6 * max(1.0, abs(start), abs(per_minute)) / min(1.0, step_minutes)
    minutes = minutes_to(start + per_minute * 7, start, per_minute)
    assert minutes is None or abs(minutes - 7) < 0.1 or abs(per_minute) < 1e-6


@given(st.floats(-1e300, 1e300))
def test_a_number_keeps_its_size_and_sign(value: float) -> None:
    """What is written is short, and within a thousandth of the number."""
    said = number(value)
    units = {"P": 1e15, "T": 1e12, "G": 1e9, "M": 1e6, "k": 1e3}
    digits, _, unit = said.partition(" ")
    assert len(said) <= 14
    assert abs(float(digits) * units.get(unit, 1.0) - value) <= abs(value) * 0.001
