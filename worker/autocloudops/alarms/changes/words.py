"""Readers over the detail of an event: each returns what is there, whatever the sender wrote."""

import re
from collections.abc import Mapping

from autocloudops.redaction import clean

KEY_CHARACTERS = 256
WHAT_CHARACTERS = 240
BY_CHARACTERS = 80
IDENTIFIER = re.compile(r"[A-Za-z0-9_.:/+@=,#$-]{1,128}")
"""What AWS allows in names, numbers and ARNs: no blank, so no sentence."""
_NUMBERED = (bool, int, float)


def at(value: object, *path: str) -> object:
    """Return what stands under `path` in nested objects, None where there is nothing."""
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def said(value: object, *path: str) -> str:
    """Return the text or number under `path` as text, the empty text for anything else."""
    found = at(value, *path)
    if isinstance(found, _NUMBERED):
        return str(found).lower() if isinstance(found, bool) else str(found)
    return found if isinstance(found, str) else ""


def listed(value: object, *path: str) -> list[object]:
    """Return the list under `path`, an empty one where there is none."""
    found = at(value, *path)
    return found if isinstance(found, list) else []


def identifier(text: str) -> str:
    """Return `text` where it could be a name or a number of AWS, else the empty text."""
    return text if IDENTIFIER.fullmatch(text) else ""


def last(text: str, separators: str = ":/") -> str:
    """Return what stands behind the last of `separators`."""
    return re.split(f"[{re.escape(separators)}]", text)[-1]


def in_line(text: str, limit: int) -> str:
    """Return words from outside on one line, cleaned and bounded."""
    return clean(" ".join(text.split()), limit)


def joined(*parts: str) -> str:
    """Return the parts that are not empty, separated by a comma."""
    return ", ".join(part for part in parts if part)
