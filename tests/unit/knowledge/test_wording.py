from datetime import timedelta

import pytest
from virtual_time import START

from autocloudops.knowledge.wording import bounded, duration, minute, moment, number, quoted


def test_words_from_outside_stay_in_their_quotes() -> None:
    """Lines, quotes, invisible characters and secrets are gone, and the length is bounded."""
    assert quoted('a"b\n\nc\u200bd') == '"a\'b cd"'
    assert "AKIAIOSFODNN7EXAMPLE" not in quoted("key AKIAIOSFODNN7EXAMPLE")
    assert len(quoted("x" * 1000, 20)) <= 22


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (742, "742"),
        (12_345, "12340"),
        (0.03125, "0.03125"),
        (0.0, "0"),
        (-1.5, "-1.5"),
        (1_234_567, "1.235 M"),
        (2.31e9, "2.31 G"),
        (0.00001234, "1.234e-05"),
    ],
)
def test_numbers_have_four_digits(value: float, said: str) -> None:
    """Every size of number is short and has its unit."""
    assert number(value) == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (119, "119 s"), (600, "10 min"), (7200, "2 h"), (259_200, "3 days")]
)
def test_durations_have_a_fitting_unit(seconds: float, said: str) -> None:
    """A duration is told in the largest unit that it holds twice."""
    assert duration(seconds) == said


def test_times_are_utc() -> None:
    """A time is told with its zone, to the second or to the minute."""
    at = START + timedelta(seconds=5)
    assert (moment(at), minute(at)) == ("2026-03-01 12:00:05Z", "12:00Z")


def test_a_piece_holds_whole_lines_only() -> None:
    """Empty lines are left out; what does not fit is dropped from the end, a line at a time, and counted."""
    text = bounded("first", "", "x" * 500, "y" * 500, "z" * 300)
    assert text == f"first\n{'x' * 500}\n(lines left out: 2)"
    assert bounded("x" * 899) == "x" * 899
    assert len(bounded(*["x" * 98] * 30)) <= 900
