"""How one automation execution stands, read from what GetAutomationExecution says of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import Field

from autocloudops.redaction import clean
from autocloudops.values import Value

SAID_CHARACTERS = 300
APPROVAL = "aws:approve"


class Phase(StrEnum):
    """How far an execution got."""

    RUNNING = "running"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    CANCELLED = "cancelled"

    @property
    def over(self) -> bool:
        """Whether nothing follows."""
        return self not in {Phase.RUNNING, Phase.WAITING}


PHASES = {
    "Waiting": Phase.WAITING,
    "PendingApproval": Phase.WAITING,
    "Success": Phase.SUCCEEDED,
    "CompletedWithSuccess": Phase.SUCCEEDED,
    "Failed": Phase.FAILED,
    "Rejected": Phase.FAILED,
    "CompletedWithFailure": Phase.FAILED,
    "Exited": Phase.FAILED,
    "TimedOut": Phase.TIMED_OUT,
    "Cancelled": Phase.CANCELLED,
}
"""The rest of AutomationExecutionStatus goes on by itself: `Cancelling` too."""


class Execution(Value):
    """One execution of a runbook.

    `approved` is None where the runbook asked nobody, else whether its question was answered with yes; `approvers` is
    what SSM says of who answered. `said` is why it failed. `outputs` are the runbook's.
    """

    execution_id: str
    document: str
    parameters: Mapping[str, tuple[str, ...]]
    phase: Phase
    approved: bool | None = None
    approvers: str = ""
    failed_step: str = ""
    said: str = ""
    outputs: Mapping[str, str] = Field(default_factory=dict)
    ended_at: datetime | None = None

    @property
    def story(self) -> str:
        """How it ended, in one bounded line."""
        where = f" at step {self.failed_step}" if self.failed_step else ""
        gave = ", ".join(f"{name} {value}" for name, value in sorted(self.outputs.items()))
        what = ": ".join(part for part in (f"{self.phase}{where}", self.said, gave) if part)
        return clean(" ".join(what.split()), SAID_CHARACTERS)


def execution_of(answer: Mapping[str, Any]) -> Execution:
    """Return the `AutomationExecution` of an answer as an execution."""
    steps: Sequence[Mapping[str, Any]] = answer.get("StepExecutions", ())
    asked = [step for step in steps if step.get("Action") == APPROVAL and step.get("StepStatus") not in _UNTOUCHED]
    failed = next((step for step in steps if _phase(step.get("StepStatus")) in _BAD), {})
    return Execution(
        execution_id=answer["AutomationExecutionId"],
        document=answer.get("DocumentName", ""),
        parameters={name: tuple(values) for name, values in answer.get("Parameters", {}).items()},
        phase=_phase(answer.get("AutomationExecutionStatus")),
        approved=any(step.get("StepStatus") == "Success" for step in asked) if asked else None,
        approvers=_decisions(asked),
        failed_step=failed.get("StepName", ""),
        said=str(failed.get("FailureMessage") or answer.get("FailureMessage") or ""),
        outputs={name: ", ".join(values) for name, values in answer.get("Outputs", {}).items()},
        ended_at=answer.get("ExecutionEndTime"),
    )


_UNTOUCHED = (None, "", "Pending")
_BAD = frozenset({Phase.FAILED, Phase.TIMED_OUT, Phase.CANCELLED})


def _phase(status: str | None) -> Phase:
    return PHASES.get(status or "", Phase.RUNNING)


def _decisions(asked: Sequence[Mapping[str, Any]]) -> str:
    """Return what SSM keeps of the answers: `ApproverDecisions`, an output of the step (user guide, aws:approve)."""
    decisions = [each for step in asked for each in step.get("Outputs", {}).get("ApproverDecisions", ())]
    return clean(" ".join(" ".join(decisions).split()), SAID_CHARACTERS)
