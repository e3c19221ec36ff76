"""Counters are right although answers get lost, and nobody believes a member that is not counted yet."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, cast

from database_alarms import event, owner_of, sns
from memory_dynamodb import MemoryDynamo
from virtual_time import START, VirtualClock, run
from worlds import World, served

from autocloudops.alarms.model import Alarm
from autocloudops.alarms.parse import parse
from autocloudops.incidents.grouping import place
from autocloudops.incidents.model import History, Incident, Joins, Repeats, Windows
from autocloudops.state import items
from autocloudops.state.dynamodb import DynamoIncidents
from autocloudops.state.marks import ABANDONED_AFTER

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient

WRITES = ("put_item", "update_item", "delete_item", "transact_write_items")


class Forgetful:
    """A table whose first answer to every write is lost: the SDK makes the same call again, and passes that on."""

    def __init__(self, table: MemoryDynamo) -> None:
        self._table = table

    def __getattr__(self, name: str) -> object:
        found = cast("Callable[..., Awaitable[object]]", getattr(self._table, name))
        if name not in WRITES:
            return found

        async def call(**request: object) -> object:
            await found(**request)
            return await found(**request)

        return call


def alarm_in(body: str) -> Alarm:
    """Return the one alarm in a body."""
    (alarm,) = parse(body)
    assert isinstance(alarm, Alarm)
    return alarm


async def admit(store: DynamoIncidents, alarm: Alarm) -> bool:
    """Place an alarm as the pipeline does, and return whether somebody had done it before."""
    clock = VirtualClock()
    while True:
        history = await store.history(alarm.key, alarm.at)
        if history.pending:
            await clock.sleep(0.1)
            continue
        current = await store.current(alarm.resource.owner_key)
        placement = place(alarm, history, current, Windows(), clock.now())
        if isinstance(placement, Repeats):
            return True
        if await store.record(alarm, placement, history, clock.now()):
            return False


def store_on(table: MemoryDynamo, *, forgetful: bool = False) -> DynamoIncidents:
    """Return what one worker reaches."""
    client = cast("DynamoDBClient", Forgetful(table)) if forgetful else table.client
    return DynamoIncidents(client, "state", VirtualClock())


async def standing(store: DynamoIncidents) -> Incident:
    """Return the incident of the orders database."""
    incident = await store.current(owner_of("orders-db"))
    assert incident
    return incident


def test_a_lost_answer_counts_nothing_twice() -> None:
    """Where the SDK repeats every write, members and firing alarms are counted once, up and down."""

    async def scenario() -> None:
        store = store_on(MemoryDynamo(), forgetful=True)
        await admit(store, alarm_in(sns("reads")))
        joiners = [alarm_in(sns(f"reads-{number}", seconds=number)) for number in range(1, 6)]
        await asyncio.gather(*(admit(store, each) for each in joiners))
        incident = await standing(store)
        assert (incident.members, incident.firing) == (6, 6)
        await asyncio.gather(*(admit(store, alarm_in(sns(f"reads-{number}", "OK", 20))) for number in range(1, 6)))
        await admit(store, alarm_in(sns("reads", "OK", 30)))
        assert (await standing(store)).firing == 0
        names = [each.key.name for each in await store.members(incident)]
        assert names == ["reads", *(each.key.name for each in joiners)]

    run(scenario())


def test_nobody_believes_a_member_before_it_is_counted() -> None:
    """While a member's sum is not durable, a copy finds it pending; afterwards it is a repeat."""

    async def scenario() -> None:
        table = MemoryDynamo(0.02)
        store, other = store_on(table), store_on(table)
        await admit(store, alarm_in(sns("reads")))
        joiner = alarm_in(sns("writes", seconds=1))
        joining = asyncio.create_task(admit(store, joiner))
        await asyncio.sleep(0.15)
        meanwhile = await other.history(joiner.key, joiner.at)
        assert ([each.event_id for each in meanwhile.pending], meanwhile.changes) == ([joiner.event_id], ())
        assert not await joining
        assert (await other.history(joiner.key, joiner.at)).changes
        assert await admit(other, joiner)
        assert (await standing(store)).members == 2

    run(scenario())


