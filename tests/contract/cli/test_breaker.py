import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import pytest
import typer
from verified_world import restart, wanted_of

from autocloudops.audit.reader import Found, records
from autocloudops.cli.breaker import reset_breaker
from autocloudops.cli.program import ExitCode
from autocloudops.clock import SystemClock
from autocloudops.decisions.claims import ClaimState, Control, Helped, NotClaimed
from autocloudops.decisions.limits import ClaimLimits
from autocloudops.decisions.modes import Mode
from autocloudops.entrypoints.wiring import open_audit, open_table
from autocloudops.sandbox import SandboxResources
from autocloudops.state.claims import DynamoLedger

RUNBOOK = restart().runbook


@pytest.fixture
def table(foundation: SandboxResources, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a state table in which one runbook's breaker is open, with the environment set to it."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", foundation.endpoint_url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", foundation.region)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AUTOCLOUDOPS_STATE_TABLE", foundation.state_table)
    monkeypatch.setenv("AUTOCLOUDOPS_AUDIT_LOCATION", f"s3://{foundation.audit_bucket}")
    asyncio.run(_break(foundation.state_table))
    return foundation.state_table


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


async def _recorded(bucket: str) -> list[Found]:
    async with AsyncExitStack() as stack:
        return [found async for found in records(await open_audit(stack, f"s3://{bucket}"))]


@pytest.mark.parametrize("name", [RUNBOOK, "restart_service"])
def test_a_breaker_is_closed_with_who_and_why(table: str, foundation: SandboxResources, name: str) -> None:
    """The audit says whose credentials closed it and for what reason; after that it is closed, once."""
    assert reset_breaker(name, "the pool\nis larger now", yes=True) is ExitCode.OK
    assert asyncio.run(_broken(table)) is None
    (found,) = asyncio.run(_recorded(foundation.audit_bucket))
    assert found.record.note is not None
    assert found.record.note.startswith("arn:aws:")
    assert found.record.note.endswith(f"closes the breaker of {RUNBOOK}: the pool is larger now")
    assert reset_breaker(name, "again", yes=True) is ExitCode.CHECK_FAILED


def test_nobody_is_asked_off_a_terminal(table: str) -> None:
    """Without --yes a script changes nothing."""
    with pytest.raises(typer.BadParameter, match="--yes"):
        reset_breaker(RUNBOOK, "why", yes=False)
    assert asyncio.run(_broken(table)) is not None
