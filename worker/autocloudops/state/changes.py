"""Changes in the state table, found by what they touch, and how fresh each feed of changes is."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from autocloudops.alarms.changes import ResourceChange, change_of, feed_of
from autocloudops.alarms.model import AwsEvent
from autocloudops.aws import translated
from autocloudops.clock import Clock, epoch_milliseconds
from autocloudops.state import items
from autocloudops.state.items import number, text
from autocloudops.state.table import Table

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient

    from autocloudops.state.items import NewItem

RETENTION = timedelta(days=7)
FEED_SECONDS = 10.0
"""A process writes how fresh a feed is this often at most."""
MOST_FEEDS = 10_000
MOST_READ = 50
DECIDED, ROUTINE = "D#", "R#"
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
        feed = feed_of(event)
        if feed is None:
            return
        change = change_of(event)
        puts = (self._put(change, key) for key in change.keys) if change else ()
        await asyncio.gather(*puts)
        await self._freshen(event, feed)

    async def _put(self, change: ResourceChange, key: str) -> None:
        item = _key(change.account, change.region, key, change) | {
            "change": text(change.model_dump_json(exclude_defaults=True)),
            "ttl": items.expiry(min(change.at, self._clock.now()), RETENTION),
        }
        with translated("dynamodb:PutItem", self._table.name):
            await self._table.client.put_item(TableName=self._table.name, Item=item)

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
    ) -> Mapping[str, Sequence[ResourceChange]]:
        """Return what touched each of `keys` from `since` on, the newest first, 50 of each sort at most.

        Raises:
            ServiceFailed: the table cannot be read.
        """
        wanted = [(key, prefix) for key in keys for prefix in (DECIDED, ROUTINE)]
        found = await asyncio.gather(*(self._newest(account, region, *each, since) for each in wanted))
        by_key: dict[str, list[ResourceChange]] = {key: [] for key in keys}
        for (key, _), changes in zip(wanted, found, strict=True):
            by_key[key] += changes
        return by_key

    async def _newest(
        self, account: str, region: str, key: str, prefix: str, since: datetime
    ) -> Sequence[ResourceChange]:
        found: dict[UUID, ResourceChange] = {}
        async for item in self._table.query(_pk(account, region, key), prefix, newest_first=True, page=MOST_READ):
            change = ResourceChange.model_validate_json(item["change"]["S"])
            if change.at < since or len(found) >= MOST_READ:
                break
            found[change.event_id] = change
        return list(found.values())


def _key(account: str, region: str, key: str, change: ResourceChange) -> "NewItem":
    sort = ROUTINE if change.routine else DECIDED
    return {
        "pk": text(_pk(account, region, key)),
        "sk": text(f"{sort}{epoch_milliseconds(change.at):013d}#{change.event_id}"),
    }


def _pk(account: str, region: str, key: str) -> str:
    return f"CHANGE#{items.hashed(f'{account}/{region}/{key}')}"


def _feed_pk(account: str, region: str) -> str:
    return f"FEED#{account}/{region}"
