"""Texts that are no JSON but as good: Python literals, and lines of `Key='value'`. Each in one linear pass.

The AWS guide prints the Lambda action event as Python does, and so do logs of handlers that print their event. They
are rewritten rather than evaluated: Python's own parser can be driven deep. CloudFormation notifies in lines.
"""

import json
import re
import sys

MAX_LITERAL_CHARACTERS = 65_536
"""Rewriting costs some microseconds a token; the events that are printed so have a few kilobytes."""

_STRING = r"'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\""
_TOKEN = re.compile(
    rf"(?P<string>{_STRING})"
    r"|(?P<word>True|False|None)\b"
    r"|(?P<number>-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?)"
    r"|(?P<closed>,\s*(?=[\]}]))"
    r"|(?P<mark>[{}\[\]:,]|\s+)"
)
_ESCAPE = r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)|\""
_FIRST_ASSIGNMENT = r"\w{1,64}='"
_ASSIGNMENT = re.compile(r"(\w{1,64})='(.*)'")
_WORDS = {"True": "true", "False": "false", "None": "null"}
_ALIKE = frozenset('"\\nrtbf')


def _escape(found: re.Match[str]) -> str:
    code = found[1]
    if code is None:
        return '\\"'
    if code in _ALIKE or code[0] == "u":
        return f"\\{code}"
    if code == "'":
        return "'"
    if len(code) > 1:
        return _character(int(code[1:], 16))
    return f"\\\\{code}"


def _character(number: int) -> str:
    return json.dumps(chr(number) if number <= sys.maxunicode else "\ufffd")[1:-1]


def _json(found: re.Match[str]) -> str:
    if (text := found["string"]) is not None:
        return f'"{re.sub(_ESCAPE, _escape, text[1:-1])}"'
    if (word := found["word"]) is not None:
        return _WORDS[word]
    return "" if found["closed"] is not None else found[0]


def json_from_literal(text: str) -> str | None:
    """Return the JSON text for the Python literal `text`; `None` where it is long or holds anything but a literal."""
    if len(text) > MAX_LITERAL_CHARACTERS:
        return None
    pieces: list[str] = []
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            return None
        pieces.append(_json(found))
        position = found.end()
    return "".join(pieces)


def assignments(text: str) -> dict[str, str]:
    """Return the values of the lines `Key='value'`; none where the text does not begin with one."""
    if re.match(_FIRST_ASSIGNMENT, text) is None:
        return {}
    return {found[1]: found[2] for found in map(_ASSIGNMENT.fullmatch, text.splitlines()) if found}
