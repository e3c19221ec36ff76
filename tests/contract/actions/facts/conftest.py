"""Clients and readers on emulators, and on an endpoint that answers what a test says."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest
from fact_sources import SETUP
from scripted_aws import ScriptedAws, scripted_aws

from autocloudops.actions.accounts import AccountRole, ActionClients
from autocloudops.actions.facts.reader import ActionFactReader, Bounds
from autocloudops.clock import Clock, SystemClock
from autocloudops.state.memory_claims import MemoryLedger

ROLE = AccountRole("autocloudops-actor", external_id="outside")
PATIENT = Bounds(call_seconds=10, wall_seconds=20)
ReaderOf = Callable[..., ActionFactReader]


@pytest.fixture
async def endpoint() -> AsyncIterator[ScriptedAws]:
    """An endpoint for what the emulators lack; nothing is sent to it until a test points a service at it."""
    async with scripted_aws() as made:
        yield made


@pytest.fixture
def reader_of(stack: AsyncExitStack) -> ReaderOf:
    """Makes a reader whose own account is given."""

    def made(
        account: str, role: AccountRole | None = ROLE, bounds: Bounds = PATIENT, clock: Clock | None = None
    ) -> ActionFactReader:
        clock = clock or SystemClock()
        clients = ActionClients(stack, clock, account, role)
        return ActionFactReader(clients, MemoryLedger(), SETUP, clock, bounds)

    return made
