"""What changed in the last two hours: on the owner, on what it depends on, and in its account."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from autocloudops.alarms.changes import ACCOUNT_WIDE, ResourceChange
from autocloudops.alarms.changes.dependencies import Keys, keys_of
from autocloudops.diagnosis.gathering import Piece, Subject
from autocloudops.knowledge.calls import CALL_SECONDS
from autocloudops.knowledge.records import QUERY, in_time
from autocloudops.knowledge.wording import PIECE_CHARACTERS, duration, quoted

SPAN = timedelta(hours=2)
DEAD = timedelta(hours=24)
SOURCE = "change index of AutoCloudOps"
EVERYWHERE = "global"
"""The region of health events that belong to none."""
OWN_WORTH, AROUND_WORTH, WIDE_WORTH, FEED_WORTH, ROUTINE_LESS = 82, 68, 48, 40, 20
WHAT_CHARACTERS = 160
MOST_LINES = 8
MORE_CHARACTERS = 40

ByKey = Mapping[str, Sequence[ResourceChange]]


class ChangeIndex(Protocol):
    """Where changes are kept."""

    async def feeds(self, account: str, region: str) -> Mapping[str, datetime]:
        """Return the time of the newest event of each feed of changes."""
        ...

    async def changes(self, account: str, region: str, keys: Sequence[str], since: datetime) -> ByKey:
        """Return what touched each of `keys` from `since` on, the newest first."""
        ...


class Changes:
    """Reads what changed before an alarm.

    Args:
        index: where changes are kept.
        seconds: how long reading them may take.
    """

    kind = "change"
    essential = True
    permissions = frozenset({QUERY})

    def __init__(self, index: ChangeIndex, seconds: float = CALL_SECONDS) -> None:
        self._index = index
        self._seconds = seconds

    async def read(self, subject: Subject) -> Sequence[Piece]:
        """Return the changes of two hours, and how fresh the feeds are that would have told of others.

        A feed that was silent for a day is no feed: then it is missing whether anything changed.

        Raises:
            ServiceFailed: the index could not be read.
        """
        return await in_time(self._read(subject), self._seconds)

    async def _read(self, subject: Subject) -> Sequence[Piece]:
        account, region = subject.resource.account, subject.resource.region
        keys, since = keys_of(subject.resource, subject.alarms), subject.alarm.at - SPAN
        feeds, here, everywhere = await asyncio.gather(
            self._index.feeds(account, region),
            self._index.changes(account, region, (*keys.own, *keys.around, ACCOUNT_WIDE), since),
            self._index.changes(account, EVERYWHERE, (ACCOUNT_WIDE,), since),
        )
        found = _Found(keys, here, everywhere[ACCOUNT_WIDE])
        return (*found.pieces(subject.alarm.at), _feed_piece(feeds, found.silent_about, subject.at))


class _Found:
    """Changes, each said once: where it is nearest to the owner."""

    def __init__(self, keys: Keys, here: ByKey, everywhere: Sequence[ResourceChange]) -> None:
        self.own = _once([change for key in keys.own for change in here[key]], ())
        self.around = _once([change for key in keys.around for change in here[key]], self.own)
        self.wide = _once([*here[ACCOUNT_WIDE], *everywhere], (*self.own, *self.around))
        self._around_keys = len(keys.around)

    @property
    def silent_about(self) -> tuple[str, ...]:
        """What nothing was seen to change on."""
        around = f"the {self._around_keys} resources that its alarms name" if self._around_keys else ""
        groups = (("the owner", self.own), (around, self.around), ("its account as a whole", self.wide))
        return tuple(name for name, changes in groups if name and not changes)

    def pieces(self, breach: datetime) -> Iterator[Piece]:
        """Yield one piece for each group in which something changed."""
        groups = (
            ("changes of the owner", self.own, OWN_WORTH),
            ("changes of what its alarms name", self.around, AROUND_WORTH),
            ("changes that may touch anything in its account", self.wide, WIDE_WORTH),
        )
        for title, changes, worth in groups:
            if changes:
                less = ROUTINE_LESS if all(change.routine for change in changes) else 0
                text = _bounded(title, list(_lines(changes, breach)))
                yield Piece(kind=Changes.kind, source=SOURCE, text=text, worth=worth - less)


def _once(changes: Sequence[ResourceChange], but: Sequence[ResourceChange]) -> list[ResourceChange]:
    """Return each change once: decisions before routine, then the newest first."""
    known = {change.event_id for change in but}
    found = {change.event_id: change for change in changes if change.event_id not in known}
    return sorted(found.values(), key=lambda change: (change.routine, -change.at.timestamp()))


def _lines(changes: Sequence[ResourceChange], breach: datetime) -> Iterator[str]:
    """Yield a line for each change; equal ones share it."""
    groups: dict[tuple[str, str, str, str], list[ResourceChange]] = {}
    for change in changes:
        groups.setdefault((change.kind, change.keys[0], change.what, change.by), []).append(change)
    for equal in groups.values():
        yield _line(equal, breach)


def _line(equal: Sequence[ResourceChange], breach: datetime) -> str:
    newest, oldest = equal[0], equal[-1]
    often = f", {len(equal)} times since {oldest.at:%H:%M:%SZ}" if len(equal) > 1 else ""
    target = "" if newest.keys[0] == ACCOUNT_WIDE else f" of {quoted(newest.keys[0])}"
    what = f": {quoted(newest.what, WHAT_CHARACTERS)}" if newest.what else ""
    by = f", by {quoted(newest.by)}" if newest.by else ""
    link = f", see {quoted(newest.url)}" if newest.url else ""
    return f"{newest.at:%H:%M:%SZ}, {_distance(newest.at, breach)}{often}: {newest.kind}{target}{what}{by}{link}"


def _distance(at: datetime, breach: datetime) -> str:
    seconds = (breach - at).total_seconds()
    return f"{duration(seconds)} before the alarm" if seconds >= 0 else f"{duration(-seconds)} after the alarm"


def _bounded(title: str, lines: Sequence[str]) -> str:
    """Return as many whole lines as fit, and how many more there were."""
    kept, left = [f"{title}:"], PIECE_CHARACTERS - len(title) - MORE_CHARACTERS
    for line in lines[:MOST_LINES]:
        left -= len(line) + 1
        if left < 0:
            break
        kept.append(line)
    more = len(lines) - len(kept) + 1
    return "\n".join([*kept, f"and {more} more"] if more else kept)


def _feed_piece(feeds: Mapping[str, datetime], silent_about: Sequence[str], now: datetime) -> Piece:
    alive = {feed: at for feed, at in feeds.items() if now - at <= DEAD}
    if not alive:
        text = f"NOT READ: no change feed: nothing received in {DEAD // timedelta(hours=1)} h"
        return Piece(kind=Changes.kind, source=SOURCE, text=text, worth=0, missing=True)
    newest = max(alive.values())
    newest_first = sorted(alive, key=lambda feed: alive[feed], reverse=True)
    ages = ", ".join(f"{feed} {_age(alive[feed], now)}" for feed in newest_first)
    lines = [f"change feed fresh to {newest:%Y-%m-%d %H:%M:%SZ}; newest event of each feed: {ages}"]
    if silent_about:
        lines.append(f"no change seen in {SPAN // timedelta(hours=1)} h on: {'; '.join(silent_about)}")
    return Piece(kind=Changes.kind, source=SOURCE, text="\n".join(lines), worth=FEED_WORTH)


def _age(at: datetime, now: datetime) -> str:
    return f"{duration(max(0.0, (now - at).total_seconds()))} ago"
