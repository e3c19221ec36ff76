"""How each model endpoint is told the schema of a reply, found out once for all workers.

ENDPOINT#<hash of URL and model>   DIALECT   the dialect, for a week: a server may be upgraded
"""

from datetime import timedelta
from logging import getLogger
from typing import TYPE_CHECKING

from autocloudops.aws import translated
from autocloudops.clock import Clock
from autocloudops.diagnosis.endpoint import Dialect
from autocloudops.errors import AutoCloudOpsError
from autocloudops.state import items
from autocloudops.state.items import text

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient

log = getLogger(__name__)

RETENTION = timedelta(days=7)


class DynamoDialects:
    """Keeps dialects in the state table; while it cannot be reached, a worker finds out for itself.

    Args:
        client: a DynamoDB client.
        table: the state table.
        clock: the wall time, for the expiry.
    """

    def __init__(self, client: "DynamoDBClient", table: str, clock: Clock) -> None:
        self._client = client
        self._table = table
        self._clock = clock

    async def get(self, endpoint: str, model: str) -> Dialect | None:
        """Return the dialect, or None where nobody has found it out of late or it cannot be read."""
        try:
            with translated("dynamodb:GetItem", self._table):
                answer = await self._client.get_item(TableName=self._table, Key=_key(endpoint, model))
        except AutoCloudOpsError as error:
            log.warning("the dialect of %s is found out anew: %s", endpoint, error)
            return None
        item = answer.get("Item")
        live = item is not None and int(item["ttl"]["N"]) > self._clock.now().timestamp()
        said = item["dialect"]["S"] if item and live else None
        # A later version may know more dialects than this one.
        return Dialect(said) if said in set(Dialect) else None

    async def put(self, endpoint: str, model: str, dialect: Dialect) -> None:
        """Keep the dialect."""
        item = _key(endpoint, model) | {
            "dialect": text(dialect),
            "endpoint": text(endpoint),
            "model": text(model),
            "ttl": items.expiry(self._clock.now(), RETENTION),
        }
        try:
            with translated("dynamodb:PutItem", self._table):
                await self._client.put_item(TableName=self._table, Item=item)
        except AutoCloudOpsError as error:
            log.warning("the dialect of %s is not kept: %s", endpoint, error)


def _key(endpoint: str, model: str) -> "items.NewItem":
    return {"pk": text(f"ENDPOINT#{items.hashed(f'{endpoint} {model}')}"), "sk": text("DIALECT")}
