"""SSM Automation in memory, as hostile as a test says, and the ports of acting around it."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from botocore.exceptions import ClientError
from virtual_time import VirtualClock

from autocloudops.catalogue.model import ActionRequest
from autocloudops.decisions.claims import ActionEntry, Step
from autocloudops.decisions.facts import Unknown
from autocloudops.errors import AuditConflict

APPROVERS = ("arn:aws:iam::111122223333:role/on-call",)
PERSON = "arn:aws:sts::111122223333:assumed-role/on-call/ana"


class Crash(asyncio.CancelledError):
    """The worker is gone."""


@dataclass
class Interruptions:
    """Counts the points at which a worker may be gone, and ends it at one of them; 0 for never."""

    at: int = 0
    seen: int = 0

    def point(self) -> None:
        self.seen += 1
        if self.seen == self.at:
            raise Crash


@dataclass
class FakeAutomation:
    """The SSM client, and SSM behind it.

    `remembers_tokens`: the same token begins nothing a second time. `lists`: what began is found. `state` is the
    target's, which each execution that may change something changes once. `faults` are raised by calls, by method, one
    each; `loses` is how many answers of a start are lost.
    """

    remembers_tokens: bool = True
    lists: bool = True
    ends: str = "Success"
    state: dict[str, str] = field(default_factory=lambda: {"DesiredCount": "2"})
    faults: dict[str, list[Exception]] = field(default_factory=dict)
    loses: int = 0
    effects: list[str] = field(default_factory=list)
    called: list[str] = field(default_factory=list)
    executions: dict[str, dict[str, Any]] = field(default_factory=dict)
    stops_after_looks: int = 0

    async def client(self, service: str, account: str, region: str) -> "FakeAutomation":
        assert (service, len(account), bool(region)) == ("ssm", 12, True)
        return self

    def _fault(self, method: str) -> None:
        self.called.append(method)
        if self.faults.get(method):
            raise self.faults[method].pop(0)

    async def start_automation_execution(self, **call: Any) -> Mapping[str, Any]:  # noqa: ANN401 - as boto has them
        self._fault("start")
        token = call["ClientToken"]
        known = next((each for each in self.executions.values() if each["token"] == token), None)
        begun = known["AutomationExecutionId"] if known and self.remembers_tokens else self._begin(call)
        if self.loses:
            self.loses -= 1
            raise TimeoutError
        return {"AutomationExecutionId": begun}

    def _begin(self, call: Mapping[str, Any]) -> str:
        execution_id = str(uuid4())
        asks = call["Parameters"]["RequireApproval"] == ["true"]
        step = {"StepName": "approve", "Action": "aws:approve", "StepStatus": "Waiting"}
        self.executions[execution_id] = {
            "token": call["ClientToken"],
            "tags": call["Tags"],
            "AutomationExecutionId": execution_id,
            "DocumentName": call["DocumentName"],
            "Parameters": call["Parameters"],
            "ExecutionStartTime": VirtualClock().now(),
            "AutomationExecutionStatus": "Waiting" if asks else "InProgress",
            "StepExecutions": [step] if asks else [],
        }
        if not asks:
            self._change(execution_id)
        return execution_id

    def _change(self, execution_id: str) -> None:
        self.effects.append(execution_id)
        self.state["DesiredCount"] = str(int(self.state["DesiredCount"]) + 1)
        self._end(execution_id, self.ends)

    def _end(self, execution_id: str, status: str) -> None:
        now = VirtualClock().now()
        self.executions[execution_id] |= {"AutomationExecutionStatus": status, "ExecutionEndTime": now}

    async def describe_automation_executions(self, **call: Any) -> Mapping[str, Any]:  # noqa: ANN401 - likewise
        self._fault("describe")
        keys = {each["Key"]: each["Values"] for each in call["Filters"]}
        found = [
            each
            for each in self.executions.values()
            if self.lists
            and each["DocumentName"].startswith(tuple(keys["DocumentNamePrefix"]))
            and {tag["Key"] for tag in each["tags"]} & set(keys["TagKey"])
        ]
        first = int(call.get("NextToken", 0))
        more = {"NextToken": str(first + 1)} if len(found) > first + 1 else {}
        return {"AutomationExecutionMetadataList": found[first : first + 1], **more}

    async def get_automation_execution(self, **call: Any) -> Mapping[str, Any]:  # noqa: ANN401 - likewise
        self._fault("get")
        found = self.executions.get(call["AutomationExecutionId"])
        if found is None:
            raise refusal("AutomationExecutionNotFoundException")
        if found["AutomationExecutionStatus"] == "Cancelling":
            self.stops_after_looks -= 1
            if self.stops_after_looks < 0:
                self._stop(found["AutomationExecutionId"])
        return {"AutomationExecution": found}

    async def send_automation_signal(self, **call: Any) -> Mapping[str, Any]:  # noqa: ANN401 - likewise
        self._fault("signal")
        execution = self.executions[call["AutomationExecutionId"]]
        if execution["AutomationExecutionStatus"] != "Waiting":
            raise refusal("InvalidAutomationSignalException")
        approves = call["SignalType"] == "Approve"
        step = execution["StepExecutions"][0]
        step["StepStatus"] = "Success" if approves else "Failed"
        said = f'{{"approver": "{PERSON}", "decision": "{call["SignalType"]}", "comment": "{call["Payload"]}"}}'
        step["Outputs"] = {"ApproverDecisions": [said]}
        if approves:
            self._change(execution["AutomationExecutionId"])
        else:
            self._end(execution["AutomationExecutionId"], "Failed")
        return {}

    async def stop_automation_execution(self, **call: Any) -> Mapping[str, Any]:  # noqa: ANN401 - likewise
        self._fault("stop")
        execution = self.executions[call["AutomationExecutionId"]]
        if execution["AutomationExecutionStatus"] not in {"Waiting", "InProgress"}:
            raise refusal("InvalidAutomationStatusUpdateException")
        execution["AutomationExecutionStatus"] = "Cancelling"
        return {}

    def _stop(self, execution_id: str) -> None:
        for step in self.executions[execution_id]["StepExecutions"]:
            step["StepStatus"] = "Cancelled"
        self._end(execution_id, "Cancelled")


def refusal(code: str, status: int = 400) -> ClientError:
    """Return the error of a call that SSM refuses."""
    said = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(said, "Call")  # type: ignore[arg-type] # the stub wants every key of the metadata


@dataclass
class FakeTargets:
    """Reads the target that a `FakeAutomation` changes."""

    automation: FakeAutomation
    unreadable: str = ""

    async def state(self, request: ActionRequest) -> Mapping[str, str] | Unknown:
        assert request.target.id
        return Unknown(unknown=self.unreadable) if self.unreadable else dict(self.automation.state)


@dataclass
class MemoryActionLog:
    """An `ActionLog` that keeps one entry for each claim and step; `faults` are raised by writes, one each."""

    entries: dict[tuple[UUID, Step], ActionEntry] = field(default_factory=dict)
    faults: list[Exception] = field(default_factory=list)

    async def write(self, entry: ActionEntry) -> None:
        if self.faults:
            raise self.faults.pop(0)
        key = (entry.claim.claim_id, entry.step)
        if self.entries.setdefault(key, entry).model_dump_json() != entry.model_dump_json():
            raise AuditConflict(f"{entry.step} of {entry.claim.claim_id} says something else")

    def steps(self, claim_id: UUID) -> list[Step]:
        return [step for claim, step in self.entries if claim == claim_id]


class Interrupted:
    """Any port, at each of whose calls a worker may be gone: before it is made, and after it was."""

    def __init__(self, port: object, interruptions: Interruptions) -> None:
        self._port = port
        self._interruptions = interruptions

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._port, name)

        async def called(*args: object, **named: object) -> object:
            self._interruptions.point()
            answer = await method(*args, **named)
            self._interruptions.point()
            return Interrupted(answer, self._interruptions) if name == "client" else answer

        return called
