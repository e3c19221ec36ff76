"""Incidents in the state table (pk, sk, ttl).

    KEY#<alarm key>    <ms>#<STATE>   one recorded state change: role, incident, the alarm itself
    OWNER#<owner key>  CURRENT        the newest incident of an owner
    INC#<incident id>  HEAD           the incident: counters, lease, decision, places of its first and last 20 members

Keys are hashed because alarm names may be longer than the 2,048 bytes that DynamoDB allows a partition key.
"""

from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar, cast
from uuid import UUID

from botocore.exceptions import ClientError

from autocloudops.alarms.model import Alarm, AlarmKey
from autocloudops.aws import error_code, translated
from autocloudops.incidents.grouping import change_of
from autocloudops.incidents.model import Change, Clears, Incident, IncidentStatus, Joins, Opens, Placement
from autocloudops.state import items
from autocloudops.state.items import number, text

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient
    from types_aiobotocore_dynamodb.type_defs import KeysAndAttributesTypeDef, TransactWriteItemTypeDef

HISTORY_LIMIT = 50
T = TypeVar("T")
LOST = frozenset({"ConditionalCheckFailedException", "TransactionCanceledException", "TransactionConflictException"})
ABSENT = "attribute_not_exists(pk)"


class DynamoIncidents:
    """An `IncidentStore` in one DynamoDB table.

    Args:
        client: a DynamoDB client.
        table: the table's name.
    """

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    async def history(self, key: AlarmKey) -> Sequence[Change]:
        """Return the newest recorded changes of `key`."""
        with translated("dynamodb:Query", self._table):
            answer = await self._client.query(
                TableName=self._table,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": text(items.key_pk(key))},
                ScanIndexForward=False,
                Limit=HISTORY_LIMIT,
                ConsistentRead=True,
            )
        return tuple(items.read_change(item) for item in answer["Items"])

    async def current(self, owner_key: str) -> Incident | None:
        """Return the newest incident of an owner."""
        pointer = await self._get({"pk": text(items.owner_pk(owner_key)), "sk": text("CURRENT")})
        return await self.incident(UUID(pointer["incident_id"]["S"])) if pointer else None

    async def incident(self, incident_id: UUID) -> Incident | None:
        """Return one incident as it stands now."""
        item = await self._get(items.head_key(incident_id))
        return items.read_head(item) if item else None

    async def record(self, alarm: Alarm, placement: Placement, now: datetime) -> bool:
        """Make `placement` true, or return False where somebody else was faster."""
        if isinstance(placement, Opens):
            return await self._open(alarm, placement, now)
        change = items.change_item(alarm, change_of(alarm, placement), now)
        put = self._client.put_item(TableName=self._table, Item=change, ConditionExpression=ABSENT)
        if await self._unless_lost("dynamodb:PutItem", put) is None:
            return False
        if isinstance(placement, Joins | Clears):
            await self._count(alarm, placement, now)
        return True

    async def _open(self, alarm: Alarm, placement: Opens, now: datetime) -> bool:
        incident = placement.incident
        transaction: Sequence[TransactWriteItemTypeDef] = [
            self._put(items.change_item(alarm, change_of(alarm, placement), now)),
            self._put(items.head_item(incident, alarm, now)),
            self._move_pointer(incident, now),
        ]
        write = self._client.transact_write_items(TransactItems=transaction)
        return await self._unless_lost("dynamodb:TransactWriteItems", write) is not None

    def _put(self, item: "items.NewItem") -> "TransactWriteItemTypeDef":
        return {"Put": {"TableName": self._table, "Item": item, "ConditionExpression": ABSENT}}

    def _move_pointer(self, incident: Incident, now: datetime) -> "TransactWriteItemTypeDef":
        pointer = {
            "pk": text(items.owner_pk(incident.owner_key)),
            "sk": text("CURRENT"),
            "incident_id": text(incident.incident_id),
            "owner_key": text(incident.owner_key),
            "ttl": items.expiry(now),
        }
        if incident.previous is None:
            return self._put(pointer)
        return {
            "Put": {
                "TableName": self._table,
                "Item": pointer,
                "ConditionExpression": "incident_id = :previous",
                "ExpressionAttributeValues": {":previous": text(incident.previous)},
            }
        }

    async def _count(self, alarm: Alarm, placement: Joins | Clears, now: datetime) -> None:
        if placement.incident_id is None:
            return
        update, values = "ADD firing :firing", {":firing": number(-1)}
        if isinstance(placement, Joins):
            slot = items.slot_of(alarm.event_id)
            update = (
                f"ADD members :one, firing :firing SET last_member_at = :now, last{slot} = :place, "
                f"first{slot} = if_not_exists(first{slot}, :place)"
            )
            values = {
                ":one": number(1),
                ":firing": number(int(placement.starts_episode)),
                ":now": number(items.milliseconds(now)),
                ":place": text(items.place_of(alarm)),
            }
        with translated("dynamodb:UpdateItem", self._table):
            await self._client.update_item(
                TableName=self._table,
                Key=items.head_key(placement.incident_id),
                UpdateExpression=update,
                ExpressionAttributeValues=values,
            )

    async def claim(self, incident_id: UUID, asker: str, lease_until: datetime, now: datetime) -> Incident | None:
        """Become the only one who asks; None while somebody else holds the lease or it is decided."""
        answer = await self._unless_lost(
            "dynamodb:UpdateItem",
            self._client.update_item(
                TableName=self._table,
                Key=items.head_key(incident_id),
                ReturnValues="ALL_NEW",
                UpdateExpression="SET #status = :asking, asker = :asker, lease_until = :until ADD attempt :one",
                ConditionExpression="attribute_exists(pk) AND #status <> :decided AND "
                "(attribute_not_exists(lease_until) OR lease_until <= :now)",
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues={
                    ":asking": text(IncidentStatus.ASKING),
                    ":decided": text(IncidentStatus.DECIDED),
                    ":asker": text(asker),
                    ":until": number(items.milliseconds(lease_until)),
                    ":now": number(items.milliseconds(now)),
                    ":one": number(1),
                },
            ),
        )
        return items.read_head(answer["Attributes"]) if answer else None

    async def members(self, incident: Incident) -> Sequence[Alarm]:
        """Return the first and last alarms of an incident, by time."""
        head = await self._get(items.head_key(incident.incident_id))
        wanted: KeysAndAttributesTypeDef = {
            "Keys": [{"pk": text(pk), "sk": text(sk)} for pk, sk in items.member_places(head or {})],
            "ConsistentRead": True,
        }
        pending: dict[str, KeysAndAttributesTypeDef] = {self._table: wanted}
        alarms: list[Alarm] = []
        while pending:
            with translated("dynamodb:BatchGetItem", self._table):
                answer = await self._client.batch_get_item(RequestItems=pending)
            alarms += [Alarm.model_validate_json(item["alarm"]["S"]) for item in answer["Responses"][self._table]]
            pending = cast("dict[str, KeysAndAttributesTypeDef]", answer.get("UnprocessedKeys", {}))
        return sorted(alarms, key=lambda alarm: alarm.at)

    async def settle(self, asked: Incident, decision_id: UUID, record_sha256: str) -> bool:
        """Make a decision the effective one, unless the attempt is no longer current."""
        answer = await self._unless_lost(
            "dynamodb:UpdateItem",
            self._client.update_item(
                TableName=self._table,
                Key=items.head_key(asked.incident_id),
                UpdateExpression="SET #status = :decided, decision_id = :decision, record_sha256 = :record",
                ConditionExpression="#status = :asking AND attempt = :attempt",
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues={
                    ":asking": text(IncidentStatus.ASKING),
                    ":decided": text(IncidentStatus.DECIDED),
                    ":attempt": number(asked.attempt),
                    ":decision": text(decision_id),
                    ":record": text(record_sha256),
                },
            ),
        )
        return answer is not None

    async def _get(self, key: "items.NewItem") -> "items.StoredItem | None":
        with translated("dynamodb:GetItem", self._table):
            answer = await self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        return answer.get("Item")

    async def _unless_lost(self, operation: str, call: Awaitable[T]) -> T | None:
        """Return the answer of a conditional write, or None where its condition failed."""
        with translated(operation, self._table):
            try:
                return await call
            except ClientError as error:
                if error_code(error) in LOST:
                    return None
                raise
