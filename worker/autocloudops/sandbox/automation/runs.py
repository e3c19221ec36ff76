"""The operations on executions: start, look, signal and stop."""

import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from autocloudops.sandbox.automation.executions import PENDING, Execution, StepExecution
from autocloudops.sandbox.automation.parameters import typed, wrong
from autocloudops.sandbox.automation.runbook import Runbook
from autocloudops.sandbox.automation.world import Caller, Handler, World
from autocloudops.sandbox.control_plane.values import Document
from autocloudops.sandbox.control_plane.wire import Refusal, Row, page

MAX_TAGS = 5
PAGE_SIZE = 50
# What this stand-in does not do; it says so instead of doing something else.
UNSUPPORTED = (
    "AlarmConfiguration",
    "MaxConcurrency",
    "MaxErrors",
    "TargetLocations",
    "TargetLocationsURL",
    "TargetMaps",
    "TargetParameterName",
    "Targets",
)
SIGNALS = {"Approve": True, "Reject": False}


def start_automation_execution(world: World, request: Document, caller: Caller) -> Row:
    """StartAutomationExecution: a repeat with the same client token gives the same execution.

    AWS's documentation does not say what a repeat gives; the error for other inputs is in the API model.
    """
    token, digest = str(request.get("ClientToken", "")).lower(), _digest(request)
    if token in world.tokens:
        known, identity = world.tokens[token]
        if known != digest:
            raise Refusal("IdempotentParameterMismatch", "The client token was used with other parameters.")
        return {"AutomationExecutionId": identity}
    execution = _new(world, request, caller)
    world.executions[execution.id] = execution
    world.tag("Automation", execution.id, request)
    if token:
        world.tokens[token] = (digest, execution.id)
    return {"AutomationExecutionId": execution.id}


def get_automation_execution(world: World, request: Document, _: Caller) -> Row:
    """GetAutomationExecution."""
    return {"AutomationExecution": world.execution(request["AutomationExecutionId"]).row()}


def describe_automation_executions(world: World, request: Document, _: Caller) -> Row:
    """DescribeAutomationExecutions, newest first."""
    chosen = [each for each in reversed(world.executions.values()) if _chosen(world, each, request)]
    rows = [each.metadata() for each in chosen]
    return page(rows, request, member="AutomationExecutionMetadataList", size=PAGE_SIZE, invalid_token=_invalid_token)


def describe_automation_step_executions(world: World, request: Document, _: Caller) -> Row:
    """DescribeAutomationStepExecutions, in the order of the document."""
    steps = list(world.execution(request["AutomationExecutionId"]).steps.values())
    for each in request.get("Filters", []):
        steps = [step for step in steps if _step_fits(step, each["Key"], each["Values"])]
    rows = [each.row() for each in (reversed(steps) if request.get("ReverseOrder") else steps)]
    return page(rows, request, member="StepExecutions", size=PAGE_SIZE, invalid_token=_invalid_token)


def send_automation_signal(world: World, request: Document, caller: Caller) -> Row:
    """SendAutomationSignal: approves or rejects the step that waits for it, once for each approver."""
    execution, signal = world.execution(request["AutomationExecutionId"]), request["SignalType"]
    if signal not in SIGNALS:
        raise _invalid_signal(f"The signal {signal} is not understood here; Approve and Reject are.")
    approval = execution.approval
    if approval is None:
        raise _invalid_signal(f"No step of the execution, which is {execution.status}, waits for an approval.")
    if not approval.may(caller.arn):
        raise _invalid_signal(f"{caller.arn} is not among the approvers of the step {approval.step_name}.")
    if caller.arn in approval.decisions:
        raise _invalid_signal(f"{caller.arn} decided on the step {approval.step_name} already.")
    comment = " ".join(request.get("Payload", {}).get("Comment", []))
    approval.record(caller.arn, approved=SIGNALS[signal], comment=comment)
    return {}


def stop_automation_execution(world: World, request: Document, _: Caller) -> Row:
    """StopAutomationExecution: `Cancel` makes it Cancelled, `Complete` makes it a Success as far as it is."""
    execution = world.execution(request["AutomationExecutionId"])
    if execution.ended:
        raise Refusal(
            "InvalidAutomationStatusUpdateException",
            f"The execution {execution.id} is {execution.status} and cannot be stopped.",
        )
    execution.stop = request.get("Type", "Cancel")
    execution.stopped.set()
    return {}


