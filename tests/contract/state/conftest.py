"""The ledgers behind one fixture, and the stores of incidents: what one of them promises, all of them keep."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
from claiming import AnyLedger, NoonClock, control
from memory_dynamodb import MemoryDynamo
from state_tables import new_table
from stored_incidents import PassingClock

from autocloudops.entrypoints.wiring import open_table
from autocloudops.incidents.store import IncidentStore
from autocloudops.state.claims import DynamoLedger
from autocloudops.state.dynamodb import DynamoIncidents
from autocloudops.state.memory import MemoryIncidents
from autocloudops.state.memory_claims import MemoryLedger

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient


@pytest.fixture(params=["memory", "ministack", "moto"])
def ledger_backend(request: pytest.FixtureRequest, point_at: Callable[[str], None]) -> str:
    """Return each place for claims in turn, with the environment set to it."""
    if request.param != "memory":
        point_at(request.getfixturevalue(request.param))
    return str(request.param)


@pytest.fixture
async def empty(ledger_backend: str, stack: AsyncExitStack) -> AnyLedger:
    """Return each ledger in turn, without a control item."""
    if ledger_backend == "memory":
        return MemoryLedger()
    client = await open_table(stack)
    return DynamoLedger(client, await new_table(client), NoonClock())


@pytest.fixture
async def ledger(empty: AnyLedger) -> AnyLedger:
    """Return each ledger in turn, with the control item at active."""
    await empty.set_control(control())
    return empty


@pytest.fixture
async def dynamodb(emulator: str, stack: AsyncExitStack) -> "DynamoDBClient":
    """Return a DynamoDB client on each emulator in turn."""
    assert emulator
    return await open_table(stack)


@pytest.fixture(params=["memory", "fake", "ministack", pytest.param("moto", marks=pytest.mark.soak)])
def backend(request: pytest.FixtureRequest, point_at: Callable[[str], None]) -> str:
    """Return each place for incidents in turn, with the environment set to it."""
    if request.param in {"ministack", "moto"}:
        point_at(request.getfixturevalue(request.param))
    return str(request.param)


@pytest.fixture
async def store(backend: str, stack: AsyncExitStack) -> IncidentStore:
    """Return each store of incidents in turn."""
    if backend == "memory":
        return MemoryIncidents()
    if backend == "fake":
        return DynamoIncidents(MemoryDynamo().client, "state", PassingClock())
    client = await open_table(stack)
    return DynamoIncidents(client, await new_table(client), PassingClock())
