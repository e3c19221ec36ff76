"""Incidents in the state table (pk, sk, ttl).

    KEY#<alarm key>    <ms>#<STATE>   one recorded state change: role, incident, the alarm itself
                       PARENT         the incident of a composite alarm that named this one
    OWNER#<owner key>  CURRENT        the newest incident of an owner
    INC#<incident id>  HEAD           the incident: counters, lease, decision, places of its first and last 20 members
    OPEN#<shard>       <incident id>  an incident that is not decided yet
    STORM#<acct/rgn>   <minute>       the resources that alarmed in that minute
    SILENCE            <owner key>    a silence

Keys are hashed because alarm names may be longer than the 2,048 bytes that DynamoDB allows a partition key.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeVar, cast
from uuid import UUID

from botocore.exceptions import ClientError

from autocloudops.alarms.model import Alarm, AlarmKey, AlarmState
from autocloudops.aws import error_code, translated
from autocloudops.clock import Clock
from autocloudops.incidents.grouping import change_of
from autocloudops.incidents.model import (
    Change,
    Clears,
    History,
    Incident,
    IncidentStatus,
    Joins,
    Notes,
    Opens,
    Placement,
    Reopens,
    family,
)
from autocloudops.incidents.relatives import child_keys
from autocloudops.incidents.silence import Silence
from autocloudops.state import items, writes
from autocloudops.state.items import text
from autocloudops.state.storms import Storms
from autocloudops.state.tally import Tallies, Tally

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient
    from types_aiobotocore_dynamodb.type_defs import (
        KeysAndAttributesTypeDef,
        QueryInputTypeDef,
        TransactWriteItemTypeDef,
    )

T = TypeVar("T")
HARMLESS = frozenset({"None", "ConditionalCheckFailed", "TransactionConflict"})
LOST = frozenset({"ConditionalCheckFailedException", "TransactionCanceledException", "TransactionConflictException"})


class DynamoIncidents:
    """An `IncidentStore` in one DynamoDB table.

    Args:
        client: a DynamoDB client.
        table: the table's name.
        clock: time for adding counters up.
    """

    def __init__(self, client: "DynamoDBClient", table: str, clock: Clock) -> None:
        self._client = client
        self._table = table
        self._tallies = Tallies(self._write_tally, clock)
        self._storms = Storms(client, table)

    async def history(self, key: AlarmKey, since: datetime) -> History:
        """Return the newest recorded changes of `key`, and every one from `since` on."""
        request: QueryInputTypeDef = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": text(items.key_pk(key))},
            "ScanIndexForward": False,
            "Limit": items.HISTORY_LIMIT,
            "ConsistentRead": True,
        }
        found: list[items.StoredItem] = []
        while True:
            with translated("dynamodb:Query", self._table):
                answer = await self._client.query(**request)
            found += answer["Items"]
            last = answer.get("LastEvaluatedKey")
            if not last or items.time_of(last) < since:
                break
            request["ExclusiveStartKey"] = last
        parent = next((UUID(item["incident_id"]["S"]) for item in found if item["sk"]["S"] == items.PARENT), None)
        changes = tuple(items.read_change(item) for item in found if item["sk"]["S"] != items.PARENT)
        return History(changes=changes, parent=parent)

    async def current(self, owner_key: str) -> Incident | None:
        """Return the newest incident of an owner."""
        pointer = await self._get(items.pointer_key(owner_key))
        return await self.incident(UUID(pointer["incident_id"]["S"])) if pointer else None

    async def incident(self, incident_id: UUID) -> Incident | None:
        """Return one incident as it stands now."""
        item = await self._get(items.head_key(incident_id))
        return items.read_head(item) if item else None

    async def undecided(self) -> Sequence[Incident]:
        """Return incidents that nobody has decided yet, and forget those that somebody has."""
        shards = await asyncio.gather(*(self._open_in(shard) for shard in range(items.SHARDS)))
        heads = await asyncio.gather(*(self.incident(each) for shard in shards for each in shard))
        found = [incident for incident in heads if incident]
        for incident in found:
            if incident.status is IncidentStatus.DECIDED:
                await self._close(incident.incident_id)
        return [incident for incident in found if incident.status is not IncidentStatus.DECIDED]

    async def _open_in(self, shard: int) -> list[UUID]:
        with translated("dynamodb:Query", self._table):
            answer = await self._client.query(
                TableName=self._table,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": text(f"OPEN#{shard}")},
                ConsistentRead=True,
            )
        return [UUID(item["sk"]["S"]) for item in answer["Items"]]

    async def record(self, alarm: Alarm, placement: Placement, seen: History, now: datetime) -> bool:
        """Make `placement` true and count it, or return False where somebody else was faster."""
        match placement:
            case Opens():
                done = await self._transact(writes.opening(self._table, alarm, placement, now))
            case Reopens():
                done = await self._transact(writes.reopening(self._table, alarm, placement, now))
            case _:
                done = await self._record_one(alarm, placement, seen, now)
        if done and isinstance(placement, Opens | Reopens):
            await self._end_if_ended(alarm, placement, seen)
        if done and isinstance(placement, Opens | Reopens | Joins):
            if placement.leaves:
                await self._tallies.add(_stops_firing(placement.leaves))
            await self._adopt_children(alarm, placement, now)
            await self._storms.note(alarm.resource, now)
        return done

    async def _transact(self, transaction: Sequence["TransactWriteItemTypeDef"]) -> bool:
        write = self._client.transact_write_items(TransactItems=transaction)
        return await self._unless_lost("dynamodb:TransactWriteItems", write) is not None

    async def _record_one(self, alarm: Alarm, placement: Placement, seen: History, now: datetime) -> bool:
        """Write a change, and take it back where its key turned meanwhile or its incident takes no more members."""
        change = items.change_item(alarm, change_of(alarm, placement), now)
        put = self._client.put_item(TableName=self._table, Item=change, ConditionExpression=writes.ABSENT)
        if await self._unless_lost("dynamodb:PutItem", put) is None:
            return False
        if not isinstance(placement, Notes) and await self._turned(alarm, seen):
            return not await self._take_back(alarm, placement)
        tally = _tally(alarm, placement, now)
        return tally is None or await self._tallies.add(tally) or not await self._take_back(alarm, placement)

    async def _turned(self, alarm: Alarm, seen: History) -> Sequence[Change]:
        """Return what others recorded of the alarm's key since `seen` was read."""
        history = await self.history(alarm.key, alarm.at)
        return [change for change in history.beyond(seen) if change.event_id != alarm.event_id]

    async def _take_back(self, alarm: Alarm, placement: Placement) -> bool:
        """Return whether a change was deleted again: not so an OK that an opener took for the end of its episode."""
        deletion = self._client.delete_item(**writes.taking_back(self._table, alarm, placement))
        return await self._unless_lost("dynamodb:DeleteItem", deletion) is not None

    async def _end_if_ended(self, alarm: Alarm, placement: Opens | Reopens, seen: History) -> None:
        """End an episode at its beginning, where its OK was recorded meanwhile and found nothing to end."""
        later = [c for c in await self._turned(alarm, seen) if c.state is AlarmState.OK and c.at >= alarm.at]
        closing = min(later, key=lambda change: change.at, default=None)
        incident_id = change_of(alarm, placement).incident_id
        if closing is None or incident_id is None:
            return
        ending = self._client.update_item(**writes.ending(self._table, alarm.key, closing, incident_id))
        if await self._unless_lost("dynamodb:UpdateItem", ending) is not None:
            await self._tallies.add(_stops_firing(incident_id))

    async def _write_tally(self, tally: Tally) -> bool:
        update = self._client.update_item(**writes.adding(self._table, tally))
        return await self._unless_lost("dynamodb:UpdateItem", update) is not None

    async def _adopt_children(self, alarm: Alarm, placement: Opens | Reopens | Joins, now: datetime) -> None:
        incident_id = change_of(alarm, placement).incident_id
        for key in child_keys(alarm) if incident_id else ():
            with translated("dynamodb:PutItem", self._table):
                await self._client.put_item(
                    TableName=self._table,
                    Item={
                        "pk": text(items.key_pk(key)),
                        "sk": text(items.PARENT),
                        "incident_id": text(incident_id),
                        "ttl": items.expiry(now, items.PARENT_RETENTION),
                    },
                )

    async def claim(self, incident_id: UUID, asker: str, lease: timedelta, now: datetime) -> Incident | None:
        """Become the only one who asks; None while somebody else holds the lease or it is decided."""
        update = self._client.update_item(**writes.claiming(self._table, incident_id, asker, lease, now))
        answer = await self._unless_lost("dynamodb:UpdateItem", update)
        return items.read_head(answer["Attributes"]) if answer else None

    async def release(self, asked: Incident, now: datetime) -> None:
        """Give the lease of a question back, unless somebody else has taken it."""
        update = self._client.update_item(**writes.releasing(self._table, asked, now))
        await self._unless_lost("dynamodb:UpdateItem", update)

    async def members(self, incident: Incident) -> Sequence[Alarm]:
        """Return the first and last alarms of an incident, by time, its token among them."""
        head = await self._get(items.head_key(incident.incident_id))
        wanted: KeysAndAttributesTypeDef = {"Keys": items.member_keys(head) if head else [], "ConsistentRead": True}
        pending: dict[str, KeysAndAttributesTypeDef] = {self._table: wanted}
        alarms: list[Alarm] = []
        while pending:
            with translated("dynamodb:BatchGetItem", self._table):
                answer = await self._client.batch_get_item(RequestItems=pending)
            alarms += [Alarm.model_validate_json(item["alarm"]["S"]) for item in answer["Responses"][self._table]]
            pending = cast("dict[str, KeysAndAttributesTypeDef]", answer.get("UnprocessedKeys", {}))
        return sorted(alarms, key=lambda alarm: alarm.at)

    async def settle(self, asked: Incident, decision_id: UUID, record_sha256: str, now: datetime) -> bool:
        """Make a decision the effective one, unless the attempt is no longer current."""
        update = self._client.update_item(**writes.settling(self._table, asked, decision_id, record_sha256, now))
        if await self._unless_lost("dynamodb:UpdateItem", update) is None:
            return False
        await self._close(asked.incident_id)
        return True

    async def _close(self, incident_id: UUID) -> None:
        await self._delete("dynamodb:DeleteItem", items.open_key(incident_id))

    async def storm(self, account: str, region: str, now: datetime) -> int:
        """Return how many distinct resources alarmed in this minute and the one before."""
        return await self._storms.count(account, region, now)

    async def silence(self, silence: Silence) -> None:
        """Keep a silence until it expires; one for the same owner is replaced."""
        with translated("dynamodb:PutItem", self._table):
            await self._client.put_item(TableName=self._table, Item=items.silence_item(silence))

    async def silences(self, now: datetime) -> Sequence[Silence]:
        """Return the silences that have not expired."""
        with translated("dynamodb:Query", self._table):
            answer = await self._client.query(
                TableName=self._table,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": text("SILENCE")},
                ConsistentRead=True,
            )
        found = (Silence.model_validate_json(item["silence"]["S"]) for item in answer["Items"])
        return [silence for silence in found if silence.until > now]

    async def lift(self, owner_key: str) -> bool:
        """End the silence of an owner early. False: there was none."""
        return await self._delete("dynamodb:DeleteItem", items.silence_key(owner_key))

    async def _delete(self, operation: str, key: "items.NewItem") -> bool:
        with translated(operation, self._table):
            answer = await self._client.delete_item(TableName=self._table, Key=key, ReturnValues="ALL_OLD")
        return bool(answer.get("Attributes"))

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
                if error_code(error) in LOST and _only_lost(error):
                    return None
                raise


def _only_lost(error: ClientError) -> bool:
    """Return whether a refused transaction met only conditions and rivals; throttles and bad items are raised."""
    reasons = cast("dict[str, list[dict[str, str]]]", error.response).get("CancellationReasons", [])
    return all(reason.get("Code", "None") in HARMLESS for reason in reasons)


def _tally(alarm: Alarm, placement: Placement, now: datetime) -> Tally | None:
    match placement:
        case Joins(incident_id=UUID() as joined):
            return Tally(
                incident_id=joined,
                guarded=not placement.late,
                members=1,
                firing=int(placement.starts_episode),
                last_member_at=now,
                families={family(alarm)},
                places={items.slot_of(alarm.event_id): [items.place_of(alarm)]},
            )
        case Clears(incident_id=UUID() as cleared, ends_episode=True):
            return _stops_firing(cleared)
    return None


def _stops_firing(incident_id: UUID) -> Tally:
    return Tally(incident_id=incident_id, guarded=False, firing=-1)
