import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import pytest
import typer
from recorded import recorded
from verified_world import restart, wanted_of

from autocloudops.cli.breaker import reset_breaker
from autocloudops.cli.program import ExitCode
from autocloudops.clock import SystemClock
from autocloudops.decisions.claims import ClaimState, Control, Helped, NotClaimed
from autocloudops.decisions.limits import ClaimLimits
from autocloudops.decisions.modes import Mode
from autocloudops.entrypoints.wiring import open_table
from autocloudops.sandbox import SandboxResources
from autocloudops.state.claims import DynamoLedger

RUNBOOK = restart().runbook


@pytest.fixture
def table(deployed: SandboxResources) -> str:
    """Return a state table in which one runbook's breaker is open, with the environment set to it."""
    asyncio.run(_break(deployed.state_table))
    return deployed.state_table


async def _break(table: str) -> None:
    now, limits = datetime.now(UTC), ClaimLimits(breaker_failures=1)
    async with AsyncExitStack() as stack:
        ledger = DynamoLedger(await open_table(stack), table, SystemClock())
        await ledger.set_control(Control(mode=Mode.ACTIVE, reason="test", by="test", at=now))
        claim = await ledger.claim(wanted_of(restart(), now), limits, now)
        assert not isinstance(claim, NotClaimed)
        for state in (ClaimState.INTENT, ClaimState.STARTED, ClaimState.DONE):
            moved = await ledger.move(claim, claim.model_copy(update={"state": state}))
            assert moved is not None
            claim = moved
        assert await ledger.verified(claim, Helped.NOT_VERIFIED, limits, now) is not None


async def _broken(table: str) -> str | None:
    async with AsyncExitStack() as stack:
        return await DynamoLedger(await open_table(stack), table, SystemClock()).broken(RUNBOOK)


@pytest.mark.parametrize("name", [RUNBOOK, "restart_service"])
def test_a_breaker_is_closed_with_who_and_why(table: str, deployed: SandboxResources, name: str) -> None:
    """The audit says whose credentials closed it and for what reason; after that it is closed, once."""
    assert reset_breaker(name, "the pool\nis larger now", yes=True) is ExitCode.OK
    assert asyncio.run(_broken(table)) is None
    (found,) = asyncio.run(recorded(deployed.audit_bucket))
    assert found.record.note is not None
    assert found.record.note.startswith("arn:aws:")
    assert found.record.note.endswith(f"closes the breaker of {RUNBOOK}: the pool is larger now")
    assert reset_breaker(name, "again", yes=True) is ExitCode.CHECK_FAILED


def test_nobody_is_asked_off_a_terminal(table: str) -> None:
    """Without --yes a script changes nothing."""
    with pytest.raises(typer.BadParameter, match="--yes"):
        reset_breaker(RUNBOOK, "why", yes=False)
    assert asyncio.run(_broken(table)) is not None
