"""How often anything may be done, and how long spans of time are written."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from autocloudops.values import Value

_SPAN = r"(\d{1,5})([smhd])"
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def read_span(said: object) -> object:
    """Return a span of time that is written as `90s`, `15m`, `2h` or `1d`; whatever is no text stays as it is.

    Raises:
        ValueError: the text is no such span.
    """
    if not isinstance(said, str):
        return said
    match = re.fullmatch(_SPAN, said)
    if match is None:
        raise ValueError(f"{said!r} is no span of time: write 90s, 15m, 2h or 1d")
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2]])


def write_span(span: timedelta) -> str:
    """Return a span as `read_span` reads it, in the largest unit that divides it."""
    seconds = int(span.total_seconds())
    unit = next(unit for unit in "dhms" if seconds % _SECONDS[unit] == 0)
    return f"{seconds // _SECONDS[unit]}{unit}"


Span = Annotated[
    timedelta,
    BeforeValidator(read_span),
    PlainSerializer(write_span, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,5}[smhd]$"}),
]


class ClaimLimits(Value):
    """How often anything may be done.

    `cooldown` is how long a target stays locked from its claim on. Budgets count claims in an hour of the clock. The
    breaker drops a runbook to dry-run after `breaker_failures` of its last `breaker_of` verifications failed.
    """

    model_config = ConfigDict(extra="forbid")

    lease: Span = Field(
        default=timedelta(seconds=120),
        description="how long a worker holds what it has begun before another may look after it",
    )
    cooldown: Span = Field(
        default=timedelta(minutes=15), description="how long a target is left alone after an action was claimed"
    )
    global_per_hour: int = Field(default=10, ge=0, description="actions of all runbooks in an hour of the clock")
    runbook_per_hour: int = Field(default=3, ge=0, description="actions of one runbook in an hour of the clock")
    breaker_failures: int = Field(default=2, ge=1, description="so many failed verifications drop a runbook to dry-run")
    breaker_of: int = Field(default=10, ge=1, description="among so many of its last verifications")
