"""What else alarms at about the same time, from what grouping and deciding wrote anyway."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from autocloudops.alarms.model import Alarm
from autocloudops.clock import Clock
from autocloudops.incidents.past import Nearby, Neighbour
from autocloudops.state import items
from autocloudops.state.past import near_pk
from autocloudops.state.table import Table

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient

    from autocloudops.state.items import StoredItem

MOST_OPEN = 50
"""Unfinished incidents that are read of each shard. They are in no order and of every account."""
MOST_DECIDED = 50
MOST_NEIGHBOURS = 20
MOST_MINUTES = 20


class DynamoNearby:
    """Reads unfinished incidents, those decided within the hour, and the resources that alarmed by minute.

    Args:
        client: a DynamoDB client.
        table: the state table.
        clock: what has expired.
    """

    def __init__(self, client: "DynamoDBClient", table: str, clock: Clock) -> None:
        self._table = Table(client, table, clock)

    async def nearby(self, account: str, region: str, since: datetime, but: UUID) -> Nearby:
        """Return the incidents of an account and region with an alarm from `since` on, the newest 20, without `but`.

        Raises:
            ServiceFailed: the table cannot be read.
        """
        listed = await asyncio.gather(
            self._decided(account, region, since), *(self._open(shard) for shard in range(items.SHARDS))
        )
        resources = await self._resources(account, region, since)
        ids = dict.fromkeys(each for found, _ in listed for each in found if each != but)
        heads = await self._table.get_many([items.head_key(each) for each in ids])
        near = [head for head in heads if _is_near(head, account, region, since)]
        near.sort(key=lambda head: int(head["last_member_at"]["N"]), reverse=True)
        complete = all(whole for _, whole in listed) and len(near) <= MOST_NEIGHBOURS
        neighbours = await self._with_openers(near[:MOST_NEIGHBOURS])
        return Nearby(neighbours=tuple(neighbours), resources=resources, complete=complete)

    async def _open(self, shard: int) -> tuple[Sequence[UUID], bool]:
        found: list[UUID] = []
        async for item in self._table.query(f"OPEN#{shard}", page=MOST_OPEN + 1):
            if len(found) >= MOST_OPEN:
                return found, False
            found.append(UUID(item["sk"]["S"]))
        return found, True

    async def _decided(self, account: str, region: str, since: datetime) -> tuple[Sequence[UUID], bool]:
        """Return what was decided and opened within the hour: an incident may be older than its newest alarm."""
        found: list[UUID] = []
        async for item in self._table.query(near_pk(account, region), newest_first=True, page=MOST_DECIDED + 1):
            if len(found) >= MOST_DECIDED:
                return found, items.moment(item["sk"]["S"].partition("#")[0]) < since
            found.append(UUID(item["sk"]["S"].partition("#")[2]))
        return found, True

    async def _resources(self, account: str, region: str, since: datetime) -> int:
        names: set[str] = set()
        oldest = int(since.timestamp() // 60)
        async for item in self._table.query(f"STORM#{account}/{region}", newest_first=True, page=MOST_MINUTES):
            if int(item["sk"]["S"]) < oldest:
                break
            names |= set(item["resources"]["SS"])
        return len(names)

    async def _with_openers(self, heads: Sequence["StoredItem"]) -> list[Neighbour]:
        places = {head["opener_place"]["B"] for head in heads}
        found = await self._table.get_many([items.key_at(place) for place in sorted(places)])
        openers = {(item["pk"]["S"], item["sk"]["S"]): item["alarm"]["S"] for item in found}
        return [Neighbour(incident=items.read_head(head), opener=_opener(head, openers)) for head in heads]


def _is_near(head: "StoredItem", account: str, region: str, since: datetime) -> bool:
    resource = items.read_head(head).resource
    newest = items.moment(head["last_member_at"]["N"])
    return (resource.account, resource.region) == (account, region) and newest >= since


def _opener(head: "StoredItem", openers: dict[tuple[str, str], str]) -> Alarm | None:
    key = items.key_at(head["opener_place"]["B"])
    content = openers.get((_string(key["pk"]), _string(key["sk"])))
    return Alarm.model_validate_json(content) if content else None


def _string(value: object) -> str:
    return str(value["S"]) if isinstance(value, dict) else ""
