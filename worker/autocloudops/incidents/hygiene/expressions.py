"""The range of a metric-math expression, as far as interval arithmetic proves it.

What is not understood has the range of everything, so that an unknown function never proves an alarm wrong. Operators
and functions are those of the CloudWatch User Guide, "Using metric math".
"""

import re
from collections.abc import Callable
from math import ceil, floor, inf, isinf, isnan

from autocloudops.incidents.hygiene.comparison import ANYTHING, Range

EXPRESSION_CHARACTERS = 1024
_DEPTH = 40
_TOKEN = re.compile(r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|[A-Za-z_]\w*|\"[^\"]*\"|'[^']*'|==|!=|<=|>=|&&|\|\||\S", re.ASCII)
_LOGIC = frozenset({"&&", "||", "AND", "OR"})
_COMPARISONS = frozenset({"<", "<=", ">", ">=", "==", "!="})
_TRUTH = Range(0, 1)
_BRACKETS = {"(": ")", "[": "]"}
_END = ""

Lookup = Callable[[str], Range]


class _NotUnderstoodError(Exception):
    """The expression holds what this module does not read; it never leaves it."""


def range_of(expression: str, known: Lookup) -> Range:
    """Return the range of `expression`, which holds every value that it can have.

    Args:
        expression: metric math; longer than `EXPRESSION_CHARACTERS` is not read.
        known: gives the range of an id; of the empty id, that of all metrics together, which is what `METRICS()` means.
    """
    if len(expression) > EXPRESSION_CHARACTERS:
        return ANYTHING
    try:
        return _Reader(_TOKEN.findall(expression), known).whole()
    except _NotUnderstoodError:
        return ANYTHING


class _Reader:
    """Recursive descent over the tokens, from the loosest operator to the tightest."""

    def __init__(self, tokens: list[str], known: Lookup) -> None:
        self._tokens = tokens
        self._known = known
        self._at = 0
        self._depth = 0

    def whole(self) -> Range:
        value = self._logic()
        self._expect(_END)
        return value

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else _END

    def _take(self) -> str:
        taken = self._peek()
        self._at += 1
        return taken

    def _expect(self, expected: str) -> None:
        if self._take() != expected:
            raise _NotUnderstoodError

    def _logic(self) -> Range:
        self._depth += 1
        if self._depth > _DEPTH:
            raise _NotUnderstoodError
        value = self._compared()
        while self._peek() in _LOGIC:
            self._take()
            self._compared()
            value = _TRUTH
        self._depth -= 1
        return value

    def _compared(self) -> Range:
        value = self._sum()
        while self._peek() in _COMPARISONS:
            self._take()
            self._sum()
            value = _TRUTH
        return value

    def _sum(self) -> Range:
        value = self._product()
        while self._peek() in {"+", "-"}:
            negative = self._take() == "-"
            other = self._product()
            value = _added(value, _negated(other) if negative else other)
        return value

    def _product(self) -> Range:
        value = self._operand()
        while self._peek() in {"*", "/"}:
            divided = self._take() == "/"
            other = self._operand()
            value = _multiplied(value, _reciprocal(other) if divided else other)
        return value

    def _operand(self) -> Range:
        negative = False
        while self._peek() == "-":
            self._take()
            negative = not negative
        value = self._primary()
        return _negated(value) if negative else value

    def _primary(self) -> Range:
        first = self._take()
        if first in _BRACKETS:
            return self._list(_BRACKETS[first])
        if first[:1].isdigit():
            return _checked(float(first), float(first))
        if first[:1].isalpha() or first[:1] == "_":
            return self._call(first) if self._peek() == "(" else self._known(first)
        raise _NotUnderstoodError

    def _list(self, closing: str) -> Range:
        values = [self._logic()]
        while self._peek() == ",":
            self._take()
            values.append(self._logic())
        self._expect(closing)
        return _hull(values)

    def _call(self, name: str) -> Range:
        self._expect("(")
        if name == "METRICS":
            return self._metrics()
        arguments = self._arguments()
        if name not in _FUNCTIONS or not arguments:
            raise _NotUnderstoodError
        return _FUNCTIONS[name](arguments)

    def _metrics(self) -> Range:
        if self._peek() != ")":
            self._take()
        self._expect(")")
        return self._known("")

    def _arguments(self) -> list[Range]:
        values: list[Range] = []
        while self._peek() != ")":
            values.extend(self._argument())
            if self._peek() != ")":
                self._expect(",")
        self._take()
        return values

    def _argument(self) -> list[Range]:
        if self._peek() in {"REPEAT", "LINEAR"}:
            self._take()
            return []
        return [self._logic()]


def _checked(low: float, high: float) -> Range:
    if isnan(low) or isnan(high) or low == inf or high == -inf:
        raise _NotUnderstoodError
    return Range(low, high)


def _hull(values: list[Range]) -> Range:
    return _checked(min(value.low for value in values), max(value.high for value in values))


def _added(one: Range, other: Range) -> Range:
    return _checked(one.low + other.low, one.high + other.high)


def _negated(value: Range) -> Range:
    return _checked(-value.high, -value.low)


def _multiplied(one: Range, other: Range) -> Range:
    ends = [a * b if a and b else 0.0 for a in (one.low, one.high) for b in (other.low, other.high)]
    return _checked(min(ends), max(ends))


def _reciprocal(value: Range) -> Range:
    """Return 1/value; division by zero gives no datapoint, so that zero counts only as a limit."""
    if value.low >= 0 and value.high > 0:
        return _checked(1 / value.high, 1 / value.low if value.low else inf)
    if value.high <= 0 and value.low < 0:
        return _negated(_reciprocal(_negated(value)))
    raise _NotUnderstoodError


def _summed(values: list[Range]) -> Range:
    """Return the range of a sum over one or more members."""
    member = _hull(values)
    return Range(member.low if member.low >= 0 else -inf, member.high if member.high <= 0 else inf)


def _rounded(to: Callable[[float], int], values: list[Range]) -> Range:
    low, high = (end if isinf(end) else float(to(end)) for end in (values[0].low, values[0].high))
    return _checked(low, high)


def _absolute(values: list[Range]) -> Range:
    (low, high) = (values[0].low, values[0].high)
    return _checked(0.0 if low <= 0 <= high else min(abs(low), abs(high)), max(abs(low), abs(high)))


_FUNCTIONS: dict[str, Callable[[list[Range]], Range]] = {
    "FILL": _hull,
    "MAX": _hull,
    "MIN": _hull,
    "AVG": _hull,
    "TIME_SERIES": _hull,
    "SUM": _summed,
    "RUNNING_SUM": _summed,
    "STDDEV": lambda _: Range(0, inf),
    "IF": lambda values: _hull(values[1:]) if values[1:] else ANYTHING,
    "ABS": _absolute,
    "CEIL": lambda values: _rounded(ceil, values),
    "FLOOR": lambda values: _rounded(floor, values),
}
