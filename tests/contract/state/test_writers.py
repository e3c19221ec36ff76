from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from state_tables import new_table

from autocloudops.clock import SystemClock
from autocloudops.entrypoints.wiring import open_table
from autocloudops.registered_writer import RegisteredWriter
from autocloudops.state.writers import DynamoWriters

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class MovedClock(SystemClock):
    """A clock whose wall time stands where a test puts it."""

    at = NOON

    def now(self) -> datetime:
        return self.at


@dataclass
class Registry:
    """The registry under test, and its clock."""

    writers: DynamoWriters
    clock: MovedClock


@pytest.fixture
async def registry(emulator: str, stack: AsyncExitStack) -> Registry:
    """An empty registry."""
    assert emulator
    client, clock = await open_table(stack), MovedClock()
    return Registry(DynamoWriters(client, await new_table(client), clock), clock)


def writer(name: str = "a", sequence: int | None = None, *, ended: bool = False) -> RegisteredWriter:
    """Return a writer that was heard of at noon."""
    return RegisteredWriter(name, NOON - timedelta(hours=1), NOON, sequence, 5, "ab" * 32, ended)


async def test_a_writer_is_kept_as_it_last_was(registry: Registry) -> None:
    """Started, gone on and ended: the registry says where each writer is now."""
    for each in (writer(), writer(sequence=0), writer("b"), writer(sequence=7, ended=True)):
        await registry.writers.keep(each)
    assert await registry.writers.registered() == [writer(sequence=7, ended=True), writer("b")]


async def test_a_writer_is_remembered_for_months_whether_it_ended_or_not(registry: Registry) -> None:
    """Digests that were down for weeks still learn whose objects those are, and after 90 days nobody is remembered."""
    await registry.writers.keep(writer("a", 3, ended=True))
    await registry.writers.keep(writer("b", 3))
    registry.clock.at = NOON + timedelta(days=89)
    assert [each.writer_id for each in await registry.writers.registered()] == ["a", "b"]
    registry.clock.at = NOON + timedelta(days=90, seconds=1)
    assert await registry.writers.registered() == []
