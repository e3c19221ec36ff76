"""The ledger in memory under random calls."""

from contextlib import AsyncExitStack

import pytest
from claim_machine import LedgerMachine
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from autocloudops.decisions.claims import Ledger
from autocloudops.state.memory_claims import MemoryLedger


class InMemory(LedgerMachine):
    """A ledger in memory."""

    @staticmethod
    async def opened(stack: AsyncExitStack) -> Ledger:
        """Open a new one; there is nothing to close."""
        del stack
        return MemoryLedger()


def test_the_ledger_keeps_its_promises() -> None:
    """Whatever is claimed, moved, taken over, verified, switched and reset, the answers are those of a plain model."""
    run_state_machine_as_test(InMemory, settings=settings(max_examples=50, stateful_step_count=40, deadline=None))


@pytest.mark.soak
def test_the_ledger_keeps_its_promises_for_long() -> None:
    """The same for more and longer stories."""
    run_state_machine_as_test(InMemory, settings=settings(max_examples=500, stateful_step_count=60, deadline=None))
