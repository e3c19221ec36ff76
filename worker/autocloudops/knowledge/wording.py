"""How facts are worded: numbers that a person reads at a glance, and the words of others marked as such."""

from collections.abc import Sequence
from datetime import UTC, datetime

from autocloudops.redaction import clean

PIECE_CHARACTERS = 900
MORE_CHARACTERS = 40
QUOTE_CHARACTERS = 120
_DIGITS = 4
_PLAIN = 100_000.0
_SMALLEST_PLAIN = 0.001
_UNITS = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86_400.0
_FEW = 2


def quoted(text: str, limit: int = QUOTE_CHARACTERS) -> str:
    """Return words from outside on one line, cleaned, bounded, and between quotes that they cannot close."""
    return f'"{clean(" ".join(text.split()), limit).replace(chr(34), chr(39))}"'


def number(value: float) -> str:
    """Return a finite number in four digits: `742`, `0.0312`, `12350`, `1.235 M`."""
    size = abs(value)
    if size and (size < _SMALLEST_PLAIN or size >= _UNITS[0][0] * 1e6):
        return f"{value:.{_DIGITS}g}"
    if size < _PLAIN:
        rounded = float(f"{value:.{_DIGITS}g}")
        return f"{rounded:.0f}" if rounded.is_integer() else f"{rounded:.6f}".rstrip("0")
    unit, letter = next((unit, letter) for unit, letter in _UNITS if size >= unit)
    return f"{value / unit:.{_DIGITS}g} {letter}"


def duration(seconds: float) -> str:
    """Return a length of time in its largest fitting unit: `40 s`, `12 min`, `5 h`, `3 days`."""
    if seconds < _FEW * _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < _FEW * _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    return f"{seconds / _HOUR:.0f} h" if seconds < _FEW * _DAY else f"{seconds / _DAY:.0f} days"


def moment(at: datetime) -> str:
    """Return a time in UTC to the second, as `2026-11-22 03:11:42Z`."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"


def minute(at: datetime) -> str:
    """Return a time in UTC to the minute, without the day."""
    return f"{at.astimezone(UTC):%H:%MZ}"


def bounded(*lines: str) -> str:
    """Return the lines that are not empty as one text of at most `PIECE_CHARACTERS`.

    Where not all of them fit, these are the first ones, and a last line says how many are left out.
    """
    wanted = [line for line in lines if line]
    kept = _fitting(wanted, PIECE_CHARACTERS)
    if len(kept) < len(wanted):
        kept = _fitting(wanted, PIECE_CHARACTERS - MORE_CHARACTERS)
        kept.append(f"(lines left out: {len(wanted) - len(kept)})")
    return "\n".join(kept)


def _fitting(lines: Sequence[str], characters: int) -> list[str]:
    kept: list[str] = []
    for line in lines:
        characters -= len(line) + 1
        if characters < 0:
            break
        kept.append(line)
    return kept
