"""How configuration is worded: what AWS's own lists name stays plain, what people named is quoted."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime

from autocloudops.alarms.model import Alarm
from autocloudops.knowledge.configurations.reading import Limit
from autocloudops.knowledge.wording import moment, number, quoted
from autocloudops.redaction import clean

KEPT_TAGS = ("owner", "team", "service", "autocloudops:allow")
"""Tags that somebody else's decision may hang on, in lower case; no other tag is kept."""
UNKNOWN = "unknown"
GIB = 1024**3
MIB = 1024**2
SHOWN = 6
NAME_CHARACTERS = 80
_SUM = "sum"
_TERM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,39}", re.ASCII)
_SIZES = ((1024**5, "PiB"), (1024**4, "TiB"), (GIB, "GiB"), (MIB, "MiB"), (1024, "KiB"))


def term(value: object) -> str:
    """Return a value of one of AWS's lists, as `db.r6g.large`; whatever looks like anything else is quoted.

    An order is a sentence, so that a short word without spaces cannot be one.
    """
    text = str(UNKNOWN if value is None else value)
    return text if _TERM.fullmatch(text) and clean(text, len(text)) == text else named(text)


def named(value: object) -> str:
    """Return a name that people chose."""
    return UNKNOWN if value is None else quoted(str(value), NAME_CHARACTERS)


def listed(values: Iterable[object]) -> str:
    """Return the first few names that people chose, and how many more there are."""
    names = list(values)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(named(name) for name in names[:SHOWN]) + more


def counted(values: Iterable[object]) -> str:
    """Return how often each of AWS's words occurs: `2 healthy, 1 draining`."""
    words = [term(value) for value in values]
    return ", ".join(f"{words.count(word)} {word}" for word in sorted(set(words))) or "none"


def size(amount: float) -> str:
    """Return a size in bytes in its largest fitting unit: `16 GiB`."""
    for unit, letters in _SIZES:
        if abs(amount) >= unit:
            return f"{number(amount / unit)} {letters}"
    return f"{number(amount)} bytes"


def since(value: object) -> str:
    """Return a time in UTC, or the words that stand there instead."""
    if isinstance(value, datetime):
        return moment(value)
    try:
        return moment(datetime.fromisoformat(str(value)))
    except ValueError:
        return named(value)


def tags_of(pairs: Iterable[Mapping[str, object]] | Mapping[str, object]) -> dict[str, str]:
    """Return the tags in `KEPT_TAGS`, by their lower-case key, whichever way a service writes tags."""
    if isinstance(pairs, Mapping):
        found = {str(key): str(value) for key, value in pairs.items()}
    else:
        found = {str(_either(pair, "Key", "key")): str(_either(pair, "Value", "value")) for pair in pairs}
    return {key.lower(): value for key, value in found.items() if key.lower() in KEPT_TAGS}


def tagged(tags: Mapping[str, str] | None) -> str:
    """Return the line of the kept tags, empty where there are none."""
    return "tags: " + ", ".join(f"{key} {named(value)}" for key, value in sorted(tags.items())) if tags else ""


def limited(metric: str, limit: Limit, alarm: Alarm | None) -> str:
    """Return the line of one limit, with the threshold of `alarm` beside it where the alarm is on that metric.

    Args:
        metric: the name of the metric that the limit bounds.
        limit: the limit.
        alarm: the alarm, None where it is about another resource.
    """
    note = f" ({limit.note})" if limit.note else ""
    rate = " a second" if limit.per_second else ""
    line = f"limit {limit.name}: {number(limit.value)}{rate}{note}"
    if alarm is None or alarm.metric is None or alarm.metric.name != metric or alarm.condition.threshold is None:
        return line
    threshold, bound = alarm.condition.threshold, _comparable(limit, alarm)
    return f"{line}; the alarm's threshold {number(threshold)} is {threshold / bound:.0%} of it" if bound else line


def _comparable(limit: Limit, alarm: Alarm) -> float | None:
    if not limit.per_second:
        return limit.value if (alarm.statistic or "").lower() != _SUM else None
    summed = (alarm.statistic or "").lower() == _SUM
    return limit.value * alarm.condition.period_seconds if summed and alarm.condition.period_seconds else None


def _either(pair: Mapping[str, object], *names: str) -> object:
    return next((pair[name] for name in names if name in pair), "")
