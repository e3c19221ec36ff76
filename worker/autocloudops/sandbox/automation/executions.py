"""One execution of a document, its steps, and the approval that it may wait for."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from autocloudops.sandbox.automation.references import text, texts
from autocloudops.sandbox.automation.runbook import Runbook, Step
from autocloudops.sandbox.control_plane.wire import Row

PENDING, IN_PROGRESS, WAITING, CANCELLING = "Pending", "InProgress", "Waiting", "Cancelling"
SUCCESS, FAILED, TIMED_OUT, CANCELLED = "Success", "Failed", "TimedOut", "Cancelled"
ENDINGS = frozenset({SUCCESS, FAILED, TIMED_OUT, CANCELLED})
NO_OUTPUT = "No output available yet because the step is not successfully executed"


@dataclass(slots=True)
class StepExecution:
    """How far one step is; `outputs` keep their types."""

    step: Step
    id: str
    status: str = PENDING
    started_at: datetime | None = None
    ended_at: datetime | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    failure: str | None = None

    def row(self) -> Row:
        """Return the step as it is on the wire."""
        step = self.step
        return {
            "StepName": step.name,
            "Action": step.action,
            "StepStatus": self.status,
            "StepExecutionId": self.id,
            "ExecutionStartTime": self.started_at,
            "ExecutionEndTime": self.ended_at,
            "TimeoutSeconds": step.limit_seconds and int(step.limit_seconds),
            "OnFailure": step.on_failure,
            "MaxAttempts": step.max_attempts,
            "IsEnd": step.is_end,
            "NextStep": step.next_step,
            "IsCritical": step.is_critical,
            "Inputs": {key: text(value) for key, value in self.inputs.items()} or None,
            "Outputs": {key: texts(value) for key, value in self.outputs.items()} or None,
            "FailureMessage": self.failure,
        }


@dataclass(slots=True)
class Approval:
    """What a step waits for: enough of its approvers, or one who rejects.

    `decisions` are by the caller's ARN: whether they approved, and their comment.
    """

    step_name: str
    approvers: tuple[str, ...]
    needed: int
    decisions: dict[str, tuple[bool, str]] = field(default_factory=dict)
    decided: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def rejected_by(self) -> str | None:
        """Who rejected it, if anybody."""
        return next((arn for arn, (approved, _) in self.decisions.items() if not approved), None)

    def may(self, caller: str) -> bool:
        """Tell whether the caller, an ARN, is among the approvers: by ARN, by the role assumed, or as a user's name."""
        names = {caller, _role_of(caller), caller.rpartition("/")[2] if ":user/" in caller else caller}
        return not names.isdisjoint(self.approvers)

    def record(self, caller: str, *, approved: bool, comment: str) -> None:
        """Keep a decision, and let the step go on when it was the last that it waits for."""
        self.decisions[caller] = (approved, comment)
        if not approved or len(self.decisions) >= self.needed:
            self.decided.set()


@dataclass(slots=True)
class Execution:
    """One run of a document.

    Attributes:
        parameters: what was said and what is a default, with their types.
        stop: what StopAutomationExecution asked for: `Cancel`, `Complete`, or nothing.
        stopped: set with it.
    """

    id: str
    document: str
    version: str
    runbook: Runbook
    parameters: Mapping[str, Any]
    started_at: datetime
    started_by: str
    mode: str
    steps: dict[str, StepExecution]
    status: str = PENDING
    ended_at: datetime | None = None
    current: str | None = None
    failure: str | None = None
    approval: Approval | None = None
    stop: str = ""
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    _turned: asyncio.Event = field(default_factory=asyncio.Event)

    def turn(self, status: str) -> None:
        """Take on a status, and wake who waits for one."""
        self.status = status
        self._turned.set()
        self._turned = asyncio.Event()

    async def until(self, *statuses: str) -> None:
        """Wait until the status is one of these, or the execution has ended."""
        while not self.ended and self.status not in statuses:
            await self._turned.wait()

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.status in ENDINGS

    def outputs(self) -> dict[str, list[str]]:
        """Return what the document puts out, as far as it is known."""
        known = {f"{name}.{key}": value for name, each in self.steps.items() for key, value in each.outputs.items()}
        return {name: texts(known.get(name, NO_OUTPUT)) for name in self.runbook.outputs}

    def metadata(self) -> Row:
        """Return the execution as DescribeAutomationExecutions lists it."""
        step = self.steps[self.current].step if self.current else None
        return {
            "AutomationExecutionId": self.id,
            "DocumentName": self.document,
            "DocumentVersion": self.version,
            "AutomationExecutionStatus": self.status,
            "ExecutionStartTime": self.started_at,
            "ExecutionEndTime": self.ended_at,
            "ExecutedBy": self.started_by,
            "Outputs": self.outputs() or None,
            "Mode": self.mode,
            "CurrentStepName": step and step.name,
            "CurrentAction": step and step.action,
            "FailureMessage": self.failure,
            "AutomationType": "Local",
        }

    def row(self) -> Row:
        """Return the execution as GetAutomationExecution shows it; the API has no empty value of a parameter."""
        shown = self.metadata()
        del shown["AutomationType"]
        said = {name: texts(value) for name, value in self.parameters.items() if value != ""}
        return {
            **shown,
            "StepExecutions": [each.row() for each in self.steps.values()],
            "StepExecutionsTruncated": False,
            "Parameters": said or None,
        }


def _role_of(caller: str) -> str:
    """Return the ARN of the role whose session the caller is, or the caller."""
    service, _, session = caller.partition(":assumed-role/")
    role = session.partition("/")[0]
    return f"{service.replace(':sts:', ':iam:')}:role/{role}" if role else caller
