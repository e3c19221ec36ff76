"""GetCalendarState: whether change calendars are open."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from autocloudops.sandbox.automation.ical import CLOSED, OPEN, Calendar
from autocloudops.sandbox.automation.world import Caller, Handler, World
from autocloudops.sandbox.control_plane.values import Document
from autocloudops.sandbox.control_plane.wire import Refusal, Row, invalid


def get_calendar_state(world: World, request: Document, caller: Caller) -> Row:
    """GetCalendarState: open when every calendar that is named is."""
    calendars = [_calendar(world, name) for name in request["CalendarNames"]]
    at = _moment(request["AtTime"]) if "AtTime" in request else caller.at
    state = _state(calendars, at)
    edges = sorted(edge for each in calendars for edge in each.edges(at))
    turns = next((edge for edge in edges if _state(calendars, edge) != state), None)
    return {"State": state, "AtTime": _shown(at), "NextTransitionTime": turns and _shown(turns)}


OPERATIONS: Mapping[str, Handler] = MappingProxyType({"GetCalendarState": get_calendar_state})


def _calendar(world: World, name: str) -> Calendar:
    stored = world.document(name)
    says = stored.versions[stored.default - 1].says
    if not isinstance(says, Calendar):
        raise Refusal(
            "InvalidDocumentType", f"The document {stored.name} is of type {stored.type}, not ChangeCalendar."
        )
    return says


def _state(calendars: list[Calendar], at: datetime) -> str:
    return OPEN if all(each.state(at) == OPEN for each in calendars) else CLOSED


def _moment(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise invalid(f"{text} is no time in ISO 8601.") from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _shown(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
