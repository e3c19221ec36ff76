"""Every alarm of an account and region, and every change of state that CloudWatch remembers of them."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from autocloudops.alarms.inventory import Entry
from autocloudops.alarms.model import Alarm, AlarmKey, AlarmKind
from autocloudops.alarms.parse import parse
from autocloudops.alarms.wire.shape import Place
from autocloudops.clock import Clock
from autocloudops.errors import ServiceFailed, ServiceUnavailable, Throttled
from autocloudops.incidents.inspection import inspected
from autocloudops.incidents.replay import Transition
from autocloudops.knowledge.calls import QUOTA_SHARE, Calls
from autocloudops.knowledge.quotas import BY_ACTION

ALARMS = "cloudwatch:DescribeAlarms"
HISTORY = "cloudwatch:DescribeAlarmHistory"
ALARM_TYPES = ("MetricAlarm", "CompositeAlarm", "LogAlarm")
PAGE = 100
TRIES = 8
TRIES_UNANSWERED = 4
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
_TYPES = {AlarmKind.COMPOSITE: "CompositeAlarm", AlarmKind.LOG: "LogAlarm"}

Page = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Span:
    """The stretch of time that is read, from `since` to `until`."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Read:
    """One page of history: its changes of state, and up to when the history of `kind` is now read.

    Args:
        kind: the type of alarm, as CloudWatch names it.
        changes: the changes.
        up_to: the time of the last one, or the end of the span where that was the last page.
    """

    kind: str
    changes: Sequence[Transition]
    up_to: datetime


class AlarmReader:
    """Reads a region's alarms and their history, at a quarter of what AWS allows.

    A call that is throttled, or less often one that is not answered, is made again after pauses that grow.

    Args:
        calls: makes the calls.
        clock: pauses, and when an alarm was seen.
        region: where the alarms are.
    """

    def __init__(self, calls: Calls, clock: Clock, region: str) -> None:
        self._calls = calls
        self._clock = clock
        self._region = region

    async def entries(self) -> AsyncIterator[Sequence[Entry]]:
        """Yield the alarms of all types, a page at a time.

        Raises:
            ServiceFailed: they cannot be read.
        """
        token: str | None = None
        while True:
            page = await self._called(ALARMS, partial(_alarms_page, token))
            yield self._entries_in(page)
            token = page.get("NextToken")
            if token is None:
                return

    def _entries_in(self, page: Page) -> list[Entry]:
        named = {f"{kind}s": page.get(f"{kind}s") or [] for kind in ALARM_TYPES}
        if not any(named.values()):
            return []
        alarms = parse(json.dumps(named, default=_text), Place("", self._region))
        now = self._clock.now()
        return [inspected(alarm, now) for alarm in alarms if isinstance(alarm, Alarm)]

    async def history(self, entries: Iterable[Entry], span: Span) -> AsyncIterator[Read]:
        """Yield the changes of state of every alarm, by type and then by time, a page at a time.

        CloudWatch answers for one type of alarm only where no alarm is named. Types that no entry has are left out. A
        token that is refused is done without: the reading begins again at the last change, which is then repeated.
        Changes of single contributors are not read.

        Args:
            entries: the alarms whose types are wanted; they also say which account it is.
            span: CloudWatch keeps about thirty days.

        Raises:
            ServiceFailed: it cannot be read; what was yielded until then is complete up to its time.
        """
        known = list(entries)
        keys = {entry.key.name: entry.key for entry in known}
        place = Place(known[0].key.account, self._region) if known else None
        for kind in [kind for kind in ALARM_TYPES if any(_type_of(entry) == kind for entry in known)]:
            async for read in self._history_of(kind, span, partial(_transitions, keys, place)):
                yield read

    async def _history_of(
        self, kind: str, span: Span, transitions: Callable[[Page], list[Transition]]
    ) -> AsyncIterator[Read]:
        token: str | None = None
        begins = last = span.since
        while True:
            try:
                page = await self._called(HISTORY, partial(_history_page, kind, Span(begins, span.until), token))
            except ServiceFailed as error:
                if token is None or last == begins or type(error) is not ServiceFailed:
                    raise
                begins, token = last, None
                continue
            found = transitions(page)
            token = page.get("NextToken")
            last = max((change.at for change in found), default=last)
            yield Read(kind, found, last if token else span.until)
            if token is None:
                return

    async def _called(self, action: str, call: Callable[[Any], Awaitable[Page]]) -> Page:
        """Return the answer of a call, once it is its turn; the next turn comes after a share of the quota's time."""
        for attempt in range(TRIES):
            try:
                page = await self._calls.make(action, "", self._region, call, self._region)
            except (Throttled, ServiceUnavailable) as error:
                if attempt + 1 == (TRIES if isinstance(error, Throttled) else TRIES_UNANSWERED):
                    raise
                await self._clock.sleep(min(FIRST_PAUSE_SECONDS * 2**attempt, LONGEST_PAUSE_SECONDS))
            else:
                await self._clock.sleep(1 / (BY_ACTION[action] * QUOTA_SHARE))
                return page
        raise AssertionError("unreachable: the last try returns or raises")


async def _alarms_page(token: str | None, client: Any) -> Page:  # noqa: ANN401 - a client has no type here
    more = {"NextToken": token} if token else {}
    page: Page = await client.describe_alarms(AlarmTypes=ALARM_TYPES, MaxRecords=PAGE, **more)
    return page


async def _history_page(kind: str, span: Span, token: str | None, client: Any) -> Page:  # noqa: ANN401 - likewise
    more = {"NextToken": token} if token else {}
    page: Page = await client.describe_alarm_history(
        AlarmTypes=[kind],
        HistoryItemType="StateUpdate",
        StartDate=span.since,
        EndDate=span.until,
        MaxRecords=PAGE,
        ScanBy="TimestampAscending",
        **more,
    )
    return page


def _transitions(keys: Mapping[str, AlarmKey], place: Place | None, page: Page) -> list[Transition]:
    """Return the changes on a page; equal keys are one object, so that many changes take little memory."""
    items = page.get("AlarmHistoryItems") or []
    if not items:
        return []
    found = parse(json.dumps({"AlarmHistoryItems": items}, default=_text), place)
    alarms = (noun for noun in found if isinstance(noun, Alarm))
    return [Transition(keys.get(alarm.key.name, alarm.key), alarm.state, alarm.at) for alarm in alarms]


def _type_of(entry: Entry) -> str:
    return _TYPES.get(entry.kind, "MetricAlarm")


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
