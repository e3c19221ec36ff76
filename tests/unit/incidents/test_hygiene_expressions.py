from math import inf

import pytest

from autocloudops.incidents.hygiene.comparison import ANYTHING, Comparison, Range, comparison_of
from autocloudops.incidents.hygiene.expressions import EXPRESSION_CHARACTERS, range_of

KNOWN = {
    "share": Range(0, 1),
    "count": Range(0, inf),
    "hot": Range(10, 20),
    "cold": Range(-5, 5),
    "debt": Range(-3, -1),
    "": Range(0, 20),
}


def reach(expression: str) -> Range:
    """Return the range of `expression` over the known ids."""
    return range_of(expression, lambda name: KNOWN.get(name, ANYTHING))


@pytest.mark.parametrize(
    ("expression", "low", "high"),
    [
        ("42", 42, 42),
        ("1.5e2", 150, 150),
        ("share * 100", 0, 100),
        ("100 - share*100", 0, 100),
        ("-hot", -20, -10),
        ("--hot", 10, 20),
        ("hot + cold", 5, 25),
        ("hot - cold", 5, 25),
        ("(hot + 2) * cold", -110, 110),
        ("hot / 2", 5, 10),
        ("2 / hot", 0.1, 0.2),
        ("hot / debt", -20, -10 / 3),
        ("count / count", 0, inf),
        ("100*(count/hot)", 0, inf),
        ("FILL(count, 0)", 0, inf),
        ("FILL(hot, 0)", 0, 20),
        ("FILL(hot, REPEAT)", 10, 20),
        ("FILL(debt, share)", -3, 1),
        ("ABS(cold)", 0, 5),
        ("ABS(debt)", 1, 3),
        ("CEIL(hot/3)", 4, 7),
        ("FLOOR(hot/3)", 3, 6),
        ("FLOOR(count)", 0, inf),
        ("MAX([hot, cold])", -5, 20),
        ("AVG(METRICS())", 0, 20),
        ('SUM(METRICS("errors"))', 0, inf),
        ("SUM([hot, count])", 0, inf),
        ("SUM(debt)", -inf, -1),
        ("SUM(cold)", -inf, inf),
        ("STDDEV(cold)", 0, inf),
        ("IF(hot > 12 AND cold < 3, hot, 0)", 0, 20),
        ("IF(hot > 12 || cold < 3, hot)", 10, 20),
        ("hot > 12", 0, 1),
        ("hot >= 12 && cold == 3", 0, 1),
    ],
)
def test_the_range_of_an_expression(expression: str, low: float, high: float) -> None:
    """Every value that the expression can have lies in its range, and the range is no wider than the form demands."""
    found = reach(expression)
    assert (found.low, found.high) == pytest.approx((low, high))


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "unknown",
        "hot +",
        "hot hot",
        "hot / cold",
        "hot / 0",
        "hot ^ 2",
        "RATE(hot)",
        "ANOMALY_DETECTION_BAND(hot, 2)",
        'SELECT MAX(CPUUtilization) FROM SCHEMA("AWS/EC2")',
        "SUM()",
        "FILL(hot",
        "1e999",
        "(1e200*1e200) - (1e200*1e200)",
        "hot, cold",
        "'text'",
        "IF(hot)",
        "METRICS(",
        "(" * 500 + "1" + ")" * 500,
        "1 + " * EXPRESSION_CHARACTERS + "1",
    ],
)
def test_what_is_not_understood_can_be_anything(expression: str) -> None:
    """Unknown names and functions, broken and overlong text never narrow the range."""
    assert reach(expression) == ANYTHING


@pytest.mark.parametrize(
    ("operator", "comparison"),
    [
        ("GreaterThanThreshold", Comparison.ABOVE),
        ("GREATER_THAN_OR_EQUAL_TO_THRESHOLD", Comparison.AT_LEAST),
        ("LessThanThreshold", Comparison.BELOW),
        ("less_than_or_equal_to_threshold", Comparison.AT_MOST),
        ("LessThanLowerOrGreaterThanUpperThreshold", None),
        ("", None),
        (None, None),
    ],
)
def test_operators_are_known_in_every_spelling(operator: str | None, comparison: Comparison | None) -> None:
    """The API's and the SDKs' spellings of an operator are one comparison; bands are none."""
    assert comparison_of(operator) is comparison


def test_ranges_are_written_for_people() -> None:
    """A range reads as words, with its open side left out."""
    assert [str(Range(0, 1)), str(Range(0)), str(Range(high=3))] == ["between 0 and 1", "0 or more", "3 or less"]
