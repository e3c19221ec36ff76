"""`runbooks reset`: let a runbook be claimed again after its breaker opened."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import typer

from autocloudops.audit.record import AuditRecord, Outcome
from autocloudops.catalogue import ACTIONS
from autocloudops.cli.consent import agreed, caller
from autocloudops.cli.noting import noted
from autocloudops.cli.output import note
from autocloudops.cli.program import ExitCode
from autocloudops.clock import SystemClock
from autocloudops.decisions.claims import Ledger
from autocloudops.entrypoints import wiring
from autocloudops.environment import read
from autocloudops.settings import StateSettings
from autocloudops.state.claims import DynamoLedger

REASON_CHARACTERS = 200


def reset_breaker(name: str, reason: str, *, yes: bool) -> ExitCode:
    """Close the breaker of a runbook and forget its results: in the audit first, then in the ledger.

    Args:
        name: an action, or the name of its runbook.
        reason: why, for whoever reads the audit.
        yes: do it without asking; needed where nobody can be asked.

    Returns:
        CHECK_FAILED where the breaker is not open, or somebody said no.

    Raises:
        typer.BadParameter: no runbook has this name, the reason is empty or too long, or nobody can be asked.
        ServiceFailed: the audit, the ledger or STS cannot be reached.
    """
    runbook, why = _runbook(name), " ".join(reason.split())
    if not 0 < len(why) <= REASON_CHARACTERS:
        raise typer.BadParameter(f"--reason: 1 to {REASON_CHARACTERS} characters")
    opened = asyncio.run(_broken(runbook))
    if opened is None:
        note(f"the breaker of {runbook} is not open")
        return ExitCode.CHECK_FAILED
    note(f"the breaker of {runbook} is open: {opened}")
    if not agreed(f"Let {runbook} be claimed again, and forget its results?", yes=yes):
        note("nothing was changed")
        return ExitCode.CHECK_FAILED
    return asyncio.run(_reset(runbook, why))


def _runbook(name: str) -> str:
    runbooks = {action.runbook for action in ACTIONS.values() if action.executes}
    action = ACTIONS.get(name)
    runbook = action.runbook if action else name
    if runbook not in runbooks:
        raise typer.BadParameter(f"'{name}' is no runbook; there are {', '.join(sorted(runbooks))}")
    return runbook


async def _broken(runbook: str) -> str | None:
    async with _ledger() as ledger:
        return await ledger.broken(runbook)


async def _reset(runbook: str, reason: str) -> ExitCode:
    async with AsyncExitStack() as stack:
        person = await caller(stack)
    text = f"{person.arn} closes the breaker of {runbook}: {reason}"
    await noted(AuditRecord(outcome=Outcome.NOTE, at=SystemClock().now(), note=text))
    async with _ledger() as ledger:
        if not await ledger.reset(runbook):
            note(f"somebody else has closed the breaker of {runbook}")
            return ExitCode.CHECK_FAILED
    note(f"{runbook} may be claimed again")
    return ExitCode.OK


@asynccontextmanager
async def _ledger() -> AsyncIterator[Ledger]:
    async with AsyncExitStack() as stack:
        yield DynamoLedger(await wiring.open_table(stack), read(StateSettings).table, SystemClock())
