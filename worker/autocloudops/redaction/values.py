"""Secrets out of JSON, where a name and its value stand apart."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import product
from typing import Any

from autocloudops.redaction.named import EMPTY_KEY, NAMED, Named
from autocloudops.redaction.placeholders import placeholder
from autocloudops.redaction.redacting import redact

LONGEST_NAME = 128

# How AWS and others write a pair, in any case: an environment variable of a task, a tag, a parameter.
_PAIRS = (
    ("name", "value"),
    ("key", "value"),
    ("parameterkey", "parametervalue"),
    ("parametername", "parametervalue"),
)

# Keys that say nothing of their values: those of an object under a secret's name.
_EMPTY = re.compile(EMPTY_KEY, re.IGNORECASE)


def redact_json(value: Any, name: str = "") -> Any:  # noqa: ANN401 - JSON of any depth
    """Return a JSON value with the secrets in its texts replaced: those that tell themselves, and those of a name.

    Names are keys of objects, also as `{"name": "DB_PASSWORD", "value": …}`. Numbers are no secrets.

    Args:
        value: what `json.loads` returns; a lone text is redacted as `redact` does it.
        name: under which the value stands, if anything.
    """
    match value:
        case str():
            return _redact_text(value, name)
        case list():
            return [redact_json(item, name) for item in value]
        case dict():
            told = _paired(value)
            return {
                _redact_name(each): redact_json(item, told.get(each) or _inherited(each, name))
                for each, item in value.items()
            }
        case _:
            return value


def _redact_text(text: str, name: str) -> str:
    named = _told_by(name)
    return placeholder(named.kind, text) if named and named.may_be(text) else redact(text)


def _paired(value: Mapping[str, Any]) -> dict[str, str]:
    """Return the names that stand beside their values, by the keys of the values; a secret's goes first."""
    told: dict[str, str] = {}
    for key, held in _pairs(value):
        name = value[key]
        if isinstance(name, str) and (held not in told or _told_by(name)):
            told[held] = name
    return told


def _pairs(value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the keys of a name and of its value, in whatever case each is written."""
    written: dict[str, list[str]] = {}
    for each in value:
        written.setdefault(each.lower(), []).append(each)
    for key, held in _PAIRS:
        yield from product(written.get(key, ()), written.get(held, ()))


def _inherited(key: str, name: str) -> str:
    """Return what tells of a value under `key`: the key, or the object's own `name` where the key says nothing."""
    return name if name and _EMPTY.fullmatch(key) else key


def _redact_name(name: str) -> str:
    return name if name.isidentifier() else redact(name)


def _told_by(name: str) -> Named | None:
    """Return what a value of this name is, if the name says that it is secret."""
    return _secret_of(name) if len(name) <= LONGEST_NAME else None


@lru_cache(maxsize=1024)
def _secret_of(name: str) -> Named | None:
    return next((named for named in NAMED if named.told_by(name)), None)
