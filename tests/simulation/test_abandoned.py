"""What a worker leaves half done when it dies between two writes, and who finishes it."""

import asyncio
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, cast

import pytest
from database_alarms import owner_of, sns
from faulty_calls import Fault, Life, LivingClock, Plan, Planned
from faulty_oracles import parsed
from faulty_services import FaultyTable
from memory_dynamodb import MemoryDynamo
from virtual_time import START, VirtualClock, run

from autocloudops.alarms.model import Alarm
from autocloudops.incidents.grouping import place
from autocloudops.incidents.model import Clears, History, Incident, Windows
from autocloudops.state.dynamodb import DynamoIncidents

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient

FIRED, CLEARED, FIRED_AGAIN = ("ALARM", 0), ("OK", 10), ("ALARM", 20)
LOOKED_AT = timedelta(hours=1)


def change(value: str, seconds: int) -> Alarm:
    """Return a change of the tests' alarm."""
    (found,) = parsed(sns("reads", value, seconds))
    assert isinstance(found, Alarm)
    return found


async def recorded(store: DynamoIncidents, alarm: Alarm) -> None:
    """Place an alarm as the pipeline does."""
    history = await store.history(alarm.key, alarm.at - LOOKED_AT)
    placement = place(alarm, history, await store.current(alarm.resource.owner_key), Windows(), START)
    assert await store.record(alarm, placement, history, START)


async def abandoned(*fired: Alarm) -> Incident:
    """Return the incident of alarms whose OK was recorded by a worker that had seen none of them, and then died."""
    table, life = MemoryDynamo(), Life("A")
    plan = Plan({("state.query", 0): Planned(Fault.DIES_BEFORE)}, Random(0))  # noqa: S311 - nothing is drawn from it
    dying = DynamoIncidents(cast("DynamoDBClient", FaultyTable(table, life, plan)), "state", LivingClock(life))
    others = DynamoIncidents(table.client, "state", VirtualClock())
    for alarm in fired:
        await recorded(others, alarm)
    cleared = change(*CLEARED)
    with pytest.raises(asyncio.CancelledError):
        await dying.record(cleared, Clears(), History(), START)
    history = await others.history(cleared.key, cleared.at - LOOKED_AT)
    assert len(history.changes) == len(fired) + 1
    incident = await others.current(owner_of("orders-db"))
    assert incident
    assert {each.incident_id for each in history.changes} == {incident.incident_id}
    return incident


def test_an_ok_whose_writer_died_ends_its_episode() -> None:
    """Whoever reads the alarm's history next ends the episode that the writer did not live to see."""
    assert run(abandoned(change(*FIRED))).resolved


def test_an_ok_whose_writer_died_ends_no_later_episode() -> None:
    """Where the alarm fired again before the OK was there, one episode goes on and nothing stops firing."""
    assert run(abandoned(change(*FIRED), change(*FIRED_AGAIN))).firing == 1
