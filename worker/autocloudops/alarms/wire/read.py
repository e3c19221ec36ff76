"""Typed readers over a message: each returns a value of one type, or `None`, whatever the sender wrote."""

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from autocloudops.alarms.load import Refused, decode
from autocloudops.alarms.model import AlarmState, MissingData
from autocloudops.alarms.wire.shape import Node
from autocloudops.redaction import redact

TEXT_LIMIT = 4096
"""Characters kept of a description, a reason or an expression. CloudWatch allows 1,024; others write more."""
LONG_TEXT_LIMIT = 16_384
"""Characters kept of reason data, an alarm rule or a query. CloudWatch allows 10,240."""
ITEM_LIMIT = 100
"""Dimensions, queries, actions, children or tags kept."""

NOTHING: Node = {}
_EARLIEST_MILLISECONDS = 100_000_000_000
_LARGEST_NUMBER = 10**15
_LONGEST_NUMBER = 40
_PAIRS = ({"name", "value"}, {"key", "value"})
_SCALARS = (str, int, float)
_FOLDED_STATISTIC = re.compile(r"[A-Z]{1,3}\d[\d.]*")
_STATISTICS = {
    "AVERAGE": "Average",
    "MAXIMUM": "Maximum",
    "MINIMUM": "Minimum",
    "SAMPLECOUNT": "SampleCount",
    "SUM": "Sum",
}
_MISSING_DATA = {
    "missing": MissingData.MISSING,
    "ignore": MissingData.IGNORE,
    "breaching": MissingData.BREACHING,
    "notbreaching": MissingData.NOT_BREACHING,
    "nonbreaching": MissingData.NOT_BREACHING,
}
_STATES = {
    "OK": AlarmState.OK,
    "ALARM": AlarmState.ALARM,
    "INSUFFICIENT_DATA": AlarmState.INSUFFICIENT_DATA,
    "INSUFFICIENT DATA": AlarmState.INSUFFICIENT_DATA,
}


def fold(value: object) -> Node:
    """Return the object `value` with its keys in lower case; an empty one for anything else."""
    if not isinstance(value, dict):
        return NOTHING
    return {key.lower(): item for key, item in value.items()}


def child(node: Node, *keys: str) -> Node:
    """Return the first object under `keys`, folded; an empty one where there is none."""
    for key in keys:
        value = node.get(key)
        if isinstance(value, dict):
            return fold(value)
    return NOTHING


def decoded(node: Node, key: str) -> dict[str, object]:
    """Return the object under `key`, also where it is written as a JSON text; an empty one where it cannot be read."""
    value = node.get(key)
    if isinstance(value, str) and value:
        try:
            value = decode(value)
        except Refused:
            return {}
    return value if isinstance(value, dict) else {}


def embedded(node: Node, key: str) -> Node:
    """Return the object under `key`, folded, also where it is written as a JSON text."""
    return fold(decoded(node, key))


def items(node: Node, *keys: str) -> list[object]:
    """Return the first list under `keys`; an empty one where there is none."""
    for key in keys:
        value = node.get(key)
        if isinstance(value, list):
            return value
    return []


def cut(text: str, limit: int = TEXT_LIMIT) -> str:
    """Return `text`, cut to `limit` characters with an ellipsis; a secret is replaced before a cut could split it."""
    return text if len(text) <= limit else f"{redact(text[: 2 * limit])[: limit - 1]}…"


def text(node: Node, *keys: str, limit: int = TEXT_LIMIT) -> str | None:
    """Return the first text under `keys` that is not blank, cut to `limit` characters."""
    for key in keys:
        value = node.get(key)
        if isinstance(value, str) and value and not value.isspace():
            return value if len(value) <= limit else cut(value, limit)
    return None


def json_text(node: Node, key: str) -> str | None:
    """Return what stands under `key` as JSON text, which is how most senders write reason data."""
    value = node.get(key)
    if isinstance(value, dict | list):
        value = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return cut(value, LONG_TEXT_LIMIT) if isinstance(value, str) and value else None


def picked(node: Node, names: tuple[str, ...]) -> dict[str, object]:
    """Return what stands under `names`, which keep their case, where it stands there."""
    return {name: node[name.lower()] for name in names if name.lower() in node}


def texts(node: Node, *keys: str) -> tuple[str, ...]:
    """Return the texts in the lists under all of `keys`, each once and in order."""
    found = (item for key in keys for item in items(node, key) if isinstance(item, str) and item)
    return tuple(cut(item) for item in list(dict.fromkeys(found))[:ITEM_LIMIT])


