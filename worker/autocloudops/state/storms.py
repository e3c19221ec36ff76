"""How many distinct resources alarm at once, and whose: a set of each for every account, region and minute."""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from autocloudops.alarms.model import ResourceRef
from autocloudops.aws import translated
from autocloudops.state import items

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient

COUNTED = 100
SHORT = 8
RETENTION = timedelta(hours=1)


class Storms:
    """The sets of resources that alarmed, and of their owners.

    One process writes each resource once a minute, and 100 at most for each account and region.

    Args:
        client: a DynamoDB client.
        table: the state table.
    """

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table
        self._minute = 0
        self._noted: defaultdict[tuple[str, str], set[str]] = defaultdict(set)

    async def note(self, resource: ResourceRef, now: datetime) -> None:
        """Count a resource for this minute, and note its owner."""
        minute = _minute(now)
        if minute != self._minute:
            self._minute = minute
            self._noted.clear()
        name = items.hashed(f"{resource.account}/{resource.region}/{resource.type}/{resource.id}")[:SHORT]
        noted = self._noted[resource.account, resource.region]
        if name in noted or len(noted) >= COUNTED:
            return
        noted.add(name)
        with translated("dynamodb:UpdateItem", self._table):
            await self._client.update_item(
                TableName=self._table,
                Key=items.storm_key(resource.account, resource.region, minute),
                UpdateExpression="ADD resources :name, owners :owner SET #ttl = :ttl",
                ExpressionAttributeNames={"#ttl": "ttl"},
                ExpressionAttributeValues={
                    ":name": {"SS": [name]},
                    ":owner": {"SS": [items.hashed(resource.owner_key)]},
                    ":ttl": items.expiry(now, RETENTION),
                },
            )

    async def count(self, account: str, region: str, now: datetime) -> int:
        """Return how many distinct resources alarmed in this minute and the one before."""
        names: set[str] = set()
        for minute in (_minute(now) - 1, _minute(now)):
            with translated("dynamodb:GetItem", self._table):
                answer = await self._client.get_item(
                    TableName=self._table, Key=items.storm_key(account, region, minute)
                )
            names |= set(answer.get("Item", {}).get("resources", {}).get("SS", ()))
        return len(names)


def _minute(now: datetime) -> int:
    return int(now.timestamp() // 60)
