"""The ledgers behind one fixture: what one of them promises, all of them keep."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
from claiming import AnyLedger, NoonClock, control
from state_tables import new_table

from autocloudops.entrypoints.wiring import open_table
from autocloudops.state.claims import DynamoLedger
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
