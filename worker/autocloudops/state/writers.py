"""Who writes the audit, kept apart from the bucket that they write to.

WRITER   <writer id>   when it started, when it was last heard of, its last durable object and line, whether it ended
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from autocloudops.aws import translated
from autocloudops.clock import Clock
from autocloudops.registered_writer import RegisteredWriter
from autocloudops.state import items
from autocloudops.state.items import text
from autocloudops.state.table import Table

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient

    from autocloudops.state.items import NewItem, StoredItem

PARTITION = "WRITER"
KEPT = timedelta(days=90)
"""Also of those that ended: while no digests are made, only this tells whose their objects are."""


class DynamoWriters:
    """Keeps audit writers in the state table.

    Args:
        client: a DynamoDB client.
        table: the state table.
        clock: the wall time, for what has expired.
    """

    def __init__(self, client: "DynamoDBClient", table: str, clock: Clock) -> None:
        self._table = Table(client, table, clock)

    async def keep(self, writer: RegisteredWriter) -> None:
        """Keep a writer in place of what was kept of it before."""
        with translated("dynamodb:PutItem", self._table.name):
            await self._table.client.put_item(TableName=self._table.name, Item=_item(writer))

    async def registered(self) -> Sequence[RegisteredWriter]:
        """Return every writer that is still remembered, by id."""
        return [_writer(item) async for item in self._table.query(PARTITION)]


def _item(writer: RegisteredWriter) -> "NewItem":
    item: NewItem = {
        "pk": text(PARTITION),
        "sk": text(writer.writer_id),
        "started": text(writer.started.isoformat()),
        "seen": text(writer.seen.isoformat()),
        "lines": items.number(writer.lines),
        "head": text(writer.head),
        "ended": {"BOOL": writer.ended},
        "ttl": items.expiry(writer.seen, KEPT),
    }
    return item if writer.sequence is None else item | {"sequence": items.number(writer.sequence)}


def _writer(item: "StoredItem") -> RegisteredWriter:
    return RegisteredWriter(
        writer_id=item["sk"]["S"],
        started=datetime.fromisoformat(item["started"]["S"]),
        seen=datetime.fromisoformat(item["seen"]["S"]),
        sequence=int(item["sequence"]["N"]) if "sequence" in item else None,
        lines=int(item["lines"]["N"]),
        head=item["head"]["S"],
        ended=item["ended"]["BOOL"],
    )
