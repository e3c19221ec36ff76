"""Whether an audit is what digests signed for: one pass that holds one digest and the keys of one hour at a time."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from pydantic import ValidationError

from autocloudops.audit.actions import key_of
from autocloudops.audit.chain import Expected, content_of, damage
from autocloudops.audit.continuity import Continuity, DigestChain
from autocloudops.audit.digest import Listed
from autocloudops.audit.findings import Finding, Kind, Report
from autocloudops.audit.keys import (
    ACTIONS,
    DECISIONS,
    DIGESTS,
    HOUR,
    Place,
    action_day,
    day_of,
    day_prefix,
    digest_hour,
    digest_key,
    place_of,
)
from autocloudops.audit.lateness import ACTIONS_LATE_BY, LATE_BY
from autocloudops.audit.listing import bodies
from autocloudops.audit.objects import AuditObjects
from autocloudops.audit.signing import TrustedKeys
from autocloudops.audit.unlisted import Absent, missing, strange
from autocloudops.clock import Clock
from autocloudops.decisions.claims import ActionEntry


@dataclass(frozen=True, slots=True)
class Range:
    """Which hours are verified, both ends included; None for as far as there is anything."""

    since: datetime | None = None
    until: datetime | None = None

    def holds(self, hour: datetime) -> bool:
        """Return whether an hour is one of them."""
        return (self.since is None or hour >= self.since) and (self.until is None or hour <= self.until)


@dataclass(slots=True)
class Progress:
    """How far a verification is: digests of so many, objects and records."""

    digests: int = 0
    of_digests: int = 0
    objects: int = 0
    records: int = 0


class Verifier:
    """One verification of an audit.

    Args:
        objects: where the audit is.
        trusted: whose signatures count.
        clock: how far listings go where no end is given.
        told: is told how far it is, after every object.
    """

    def __init__(
        self,
        objects: AuditObjects,
        trusted: TrustedKeys,
        clock: Clock,
        told: Callable[[Progress], None] = lambda _: None,
    ) -> None:
        self._objects = objects
        self._clock = clock
        self._told = told
        self._progress = Progress()
        self._findings: list[Finding] = []
        self._chain = DigestChain(trusted, self._findings.append)
        self._writers = Continuity(self._findings.append)
        self._unlisted: dict[str, Place] = {}
        self._absent: dict[str, Absent] = {}
        self._present: dict[str, int] = {}
        self._acted: set[str] = set()
        self._proved: set[datetime] = set()
        self._unproven_hours: set[datetime] = set()
        self._unproven = 0

    async def verify(self, wanted: Range) -> Report:
        """Return what is proved, what is not yet provable, and everything that is wrong.

        Raises:
            ServiceFailed: something cannot be read.
        """
        hours = await self._digest_hours()
        await self._begin(hours, wanted)
        await self._walk([hour for hour in hours if wanted.holds(hour)], wanted)
        await self._look_ahead(hours, wanted)
        await self._actions(wanted)
        await self._conclude()
        return Report(
            digests=self._progress.digests,
            objects=self._progress.objects,
            records=self._progress.records,
            unproven=self._unproven,
            proved_until=max(self._proved) + HOUR if self._proved else None,
            findings=tuple(self._findings),
        )

    async def _digest_hours(self) -> list[datetime]:
        hours: list[datetime] = []
        async for key in self._objects.keys(DIGESTS):
            hour = digest_hour(key)
            if hour is None:
                self._say(Kind.ALIEN, key, "it is no digest's key")
            else:
                hours.append(hour)
        return sorted(hours)

    async def _begin(self, hours: Sequence[datetime], wanted: Range) -> None:
        """Take over from the last digest before the range."""
        before = [hour for hour in hours if wanted.since is not None and hour < wanted.since]
        if before:
            key = digest_key(before[-1])
            digest = self._chain.opened(key, before[-1], await self._objects.read(key), first=True)
            if digest is None:
                self._writers.break_off()
            else:
                self._writers.begin(digest)
                self._acted |= set(digest.recent_actions)

    async def _walk(self, hours: Sequence[datetime], wanted: Range) -> None:
        """Go through digests and keys side by side, both in the order of hours."""
        self._progress.of_digests = len(hours)
        left = list(reversed(hours))
        async for hour, keys in self._by_hour(wanted):
            while left and left[-1] < hour:
                await self._hour(left.pop(), {})
            if left and left[-1] == hour:
                await self._hour(left.pop(), keys)
            else:
                self._leave(hour, keys)
        while left:
            await self._hour(left.pop(), {})

    async def _by_hour(self, wanted: Range) -> AsyncIterator[tuple[datetime, Mapping[str, Place]]]:
        """Yield the keys of each hour that has any; keys that no writer of ours makes are told."""
        keys: dict[str, Place] = {}
        now: datetime | None = None
        async for key in self._keys(DECISIONS, wanted):
            place = place_of(key)
            if place is None:
                self._say(Kind.ALIEN, key, "no writer names its objects like this")
            elif wanted.holds(place.hour):
                if now is not None and place.hour != now:
                    yield now, keys
                    keys = {}
                now, keys[key] = place.hour, place
        if now is not None:
            yield now, keys

    async def _keys(self, root: str, wanted: Range) -> AsyncIterator[str]:
        if wanted.since is None:
            async for key in self._objects.keys(root):
                yield key
            return
        day, last = day_of(wanted.since), wanted.until or self._clock.now()
        while day <= last:
            async for key in self._objects.keys(day_prefix(root, day)):
                yield key
            day = day_of(day + HOUR * 36)

    async def _hour(self, hour: datetime, keys: Mapping[str, Place]) -> None:
        key = digest_key(hour)
        digest = self._chain.opened(key, hour, await self._objects.read(key))
        if not self._chain.whole:
            self._writers.break_off()
        if digest is None:
            self._leave(hour, keys)
            return
        self._proved.add(hour)
        self._unlisted |= keys
        self._writers.follow(digest, key)
        await self._compare(digest.objects)
        self._progress.digests += 1
        self._told(self._progress)

    def _leave(self, hour: datetime, keys: Mapping[str, Place]) -> None:
        self._unproven += len(keys)
        self._unproven_hours.add(hour)

    async def _compare(self, listed: Sequence[Listed]) -> None:
        by_key = {each.key: each for each in listed}
        async with aclosing(bodies(self._objects, by_key)) as reading:
            async for key, body in reading:
                place = place_of(key)
                self._unlisted.pop(key, None)
                self._unproven -= body is not None and place is not None and place.hour in self._unproven_hours
                self._compare_one(by_key[key], place, body)
                self._told(self._progress)

    def _compare_one(self, listed: Listed, place: Place | None, body: bytes | None) -> None:
        if place is None:
            self._acted.add(listed.key)
        if body is None:
            self._absent[listed.sha256] = Absent(listed.key, place)
            return
        damaged = _action_damage(listed, body) if place is None else self._decisions_damage(listed, place, body)
        if damaged:
            self._say(damaged[0], listed.key, damaged[1])
        else:
            self._progress.objects += 1
        if place is not None:
            self._present[place.writer] = max(place.sequence, self._present.get(place.writer, -1))

    def _decisions_damage(self, listed: Listed, place: Place, body: bytes) -> tuple[Kind, str] | None:
        content = content_of(body)
        same = sha256(body).hexdigest() == listed.sha256
        if same and content.whole and content.lines[0].writer == place.writer:
            self._progress.records += len(content.lines)
            return None
        if listed.span is None or same:
            numbers = [line.number for line in content.lines] or [0]
            kind, detail = damage(content, Expected(place.writer, min(numbers), max(numbers)))
            return kind, f"{detail}, since before it was signed for" if same else detail
        return damage(content, Expected(place.writer, listed.span.first, listed.span.last))

    async def _look_ahead(self, hours: Sequence[datetime], wanted: Range) -> None:
        """Find in the digests after the range what came late."""
        end = wanted.until
        for hour in hours:
            if end is None or not end < hour <= end + LATE_BY or not self._unlisted:
                continue
            key = digest_key(hour)
            digest = self._chain.opened(key, hour, await self._objects.read(key))
            if digest is not None:
                await self._compare([each for each in digest.objects if each.key in self._unlisted])

    async def _actions(self, wanted: Range) -> None:
        proved = max(self._proved, default=None)
        async for key in self._keys(ACTIONS, wanted):
            day = action_day(key)
            if key in self._acted or (day and wanted.until and day > wanted.until):
                continue
            if day is None:
                self._say(Kind.ALIEN, key, "no action is named like this")
            elif proved and day < day_of(proved - ACTIONS_LATE_BY):
                self._say(Kind.ALIEN, key, "no digest lists it")
            else:
                self._unproven += 1

    async def _conclude(self) -> None:
        """Say what is left: objects that no digest lists, and objects that are not there."""
        async with aclosing(bodies(self._objects, self._unlisted)) as reading:
            async for key, body in reading:
                finding = strange(key, body, self._writers, self._absent) if body is not None else None
                self._findings += [finding] if finding else []
                self._unproven += finding is None
        self._findings += [missing(each, self._present) for each in self._absent.values()]

    def _say(self, kind: Kind, key: str, detail: str) -> None:
        self._findings.append(Finding(kind=kind, key=key, detail=detail))


def _action_damage(listed: Listed, body: bytes) -> tuple[Kind, str] | None:
    if sha256(body).hexdigest() != listed.sha256:
        return Kind.CHANGED, "other bytes than were signed for"
    try:
        key = key_of(ActionEntry.model_validate_json(body))
    except ValidationError:
        return Kind.ALIEN, "it is no entry of the action log"
    return None if key == listed.key else (Kind.ALIEN, f"it is the entry of {key}")
