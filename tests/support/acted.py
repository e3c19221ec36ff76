"""Actions about the decisions of `audit_folder`, as workers leave them in the action log."""

import asyncio
from datetime import timedelta
from pathlib import Path

from audit_folder import CPU

from autocloudops.audit.actions import ActionObjects
from autocloudops.audit.objects import FolderObjects
from autocloudops.audit.record import AuditRecord
from autocloudops.catalogue.model import EffectClass
from autocloudops.decisions.claims import ActionEntry, Claim, ClaimState, Finding, Helped, Step, claim_id_of

EXECUTION = "11111111-2222-4333-8444-555555555555"


def claim(record: AuditRecord, *, approval: bool = False) -> Claim:
    """Return the claim of what a record proposes, made a second after it."""
    decision = record.decision
    assert decision is not None
    assert decision.request is not None
    at = record.at + timedelta(seconds=1)
    return Claim(
        claim_id=claim_id_of(decision.incident_id, decision.request),
        incident_id=decision.incident_id,
        decision_id=decision.decision_id,
        request=decision.request,
        effect=EffectClass.ABSOLUTE,
        alarm=CPU.key,
        approval=approval,
        worker="",
        lease_until=at,
        claimed_at=at,
        state=ClaimState.INTENT,
        before={"DesiredCount": "2"},
    )


def log(folder: Path, *entries: ActionEntry) -> None:
    """Keep entries of the action log."""

    async def kept() -> None:
        for entry in entries:
            await ActionObjects(FolderObjects(folder)).write(entry)

    asyncio.run(kept())


def lifecycle(held: Claim) -> list[ActionEntry]:
    """Return what an action leaves in the log that worked, and helped."""
    ended = held.claimed_at + timedelta(minutes=2)
    done = held.model_copy(
        update={"state": ClaimState.DONE, "execution_id": EXECUTION, "ended_at": ended, "said": "succeeded"}
    )
    found = Finding(helped=Helped.VERIFIED, at=ended + timedelta(minutes=3), why="night-shift is OK")
    verified = done.model_copy(update={"found": found, "helped": Helped.VERIFIED})
    return [
        ActionEntry(step=Step.INTENT, at=held.claimed_at, claim=held),
        ActionEntry(step=Step.OUTCOME, at=ended, claim=done),
        ActionEntry(step=Step.VERIFICATION, at=found.at, claim=verified),
    ]
