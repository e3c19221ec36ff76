"""How alarms stand, and when they fired: CloudWatch's DescribeAlarms and DescribeAlarmHistory."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from autocloudops.actions.facts.reading import Place, Reads
from autocloudops.actions.judging import AlarmSeen
from autocloudops.alarms.model import Alarm, AlarmKey, AlarmState
from autocloudops.alarms.parse import parse
from autocloudops.alarms.wire.shape import Place as AlarmPlace
from autocloudops.errors import ServiceFailed

DESCRIBE = "cloudwatch:DescribeAlarms"
HISTORY = "cloudwatch:DescribeAlarmHistory"
ALARM_TYPES = ("MetricAlarm", "CompositeAlarm", "LogAlarm")
NO_PERIOD_SECONDS = 60
"""What stands for the period of an alarm that has none, as a composite one, which is evaluated when a child changes."""
PAGE_ITEMS = 100
MOST_PAGES = 10


class CloudWatchAlarms:
    """Reads alarms in their own account and region.

    An alarm with contributors is read as a whole: it is OK when none of them fires.

    Args:
        reads: makes the calls.
    """

    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    async def seen(self, key: AlarmKey) -> AlarmSeen | None:
        """Return how an alarm stands now; None where there is none of its name.

        Raises:
            ServiceFailed: it cannot be read.
        """
        place = Place(key.account, key.region)
        answer = await self._reads.ask(DESCRIBE, place, key.name, AlarmNames=[key.name], AlarmTypes=list(ALARM_TYPES))
        items = [item for kind in ALARM_TYPES for item in answer.get(f"{kind}s", ())]
        return next((_seen(item) for item in items if item.get("AlarmName") == key.name), None)

    async def fired(self, key: AlarmKey, after: datetime, until: datetime) -> datetime | None:
        """Return when an alarm first went to ALARM after `after` and not after `until`; None where it did not.

        Raises:
            ServiceFailed: its history cannot be read, or is longer than anybody reads.
        """
        token: str | None = None
        for _ in range(MOST_PAGES):
            page = await self._page(key, after, until, token)
            times = [each.at for each in _turns(page, key) if each.state is AlarmState.ALARM]
            first = min((at for at in times if after < at <= until), default=None)
            token = page.get("NextToken")
            if first is not None or token is None:
                return first
        raise ServiceFailed(HISTORY, key.name, f"its history has more than {MOST_PAGES} pages")

    async def _page(self, key: AlarmKey, after: datetime, until: datetime, token: str | None) -> Mapping[str, Any]:
        more = {"NextToken": token} if token else {}
        return await self._reads.ask(
            HISTORY,
            Place(key.account, key.region),
            key.name,
            AlarmName=key.name,
            AlarmTypes=list(ALARM_TYPES),
            HistoryItemType="StateUpdate",
            StartDate=after,
            EndDate=until + timedelta(seconds=1),
            MaxRecords=PAGE_ITEMS,
            ScanBy="TimestampAscending",
            **more,
        )


def _seen(item: Mapping[str, Any]) -> AlarmSeen:
    """Return how a described alarm stands; emulators leave the time of the transition out."""
    periods = [item.get("Period"), item.get("EvaluationInterval"), *map(_period, item.get("Metrics", ()))]
    seconds = max((int(each) for each in periods if each), default=NO_PERIOD_SECONDS)
    since = item.get("StateTransitionedTimestamp") or item["StateUpdatedTimestamp"]
    return AlarmSeen(state=AlarmState(item["StateValue"]), since=since, period=timedelta(seconds=seconds))


def _period(query: Mapping[str, Any]) -> int | None:
    period = query.get("Period") or query.get("MetricStat", {}).get("Period")
    return int(period) if period else None


def _turns(page: Mapping[str, Any], key: AlarmKey) -> list[Alarm]:
    """Return the changes of state that a page of history tells of an alarm."""
    items = page.get("AlarmHistoryItems") or ()
    place = AlarmPlace(key.account, key.region)
    read = (noun for item in items for noun in parse(json.dumps(item, default=str), place))
    return [noun for noun in read if isinstance(noun, Alarm) and noun.key.name == key.name]
