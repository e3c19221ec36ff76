"""Words of a text, for choosing among sections of one runbook."""

import re

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
SHORTEST = 3


def words(text: str) -> frozenset[str]:
    """Return the words of `text` in lower case, `FreeStorageSpace` taken apart, without the shortest."""
    return frozenset(word.lower() for word in _WORD.findall(text) if len(word) >= SHORTEST)
