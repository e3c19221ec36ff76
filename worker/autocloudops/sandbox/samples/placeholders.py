"""What stands in a sample file for a value that only loading can know.

    {{-90s}}             ninety seconds ago as CloudWatch writes it: 2026-11-22T10:15:30.125+0000
    {{-90s|milli}}       as SNS writes it: 2026-11-22T10:15:30.125Z
    {{-90s|second}}      as EventBridge writes it: 2026-11-22T10:15:30Z
    {{-90s|minute}}      the minute it falls in, as in `reasonData`: 2026-11-22T10:15:00.000+0000
    {{-90s|datapoint}}   the same minute, as in the text of a reason: 22/11/26 10:15:00
    {{-90s|sentence}}    as in the reason of a composite alarm: Sunday 22 November, 2026 10:15:30 UTC
    {{id}}               an event id: a UUID of the sample's name and of the time of loading
    {{secret:NAME}}      an invented secret of `PLANTED_SECRETS`

Offsets are counted in s, m, h or d and may have decimals.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from uuid import NAMESPACE_URL, uuid5

from autocloudops.errors import InputUnreadable

# In parts, so that no file holds anything that a secret scanner would have to be told about.
_PARTS = {
    "access-key-id": ("AK", "IA", "DEMOSAMPLE", "234567"),
    "secret-access-key": ("demo/", "Sample0Only1Never2Valid3", "/Anywhere4+"),
    "database-url": ("postgresql", "://ledger:", "correct-horse-demo", "@ledger-db.internal:5432/ledger"),
    "bearer-token": ("ey", "JhbGciOiJub25lIn0", ".ey", "JzdWIiOiJkZW1vIn0", ".", "bm90LWEtc2lnbmF0dXJl"),
    "model-key": ("nv", "api", "-", "DemoOnly" * 8),
}
PLANTED_SECRETS: Mapping[str, str] = MappingProxyType({name: "".join(parts) for name, parts in _PARTS.items()})

_PLACEHOLDER = re.compile(r"\{\{([^{}]*)\}\}")
_OFFSET = re.compile(r"-(?P<amount>\d+(?:\.\d+)?)(?P<unit>[smhd])(?:\|(?P<style>[a-z]+))?")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def render(text: str, now: datetime, name: str) -> str:
    """Return `text` with every placeholder replaced.

    Args:
        text: the JSON text of one sample.
        now: the time that offsets are counted from, with its zone.
        name: the name of the sample.

    Raises:
        InputUnreadable: a placeholder is none of those above.
    """
    return _PLACEHOLDER.sub(lambda match: _value(match[1], now.astimezone(UTC), name), text)


def _value(placeholder: str, now: datetime, name: str) -> str:
    if placeholder == "id":
        return str(uuid5(NAMESPACE_URL, f"{name} {now.isoformat()}"))
    kind, _, secret = placeholder.partition(":")
    if kind == "secret" and secret in PLANTED_SECRETS:
        return PLANTED_SECRETS[secret]
    offset = _OFFSET.fullmatch(placeholder)
    if offset and (style := offset["style"] or "cloudwatch") in _STYLES:
        return _STYLES[style](now - timedelta(**{_UNITS[offset["unit"]]: float(offset["amount"])}))
    raise InputUnreadable(
        f"sample {name}: the placeholder {{{{{placeholder}}}}} is unknown",
        "use one of those listed in autocloudops/sandbox/samples/placeholders.py",
    )


def _milliseconds(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}"


_STYLES: Mapping[str, Callable[[datetime], str]] = {
    "cloudwatch": lambda at: f"{_milliseconds(at)}+0000",
    "milli": lambda at: f"{_milliseconds(at)}Z",
    "second": lambda at: at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    "minute": lambda at: at.strftime("%Y-%m-%dT%H:%M:00.000+0000"),
    "datapoint": lambda at: at.strftime("%d/%m/%y %H:%M:00"),
    "sentence": lambda at: at.strftime("%A %d %B, %Y %H:%M:%S UTC"),
}
