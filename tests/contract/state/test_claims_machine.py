from contextlib import AsyncExitStack

import pytest
from claim_machine import LedgerMachine
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from state_tables import new_table

from autocloudops.clock import SystemClock
from autocloudops.decisions.claims import Ledger
from autocloudops.entrypoints.wiring import open_table
from autocloudops.state.claims import DynamoLedger

SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large)


class InTable(LedgerMachine):
    """A ledger in a table of its own, on the emulator that the environment names."""

    @staticmethod
    async def opened(stack: AsyncExitStack) -> Ledger:
        """Open one."""
        client = await open_table(stack)
        return DynamoLedger(client, await new_table(client), SystemClock())


@pytest.mark.parametrize("emulator", ["ministack", pytest.param("moto", marks=pytest.mark.soak)], indirect=True)
def test_the_table_keeps_the_ledgers_promises(emulator: str) -> None:
    """The machine that checks the ledger in memory checks the one in a table; single claims are checked on both."""
    assert emulator
    bounds = settings(max_examples=4, stateful_step_count=25, deadline=None, suppress_health_check=SLOW)
    run_state_machine_as_test(InTable, settings=bounds)


@pytest.mark.soak
def test_the_table_keeps_the_ledgers_promises_for_long(emulator: str) -> None:
    """The same for more and longer stories."""
    assert emulator
    bounds = settings(max_examples=50, stateful_step_count=50, deadline=None, suppress_health_check=SLOW)
    run_state_machine_as_test(InTable, settings=bounds)
