"""The nouns and the port of acting once: who may act, what was begun, and what came of it.

Claim       the right to do one request about one incident, and how far it got
NotClaimed  why nobody may do it
Control     the item that everybody's mode is lowered by: the kill switch
Ledger      keeps claims, locks, budgets and the control item
FactReader  reads what the gates need to know about a target
ActionLog   keeps what is about to be done, and what came of it
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID, uuid5

from pydantic import Field

from autocloudops.alarms.model import AlarmKey
from autocloudops.catalogue.model import ActionRequest, EffectClass
from autocloudops.decisions.facts import ActionFacts
from autocloudops.decisions.limits import ClaimLimits
from autocloudops.decisions.model import Policy
from autocloudops.decisions.modes import Mode
from autocloudops.values import Value

CLAIM_NAMESPACE = UUID("6a0c4f0e-3d52-5b7e-9f10-7b1d2a9c8e35")


class ClaimState(StrEnum):
    """How far a claim got: one way only, moved by compare-and-set on its version.

    `claimed`: nothing was called. `intent`: the call may have been made. `waiting`: it was begun and waits for a
    person's approval. `started`: it was begun and runs. The rest is final: `done` and `failed` are known results,
    `unknown` may have happened and is for a person, `dropped` never happened and never will.
    """

    CLAIMED = "claimed"
    INTENT = "intent"
    WAITING = "waiting"
    STARTED = "started"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    DROPPED = "dropped"

    @property
    def final(self) -> bool:
        """Whether nothing follows."""
        return self in {ClaimState.DONE, ClaimState.FAILED, ClaimState.UNKNOWN, ClaimState.DROPPED}


class Helped(StrEnum):
    """What verification found: `recurred` replaces `verified` where the alarm came back soon."""

    VERIFIED = "verified"
    NOT_VERIFIED = "not_verified"
    ROLLED_BACK = "rolled_back"
    RECURRED = "recurred"

    @property
    def failed(self) -> bool:
        """Whether it counts against the runbook: everything but `verified` does.

        Claims that are `failed` or `unknown` are not verified, so the breaker does not count them; their budgets and
        the person who is told bound them.
        """
        return self is not Helped.VERIFIED


class Finding(Value):
    """What verification will make of a claim, kept before anything is done about it.

    `helped` is final unless it is `rolling_back`: then another finding follows, which says whether the effect was taken
    back. `rollback_id` is the execution that does so, once begun.
    """

    helped: Helped
    at: datetime
    why: str
    rolling_back: bool = False
    rollback_id: str | None = None


class Claim(Value):
    """The right to do one request about one incident.

    `claim_id` is also the client token of the call. `worker` holds it until `lease_until`. `version` counts its moves.
    `before` is what the target was like when the call was made. `alarm` is what has to be OK for it to have helped.
    `found` is what verification is about to make of a claim that is `done`. `ending` is the final state that it gets as
    soon as its outcome is durable; nobody does anything but that to a claim that has one. `sent` is what the runbook is
    started with, all of it, fixed before the call. `answer_by` is until when a person may approve it, None where nobody
    is asked.
    """

    claim_id: UUID
    incident_id: UUID
    decision_id: UUID
    request: ActionRequest
    effect: EffectClass
    alarm: AlarmKey
    approval: bool
    worker: str
    lease_until: datetime
    claimed_at: datetime
    state: ClaimState = ClaimState.CLAIMED
    version: int = 0
    before: Mapping[str, str] = Field(default_factory=dict)
    execution_id: str | None = None
    ended_at: datetime | None = None
    said: str = ""
    helped: Helped | None = None
    found: Finding | None = None
    ending: ClaimState | None = None
    sent: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    answer_by: datetime | None = None


class Refused(StrEnum):
    """Why nothing may be done: its worker's own policy, the alarm, or a condition of the transaction."""

    POLICY = "policy"
    ALARM = "alarm"
    CONTROL_MISSING = "control_missing"
    KILLED = "killed"
    DUPLICATE = "duplicate"
    RESOURCE_LOCKED = "resource_locked"
    GLOBAL_BUDGET = "global_budget"
    RUNBOOK_BUDGET = "runbook_budget"
    BREAKER = "breaker"


