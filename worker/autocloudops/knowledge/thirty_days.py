"""An alarm's last thirty days: from CloudWatch's history of it, else from what was recorded here."""

import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

from autocloudops.alarms.model import Alarm, AlarmKey, AlarmKind
from autocloudops.alarms.parse import parse
from autocloudops.alarms.wire.shape import Place
from autocloudops.clock import Clock
from autocloudops.diagnosis.gathering import Piece, Subject
from autocloudops.errors import ServiceFailed
from autocloudops.incidents.model import History
from autocloudops.incidents.track_record import SelfClearing, TrackRecord, Turn, self_clearing, track_record
from autocloudops.knowledge.alarm_now import ALARM_TYPES, THIS_ALARM
from autocloudops.knowledge.calls import Calls
from autocloudops.knowledge.wording import bounded, duration, moment

ACTION = "cloudwatch:DescribeAlarmHistory"
SPAN = timedelta(days=30)
KEPT = timedelta(minutes=15)
MOST_KEPT = 2_000
PAGE_ITEMS = 100
MOST_PAGES = 3
WORTH = 71
FROM_API = "cloudwatch DescribeAlarmHistory"
FROM_RECORDS = "own records"


class RecordedChanges(Protocol):
    """What is recorded here of an alarm."""

    async def history(self, key: AlarmKey, since: datetime) -> History:
        """Return the recorded changes of `key` from `since` on, and newer ones in any case.

        Raises:
            ServiceFailed: the store cannot be reached.
        """
        ...


@dataclass(frozen=True, slots=True)
class Past:
    """Changes of state of one alarm.

    Args:
        turns: the changes, in any order.
        since: from when on they are complete.
        source: where they were read.
        read_at: when.
    """

    turns: tuple[Turn, ...]
    since: datetime
    source: str
    read_at: datetime


class ThirtyDays:
    """Reads how the alarm behaved in the last thirty days, and keeps that for a quarter of an hour.

    Args:
        calls: makes the calls.
        clock: time.
        recorded: read where CloudWatch's history cannot be.
    """

    kind = "thirty-days"
    essential = False
    permissions = frozenset({ACTION})

    def __init__(self, calls: Calls, clock: Clock, recorded: RecordedChanges) -> None:
        self._calls = calls
        self._clock = clock
        self._recorded = recorded
        self._kept: OrderedDict[AlarmKey, Past] = OrderedDict()

    async def read(self, subject: Subject) -> Sequence[Piece]:
        """Return how often the alarm fired, how long, what cleared soon, and how it flapped.

        Raises:
            ServiceFailed: neither CloudWatch nor the records could be read.
        """
        past = await self.past(subject.alarm)
        text = _text(track_record((*past.turns, subject.alarm)), past)
        return (Piece(kind=self.kind, source=past.source, text=text, worth=WORTH),)

    async def self_clearing(self, alarm: Alarm) -> SelfClearing | None:
        """Return how the alarm clears by itself, None where it does not.

        Raises:
            ServiceFailed: as `read`.
        """
        return self_clearing((await self.past(alarm)).turns)

    async def past(self, alarm: Alarm) -> Past:
        """Return the changes of the alarm that were read in the last quarter of an hour, else read them.

        Raises:
            ServiceFailed: as `read`.
        """
        kept = self._kept.get(alarm.key)
        if kept is None or self._clock.now() - kept.read_at > KEPT:
            kept = self._kept[alarm.key] = await self._read(alarm)
            self._kept.move_to_end(alarm.key)
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return kept

    async def _read(self, alarm: Alarm) -> Past:
        now = self._clock.now()
        if alarm.kind is AlarmKind.EXTERNAL:
            return await self._from_records(alarm.key, now)
        try:
            return await self._from_api(alarm.key, now)
        except ServiceFailed:
            return await self._from_records(alarm.key, now)

    async def _from_records(self, key: AlarmKey, now: datetime) -> Past:
        history = await self._recorded.history(key, now - SPAN)
        turns = tuple(change for change in history.changes if change.at >= now - SPAN)
        return Past(turns, min((turn.at for turn in turns), default=now), FROM_RECORDS, now)

    async def _from_api(self, key: AlarmKey, now: datetime) -> Past:
        turns, token = await self._page(key, now, None)
        for _ in range(MOST_PAGES - 1):
            if token is None:
                return Past(tuple(turns), now - SPAN, FROM_API, now)
            try:
                more, token = await self._page(key, now, token)
            except ServiceFailed:
                break
            turns += more
        since = now - SPAN if token is None else min((turn.at for turn in turns), default=now)
        return Past(tuple(turns), since, FROM_API, now)

    async def _page(self, key: AlarmKey, now: datetime, token: str | None) -> tuple[list[Turn], str | None]:
        asked = partial(_asked, key, now, token)
        page = await self._calls.make(ACTION, key.account, key.region, asked, THIS_ALARM)
        return list(_turns(page, key)), page.get("NextToken")


async def _asked(key: AlarmKey, now: datetime, token: str | None, client: Any) -> Mapping[str, Any]:  # noqa: ANN401 - a client has no type here
    asked: dict[str, Any] = {
        "AlarmName": key.name,
        "AlarmTypes": ALARM_TYPES,
        "HistoryItemType": "AlarmContributorStateUpdate" if key.contributor else "StateUpdate",
        "StartDate": now - SPAN,
        "EndDate": now,
        "MaxRecords": PAGE_ITEMS,
        "ScanBy": "TimestampDescending",
    }
    if key.contributor:
        asked["AlarmContributorId"] = key.contributor
    if token:
        asked["NextToken"] = token
    page: Mapping[str, Any] = await client.describe_alarm_history(**asked)
    return page


def _turns(page: Mapping[str, Any], key: AlarmKey) -> list[Alarm]:
    items = page.get("AlarmHistoryItems") or ()
    place = Place(key.account, key.region)
    read = (noun for item in items for noun in parse(json.dumps(item, default=str), place))
    return [noun for noun in read if isinstance(noun, Alarm) and noun.key == key]


def _text(found: TrackRecord, past: Past) -> str:
    days = duration((past.read_at - past.since).total_seconds())
    since = f"since {moment(past.since)} ({days})" if past.read_at - past.since < SPAN else "in 30 days"
    return bounded(f"fires: {found.fires} {since}, this one included", *_episodes(found, past))


def _episodes(found: TrackRecord, past: Past) -> Sequence[str]:
    if found.fires <= 1:
        return ("before: it did not fire in that time",)
    ago = duration((past.read_at - found.previous).total_seconds()) if found.previous else ""
    median = duration(found.median_seconds) if found.median_seconds is not None else "unknown"
    return (
        f"last time before: {moment(found.previous)}, {ago} ago" if found.previous else "",
        f"duration: median {median} of {found.ended} that ended",
        f"OK again within 5 min: {found.soon} of {found.ended} ({found.soon_share:.0%})" if found.ended else "",
        f"flaps: {found.flaps} fires within an hour of the fire before",
    )
