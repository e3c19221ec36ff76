"""What else alarms at about the same time, from what grouping wrote anyway."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from autocloudops.alarms.model import Alarm
from autocloudops.clock import Clock
from autocloudops.incidents.past import Nearby, Neighbour
from autocloudops.state import items
from autocloudops.state.items import text
from autocloudops.state.table import MOST_KEYS, Table

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient

    from autocloudops.state.items import NewItem, StoredItem

MOST_OWNERS = MOST_KEYS
MOST_NEIGHBOURS = 20
MOST_MINUTES = 20


class _Alarming(NamedTuple):
    """Which resources alarmed, and whose they are: hashes of both."""

    resources: frozenset[str]
    owners: Sequence[str]


class DynamoNearby:
    """Reads whose resources alarmed by minute, and the newest incident of each of those owners.

    Args:
        client: a DynamoDB client.
        table: the state table.
        clock: what has expired.
    """

    def __init__(self, client: "DynamoDBClient", table: str, clock: Clock) -> None:
        self._table = Table(client, table, clock)

    async def nearby(self, account: str, region: str, since: datetime, but: UUID) -> Nearby:
        """Return the incidents of an account and region with an alarm from `since` on, the newest 20, without `but`.

        Of each owner it is the newest incident, or the one that a composite alarm tied that to.

        Raises:
            ServiceFailed: the table cannot be read.
        """
        alarming = await self._alarming(account, region, since)
        pointers = await self._table.get_many([_pointer_key(each) for each in alarming.owners[:MOST_OWNERS]])
        ids = dict.fromkeys(UUID(pointer["incident_id"]["S"]) for pointer in pointers)
        heads = await self._table.get_many([items.head_key(each) for each in ids if each != but])
        near = [head for head in heads if _is_near(head, account, region, since)]
        near.sort(key=lambda head: int(head["last_member_at"]["N"]), reverse=True)
        return Nearby(
            neighbours=tuple(await self._with_openers(near[:MOST_NEIGHBOURS])),
            resources=len(alarming.resources),
            complete=len(alarming.owners) <= MOST_OWNERS and len(near) <= MOST_NEIGHBOURS,
        )

    async def _alarming(self, account: str, region: str, since: datetime) -> _Alarming:
        """Return what alarmed from `since` on; the owners of the newest minute first."""
        names: set[str] = set()
        owners: dict[str, None] = {}
        oldest = int(since.timestamp() // 60)
        async for item in self._table.query(f"STORM#{account}/{region}", newest_first=True, page=MOST_MINUTES):
            if int(item["sk"]["S"]) < oldest:
                break
            names |= set(item["resources"]["SS"])
            owners |= dict.fromkeys(item["owners"]["SS"] if "owners" in item else ())
        return _Alarming(frozenset(names), tuple(owners))

    async def _with_openers(self, heads: Sequence["StoredItem"]) -> list[Neighbour]:
        places = {head["opener_place"]["B"] for head in heads}
        found = await self._table.get_many([items.key_at(place) for place in sorted(places)])
        openers = {(item["pk"]["S"], item["sk"]["S"]): item["alarm"]["S"] for item in found}
        return [Neighbour(incident=items.read_head(head), opener=_opener(head, openers)) for head in heads]


def _pointer_key(owner: str) -> "NewItem":
    """Return the key of an owner's newest incident, where only the hash of the owner is known."""
    return {"pk": text(f"OWNER#{owner}"), "sk": text("CURRENT")}


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
