"""What the resource is configured to be, and the limits that bound its metrics."""

import asyncio
from collections.abc import Iterable, Sequence

from autocloudops.alarms.model import Alarm, ResourceRef
from autocloudops.clock import Clock
from autocloudops.diagnosis.gathering import Piece, Subject, not_read
from autocloudops.errors import ServiceFailed
from autocloudops.knowledge.calls import Calls
from autocloudops.knowledge.configurations import BY_TYPE, DESCRIBERS
from autocloudops.knowledge.configurations.reading import Described, Limit, Reading, Shared
from autocloudops.knowledge.configurations.remembering import Remembered
from autocloudops.knowledge.configurations.words import limited, named
from autocloudops.knowledge.wording import bounded

KEPT_SECONDS = 60.0
UNKNOWN_SHAPE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What reading an answer raises that is not as it is documented: it costs these facts, not the incident."""
WORTH = 71
NOTHING_WORTH = 5
_TYPES = {type_.replace(":", "-"): type_ for type_ in BY_TYPE}
"""Resource types as the first part of an owner writes them."""


class Configuration:
    """Reads the resource of the alarm, that of the incident, and their owners: a call or two each, kept for a minute.

    A type that no describer reads is no failure, because nothing that could be repaired is missing: one piece says so.
    Every type that the catalogue has an action for has a describer, so that no action is taken on such a resource.

    Args:
        calls: makes the calls.
        clock: time.
        account: the account of the worker's credentials; resources of others are not read.
    """

    kind = "configuration"
    essential = True
    permissions = frozenset(action for describer in DESCRIBERS for action in describer.actions)

    def __init__(self, calls: Calls, clock: Clock, account: str) -> None:
        self._calls = calls
        self._account = account
        self._shared = Shared(calls, clock)
        self._kept: Remembered[Described] = Remembered(clock, KEPT_SECONDS, lambda described: not described.unread)

    async def read(self, subject: Subject) -> Sequence[Piece]:
        """Return one piece for each thing that was read, and one for each that was not.

        Raises:
            ServiceFailed: nothing could be read.
        """
        things = _things(subject)
        if not things:
            return (_no_describer(subject.alarm.resource),)
        found = await asyncio.gather(*(self._pieces(thing, subject.alarm) for thing in things), return_exceptions=True)
        failures = [each for each in found if isinstance(each, BaseException)]
        unforeseen = [error for error in failures if not isinstance(error, ServiceFailed)]
        if unforeseen or len(failures) == len(things):
            raise (unforeseen or failures)[0]
        missing = [_missing(not_read(error)) for error in failures if isinstance(error, ServiceFailed)]
        return [*(piece for each in found if not isinstance(each, BaseException) for piece in each), *missing]

    async def described(self, resource: ResourceRef) -> Described:
        """Return the configuration of one resource of a type in `BY_TYPE`, with its tags.

        Raises:
            ServiceFailed: it could not be read.
        """
        key = (resource.account, resource.region, resource.type, resource.id)
        return await self._kept.get(key, lambda: self._describe(resource))

    async def _describe(self, resource: ResourceRef) -> Described:
        describer, reading = BY_TYPE[resource.type], Reading(self._calls, resource, self._shared)
        try:
            return await describer.describe(reading)
        except UNKNOWN_SHAPE as error:
            raise ServiceFailed(describer.actions[0], reading.target, "its answer has an unknown shape") from error

    async def _pieces(self, resource: ResourceRef, alarm: Alarm) -> Sequence[Piece]:
        if resource.account != self._account:
            return (_missing(f"the {resource.type} is in another account than the role of this worker"),)
        described = await self.described(resource)
        return (_piece(resource, described, alarm), *(_missing(why) for why in described.unread))


def _things(subject: Subject) -> list[ResourceRef]:
    """Return what is read: at most one thing for each describer, the alarm's own resource first."""
    candidates = [subject.alarm.resource, subject.resource]
    candidates += [owner for each in candidates if (owner := _owner(each))]
    things: dict[int, ResourceRef] = {}
    for each in candidates:
        if each.type in BY_TYPE:
            things.setdefault(id(BY_TYPE[each.type]), each)
    return list(things.values())


def _owner(resource: ResourceRef) -> ResourceRef | None:
    kind, _, name = resource.owner.partition("/")
    if kind not in _TYPES or not name:
        return None
    return resource.model_copy(update={"type": _TYPES[kind], "id": name, "arn": None})


def _piece(resource: ResourceRef, described: Described, alarm: Alarm) -> Piece:
    compared = alarm if resource == alarm.resource else None
    source = BY_TYPE[resource.type].actions[0].replace(":", " ")
    text = bounded(f"{resource.type} {named(resource.id)}", *_limits(described, compared), *described.lines)
    return Piece(kind=Configuration.kind, source=source, text=text, worth=WORTH)


def _limits(described: Described, alarm: Alarm | None) -> Iterable[str]:
    """Return one line for each limit, beside the threshold where any of its metrics is the alarm's."""
    lines: dict[Limit, str] = {}
    for metric, limit in described.limits.items():
        lines[limit] = max(lines.get(limit, ""), limited(metric, limit, alarm), key=len)
    return lines.values()


def _missing(why: str) -> Piece:
    return Piece(kind=Configuration.kind, source="AutoCloudOps", text=f"NOT READ: {why}", worth=0, missing=True)


def _no_describer(resource: ResourceRef) -> Piece:
    text = f"the configuration of {resource.type} is not among what AutoCloudOps reads"
    return Piece(kind=Configuration.kind, source="AutoCloudOps", text=text, worth=NOTHING_WORTH)
