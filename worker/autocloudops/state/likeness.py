"""Vectors of past incidents in the state table, so that later ones are found by what they read like.

    PASTLIKE#<account>/<hash>   <decided at>#<incident id>   the vector, and whose incident it was

The hash is that of the model and of how many numbers its vectors have: vectors of another model stand in a partition of
their own, so that no question is ever compared with them.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from autocloudops.aws import translated
from autocloudops.clock import Clock, epoch_milliseconds
from autocloudops.incidents.past import PastVector, VectorSpace
from autocloudops.state import items
from autocloudops.state.items import text
from autocloudops.state.table import Table

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient

RETENTION = timedelta(days=180)
PAGE = 200


class DynamoLikeness:
    """Keeps vectors of decided incidents.

    Args:
        client: a DynamoDB client.
        table: the state table.
        clock: what has expired.
    """

    def __init__(self, client: "DynamoDBClient", table: str, clock: Clock) -> None:
        self._table = Table(client, table, clock)
        self._clock = clock

    async def keep(self, vector: PastVector) -> None:
        """Keep the vector of one decision for 180 days.

        Raises:
            ServiceFailed: the table cannot be written.
        """
        sort = f"{epoch_milliseconds(vector.decided_at):013d}#{vector.incident_id}"
        item = {
            "pk": text(_pk(vector.space)),
            "sk": text(sort),
            "owner": text(vector.owner_key),
            "numbers": {"B": vector.numbers},
            "ttl": items.expiry(min(vector.decided_at, self._clock.now()), RETENTION),
        }
        with translated("dynamodb:PutItem", self._table.name):
            await self._table.client.put_item(TableName=self._table.name, Item=item)

    async def newest(self, space: VectorSpace, most: int) -> Sequence[PastVector]:
        """Return the vectors of the newest decisions, the newest first; of one incident only its last.

        Args:
            space: whose, and made by what.
            most: how many.

        Raises:
            ServiceFailed: the table cannot be read.
        """
        found: dict[UUID, PastVector] = {}
        async for item in self._table.query(_pk(space), newest_first=True, page=min(most, PAGE)):
            if len(found) >= most:
                break
            at, _, incident_id = item["sk"]["S"].partition("#")
            vector = PastVector(
                incident_id=UUID(incident_id),
                owner_key=item["owner"]["S"],
                space=space,
                decided_at=items.moment(at),
                numbers=bytes(item["numbers"]["B"]),
            )
            found.setdefault(vector.incident_id, vector)
        return tuple(found.values())


def _pk(space: VectorSpace) -> str:
    return f"PASTLIKE#{space.account}/{items.hashed(f'{space.model} {space.dimension}')}"
