"""`audit tail`: what is added to the audit, as JSON lines."""

import asyncio
import gzip
import json
import re
import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Any

import typer

from autocloudops.audit.keys import (
    ACTIONS,
    HOUR,
    action_day,
    day_of,
    day_prefix,
    hour_of,
    hour_prefix,
    place_of,
)
from autocloudops.audit.listing import bodies
from autocloudops.audit.objects import AuditObjects
from autocloudops.audit.reader import DAMAGED
from autocloudops.cli.output import note
from autocloudops.cli.records import opened
from autocloudops.clock import Clock, SystemClock
from autocloudops.errors import InputUnreadable, ServiceUnavailable, Throttled
from autocloudops.redaction import visible_json

SPAN = re.compile(r"(\d{1,4})([smhd])")
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
LOOK_SECONDS = 5.0
DAY = timedelta(days=1)
LATE_BY = 2 * HOUR
"""How long an object may take from its name to its place, as it does while S3 fails."""

Line = Mapping[str, Any]


def tail_audit(location: str | None, since: str, *, follow: bool) -> None:
    """Print records and entries of the action log, one JSON object a line, with the object that each stands in.

    Args:
        location: `s3://BUCKET[/PREFIX]` or a folder; the setting where it is None.
        since: how far back to begin, as `90s`, `10m`, `2h` or `3d`.
        follow: whether to go on with what is added, until interrupted.

    Raises:
        typer.BadParameter: the span of time cannot be read.
        ServiceFailed: the bucket cannot be read; while following, what may pass is waited for.
    """
    span = _span(since)
    asyncio.run(_tail(location, span, follow=follow))


def _span(said: str) -> timedelta:
    match = SPAN.fullmatch(said.strip().lower())
    if match is None:
        raise typer.BadParameter(f"'{said}' is no span of time: write 90s, 10m, 2h or 3d")
    return timedelta(**{UNITS[match[2]]: int(match[1])})


async def _tail(location: str | None, span: timedelta, *, follow: bool) -> None:
    clock = SystemClock()
    async with opened(location) as objects:
        follower = Follower(objects, clock, clock.now() - span)
        async for line in follower.follow() if follow else follower.look():
            typer.echo(visible_json(json.dumps(line, ensure_ascii=False)))


class Follower:
    """Yields what stands in an audit since some time, and then what is added.

    Lines come in the order of their objects: by hour, writer and number, the action log after the decisions.

    Args:
        objects: the audit.
        clock: which hours are looked at, and pauses.
        since: what is older is left out of the first look.
    """

    def __init__(self, objects: AuditObjects, clock: Clock, since: datetime) -> None:
        self._objects = objects
        self._clock = clock
        self._since: datetime | None = since
        self._seen: set[str] = set()

    async def follow(self) -> AsyncIterator[Line]:
        """Yield lines for ever; an audit that cannot be read for a while is looked at again."""
        while True:
            try:
                async for line in self.look():
                    yield line
            except (ServiceUnavailable, Throttled) as error:
                note(f"the audit is not read at the moment: {error}")
            await self._clock.sleep(LOOK_SECONDS)

    async def look(self) -> AsyncIterator[Line]:
        """Yield the lines of every object that is new since the last look."""
        first, now = self._since, self._clock.now()
        begin = hour_of(min(first or now, now) - (timedelta() if first else LATE_BY))
        fresh = [key async for key in self._keys(begin, now) if key not in self._seen]
        async with aclosing(bodies(self._objects, fresh)) as reading:
            async for key, body in reading:
                for line in self._lines(key, body) if body is not None else ():
                    if first is None or datetime.fromisoformat(line["at"]) >= first:
                        yield line
                self._seen.add(key)
        self._since = None
        self._seen = {key for key in self._seen if _later(key, hour_of(now - LATE_BY))}

    async def _keys(self, begin: datetime, now: datetime) -> AsyncIterator[str]:
        hour, day = begin, day_of(begin - DAY)
        while hour <= now:
            async for key in self._objects.keys(hour_prefix(hour)):
                if place_of(key):
                    yield key
            hour += HOUR
        while day <= now:
            async for key in self._objects.keys(day_prefix(ACTIONS, day)):
                if action_day(key):
                    yield key
            day += DAY

    def _lines(self, key: str, body: bytes) -> Sequence[Line]:
        try:
            return _parsed(key, body)
        except (OSError, EOFError, ValueError, KeyError, TypeError, zlib.error):
            note(str(InputUnreadable(f"{self._objects.location}/{key} cannot be read", DAMAGED)))
            return ()


def _parsed(key: str, body: bytes) -> Sequence[Line]:
    text = gzip.decompress(body) if key.endswith(".gz") else body
    found = [{"object": key, "line": number, **json.loads(line)} for number, line in enumerate(text.splitlines())]
    for line in found:
        datetime.fromisoformat(line["at"])
    return found


def _later(key: str, begin: datetime) -> bool:
    """Return whether a key can be listed by a look that begins at an hour."""
    place = place_of(key)
    at = place.hour if place else action_day(key)
    return at is not None and at >= (begin if place else day_of(begin - DAY))
