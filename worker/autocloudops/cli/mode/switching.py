"""`mode`: the control item, which lowers what every worker may do."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

import typer

from autocloudops.cli.consent import agreed, caller
from autocloudops.cli.output import Output, Row, note, print_rows
from autocloudops.cli.program import ExitCode
from autocloudops.clock import SystemClock
from autocloudops.decisions.claims import Claim, ClaimState, Control
from autocloudops.decisions.modes import Mode
from autocloudops.entrypoints import wiring
from autocloudops.environment import read
from autocloudops.settings import StateSettings
from autocloudops.state.claims import DynamoLedger

COLUMNS = ("mode", "at", "by", "reason")
LISTED = ("when", *COLUMNS)
SHOWN_SWITCHES = 10
LONGEST_REASON = 200
MEANINGS = {
    Mode.OFF: "no model is asked, and nothing is done",
    Mode.DRY_RUN: "nothing is done; decisions say what would have been",
    Mode.APPROVE: "what the policy allows is done after a person's approval",
    Mode.ACTIVE: "what the policy allows is done",
}


def get_mode(output: Output) -> ExitCode:
    """Print the control item, and the last times that it was switched.

    Returns:
        CHECK_FAILED where there is none: then nothing is done.

    Raises:
        ServiceFailed: the state table cannot be read.
    """
    control, switches = asyncio.run(_history())
    if control is None:
        note("there is no control item, so nothing is done: set it with `autocloudops mode set`")
    now = [{"when": "now", **_row(control)}] if control else []
    before = [{"when": "before", **_row(each)} for each in switches if each != control]
    print_rows(output, [*now, *before], LISTED)
    return ExitCode.OK if control else ExitCode.CHECK_FAILED


def set_mode(wanted: str, reason: str, output: Output, *, yes: bool) -> ExitCode:
    """Switch the control item, once the person has seen what that changes.

    Args:
        wanted: one of `Mode`.
        reason: why; kept with the switch and shown by `mode get`.
        output: how the new item is printed.
        yes: nobody is asked.

    Returns:
        CHECK_FAILED where the person did not want it.

    Raises:
        typer.BadParameter: there is no such mode or no reason, or nobody is there to be asked.
        ServiceFailed: the state table cannot be read or written, or STS does not say who the person is.
    """
    mode, why = _mode(wanted), _reason(reason)
    control, begun = asyncio.run(_read())
    for line in _changes(control, mode, begun):
        note(line)
    if not agreed(f"Switch to {mode}?", yes=yes):
        note("nothing was switched")
        return ExitCode.CHECK_FAILED
    print_rows(output, [_row(asyncio.run(_switched(mode, why)))], COLUMNS)
    return ExitCode.OK


def _mode(said: str) -> Mode:
    try:
        return Mode(said.lower())
    except ValueError as error:
        raise typer.BadParameter(f"'{said}' is no mode; there are {', '.join(Mode)}") from error


def _reason(said: str) -> str:
    reason = " ".join(said.split())
    if not 1 <= len(reason) <= LONGEST_REASON:
        raise typer.BadParameter(f"a reason has 1 to {LONGEST_REASON} characters, this one has {len(reason)}")
    return reason


def _changes(control: Control | None, mode: Mode, begun: Sequence[Claim]) -> list[str]:
    was = f"{control.mode}, since {control.at:%Y-%m-%d %H:%M:%SZ} by {control.by}: {control.reason}" if control else ""
    lines = [
        f"now: {was or 'no control item, so nothing is done'}",
        f"then: {mode}: {MEANINGS[mode]}; it can only lower what the policy says",
    ]
    running = sum(each.state is not ClaimState.WAITING for each in begun)
    if begun and mode < Mode.ACTIVE:
        lines.append(f"{running} actions have begun and go on, {len(begun) - running} wait for approval")
    if running and mode < Mode.ACTIVE:
        lines.append("to stop what runs: docs/kill-switch.md")
    return lines


def _row(control: Control) -> Row:
    return {"mode": control.mode.value, "at": control.at.isoformat(), "by": control.by, "reason": control.reason}


async def _ledger(stack: AsyncExitStack) -> DynamoLedger:
    return DynamoLedger(await wiring.open_table(stack), read(StateSettings).table, SystemClock())


async def _read() -> tuple[Control | None, Sequence[Claim]]:
    async with AsyncExitStack() as stack:
        ledger = await _ledger(stack)
        begun = [each for each in await ledger.unfinished() if not each.state.final]
        return await ledger.control(), begun


async def _history() -> tuple[Control | None, Sequence[Control]]:
    async with AsyncExitStack() as stack:
        ledger = await _ledger(stack)
        return await ledger.control(), await ledger.switches(SHOWN_SWITCHES)


async def _switched(mode: Mode, reason: str) -> Control:
    async with AsyncExitStack() as stack:
        ledger = await _ledger(stack)
        person = await caller(stack)
        control = Control(mode=mode, reason=reason, by=person.arn, at=SystemClock().now())
        await ledger.set_control(control)
        return control
