"""Decided incidents in the state table, for 400 days: by owner, by metric family, and by id for labels.

    PAST#<start of id>  <incident id>               what was decided, the labels, and when its first alarm cleared
    PASTOF#<hash>       <opened at>#<incident id>   by owner, and by metric family in an account
    OVERTURNED#<day>    <incident id>               a person said on that day (UTC) that the decision was wrong

Vectors of them are in `state.likeness`.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from autocloudops.alarms.model import AlarmState
from autocloudops.aws import translated
from autocloudops.clock import Clock, epoch_milliseconds
from autocloudops.incidents.past import Label, PastIncident
from autocloudops.state import items
from autocloudops.state.items import number, text
from autocloudops.state.table import Table

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient

    from autocloudops.state.items import NewItem, StoredItem

RETENTION = timedelta(days=400)
OVERTURNED_RETENTION = timedelta(days=2)
ID_CHARACTERS = 8
"""As many characters of an id are its partition: what people type is never shorter."""
MOST_FOUND = 20
CLEARED_WITHIN = timedelta(hours=24)
MOST_TURNS = 50


class DynamoPast:
    """What was decided before, and what people said of it.

    Args:
        client: a DynamoDB client.
        table: the state table.
        clock: what has expired.
    """

    def __init__(self, client: "DynamoDBClient", table: str, clock: Clock) -> None:
        self._table = Table(client, table, clock)
        self._clock = clock

    async def keep(self, past: PastIncident, previous: UUID | None = None) -> None:
        """Remember a decision; a later decision about the same incident takes its place, and labels stay.

        A suppressed incident is found by id, but is no example for others.

        Args:
            past: what was decided.
            previous: the owner's incident before this one: what came of it is known by now, and written down.

        Raises:
            ServiceFailed: the table cannot be written.
        """
        await self._write(past)
        if not past.suppressed:
            await asyncio.gather(*(self._point(pk, past) for pk in _lists(past)))
        if previous:
            await self._settle(previous)

    async def _write(self, past: PastIncident) -> None:
        kept, now = past.model_copy(update={"labels": ()}), self._clock.now()
        said = text(kept.model_dump_json(exclude_defaults=True))
        with translated("dynamodb:UpdateItem", self._table.name):
            await self._table.client.update_item(
                TableName=self._table.name,
                Key=record_key(past.incident_id),
                UpdateExpression="SET past = :past, #ttl = :ttl",
                ExpressionAttributeNames={"#ttl": "ttl"},
                ExpressionAttributeValues={":past": said, ":ttl": items.expiry(now, RETENTION)},
            )

    async def _point(self, pk: str, past: PastIncident) -> None:
        sort = f"{epoch_milliseconds(past.opened_at):013d}#{past.incident_id}"
        item = {"pk": text(pk), "sk": text(sort), "ttl": items.expiry(self._clock.now(), RETENTION)}
        with translated("dynamodb:PutItem", self._table.name):
            await self._table.client.put_item(TableName=self._table.name, Item=item)

    async def _settle(self, incident_id: UUID) -> None:
        """Write down when an incident cleared, before its state changes expire.

        That stands beside what was decided: a later decision about the same incident may be kept at this moment.
        """
        past = next(iter(await self.of_ids([incident_id])), None)
        cleared = past.cleared_at if past else None
        if cleared is None:
            return
        await self._table.unless_lost(
            "dynamodb:UpdateItem",
            lambda: self._table.client.update_item(
                TableName=self._table.name,
                Key=record_key(incident_id),
                UpdateExpression="SET cleared_at = :cleared",
                ConditionExpression="attribute_exists(past)",
                ExpressionAttributeValues={":cleared": number(epoch_milliseconds(cleared))},
            ),
        )

    async def of_owner(self, owner_key: str, but: UUID, most: int) -> Sequence[UUID]:
        """Return the ids of an owner's last decided incidents, the newest first.

        Args:
            owner_key: account, region and owner.
            but: an incident that is left out: the one that is asked about.
            most: how many, 20 at most.

        Raises:
            ServiceFailed: the table cannot be read.
        """
        return await self._in_list(_owner_pk(owner_key), but, most)

    async def of_family(self, account: str, family: str, but: UUID, most: int) -> Sequence[UUID]:
        """Return the ids of the last decided incidents of an account with the same metric family; see `of_owner`."""
        return await self._in_list(_family_pk(account, family), but, most)

    async def _in_list(self, pk: str, but: UUID, most: int) -> Sequence[UUID]:
        ids: dict[UUID, None] = {}
        async for item in self._table.query(pk, newest_first=True, page=MOST_FOUND):
            if len(ids) >= min(most, MOST_FOUND):
                break
            ids |= {each: None for each in [_id_in(item)] if each != but}
        return tuple(ids)

    async def of_ids(self, ids: Sequence[UUID]) -> Sequence[PastIncident]:
        """Return those of some incidents that are remembered, in the order of `ids`, with what came of them.

        Args:
            ids: 50 at most are read in one call.

        Raises:
            ServiceFailed: the table cannot be read.
        """
        wanted = tuple(dict.fromkeys(ids))
        keys = [key for each in wanted for key in (record_key(each), items.head_key(each))]
        there = {(item["pk"]["S"], item["sk"]["S"]): item for item in await self._table.get_many(keys)}
        records = [there[where] for each in wanted if (where := (_id_pk(str(each)), str(each))) in there]
        heads = [there.get((items.incident_pk(UUID(item["sk"]["S"])), "HEAD")) for item in records]
        return await asyncio.gather(
            *(self._with_outcome(_read(item), head) for item, head in zip(records, heads, strict=True))
        )

    async def _with_outcome(self, past: PastIncident, head: "StoredItem | None") -> PastIncident:
        """Return an incident with the time at which the alarm that opened it returned to OK.

        While every alarm of it that ever fired still does, nothing has to be read.
        """
        if past.cleared_at or head is None or "opener_place" not in head:
            return past
        if int(head["firing"]["N"]) >= int(head["members"]["N"]):
            return past
        return past.model_copy(update={"cleared_at": await self._cleared(head["opener_place"]["B"])})

    async def _cleared(self, place: bytes) -> datetime | None:
        """Return when the alarm of a firing change returned to OK, if it did so within a day."""
        digest, fired = place[: -items.TIME_BYTES].hex(), int.from_bytes(place[-items.TIME_BYTES :])
        until = fired + int(CLEARED_WITHIN.total_seconds() * 1000)
        with translated("dynamodb:Query", self._table.name):
            answer = await self._table.client.query(
                TableName=self._table.name,
                KeyConditionExpression="pk = :pk AND sk BETWEEN :fired AND :until",
                ExpressionAttributeValues={
                    ":pk": text(f"KEY#{digest}"),
                    ":fired": text(f"{fired:013d}#"),
                    ":until": text(f"{until:013d}#"),
                },
                Limit=MOST_TURNS,
            )
        times = (items.time_of(item) for item in answer["Items"] if item["sk"]["S"].endswith(f"#{AlarmState.OK}"))
        return next(times, None)

    async def named(self, start: str) -> Sequence[PastIncident]:
        """Return the incidents whose id starts with `start`, which is eight characters long or longer.

        Raises:
            ServiceFailed: the table cannot be read.
        """
        found = self._table.query(_id_pk(start), start)
        return [_read(item) async for item in found]

    async def label(self, incident_id: UUID, label: Label) -> bool:
        """Keep what a person said; False where nothing is remembered of the incident.

        Raises:
            ServiceFailed: the table cannot be written.
        """
        said = await self._table.unless_lost(
            "dynamodb:UpdateItem",
            lambda: self._table.client.update_item(
                TableName=self._table.name,
                Key=record_key(incident_id),
                UpdateExpression="ADD labels :label",
                ConditionExpression="attribute_exists(past)",
                ExpressionAttributeValues={":label": {"SS": [label.model_dump_json()]}},
            ),
        )
        if said is not None and label.judgement.overturns:
            await self._overturn(incident_id, label.at)
        return said is not None

    async def _overturn(self, incident_id: UUID, at: datetime) -> None:
        item = {
            "pk": text(_overturned_pk(at)),
            "sk": text(incident_id),
            "ttl": items.expiry(at, OVERTURNED_RETENTION),
        }
        with translated("dynamodb:PutItem", self._table.name):
            await self._table.client.put_item(TableName=self._table.name, Item=item)

    async def overturned(self, at: datetime) -> int:
        """Return of how many incidents people said on that day (UTC) that the decision was wrong.

        Raises:
            ServiceFailed: the table cannot be read.
        """
        return len([item async for item in self._table.query(_overturned_pk(at))])


def record_key(incident_id: UUID) -> "NewItem":
    """Return the key of what is remembered of an incident."""
    return {"pk": text(_id_pk(str(incident_id))), "sk": text(incident_id)}


def _id_pk(incident_id: str) -> str:
    return f"PAST#{incident_id[:ID_CHARACTERS]}"


def _overturned_pk(at: datetime) -> str:
    return f"OVERTURNED#{at.astimezone(UTC):%Y-%m-%d}"


def _lists(past: PastIncident) -> list[str]:
    family = [_family_pk(past.account, past.family)] if past.family else []
    return [_owner_pk(past.owner_key), *family]


def _owner_pk(owner_key: str) -> str:
    return f"PASTOF#{items.hashed(owner_key)}"


def _family_pk(account: str, family: str) -> str:
    return f"PASTOF#{items.hashed(f'{account} {family}')}"


def _id_in(item: "StoredItem") -> UUID:
    return UUID(item["sk"]["S"].partition("#")[2])


def _read(item: "StoredItem") -> PastIncident:
    past = PastIncident.model_validate_json(item["past"]["S"])
    labels = item["labels"]["SS"] if "labels" in item else ()
    cleared = items.moment(item["cleared_at"]["N"]) if "cleared_at" in item else past.cleared_at
    said = tuple(Label.model_validate_json(each) for each in labels)
    return past.model_copy(update={"labels": said, "cleared_at": cleared})