def number(value: object) -> float | None:
    """Return the finite number that `value` is or spells."""
    if isinstance(value, bool) or not isinstance(value, _SCALARS):
        return None
    if isinstance(value, str) and len(value) > _LONGEST_NUMBER:
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def integer(value: object) -> int | None:
    """Return the whole number that `value` is or spells."""
    found = number(value)
    return int(found) if found is not None and found.is_integer() and abs(found) < _LARGEST_NUMBER else None


def boolean(value: object) -> bool | None:
    """Return the truth value that `value` is or spells."""
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return value if isinstance(value, bool) else None


def _pairs(value: object) -> Iterator[tuple[object, object]]:
    if isinstance(value, dict) and fold(value).keys() not in _PAIRS:
        yield from value.items()
        return
    for item in map(fold, value if isinstance(value, list) else [value]):
        yield item.get("name", item.get("key")), item.get("value")


def mapping(value: object) -> Mapping[str, str]:
    """Return names and values, from an object or from a list of {name, value} or {key, value} in any order and case.

    Relays that unwrap lists of one leave the only {name, value} by itself: it is one pair, not two.
    """
    found: dict[str, str] = {}
    for name, said in _pairs(value):
        if isinstance(name, str) and isinstance(said, _SCALARS) and len(found) < ITEM_LIMIT:
            found[cut(name)] = cut(said) if isinstance(said, str) else json.dumps(said)
    return found


def statistic(said: str | None) -> str | None:
    """Return a statistic in the API's spelling: `AVERAGE` and `SAMPLE_COUNT` as `Average` and `SampleCount`."""
    if said is None:
        return None
    known = _STATISTICS.get(said.upper().replace("_", ""))
    return known or (said.lower() if _FOLDED_STATISTIC.fullmatch(said) else said)


def missing_data(said: str | None) -> MissingData | None:
    """Return the treatment of missing data from any of its spellings, `- TreatMissingData: missing` among them."""
    if said is None:
        return None
    last = said.rpartition(":")[2].lower()
    return _MISSING_DATA.get("".join(letter for letter in last if letter.isalpha()))


def state(value: object) -> AlarmState | None:
    """Return the alarm state that `value` spells."""
    return _STATES.get(value.strip().upper()) if isinstance(value, str) else None


def required_state(value: object) -> AlarmState:
    """Return the alarm state that `value` spells.

    Raises:
        Refused: `state_missing` or `state_unknown`.
    """
    if value is None or value == "":
        raise Refused("state_missing", "it names no alarm state")
    found = state(value)
    if found is None:
        raise Refused("state_unknown", f"{shown(value)} is no alarm state")
    return found


def _from_epoch(value: float) -> datetime:
    seconds = value / 1000 if abs(value) >= _EARLIEST_MILLISECONDS else value
    return datetime.fromtimestamp(seconds, UTC)


def _from_fields(value: Mapping[str, object]) -> datetime:
    names = ("year", "month", "day", "hour", "minute", "second", "microsecond")
    year, month, day, hour, minute, second, micro = (integer(value.get(name, 0)) or 0 for name in names)
    return datetime(year, month, day, hour, minute, second, micro, tzinfo=UTC)


def _from_text(value: str) -> datetime:
    if value[4:5] != "-" or value[10:11] not in ("T", " "):
        raise ValueError(value)
    found = datetime.fromisoformat(value)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def instant(value: object) -> datetime | None:
    """Return a time in UTC with millisecond precision, or `None` where `value` is no time.

    Reads ISO 8601 with or without an offset (AWS writes UTC), epoch seconds and milliseconds, and the object of fields
    that recorded boto responses hold.
    """
    try:
        if isinstance(value, str):
            found = _from_text(value.strip())
        elif isinstance(value, dict):
            found = _from_fields(value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found = _from_epoch(value)
        else:
            return None
    except (ValueError, OverflowError, OSError, TypeError):
        return None
    return found.replace(microsecond=found.microsecond // 1000 * 1000)


def required_instant(value: object) -> datetime:
    """Return a time in UTC with millisecond precision.

    Raises:
        Refused: `time_missing` or `time_unreadable`.
    """
    if value is None or value == "":
        raise Refused("time_missing", "it does not say when")
    found = instant(value)
    if found is None:
        raise Refused("time_unreadable", f"{shown(value)} is no time")
    return found


def shown(value: object) -> str:
    """Return `value` as an operator may read it: ASCII, at most 60 characters."""
    said = value if isinstance(value, _SCALARS) else type(value).__name__
    return ascii(said[:60] if isinstance(said, str) else said)[:60]


def digest(value: object) -> str:
    """Return the SHA-256 of `value` as canonical JSON: an id for parts that bring none."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode("utf-8", "replace")).hexdigest()
