"""Secrets out of text, in time proportional to its length."""

import re

from autocloudops.redaction.cutting import cut
from autocloudops.redaction.patterns import LINE_LIMIT, PATTERNS, Pattern

_KEY_BLOCK_BEGIN = re.compile(r"-----BEGIN (?:[A-Z0-9]{1,16} ){0,4}PRIVATE KEY(?: BLOCK)?-----")
_KEY_BLOCK_END = re.compile(r"-----END (?:[A-Z0-9]{1,16} ){0,4}PRIVATE KEY(?: BLOCK)?-----")


def redact(text: str) -> str:
    """Return `text` with each secret that a known pattern finds replaced by `<kind>`.

    Kinds are the rows of `patterns.PATTERNS` and `<private-key>`. A line over `patterns.LINE_LIMIT` characters is cut
    before it is searched, because what is not searched must not pass.

    Args:
        text: any text, of one line or many.
    """
    lines = (cut(line, LINE_LIMIT) for line in _without_key_blocks(text).split("\n"))
    lowered = text.lower()
    possible = [pattern for pattern in PATTERNS if pattern.hinted(lowered)]
    return "\n".join(_redact_line(line, possible) for line in lines)


def _redact_line(line: str, possible: list[Pattern]) -> str:
    if not possible:
        return line
    lowered = line.lower()
    for pattern in possible:
        if pattern.hinted(lowered):
            line = pattern.replace(line)
    return line


def _without_key_blocks(text: str) -> str:
    """Replace private key blocks; one without its end reaches to the end of the text."""
    pieces: list[str] = []
    position = 0
    while begin := _KEY_BLOCK_BEGIN.search(text, position):
        pieces += (text[position : begin.start()], "<private-key>")
        end = _KEY_BLOCK_END.search(text, begin.end())
        position = end.end() if end else len(text)
    pieces.append(text[position:])
    return "".join(pieces)
