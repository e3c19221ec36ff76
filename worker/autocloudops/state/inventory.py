"""The alarm inventory in the state table: one item for each alarm, and for each that was deleted lately.

    INVENTORY#<account>/<region>  <alarm name, hashed>   the entry, and when it was so

An older entry never replaces a newer one, whatever the order in which changes are delivered.
"""

import random
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from autocloudops.alarms.inventory import Entry
from autocloudops.alarms.model import AlarmKey, AwsEvent
from autocloudops.aws import translated
from autocloudops.clock import Clock, epoch_milliseconds
from autocloudops.errors import Throttled
from autocloudops.incidents.inspection import entry_in
from autocloudops.state.items import RETENTION, expiry, hashed, number, text
from autocloudops.state.table import Table

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient

    from autocloudops.state.items import NewItem, StoredItem

GONE_RETENTION = timedelta(days=1)
BATCH = 25
TRIES = 8
FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 5.0


class DynamoInventory:
    """Keeps what alarms there are.

    Args:
        client: a DynamoDB client.
        table: the state table's name.
        clock: expiry and pauses.
    """

    def __init__(self, client: "DynamoDBClient", table: str, clock: Clock) -> None:
        self._table = Table(client, table, clock)
        self._clock = clock

    async def refresh(self, event: AwsEvent) -> bool:
        """Return whether `event` changed the inventory: it tells of an alarm's configuration, and of nothing older.

        Raises:
            ServiceFailed: the table cannot be written.
        """
        entry = entry_in(event)
        return entry is not None and await self.put(entry)

    async def put(self, entry: Entry) -> bool:
        """Keep one entry. False: what is kept is newer.

        Raises:
            ServiceFailed: the table cannot be written.
        """
        put = self._table.unless_lost(
            "dynamodb:PutItem",
            lambda: self._table.client.put_item(
                TableName=self._table.name,
                Item=self._item(entry),
                ConditionExpression="attribute_not_exists(pk) OR seen_at <= :seen",
                ExpressionAttributeValues={":seen": number(epoch_milliseconds(entry.seen_at))},
            ),
        )
        return await put is not None

    async def get(self, key: AlarmKey) -> Entry | None:
        """Return the entry of one alarm, None where it is unknown or gone.

        Raises:
            ServiceFailed: the table cannot be read.
        """
        item = await self._table.get(_key(key))
        entry = _entry(item) if item else None
        return entry if entry and not entry.gone else None

    async def of_keys(self, keys: Sequence[AlarmKey]) -> Sequence[Entry]:
        """Return the entries of those alarms that are known and not gone, in the order of `keys`.

        Raises:
            ServiceFailed: the table cannot be read.
        """
        found = {entry.key: entry for entry in map(_entry, await self._table.get_many([_key(key) for key in keys]))}
        return [found[key] for key in dict.fromkeys(keys) if key in found and not found[key].gone]

    async def alarms(self, account: str, region: str) -> AsyncIterator[Entry]:
        """Yield the entries of an account and region, in no order that means anything.

        Raises:
            ServiceFailed: the table cannot be read.
        """
        async for item in self._table.query(_pk(account, region)):
            entry = _entry(item)
            if not entry.gone:
                yield entry

    async def replace(self, account: str, region: str, entries: Sequence[Entry]) -> int:
        """Keep `entries`, and mark what else was kept of their account and region as gone; return how many those were.

        They are written in batches, without looking at what is there: a change that is delivered while the alarms are
        read may be lost until the next one.

        Args:
            account: whose alarms they are.
            region: where they are.
            entries: all alarms that there are.

        Raises:
            ServiceFailed: the table cannot be read or written, or DynamoDB keeps giving items back unwritten.
        """
        here = {entry.key for entry in entries}
        now = self._clock.now()
        left = [entry async for entry in self.alarms(account, region) if entry.key not in here]
        gone = [entry.model_copy(update={"gone": True, "seen_at": now}) for entry in left if entry.seen_at <= now]
        waiting = iter((*entries, *gone))
        while batch := list(islice(waiting, BATCH)):
            await self._write(batch)
        return len(gone)

    async def _write(self, entries: Iterable[Entry]) -> None:
        pending: Mapping[str, Any] = {
            self._table.name: [{"PutRequest": {"Item": self._item(entry)}} for entry in entries]
        }
        for attempt in range(TRIES):
            if attempt:
                longest = min(FIRST_PAUSE_SECONDS * 2**attempt, LONGEST_PAUSE_SECONDS)
                await self._clock.sleep(random.uniform(longest / 2, longest))  # noqa: S311 - keeps rivals apart, no secret
            with translated("dynamodb:BatchWriteItem", self._table.name):
                answer = await self._table.client.batch_write_item(RequestItems=pending)
            pending = answer.get("UnprocessedItems") or {}
            if not pending:
                return
        raise Throttled("dynamodb:BatchWriteItem", self._table.name, f"items were left unwritten {TRIES} times")

    def _item(self, entry: Entry) -> "NewItem":
        kept_for = GONE_RETENTION if entry.gone else RETENTION
        return _key(entry.key) | {
            "entry": text(entry.model_dump_json(exclude_defaults=True)),
            "seen_at": number(epoch_milliseconds(entry.seen_at)),
            "ttl": expiry(self._clock.now(), kept_for),
        }


def _pk(account: str, region: str) -> str:
    return f"INVENTORY#{account}/{region}"


def _key(key: AlarmKey) -> "NewItem":
    return {"pk": text(_pk(key.account, key.region)), "sk": text(hashed(key.name))}


def _entry(item: "StoredItem") -> Entry:
    return Entry.model_validate_json(item["entry"]["S"])
