"""The part of iCalendar that a Change Calendar holds: when it is open.

Source: AWS Systems Manager User Guide, "AWS Systems Manager Change Calendar"; RFC 5545 for the dates.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from autocloudops.sandbox.control_plane.wire import Refusal
from autocloudops.values import Value

OPEN, CLOSED = "OPEN", "CLOSED"
KIND = re.compile(r"^X-CALENDAR-TYPE:DEFAULT_(OPEN|CLOSED)\s*$", re.MULTILINE)
EVENT = re.compile(r"^BEGIN:VEVENT\s*$(.*?)^END:VEVENT\s*$", re.MULTILINE | re.DOTALL)
TIME = r"^{}(?:;TZID=([^:;]+))?:(\d{{8}}T\d{{6}})(Z?)\s*$"


class Calendar(Value):
    """A calendar: the state that it has outside of its events, and when each event begins and ends."""

    by_default: str
    events: tuple[tuple[datetime, datetime], ...] = ()

    def state(self, at: datetime) -> str:
        """Return `OPEN` or `CLOSED`."""
        inside = any(begin <= at < end for begin, end in self.events)
        return self.by_default if not inside else (CLOSED if self.by_default == OPEN else OPEN)

    def edges(self, after: datetime) -> Iterator[datetime]:
        """Yield when an event begins or ends after that time."""
        yield from (each for event in self.events for each in event if each > after)


def calendar(content: str) -> Calendar:
    """Return what the text of a calendar says.

    Raises:
        Refusal: it is no calendar, or repeats an event, which is not understood here.
    """
    kind = KIND.search(content)
    if "BEGIN:VCALENDAR" not in content or kind is None:
        raise Refusal(
            "InvalidDocumentContent", "The content is no calendar with X-CALENDAR-TYPE:DEFAULT_OPEN or _CLOSED."
        )
    if "RRULE" in content:
        raise Refusal("InvalidDocumentContent", "Events that repeat are not understood here.")
    return Calendar(by_default=kind.group(1), events=tuple(map(_event, EVENT.findall(content))))


def always(state: str) -> str:
    """Return the text of a calendar that is always in that state."""
    return (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//AWS//Change Calendar 1.0//EN\r\n"
        f"X-CALENDAR-TYPE:DEFAULT_{state}\r\nEND:VCALENDAR\r\n"
    )


def _event(text: str) -> tuple[datetime, datetime]:
    return _time("DTSTART", text), _time("DTEND", text)


def _time(name: str, text: str) -> datetime:
    found = re.search(TIME.format(name), text, re.MULTILINE)
    if found is None:
        raise Refusal("InvalidDocumentContent", f"An event has no {name} with a date and a time.")
    zone, at, _ = found.groups()
    try:
        return datetime.strptime(at, "%Y%m%dT%H%M%S").replace(tzinfo=ZoneInfo(zone) if zone else UTC)
    except ZoneInfoNotFoundError as error:
        raise Refusal("InvalidDocumentContent", f"There is no time zone {zone}.") from error
