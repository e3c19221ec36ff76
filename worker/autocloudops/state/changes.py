"""Changes in the state table, found by what they touch, and how fresh each feed of changes is.

    CHANGE#<hash>  D#<ms>#<event id>, R#<ms>#<event id>   a change of one key: decided by somebody, or routine
                   NEWEST                                 the times of the newest of both sorts
    FEED#<account>/<region>  <feed>                       the time of its newest event

One call reads what is NEWEST of every key that may explain an alarm. The changes themselves are read only where
something changed lately.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from autocloudops.alarms.model import AwsEvent
from autocloudops.aws import translated
from autocloudops.clock import Clock, epoch_milliseconds
from autocloudops.state import items
from autocloudops.state.items import number, text
from autocloudops.state.table import Table

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient

    from autocloudops.alarms.changes import ResourceChange
    from autocloudops.state.items import NewItem

RETENTION = timedelta(days=7)
FEED_SECONDS = 10.0
"""A process writes how fresh a feed is this often at most."""
MOST_FEEDS = 10_000
MOST_READ = 50
DECIDED, ROUTINE = "D#", "R#"
NEWEST = "NEWEST"
"""Sort keys: what happens often by itself stands apart, so that no crash loop hides the deployment behind it."""


class DynamoChanges:
    """What changed, kept for seven days. Writing the same event again changes nothing.

    Args:
        client: a DynamoDB client.
        table: the state table.
        clock: what has expired, and how often freshness is written.
    """

    def __init__(self, client: "DynamoDBClient", table: str, clock: Clock) -> None:
        self._table = Table(client, table, clock)
        self._clock = clock
        self._noted: dict[tuple[str, str, str], float] = {}

    async def note(self, event: AwsEvent) -> None:
        """Keep the change that `event` tells of, and that its feed is alive; neither where it belongs to no feed.

        Raises:
            ServiceFailed: the table cannot be written; the event must come back.
        """
        from autocloudops.alarms.changes import change_of, feed_of  # noqa: PLC0415 - alarms, most messages, need none of it

        feed = feed_of(event)
        if feed is None:
            return
        change = change_of(event)
        puts = (self._put(change, key) for key in change.keys) if change else ()
        await asyncio.gather(*puts)
        await self._freshen(event, feed)

    async def _put(self, change: "ResourceChange", key: str) -> None:
        item = _key(change.account, change.region, key, change) | {
            "change": text(change.model_dump_json(exclude_defaults=True)),
            "ttl": items.expiry(min(change.at, self._clock.now()), RETENTION),
        }
        with translated("dynamodb:PutItem", self._table.name):
            await self._table.client.put_item(TableName=self._table.name, Item=item)
        await self._mark_newest(change, key)

    async def _mark_newest(self, change: "ResourceChange", key: str) -> None:
        """Say that a key changed; after the change itself, so that whoever looks for it finds it."""
        await self._table.unless_lost(
            "dynamodb:UpdateItem",
            lambda: self._table.client.update_item(
                TableName=self._table.name,
                Key=_newest_key(change.account, change.region, key),
                UpdateExpression="SET #sort = :at, #ttl = :ttl",
                ConditionExpression="attribute_not_exists(#sort) OR #sort < :at",
                ExpressionAttributeNames={"#sort": _sort(change), "#ttl": "ttl"},
                ExpressionAttributeValues={
                    ":at": number(epoch_milliseconds(change.at)),
                    ":ttl": items.expiry(self._clock.now(), RETENTION),
                },
            ),
        )

    async def _freshen(self, event: AwsEvent, feed: str) -> None:
        """Write how fresh a feed is, unless this process did so a moment ago; an older event makes none staler."""
        place, now = (event.account, event.region, feed), self._clock.monotonic()
        if now - self._noted.get(place, -FEED_SECONDS) < FEED_SECONDS:
            return
        if len(self._noted) >= MOST_FEEDS:
            self._noted.clear()
        self._noted[place] = now
        at = min(event.at, self._clock.now())
        await self._table.unless_lost(
            "dynamodb:UpdateItem",
            lambda: self._table.client.update_item(
                TableName=self._table.name,
                Key={"pk": text(_feed_pk(event.account, event.region)), "sk": text(feed)},
                UpdateExpression="SET newest = :at, #ttl = :ttl",
                ConditionExpression="attribute_not_exists(newest) OR newest < :at",
                ExpressionAttributeNames={"#ttl": "ttl"},
                ExpressionAttributeValues={
                    ":at": number(epoch_milliseconds(at)),
                    ":ttl": items.expiry(at, RETENTION),
                },
            ),
        )

    async def feeds(self, account: str, region: str) -> Mapping[str, datetime]:
        """Return the time of the newest event of each feed, as far as one came in seven days.

        Raises:
            ServiceFailed: the table cannot be read.
        """
        found = self._table.query(_feed_pk(account, region))
        return {item["sk"]["S"]: items.moment(item["newest"]["N"]) async for item in found}

    async def changes(
        self, account: str, region: str, keys: Sequence[str], since: datetime
    ) -> Mapping[str, Sequence["ResourceChange"]]:
        """Return what touched each of `keys` from `since` on, the newest first, 50 of each sort at most.

        Raises:
            ServiceFailed: the table cannot be read.
        """
        by_key: dict[str, list[ResourceChange]] = {key: [] for key in keys}
        wanted = await self._changed(account, region, tuple(by_key), since)
        found = await asyncio.gather(*(self._newest(account, region, *each, since) for each in wanted))
        for (key, _), changes in zip(wanted, found, strict=True):
            by_key[key] += changes
        return by_key

    async def _changed(
        self, account: str, region: str, keys: Sequence[str], since: datetime
    ) -> Sequence[tuple[str, str]]:
        """Return the keys that changed from `since` on, with each sort of change that there was, in their order."""
        marks = {
            item["pk"]["S"]: item
            for item in await self._table.get_many([_newest_key(account, region, key) for key in keys])
        }
        oldest = epoch_milliseconds(since)
        sorts = ((key, sort, marks.get(_pk(account, region, key), {})) for key in keys for sort in (DECIDED, ROUTINE))
        return [(key, sort) for key, sort, mark in sorts if sort in mark and int(mark[sort]["N"]) >= oldest]

    async def _newest(
        self, account: str, region: str, key: str, prefix: str, since: datetime
    ) -> Sequence["ResourceChange"]:
        from autocloudops.alarms.changes import ResourceChange  # noqa: PLC0415 - as above

        found: dict[UUID, ResourceChange] = {}
        async for item in self._table.query(_pk(account, region, key), prefix, newest_first=True, page=MOST_READ):
            change = ResourceChange.model_validate_json(item["change"]["S"])
            if change.at < since or len(found) >= MOST_READ:
                break
            found[change.event_id] = change
        return list(found.values())


def _key(account: str, region: str, key: str, change: "ResourceChange") -> "NewItem":
    return {
        "pk": text(_pk(account, region, key)),
        "sk": text(f"{_sort(change)}{epoch_milliseconds(change.at):013d}#{change.event_id}"),
    }


def _newest_key(account: str, region: str, key: str) -> "NewItem":
    return {"pk": text(_pk(account, region, key)), "sk": text(NEWEST)}


def _sort(change: "ResourceChange") -> str:
    return ROUTINE if change.routine else DECIDED


def _pk(account: str, region: str, key: str) -> str:
    return f"CHANGE#{items.hashed(f'{account}/{region}/{key}')}"


def _feed_pk(account: str, region: str) -> str:
    return f"FEED#{account}/{region}"
