"""Incidents in the state table (pk, sk, ttl).

    KEY#<alarm key>    <ms>#<STATE>   one recorded state change: role, incident, the alarm itself
                       PARENT         the incident of a composite alarm that named this one
    OWNER#<owner key>  CURRENT        the newest incident of an owner
    INC#<incident id>  HEAD           the incident: counters, lease, decision
                       MEMBERS#<sum>  changes that were counted together, and where they stand
                       COUNTED#<sum>  the same for changes that bring no member, and for one that opens and leaves
                       FAMILY#<kind>  one member for each kind of trouble in it
    OPEN#<shard>       <incident id>  an incident that is not finished: undecided, untold, or to be looked at again
    STORM#<acct/rgn>   <minute>       the resources that alarmed in that minute, and their owners
    SILENCE            <owner key>    a silence
    INVENTORY#<place>  <alarm name>   an alarm of the inventory of one account and region, or its deletion
    CHANGE#<what>      D#<ms>#<event> a change that somebody decided, of one resource or owner (R# for routine ones)
                       NEWEST         when that was last changed
    FEED#<acct/rgn>    <feed>         the time of the newest event of one feed of changes
    PAST#<8 of an id>  <incident id>  what was decided about an incident, what people said, when it cleared
    PASTOF#<of what>   <ms>#<id>      the decided incidents of one owner, or of one metric family of an account
    PASTLIKE#<of what> <ms>#<id>      the vector of a decided incident

Keys are hashed because alarm names may be longer than the 2,048 bytes that DynamoDB allows a partition key.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from autocloudops.alarms.model import Alarm, AlarmKey, AlarmState
from autocloudops.aws import translated
from autocloudops.clock import Clock
from autocloudops.incidents.grouping import End, change_of, left_unended
from autocloudops.incidents.model import (
    Change,
    Clears,
    History,
    Incident,
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
from autocloudops.state.marks import Marks
from autocloudops.state.storms import Storms
from autocloudops.state.sums import HOT_SECONDS, MEMBERS_IN, Into, Mark, Sum, Sums, Tally, mark_of_its_own
from autocloudops.state.table import Table

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient

INCIDENTS_NAMED = 1_000
KINDS_NAMED = 20


class DynamoIncidents:
    """An `IncidentStore` in one DynamoDB table.

    Args:
        client: a DynamoDB client.
        table: the table's name.
        clock: time for adding counters up, and for what has expired.
    """

    counts_within = timedelta(seconds=HOT_SECONDS)

    def __init__(self, client: "DynamoDBClient", table: str, clock: Clock) -> None:
        self._client = client
        self._name = table
        self._clock = clock
        self._table = Table(client, table, clock)
        self._marks = Marks(self._table, clock)
        self._sums = Sums(self._write_sum, clock)
        self._storms = Storms(client, table)
        self._named: dict[UUID, set[str]] = {}

    async def aclose(self) -> None:
        """Return when every counter that waits was written: before the client is closed."""
        await self._sums.aclose()

    async def history(self, key: AlarmKey, since: datetime) -> History:
        """Return the newest recorded changes of `key`, and every one from `since` on."""
        return await self._history(key, since)

    async def _history(self, key: AlarmKey, since: datetime, but: UUID | None = None) -> History:
        """Return the history of `key` without one change: whoever has just written it need not read how it counts."""
        found: list[items.StoredItem] = []
        parent: UUID | None = None
        async for item in self._table.query(items.key_pk(key), newest_first=True, page=items.HISTORY_LIMIT):
            if item["sk"]["S"] == items.PARENT:
                parent = UUID(item["incident_id"]["S"])
            elif len(found) >= items.HISTORY_LIMIT and items.time_of(item) < since:
                break
            elif item["event_id"]["S"] != str(but):
                found.append(item)
        counted, pending = await self._marks.sorted(found)
        return History(
            changes=await self._ended(key, tuple(map(items.read_change, counted))),
            pending=tuple(map(items.read_change, pending)),
            parent=parent,
        )

    async def _ended(self, key: AlarmKey, changes: tuple[Change, ...]) -> tuple[Change, ...]:
        """Return changes once each OK ends the episode before it: who recorded one may be gone before he saw that."""
        for end in left_unended(changes):
            if await self._table.transact(writes.ending(self._name, key, end)):
                changes = tuple(end.closed if change == end.closing else change for change in changes)
        return changes

    async def current(self, owner_key: str) -> Incident | None:
        """Return the newest incident of an owner; a pointer to one that is gone is dropped."""
        key = items.pointer_key(owner_key)
        pointer = await self._table.get(key)
        if pointer is None:
            return None
        incident_id = pointer["incident_id"]["S"]
        incident = await self.incident(UUID(incident_id))
        if incident is None:
            await self._table.unless_lost(
                "dynamodb:DeleteItem",
                lambda: self._client.delete_item(**writes.unpointing(self._name, key, incident_id)),
            )
        return incident

    async def tie(self, owner_key: str, left: UUID | None, to: UUID, now: datetime) -> bool:
        """Let further alarms of an owner join another owner's incident, if `left` still is its newest."""
        put = writes.pointing(self._name, owner_key, to, left, now)
        return await self._table.unless_lost("dynamodb:PutItem", lambda: self._client.put_item(**put)) is not None

    async def incident(self, incident_id: UUID) -> Incident | None:
        """Return one incident as it stands now."""
        item = await self._table.get(items.head_key(incident_id))
        return items.read_head(item) if item else None

    async def unfinished(self) -> Sequence[Incident]:
        """Return incidents that are not decided, or decided and not yet finished."""
        shards = await asyncio.gather(*(self._open_in(shard) for shard in range(items.SHARDS)))
        heads = await asyncio.gather(*(self.incident(each) for shard in shards for each in shard))
        return [incident for incident in heads if incident]

    async def _open_in(self, shard: int) -> list[UUID]:
        return [UUID(item["sk"]["S"]) async for item in self._table.query(f"OPEN#{shard}")]

    async def finish(self, decided: Incident) -> None:
        """Forget a decided incident as unfinished, unless people are still to be told or it was opened again."""
        deletion = writes.forgetting(self._name, decided)
        await self._table.unless_lost("dynamodb:DeleteItem", lambda: self._client.delete_item(**deletion))

    async def record(self, alarm: Alarm, placement: Placement, seen: History, now: datetime) -> bool:
        """Make `placement` true and count it, or return False where somebody else was faster.

        Children are tied first, so that whoever dies in between leaves no recorded composite alarm that ties nothing.
        """
        placement = await self._leaving_what_exists(placement)
        if isinstance(placement, Opens | Reopens | Joins):
            await self._adopt_children(alarm, placement, now)
        match placement:
            case Opens() | Reopens():
                done = await self._record_token(alarm, placement, seen, now)
            case _:
                done = await self._record_one(alarm, placement, seen, now)
        if done and isinstance(placement, Opens | Reopens):
            await self._end_if_ended(alarm, placement, seen)
        if done and isinstance(placement, Opens | Reopens | Joins):
            await self._storms.note(alarm.resource, now)
        return done

    async def _leaving_what_exists(self, placement: Placement) -> Placement:
        """Return `placement` without an incident that it leaves, where that incident is gone already."""
        if not isinstance(placement, Opens | Reopens | Joins) or not placement.leaves:
            return placement
        left = await self.incident(placement.leaves)
        return placement if left else placement.model_copy(update={"leaves": None})

    async def _record_token(self, alarm: Alarm, placement: Opens | Reopens, seen: History, now: datetime) -> bool:
        """Write a change that asks. One that leaves an incident is written before it counts, as those are that join.

        An OK that ends the same episode stops it firing too. So both are written first and then look for each other:
        at least one sees the other, and is placed anew.
        """
        leaving = mark_of_its_own(_incident_of(placement), now) if placement.leaves else None
        if leaving and not await self._stays(alarm, placement, seen, now, leaving):
            return False
        opening = (
            writes.opening(self._name, alarm, placement, now, leaving)
            if isinstance(placement, Opens)
            else writes.reopening(self._name, alarm, placement, now, leaving)
        )
        if await self._table.transact(opening):
            return True
        if leaving and not await self._is_proven(leaving):
            await self._take_back(alarm, placement, leaving)
        return False

    async def _is_proven(self, mark: Mark) -> bool:
        """Return whether a refused transaction had been done before, so that what it counted must stay."""
        proof = await self._table.get(items.sum_key(mark.incident_id, mark.sum_id))
        return proof is not None and items.counts(proof, mark)

    async def _record_one(self, alarm: Alarm, placement: Placement, seen: History, now: datetime) -> bool:
        """Write a change, and take it back where its key turned meanwhile or its incident takes no more members."""
        tally = _tally(alarm, placement, now)
        if tally is None:
            return await self._stays(alarm, placement, seen, now, None)
        with self._sums.ticket(tally.into) as ticket:
            if not await self._stays(alarm, placement, seen, now, ticket.mark):
                return False
            ticket.count(tally)
        if await ticket.durable():
            return True
        await self._take_back(alarm, placement, ticket.mark)
        return False

    async def _stays(self, alarm: Alarm, placement: Placement, seen: History, now: datetime, mark: Mark | None) -> bool:
        """Return whether a change was written, and nothing that others wrote of its key makes it wrong."""
        change = items.change_item(alarm, change_of(alarm, placement), now, mark)
        put = writes.putting(self._name, change, now)
        written = await self._table.unless_lost("dynamodb:PutItem", lambda: self._client.put_item(**put))
        if written is None and not await self._is_mine(alarm, mark):
            return False
        if isinstance(placement, Notes) or not await self._turned(alarm, seen):
            return True
        return not await self._take_back(alarm, placement, mark)

    async def _is_mine(self, alarm: Alarm, mark: Mark | None) -> bool:
        """Return whether a refused put had been done before: its first answer was lost, and the SDK repeated it."""
        item = await self._table.get(items.change_key(alarm.key, alarm)) if mark else None
        return item is not None and items.mark_of(item) == mark

    async def _turned(self, alarm: Alarm, seen: History) -> Sequence[Change]:
        """Return what others recorded of the alarm's key since `seen` was read."""
        history = await self._history(alarm.key, alarm.at, but=alarm.event_id)
        return history.beyond(seen)

    async def _take_back(self, alarm: Alarm, placement: Placement, mark: Mark | None) -> bool:
        """Return whether a change is gone again: not so an OK that an opener took for the end of its episode."""
        deletion = writes.taking_back(self._name, alarm, placement, mark)
        call = self._table.unless_lost("dynamodb:DeleteItem", lambda: self._client.delete_item(**deletion))
        return await call is not None or mark is not None

    async def _end_if_ended(self, alarm: Alarm, placement: Opens | Reopens, seen: History) -> None:
        """End an episode at its beginning, where its OK was recorded meanwhile and found nothing to end."""
        later = [c for c in await self._turned(alarm, seen) if c.state is AlarmState.OK and c.at >= alarm.at]
        closing = min(later, key=lambda change: change.at, default=None)
        incident_id = change_of(alarm, placement).incident_id
        if closing and incident_id:
            await self._table.transact(writes.ending(self._name, alarm.key, End(closing, incident_id)))

    async def _write_sum(self, total: Sum) -> bool:
        now, into = self._clock.now(), total.into
        named = self._unnamed(total)
        if await self._table.transact(writes.counting(self._name, total, named, now)):
            self._named.setdefault(into.incident_id, set()).update(named)
            for forgotten in list(self._named)[:-INCIDENTS_NAMED]:
                del self._named[forgotten]
            return True
        written = await self._table.get(items.sum_key(into.incident_id, total.sum_id))
        if written or into.guarded or await self.incident(into.incident_id):
            return written is not None and "names" in written
        proof = writes.putting(self._name, items.sum_item(total, now), now)
        put = self._table.unless_lost("dynamodb:PutItem", lambda: self._client.put_item(**proof))
        return await put is not None

    def _unnamed(self, total: Sum) -> dict[str, bytes]:
        """Return the kinds of trouble in a sum that nobody here has named a member for, as far as there are few."""
        named = self._named.get(total.into.incident_id, set())
        unnamed = [(kind, place) for kind, place in total.kinds.items() if kind not in named]
        return dict(unnamed[: KINDS_NAMED - len(named)])

    async def _adopt_children(self, alarm: Alarm, placement: Opens | Reopens | Joins, now: datetime) -> None:
        incident_id = change_of(alarm, placement).incident_id
        for key in child_keys(alarm) if incident_id else ():
            with translated("dynamodb:PutItem", self._name):
                await self._client.put_item(
                    TableName=self._name,
                    Item={
                        "pk": text(items.key_pk(key)),
                        "sk": text(items.PARENT),
                        "incident_id": text(incident_id),
                        "ttl": items.expiry(now, items.PARENT_RETENTION),
                    },
                )

    async def claim(self, incident_id: UUID, asker: str, lease: timedelta, now: datetime) -> Incident | None:
        """Become the only one who asks; None while somebody else does, while it is deferred, or once it is decided."""
        claiming = writes.claiming(self._name, incident_id, asker, lease, now)
        answer = await self._table.unless_lost("dynamodb:UpdateItem", lambda: self._client.update_item(**claiming))
        return items.read_head(answer["Attributes"]) if answer else None

    async def renew(self, asked: Incident, lease: timedelta, now: datetime) -> bool:
        """Hold the lease of a question for longer. False: the attempt that `asked` carries is no longer current."""
        holding = writes.holding(self._name, asked, now + lease)
        answer = await self._table.unless_lost("dynamodb:UpdateItem", lambda: self._client.update_item(**holding))
        return answer is not None

    async def release(self, asked: Incident, until: datetime) -> None:
        """Hold the lease of a question until then only, unless somebody else has taken it."""
        holding = writes.holding(self._name, asked, until)
        await self._table.unless_lost("dynamodb:UpdateItem", lambda: self._client.update_item(**holding))

    async def defer(self, asked: Incident, retry_at: datetime) -> bool:
        """Give a question back until `retry_at`. False: the attempt that `asked` carries is no longer current."""
        deferring = writes.deferring(self._name, asked, retry_at)
        answer = await self._table.unless_lost("dynamodb:UpdateItem", lambda: self._client.update_item(**deferring))
        return answer is not None

    async def members(self, incident: Incident) -> Sequence[Alarm]:
        """Return the first and last 20 alarms of an incident, by time, with its opener, its token and one of each kind.

        A kind is a family of metrics: among hundreds of alarms that say the same, the one that says why may be alone.
        """
        head = await self._table.get(items.head_key(incident.incident_id))
        if head is None:
            return []
        wanted = {head[name]["B"] for name in ("opener_place", "token_place")}
        for newest_first in (False, True):
            wanted |= set(await self._places(incident.incident_id, newest_first=newest_first))
        kinds = self._table.query(items.incident_pk(incident.incident_id), items.FAMILIES)
        wanted |= {item["place"]["B"] async for item in kinds}
        found = await self._table.get_many([items.key_at(place) for place in sorted(wanted)])
        alarms = (Alarm.model_validate_json(item["alarm"]["S"]) for item in found)
        return sorted(alarms, key=lambda alarm: alarm.at)

    async def _places(self, incident_id: UUID, *, newest_first: bool) -> list[bytes]:
        """Return the places of the 20 members that arrived first, or last."""
        places: list[bytes] = []
        async for item in self._table.query(
            items.incident_pk(incident_id), MEMBERS_IN, newest_first=newest_first, page=items.ENDS
        ):
            arrived = items.places_in(item)
            places += reversed(arrived) if newest_first else arrived
            if len(places) >= items.ENDS:
                break
        return places[: items.ENDS]

    async def settle(
        self, asked: Incident, decision_id: UUID, record_sha256: str, now: datetime, notice: str | None = None
    ) -> bool:
        """Make a decision the effective one, unless the attempt is no longer current."""
        ruling = writes.Ruling(decision_id, record_sha256, notice)
        return await self._table.transact(writes.settling(self._name, asked, ruling, now))

    async def notice(self, incident_id: UUID) -> str | None:
        """Return what people were not told yet about the decisions of an incident."""
        entry = await self._table.get(items.open_key(incident_id))
        return entry["notice"]["S"] if entry and "notice" in entry else None

    async def told(self, incident_id: UUID, notice: str) -> None:
        """Forget a notice, unless that of another decision has taken its place."""
        telling = writes.telling(self._name, incident_id, notice)
        await self._table.unless_lost("dynamodb:UpdateItem", lambda: self._client.update_item(**telling))

    async def ask_again(self, decided: Incident, now: datetime) -> bool:
        """Open a decided incident for its next revision without a new alarm. False: it has changed meanwhile."""
        return await self._table.transact(writes.asking_again(self._name, decided, now))

    async def storm(self, account: str, region: str, now: datetime) -> int:
        """Return how many distinct resources alarmed in this minute and the one before."""
        return await self._storms.count(account, region, now)

    async def silence(self, silence: Silence) -> None:
        """Keep a silence until it expires; one for the same owner is replaced."""
        with translated("dynamodb:PutItem", self._name):
            await self._client.put_item(TableName=self._name, Item=items.silence_item(silence))

    async def silences(self, now: datetime) -> Sequence[Silence]:
        """Return the silences that have not expired."""
        found = [Silence.model_validate_json(item["silence"]["S"]) async for item in self._table.query("SILENCE")]
        return [silence for silence in found if silence.until > now]

    async def lift(self, owner_key: str) -> bool:
        """End the silence of an owner early. False: there was none."""
        with translated("dynamodb:DeleteItem", self._name):
            answer = await self._client.delete_item(
                TableName=self._name, Key=items.silence_key(owner_key), ReturnValues="ALL_OLD"
            )
        return bool(answer.get("Attributes"))


def _incident_of(placement: Opens | Reopens) -> UUID:
    return placement.incident.incident_id if isinstance(placement, Opens) else placement.incident_id


def _tally(alarm: Alarm, placement: Placement, now: datetime) -> Tally | None:
    match placement:
        case Joins(incident_id=UUID() as joined):
            into = Into(joined, guarded=not placement.late, brings_members=True, leaves=placement.leaves)
            return Tally(into, int(placement.starts_episode), now, items.place_of(alarm), family(alarm))
        case Clears(incident_id=UUID() as cleared, ends_episode=True):
            return Tally(Into(cleared, guarded=False, brings_members=False), -1, now)
    return None