OPERATIONS: Mapping[str, Handler] = MappingProxyType(
    {
        "StartAutomationExecution": start_automation_execution,
        "GetAutomationExecution": get_automation_execution,
        "DescribeAutomationExecutions": describe_automation_executions,
        "DescribeAutomationStepExecutions": describe_automation_step_executions,
        "SendAutomationSignal": send_automation_signal,
        "StopAutomationExecution": stop_automation_execution,
    }
)


def _digest(request: Document) -> str:
    return json.dumps({key: value for key, value in request.items() if key != "ClientToken"}, sort_keys=True)


def _new(world: World, request: Document, caller: Caller) -> Execution:
    if refused := [each for each in UNSUPPORTED if request.get(each)]:
        raise wrong(f"{', '.join(refused)} is not supported by this stand-in.")
    if len(request.get("Tags", [])) > MAX_TAGS:
        raise wrong(f"An automation takes {MAX_TAGS} tags when it is started.")
    name, number, says = _runbook(world, request)
    steps = {each.name: StepExecution(each, str(uuid.uuid4())) for each in says.steps}
    return Execution(
        id=str(uuid.uuid4()),
        document=name,
        version=str(number),
        runbook=says,
        parameters=typed(says, request.get("Parameters", {})),
        started_at=caller.at,
        started_by=caller.arn,
        mode=request.get("Mode", "Auto"),
        steps=steps,
        status=PENDING,
    )


def _runbook(world: World, request: Document) -> tuple[str, int, Runbook]:
    stored = world.document(request["DocumentName"], missing="AutomationDefinitionNotFoundException")
    asked = request.get("DocumentVersion")
    try:
        number = stored.number(asked)
    except LookupError as error:
        message = f"Automation definition {stored.name} has no version {asked}."
        raise Refusal("AutomationDefinitionVersionNotFoundException", message) from error
    says = stored.versions[number - 1].says
    if not isinstance(says, Runbook):
        raise Refusal("AutomationDefinitionNotFoundException", f"{stored.name} is no Automation document.")
    return stored.name, number, says


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise Refusal("InvalidFilterValue", f"{text} is no time such as 2026-03-01T12:00:00Z.") from error


def _any(values: Iterable[str], fits: Callable[[str], bool]) -> bool:
    return any(fits(each) for each in values)


# Filter -> whether an execution fits one of its values.
FILTERS: Mapping[str, Callable[[Execution, str], bool]] = MappingProxyType(
    {
        "DocumentNamePrefix": lambda each, value: each.document.startswith(value),
        "ExecutionStatus": lambda each, value: each.status == value,
        "ExecutionId": lambda each, value: each.id == value,
        "CurrentAction": lambda each, value: each.metadata()["CurrentAction"] == value,
        "StartTimeBefore": lambda each, value: each.started_at < _moment(value),
        "StartTimeAfter": lambda each, value: each.started_at > _moment(value),
    }
)
STEP_FILTERS: Mapping[str, Callable[[StepExecution, str], bool]] = MappingProxyType(
    {
        "StepExecutionStatus": lambda each, value: each.status == value,
        "StepExecutionId": lambda each, value: each.id == value,
        "StepName": lambda each, value: each.step.name == value,
        "Action": lambda each, value: each.step.action == value,
    }
)


def _chosen(world: World, execution: Execution, request: Document) -> bool:
    return all(_fits(world, execution, each) for each in request.get("Filters", []))


def _fits(world: World, execution: Execution, asked: Mapping[str, Any]) -> bool:
    key, values = asked["Key"], asked["Values"]
    if key == "TagKey":
        return not world.tags[("Automation", execution.id)].keys().isdisjoint(values)
    if key not in FILTERS:
        raise Refusal("InvalidFilterKey", f"Executions cannot be filtered by {key} here.")
    return _any(values, lambda value: FILTERS[key](execution, value))


def _step_fits(step: StepExecution, key: str, values: list[str]) -> bool:
    if key not in STEP_FILTERS:
        raise Refusal("InvalidFilterKey", f"Steps cannot be filtered by {key} here.")
    return _any(values, lambda value: STEP_FILTERS[key](step, value))


def _invalid_signal(message: str) -> Refusal:
    return Refusal("InvalidAutomationSignalException", message)


def _invalid_token(message: str) -> Refusal:
    return Refusal("InvalidNextToken", message)
