"""Secrets out of JSON, where a name and its value stand apart."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from autocloudops.redaction.named import NAMED, Named
from autocloudops.redaction.placeholders import placeholder
from autocloudops.redaction.redacting import redact

LONGEST_NAME = 128

# How AWS and others write a pair: an environment variable of a task, a tag, a parameter.
_PAIRS = (
    ("name", "value"),
    ("Name", "Value"),
    ("key", "value"),
    ("Key", "Value"),
    ("ParameterKey", "ParameterValue"),
    ("ParameterName", "ParameterValue"),
)


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
            return {_redact_name(each): redact_json(item, told.get(each) or each) for each, item in value.items()}
        case _:
            return value


def _redact_text(text: str, name: str) -> str:
    named = _told_by(name) if len(name) <= LONGEST_NAME else None
    return placeholder(named.kind, text) if named and named.may_be(text) else redact(text)


def _paired(value: Mapping[str, Any]) -> dict[str, str]:
    """Return the names that stand beside their values, by the keys of the values."""
    pairs = ((held, value.get(key)) for key, held in _PAIRS if held in value)
    return {held: name for held, name in pairs if isinstance(name, str)}


def _redact_name(name: str) -> str:
    return name if name.isidentifier() else redact(name)


@lru_cache(maxsize=1024)
def _told_by(name: str) -> Named | None:
    """Return what a value of this name is, if the name says that it is secret."""
    return next((named for named in NAMED if named.told_by(name)), None)
