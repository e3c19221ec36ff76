"""`approvals`: what waits for a person, exactly as it would be done, and the person's answer."""

import asyncio
import re
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

import typer

from autocloudops.actions.accounts import AccountRole, ActionClients
from autocloudops.actions.approvals import Approval, Approvals
from autocloudops.actions.executions import Executions
from autocloudops.cli.consent import Person, agreed, caller
from autocloudops.cli.output import Output, Row, note, print_json, print_lines, print_rows
from autocloudops.cli.program import ExitCode
from autocloudops.clock import SystemClock
from autocloudops.decisions.claims import Claim
from autocloudops.entrypoints import wiring
from autocloudops.environment import read
from autocloudops.errors import ApprovalRefused, InputUnreadable
from autocloudops.settings import StateSettings
from autocloudops.state.claims import DynamoLedger

COLUMNS = ("id", "until", "runbook", "target", "does")
ID = re.compile(r"[0-9a-f]{8}[0-9a-f-]{0,28}", re.IGNORECASE)
SHORT = 8
LONGEST_REASON = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person says to one question.

    Args:
        wanted: the question's id, or its first eight characters or more.
        yes: the person has seen it and need not be asked again.
        rejected: why not; None to approve.
        role: is assumed for the answer where the target is in another account than the person.
    """

    wanted: str
    yes: bool
    rejected: str | None = None
    role: str | None = None


def list_approvals(output: Output) -> None:
    """Print what waits for a person.

    Raises:
        ServiceFailed: the state table cannot be read.
    """
    print_rows(output, [_row(each) for each in asyncio.run(_waiting())], COLUMNS)


def answer(said: Answer, output: Output) -> ExitCode:
    """Show one question in full, and pass the person's answer on.

    Returns:
        CHECK_FAILED where the person did not want it.

    Raises:
        typer.BadParameter: the id or the reason is none, or nobody is there to be asked.
        InputUnreadable: nothing that waits has this id.
        ApprovalRefused: it does not wait any more, or is not what it was, or nothing may be done now.
        ServiceFailed: the state table, STS or SSM cannot be reached, or SSM does not take it from this person.
    """
    asked = _only(said.wanted, asyncio.run(_waiting()))
    if said.rejected is not None:
        said = replace(said, rejected=_reason(said.rejected))
    _show(asked, output)
    if not agreed("Reject it?" if said.rejected is not None else "Approve exactly this?", yes=said.yes):
        note("nothing was answered")
        return ExitCode.CHECK_FAILED
    claim = asyncio.run(_answered(asked, said))
    note(f"{str(claim.claim_id)[:SHORT]} is {claim.said}; a worker follows it from here")
    return ExitCode.OK


def _only(wanted: str, waiting: Sequence[Approval]) -> Approval:
    if not ID.fullmatch(wanted):
        raise typer.BadParameter(f"'{wanted}' is no id: its first eight hexadecimal digits or more")
    found = [each for each in waiting if str(each.claim.claim_id).startswith(wanted.lower())]
    if not found:
        raise InputUnreadable(f"nothing that waits has the id {wanted}", "see `autocloudops approvals list`")
    if len(found) > 1:
        ids = ", ".join(str(each.claim.claim_id) for each in found)
        raise InputUnreadable(f"{len(found)} ids start with {wanted}", f"type more of one of them: {ids}")
    return found[0]


def _reason(said: str) -> str:
    reason = " ".join(said.split())
    if not 1 <= len(reason) <= LONGEST_REASON:
        raise typer.BadParameter(f"a reason has 1 to {LONGEST_REASON} characters, this one has {len(reason)}")
    return reason


def _show(asked: Approval, output: Output) -> None:
    if output is Output.JSON:
        print_json(_row(asked))
        return
    claim, target = asked.claim, asked.claim.request.target
    lines = [
        asked.does,
        f"Undo: {asked.undo}",
        f"incident   {claim.incident_id}, alarm {claim.alarm.name}",
        f"runbook    {claim.request.runbook}, execution {claim.execution_id}",
        f"target     {target.type} {target.id} in {target.account}/{target.region}, ARN {target.arn or 'not known'}",
        *(f"parameter  {name} = {', '.join(values)}" for name, values in sorted(claim.sent.items())),
        *(f"before     {name} = {value}" for name, value in sorted(claim.before.items())),
        f"pin        {asked.pin}",
        f"until      {asked.expires_at:%Y-%m-%d %H:%M:%SZ}",
    ]
    print_lines(output, lines)


def _row(asked: Approval) -> Row:
    claim, target = asked.claim, asked.claim.request.target
    return {
        "id": str(claim.claim_id),
        "until": asked.expires_at.isoformat(timespec="seconds"),
        "runbook": claim.request.runbook,
        "target": f"{target.account}/{target.region}/{target.type}/{target.id}",
        "does": asked.does,
        "undo": asked.undo,
        "arn": target.arn,
        "parameters": {name: list(values) for name, values in sorted(claim.sent.items())},
        "before": dict(claim.before),
        "pin": asked.pin,
        "incident": str(claim.incident_id),
        "alarm": claim.alarm.name,
        "execution": claim.execution_id,
    }


async def _waiting() -> Sequence[Approval]:
    async with AsyncExitStack() as stack:
        clients = ActionClients(stack, SystemClock(), own_account="")
        return await (await _approvals(stack, clients)).waiting()


async def _answered(asked: Approval, said: Answer) -> Claim:
    async with AsyncExitStack() as stack:
        person = await caller(stack)
        role = AccountRole(said.role) if said.role else None
        _check_reach(asked, person, role)
        approvals = await _approvals(stack, ActionClients(stack, SystemClock(), person.account, role))
        if said.rejected is None:
            return await approvals.approve(asked, person.arn)
        return await approvals.reject(asked, person.arn, said.rejected)


def _check_reach(asked: Approval, person: Person, role: AccountRole | None) -> None:
    account = asked.claim.request.target.account
    if account != person.account and role is None:
        raise ApprovalRefused(
            f"it is in account {account}, and you are in {person.account}", "name a role there with --role"
        )


async def _approvals(stack: AsyncExitStack, clients: ActionClients) -> Approvals:
    clock = SystemClock()
    ledger = DynamoLedger(await wiring.open_table(stack), read(StateSettings).table, clock)
    return Approvals(ledger, Executions(clients), clock)
