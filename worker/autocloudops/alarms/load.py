"""From bytes to plain values, within bounds: the only place that decodes what a sender wrote.

Each refusal is a `Refused` with a short code; nothing else leaves these functions.
"""

import json
import math
import re
from json import JSONDecodeError

from autocloudops.alarms.literal import assignments, json_from_literal
from autocloudops.errors import AutoCloudOpsError

MAX_BODY_BYTES = 8 * 1024 * 1024
"""Above every carrier: SQS holds 1 MiB, a Lambda event 6 MB, a page of DescribeAlarms less."""
MAX_DEPTH = 64
"""Brackets within brackets. Real messages stay under 12."""

_CONTAINERS = (dict, list)
_SURROGATE_ESCAPES = ("\\ud", "\\uD", "\\U0000")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


class Refused(AutoCloudOpsError):
    """A body, or a part of one, that cannot become a noun; it becomes an `Unparseable` and never leaves `parse`.

    Args:
        code: the short, stable name of the reason.
        reason: the reason in words for an operator.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def raw_of(body: str | bytes) -> bytes:
    """Return the bytes that identify `body`."""
    return body.encode("utf-8", "replace") if isinstance(body, str) else body


def text_of(body: str | bytes) -> str:
    """Return `body` as text, without a byte order mark.

    Raises:
        Refused: `too_large` or `not_utf8`.
    """
    if len(body) > MAX_BODY_BYTES:
        raise Refused("too_large", f"{len(body)} bytes are more than the {MAX_BODY_BYTES} that a body may have")
    if isinstance(body, str):
        return _SURROGATE.sub("\ufffd", body).removeprefix("\ufeff")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused("not_utf8", f"the bytes are no UTF-8 text: {error.reason} at byte {error.start}") from error


def decode(text: str) -> object:
    """Return the value that `text` holds: JSON, the Python literal that a log prints for it, or lines of `Key='value'`.

    The value holds no lone surrogate, no infinite number and at most `MAX_DEPTH` levels.

    Raises:
        Refused: `empty`, `not_json`, `number_too_large` or `too_deep`.
    """
    try:
        value = _DECODER.decode(text)
    except JSONDecodeError as error:
        value = _decode_otherwise(text, error)
    except RecursionError as error:
        raise _too_deep() from error
    except ValueError as error:
        raise Refused("number_too_large", "a number has more digits than can be read") from error
    if text.count("{") + text.count("[") > MAX_DEPTH and _is_deep(value):
        raise _too_deep()
    return _clean(value) if any(escape in text for escape in _SURROGATE_ESCAPES) else value


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _no_number(_name: str) -> None:
    """Read `NaN` and the infinities, which are no JSON, as null."""


_DECODER = json.JSONDecoder(strict=False, parse_float=_finite, parse_constant=_no_number)


def _decode_otherwise(text: str, why: JSONDecodeError) -> object:
    if not text.strip():
        raise Refused("empty", "there is nothing in it") from why
    assigned = assignments(text)
    if assigned:
        return assigned
    rewritten = json_from_literal(text) if text.lstrip()[:1] in ("{", "[") and "'" in text else None
    if rewritten is None:
        raise Refused("not_json", f"the text is no JSON: {why.msg} at character {why.pos}") from why
    try:
        return _DECODER.decode(rewritten)
    except RecursionError as error:
        raise _too_deep() from error
    except ValueError as error:
        raise Refused("not_json", "the text is neither JSON nor a Python literal") from error


def _too_deep() -> Refused:
    return Refused("too_deep", f"it is nested deeper than {MAX_DEPTH} levels")


def _containers(value: object) -> list[object]:
    if isinstance(value, dict):
        return [item for item in value.values() if isinstance(item, _CONTAINERS)]
    return [item for item in value if isinstance(item, _CONTAINERS)] if isinstance(value, list) else []


def _is_deep(value: object) -> bool:
    level = _containers(value)
    for _ in range(MAX_DEPTH - 1):
        level = [item for holder in level if holder for item in _containers(holder)]
        if not level:
            return False
    return True


def _clean(value: object) -> object:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_SURROGATE.sub("\ufffd", key): _clean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return value
