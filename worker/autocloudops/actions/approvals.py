"""Actions that wait for a person: what exactly is asked, the answer, and the end of the question without one."""

import json
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from autocloudops.actions.execution import Execution, Phase
from autocloudops.actions.executions import Executions
from autocloudops.catalogue import ACTIONS
from autocloudops.clock import Clock
from autocloudops.decisions.claims import Claim, ClaimState, Ledger
from autocloudops.decisions.modes import Mode
from autocloudops.decisions.undoing import BY_ITSELF, rollback_of, undo_in_words
from autocloudops.errors import ApprovalRefused
from autocloudops.values import Value


class Approval(Value):
    """A claim that waits for a person: everything that a yes would do.

    `pin` is the hex SHA-256 of runbook, parameters and target: an answer is to these alone. `does` and `undo` are for
    people; the claim's request is what is done.
    """

    claim: Claim
    pin: str
    does: str
    undo: str
    expires_at: datetime


class Approvals:
    """Shows people what waits for them, and takes their answers to SSM. Workers go on from there.

    Args:
        ledger: claims and the control item.
        executions: what waits.
        clock: time.
    """

    def __init__(self, ledger: Ledger, executions: Executions, clock: Clock) -> None:
        self._ledger = ledger
        self._executions = executions
        self._clock = clock

    async def waiting(self) -> Sequence[Approval]:
        """Return what waits for a person, the oldest first.

        Raises:
            ServiceFailed: the ledger cannot be read.
        """
        claims = [each for each in await self._ledger.unfinished() if waits(each)]
        return [self._asked(each) for each in sorted(claims, key=lambda each: each.claimed_at)]

    def _asked(self, claim: Claim) -> Approval:
        action = ACTIONS.get(claim.request.action)
        return Approval(
            claim=claim,
            pin=pin_of(claim),
            does=action.describe(claim.request)
            if action
            else f"Runs {claim.request.runbook}, which is not known here.",
            undo=f"{undo_in_words(claim)} {BY_ITSELF}" if rollback_of(claim) else undo_in_words(claim),
            expires_at=answer_by(claim),
        )

    async def approve(self, seen: Approval, who: str) -> Claim:
        """Let an action be done, and return its claim, which says by whom.

        Args:
            seen: what the person was shown.
            who: the person's ARN, as STS says it.

        Raises:
            ApprovalRefused: it is not, or no longer, what the person was shown, or nobody may act.
            ServiceFailed: the ledger or SSM cannot be reached, or SSM does not take it from this person.
        """
        claim, execution = await self._standing(seen)
        await self._check_mode()
        await self._executions.approve(execution.execution_id, claim.request.target, f"{who} by autocloudops")
        return await self._answered(claim, f"approved by {who}")

    async def reject(self, seen: Approval, who: str, reason: str) -> Claim:
        """Let an action not be done, and return its claim, which says by whom and why.

        Raises:
            ApprovalRefused: it does not wait any more, or is not what the person was shown.
            ServiceFailed: the ledger or SSM cannot be reached, or SSM does not take it from this person.
        """
        claim, execution = await self._standing(seen)
        await self._executions.reject(execution.execution_id, claim.request.target, f"{who}: {reason}")
        return await self._answered(claim, f"rejected by {who}: {reason}")

    async def _answered(self, claim: Claim, said: str) -> Claim:
        kept = await self._ledger.move(claim, claim.model_copy(update={"said": said}))
        return kept or await self._now(claim)

    async def _now(self, claim: Claim) -> Claim:
        return await self._ledger.find(claim.claim_id) or claim

    async def _standing(self, seen: Approval) -> tuple[Claim, Execution]:
        """Return claim and execution as they are now, where both are what the person was shown."""
        claim = await self._now(seen.claim)
        name = f"approval {claim.claim_id}"
        if not waits(claim) or claim.execution_id is None:
            raise ApprovalRefused(f"{name} does not wait any more, it is {claim.ending or claim.state}", claim.said)
        if pin_of(claim) != seen.pin:
            raise ApprovalRefused(f"{name} is not what you were shown", "list it again")
        if self._clock.now() >= answer_by(claim):
            raise ApprovalRefused(f"{name} could be answered until {answer_by(claim):%Y-%m-%d %H:%M:%SZ}")
        execution = await self._executions.read(claim.execution_id, claim.request.target)
        self._check_execution(claim, execution)
        return claim, execution

    def _check_execution(self, claim: Claim, execution: Execution) -> None:
        """Hold to approving the execution that the claim began, with what the claim says and nothing else.

        SSM shows parameters that were not given with their defaults, which are empty in every runbook of ours.
        """
        name = f"execution {execution.execution_id}"
        given = {name: values for name, values in execution.parameters.items() if any(values)}
        if execution.document != claim.request.runbook or given != dict(claim.sent):
            raise ApprovalRefused(f"{name} is not what its claim says", "stop it, and find out who began it")
        if execution.phase is not Phase.WAITING or execution.approved is not False:
            raise ApprovalRefused(f"{name} does not wait for an approval, it is {execution.phase}", "list again")

    async def _check_mode(self) -> None:
        control = await self._ledger.control()
        if control is None:
            raise ApprovalRefused("there is no control item, so nothing is done", "set it with `autocloudops mode set`")
        if control.mode < Mode.APPROVE:
            raise ApprovalRefused(f"the control item says {control.mode}: {control.reason}", "raise the mode first")


def pin_of(claim: Claim) -> str:
    """Return what an approval is to: runbook, parameters and target of a claim, byte for byte."""
    pinned = {"claim": str(claim.claim_id), "request": claim.request.model_dump(mode="json")}
    return sha256(json.dumps(pinned, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def answer_by(claim: Claim) -> datetime:
    """Return until when a claim may be approved; one that says nothing of it may not be."""
    return claim.answer_by or claim.claimed_at


def waits(claim: Claim) -> bool:
    """Whether a claim waits for a person."""
    return claim.state is ClaimState.WAITING and claim.ending is None
