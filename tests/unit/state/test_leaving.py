"""An alarm that fires on into a new incident is written before it counts: what may happen between the two writes."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Unpack

import pytest
from memory_dynamodb import MemoryDynamo
from virtual_time import START, VirtualClock, run

from autocloudops.alarms.model import Alarm, AlarmKey, AlarmKind, AlarmState, ResourceRef
from autocloudops.incidents.grouping import place
from autocloudops.incidents.model import History, Incident, Opens, Repeats, Windows
from autocloudops.state.dynamodb import DynamoIncidents
from autocloudops.state.marks import ABANDONED_AFTER

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.type_defs import TransactWriteItemsInputTypeDef

OWNER = ResourceRef(type="svc", id="a", account="111122223333", region="eu-west-1", owner="svc/a")
WINDOWS = Windows()
FIRES_ON = WINDOWS.join + timedelta(seconds=1)

Transact = Callable[[], Awaitable[dict[str, object]]]


class Table(MemoryDynamo):
    """A table whose transactions go as they are told to."""

    def __init__(self) -> None:
        super().__init__()
        self.transacts: Callable[[Transact], Awaitable[dict[str, object]]] | None = None

    async def transact_write_items(self, **request: Unpack["TransactWriteItemsInputTypeDef"]) -> dict[str, object]:
        going = super().transact_write_items

        async def transact() -> dict[str, object]:
            return await going(**request)

        return await (self.transacts(transact) if self.transacts else transact())


class World:
    """One owner with an incident that its alarm leaves for a new one."""

    def __init__(self) -> None:
        self.table = Table()
        self.store = DynamoIncidents(self.table.client, "state", VirtualClock())
        self.fires_on = fired(FIRES_ON)

    async def open(self) -> Incident:
        """Let the alarm fire for the first time."""
        first = await self.placed(fired(timedelta()))
        assert isinstance(first, Opens)
        assert await self.store.record(fired(timedelta()), first, History(), START)
        return first.incident

    async def placed(self, alarm: Alarm) -> object:
        """Return where an alarm belongs now."""
        history = await self.store.history(alarm.key, START)
        return place(alarm, history, await self.store.current(OWNER.owner_key), WINDOWS, alarm.at)

    async def fire_on(self) -> bool:
        """Record that the alarm fires on, as somebody does who has just placed it."""
        history, opening = await self.store.history(self.fires_on.key, START), await self.placed(self.fires_on)
        assert isinstance(opening, Opens)
        return await self.store.record(self.fires_on, opening, history, VirtualClock().now())

    async def firing(self, *incidents: Incident) -> list[int | None]:
        """Return how many alarms fire in each incident, None where there is none."""
        found = [await self.store.incident(each.incident_id) for each in incidents]
        return [each.firing if each else None for each in found]


def fired(after: timedelta) -> Alarm:
    """Return the alarm as it fires some time after the start."""
    key = AlarmKey(account="111122223333", region="eu-west-1", name="cpu")
    return Alarm(
        key=key,
        state=AlarmState.ALARM,
        at=START + after,
        kind=AlarmKind.METRIC,
        shape="test",
        resource=OWNER,
        raw_sha256="0",
    )


def test_an_opener_whose_writer_died_is_placed_again() -> None:
    """The change that nobody counted is pending, then gone; whoever comes next opens the incident once."""

    async def dies(_: Transact) -> dict[str, object]:
        raise asyncio.CancelledError

    async def scenario() -> None:
        world = World()
        first = await world.open()
        world.table.transacts = dies
        with pytest.raises(asyncio.CancelledError):
            await world.fire_on()
        world.table.transacts = None
        assert len((await world.store.history(world.fires_on.key, START)).pending) == 1
        await asyncio.sleep(ABANDONED_AFTER.total_seconds())
        assert len((await world.store.history(world.fires_on.key, START)).changes) == 1
        opening = await world.placed(world.fires_on)
        assert isinstance(opening, Opens)
        assert await world.firing(first, opening.incident) == [1, None]
        assert await world.fire_on()
        assert await world.firing(first, opening.incident) == [0, 1]

    run(scenario())


def test_an_opener_that_takes_too_long_counts_nowhere() -> None:
    """Whoever reads the alarm's history after half a minute gives it up: then it opens nothing any more."""

    async def scenario() -> None:
        world = World()
        first = await world.open()

        async def dawdles(transact: Transact) -> dict[str, object]:
            await asyncio.sleep(ABANDONED_AFTER.total_seconds())
            assert not (await world.store.history(world.fires_on.key, START)).pending
            return await transact()

        opening = await world.placed(world.fires_on)
        assert isinstance(opening, Opens)
        world.table.transacts = dawdles
        assert not await world.fire_on()
        assert await world.firing(first, opening.incident) == [1, None]

    run(scenario())


def test_an_opening_that_is_done_twice_stays_done() -> None:
    """A transaction that is refused because it was done before takes nothing back: its change stays, and counts."""

    async def done_twice(transact: Transact) -> dict[str, object]:
        await transact()
        return await transact()

    async def scenario() -> None:
        world = World()
        first = await world.open()
        opening = await world.placed(world.fires_on)
        assert isinstance(opening, Opens)
        world.table.transacts = done_twice
        assert not await world.fire_on()
        assert isinstance(await world.placed(world.fires_on), Repeats)
        assert await world.firing(first, opening.incident) == [0, 1]

    run(scenario())