class NotClaimed(Value):
    """Why a request may not be done now: the first condition that did not hold, and what it found."""

    which: Refused
    detail: str = ""


class Control(Value):
    """The control item: it lowers everybody's mode, never raises it; without it nothing is claimed."""

    mode: Mode
    reason: str
    by: str
    at: datetime


class Ledger(Protocol):
    """Keeps who may act. Every method raises `ServiceFailed` where it cannot be reached."""

    async def claim(self, wanted: Claim, limits: ClaimLimits, now: datetime) -> Claim | NotClaimed:
        """Become the only one who may do what `wanted` asks for: all conditions hold in one transaction, or none does.

        A transaction whose answer was lost is found again by whoever made it.
        """
        ...

    async def move(self, held: Claim, to: Claim) -> Claim | None:
        """Write `to` with the next version over `held`. None: somebody else has moved it, and `held` counts no more.

        A final claim keeps its state; one that is `done` may still be moved to keep what verification `found`.
        """
        ...

    async def take_over(self, claim_id: UUID, worker: str, lease: timedelta, now: datetime) -> Claim | None:
        """Hold a claim whose lease has lapsed. None: it is final, not there, or still held."""
        ...

    async def find(self, claim_id: UUID) -> Claim | None:
        """Return one claim as it stands now."""
        ...

    async def of_incident(self, incident_id: UUID) -> Sequence[Claim]:
        """Return the claims about one incident."""
        ...

    async def unfinished(self) -> Sequence[Claim]:
        """Return the claims that are not final, and those that wait for verification."""
        ...

    async def claimed(self, now: datetime) -> int:
        """Return how many claims were made in this hour of the clock, of all runbooks."""
        ...

    async def verified(self, claim: Claim, helped: Helped, limits: ClaimLimits, now: datetime) -> Claim | None:
        """Keep whether a finished claim helped, and count it for its runbook's breaker. None: it was kept already."""
        ...

    async def broken(self, runbook: str) -> str | None:
        """Return why a runbook's breaker is open, if it is."""
        ...

    async def reset(self, runbook: str) -> bool:
        """Close a runbook's breaker. False: it was not open."""
        ...

    async def control(self) -> Control | None:
        """Return the control item, or None where there is none: then nothing is claimed."""
        ...

    async def set_control(self, control: Control) -> None:
        """Replace the control item; it is ordered against every claim."""
        ...


class FactReader(Protocol):
    """Reads facts about an action's target. Never raises: what cannot be read is `Unknown`."""

    async def read(self, request: ActionRequest, policy: Policy) -> ActionFacts:
        """Return what is known about a request now."""
        ...


class Step(StrEnum):
    """What an entry of the action log says: one object each for a claim."""

    INTENT = "intent"
    OUTCOME = "outcome"
    VERIFICATION = "verification"
    ROLLBACK = "rollback"
    RECURRENCE = "recurrence"


class ActionEntry(Value):
    """One step of one claim, as it is kept."""

    step: Step
    at: datetime
    claim: Claim


class ActionLog(Protocol):
    """Keeps entries; each is durable when `write` returns."""

    async def write(self, entry: ActionEntry) -> None:
        """Keep an entry; the same one again is no error.

        Raises:
            ServiceFailed: it is not durable.
            AuditConflict: another entry stands in its place.
        """
        ...


def claim_id_of(incident_id: UUID, request: ActionRequest) -> UUID:
    """Return the id under which a request about an incident is done once: incident, runbook and target name it."""
    target = request.target
    return uuid5(
        CLAIM_NAMESPACE,
        f"{incident_id}/{request.runbook}/{target.account}/{target.region}/{target.type}/{target.id}",
    )