def test_a_member_whose_worker_died_is_placed_anew() -> None:
    """A change that nobody will count is taken off after a while; its writer, if it lives, learns that and no more."""

    async def scenario() -> None:
        table = MemoryDynamo()
        store, other = store_on(table), store_on(table)
        await admit(store, alarm_in(sns("reads")))
        joiner = alarm_in(sns("writes", seconds=1))
        incident = await standing(store)
        slow = Joins(incident_id=incident.incident_id)
        stalled = _Stalled(2 * ABANDONED_AFTER)
        store._sums._clock = stalled
        writing = asyncio.create_task(store.record(joiner, slow, History(), VirtualClock().now()))
        await asyncio.sleep(1)
        assert (await other.history(joiner.key, joiner.at)).pending
        await asyncio.sleep(ABANDONED_AFTER.total_seconds())
        assert await other.history(joiner.key, joiner.at) == History()
        assert not await admit(other, joiner)
        assert not await writing
        assert (await standing(other)).members == 2
        assert await admit(other, joiner)

    run(scenario())


class _Stalled(VirtualClock):
    """A clock whose owner oversleeps."""

    def __init__(self, by: timedelta) -> None:
        self._by = by

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds + self._by.total_seconds())


def test_a_copy_of_a_join_that_is_taken_back_is_no_join() -> None:
    """A copy that meets a member while its incident resolves is not audited `joined` to it: both open a new one."""
    world = served(
        (0, sns("reads")),
        (30, sns("reads", "OK", seconds=30)),
        (30.05, sns("writes", seconds=30, metric="WriteLatency")),
        (30.15, event("writes", seconds=30, metric="WriteLatency")),
        (30.25, event("writes", seconds=30, metric="WriteLatency")),
        world=World(durable=True),
    )
    ends = {f.record.incident_id for f in world.kept if f.record.alarm and f.record.alarm.key.name == "writes"}
    assert len(ends) == 1
    outcomes = {f.record.outcome for f in world.kept if f.record.alarm and f.record.alarm.key.name == "writes"}
    assert len(outcomes) == 1


def test_what_has_expired_is_gone() -> None:
    """Items that DynamoDB has not dropped yet are read as missing, and are written over."""

    async def scenario() -> None:
        table = MemoryDynamo()
        store = store_on(table)
        first = alarm_in(sns("reads"))
        await admit(store, first)
        incident = await standing(store)
        await asyncio.sleep((items.HEAD_RETENTION + timedelta(seconds=1)).total_seconds())
        assert await store.current(incident.owner_key) is None
        assert await store.incident(incident.incident_id) is None
        assert await store.unfinished() == []
        assert await store.history(first.key, START) == History()
        assert not await admit(store, first)
        assert (await standing(store)).incident_id == incident.incident_id

    run(scenario())


def test_an_owner_whose_incident_is_gone_gets_a_new_one() -> None:
    """A pointer to an incident that was deleted is dropped, and keeps no alarm out."""

    async def scenario() -> None:
        table = MemoryDynamo()
        store = store_on(table)
        await admit(store, alarm_in(sns("reads")))
        incident = await standing(store)
        await table.delete_item(TableName="state", Key=items.head_key(incident.incident_id))
        assert not await admit(store, alarm_in(sns("writes", seconds=1)))
        new = await standing(store)
        assert (new.previous, new.members) == (None, 1)
        assert not await admit(store, alarm_in(sns("reads", "OK", seconds=5)))
        assert (await standing(store)).firing == 1

    run(scenario())


def test_the_pointer_expires_before_its_incident() -> None:
    """There is no moment at which an owner points to an incident that is gone."""

    async def scenario() -> None:
        table = MemoryDynamo()
        await admit(store_on(table), alarm_in(sns("reads")))
        expiry = {item["pk"]["S"].partition("#")[0]: int(item["ttl"]["N"]) for item in table.items}
        assert expiry["OWNER"] < expiry["INC"]

    run(scenario())
