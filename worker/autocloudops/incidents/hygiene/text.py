"""What the name and the description of an alarm say: quantities with units, and on which side of a number it fires."""

import re
from dataclasses import dataclass
from math import isclose

from autocloudops.alarms.model import Alarm
from autocloudops.incidents.hygiene.domains import Unit

TEXT_CHARACTERS = 4096

# 1024**4 is 10 % more than 1000**4: people write GB for both.
_TOLERANCE = 0.11
_NUMBER = r"\d[\d,]{0,30}(?:\.\d{1,30})?"
_BYTE_UNIT = r"(?P<scale>[kmgt])i?b|(?P<word>kilo|mega|giga|tera)?bytes?"
_TIME_UNIT = r"us|ms|s|h|microseconds?|msecs?|milliseconds?|secs?|seconds?|mins?|minutes?|hours?"
_BYTES = re.compile(rf"(?<![\w.])(?P<number>{_NUMBER}) ?(?P<unit>{_BYTE_UNIT})(?![\w/])", re.IGNORECASE | re.ASCII)
_TIMES = re.compile(rf"(?<![\w.])(?P<number>{_NUMBER}) ?-?(?P<unit>{_TIME_UNIT})(?!\w)", re.IGNORECASE | re.ASCII)
_SPAN = re.compile(
    r"\b(for|in|within|last|past|every|per|during|after|of|each)"
    r"( (the|a|an|at least|about|more than|longer than|over))? ?$",
    re.IGNORECASE,
)
_LIMIT = re.compile(r"(\babove|\bexceed(s|ed|ing)?|\bolder than|>=?) ?$", re.IGNORECASE)
_UPWARD = r"above|over|exceed(?:s|ed|ing)?|(?:greater|more|higher|longer|older) than|gt|gte|>=?"
_DOWNWARD = r"below|under|(?:less|lower|fewer) than|lt|lte|<=?"
_SIDE = re.compile(
    rf"(?<!\w)(?:(?P<up>{_UPWARD})|(?P<down>{_DOWNWARD})) ?(?:or equal to )?(?:the threshold )?(?:of )?"
    rf"(?P<number>{_NUMBER})",
    re.IGNORECASE | re.ASCII,
)
_GOOD_STATE = re.compile(
    r"\b(?:(?:should|must|until|once|unless|never|not|ok|slo|target)\b|keep|stay|remain|expect|normal|recover|return)|n't\b",
    re.IGNORECASE,
)
_LOOK_BACK = 40
_BYTE_SCALES = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12}
_TIME_SCALES = {"us": 1e-6, "mic": 1e-6, "ms": 1e-3, "mse": 1e-3, "mil": 1e-3, "s": 1.0, "sec": 1.0, "min": 60.0}
_HOUR_SECONDS = 3600.0
_UNIT_SCALES = {
    Unit.BYTES: 1.0,
    Unit.MEGABYTES: 1e6,
    Unit.SECONDS: 1.0,
    Unit.MILLISECONDS: 1e-3,
    Unit.MICROSECONDS: 1e-6,
}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with a unit as it stands in the text. `scale` turns the number into bytes or into seconds."""

    words: str
    number: float
    scale: float

    @property
    def size(self) -> float:
        """The quantity in bytes or in seconds."""
        return self.number * self.scale

    def is_about(self, size: float) -> bool:
        """Tell whether the quantity means `size` bytes or seconds, whichever meaning GB has."""
        return isclose(self.size, size, rel_tol=_TOLERANCE)


@dataclass(frozen=True, slots=True)
class Side:
    """The text says that something happens above, or below, a number."""

    words: str
    upward: bool
    number: float


def scale_of(unit: Unit) -> float | None:
    """Return the factor from `unit` to bytes or to seconds, None for units of neither kind."""
    return _UNIT_SCALES.get(unit)


def quantities(alarm: Alarm, unit: Unit) -> tuple[Quantity, ...]:
    """Return what the text says in units of the kind of `unit`; spans such as `for 5 minutes` are left out.

    Minutes and hours are how people write spans, so that they count only where they stand as a limit.
    """
    text = _text(alarm)
    if unit in {Unit.BYTES, Unit.MEGABYTES}:
        return tuple(_quantity(found, _byte_scale(found)) for found in _BYTES.finditer(text))
    return tuple(_quantity(found, _time_scale(found)) for found in _TIMES.finditer(text) if not _is_span(text, found))


def sides(alarm: Alarm) -> tuple[Side, ...]:
    """Return on which side of which numbers the text says that the alarm fires, without what it says of good states."""
    text = _text(alarm)
    return tuple(_side(found) for found in _SIDE.finditer(text) if not _is_good_state(text, found.start()))


def _text(alarm: Alarm) -> str:
    name = re.sub(r"[-_/]+", " ", alarm.key.name[:TEXT_CHARACTERS])
    return " ".join(f"{name} . {(alarm.description or '')[:TEXT_CHARACTERS]}".split())


def _is_good_state(text: str, start: int) -> bool:
    sentence = text[max(0, start - _LOOK_BACK) : start].rsplit(". ", 1)[-1]
    return bool(_GOOD_STATE.search(sentence))


def _quantity(found: re.Match[str], scale: float) -> Quantity:
    return Quantity(found[0], _value(found["number"]), scale)


def _side(found: re.Match[str]) -> Side:
    return Side(found[0], found["up"] is not None, _value(found["number"]))


def _value(number: str) -> float:
    return float(number.replace(",", ""))


def _byte_scale(found: re.Match[str]) -> float:
    return _BYTE_SCALES[(found["scale"] or found["word"] or "")[:1].lower()]


def _time_scale(found: re.Match[str]) -> float:
    unit = found["unit"].lower()
    return _TIME_SCALES.get(unit if unit in _TIME_SCALES else unit[:3], _HOUR_SECONDS)


def _is_span(text: str, found: re.Match[str]) -> bool:
    before = text[max(0, found.start() - _LOOK_BACK) : found.start()]
    if _time_scale(found) >= _TIME_SCALES["min"]:
        return not _LIMIT.search(before)
    return bool(_SPAN.search(before))
