"""What each action of a step does.

Source: AWS Systems Manager User Guide, "Systems Manager Automation actions reference".
"""

import json
import re
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from autocloudops.clock import Clock
from autocloudops.sandbox.automation.calls import Calls
from autocloudops.sandbox.automation.conditions import holds
from autocloudops.sandbox.automation.executions import IN_PROGRESS, WAITING, Approval, Execution
from autocloudops.sandbox.automation.references import StepFailed, text
from autocloudops.sandbox.automation.runbook import Output, Step
from autocloudops.sandbox.automation.selectors import select
from autocloudops.values import Value

Inputs = Mapping[str, Any]
FAILS = "Step fails when it is Execute/Cancelling action."
TYPES = {"Boolean": bool, "Integer": int, "MapList": list, "StringList": list, "StringMap": dict}
OF_THE_STEP = frozenset({"Service", "Api", "PropertySelector", "DesiredValues"})
DURATION = re.compile(r"P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?")


@dataclass(frozen=True, slots=True)
class Doing:
    """What a step acts on and with: its execution, the AWS calls, the time, and the pause between two polls."""

    execution: Execution
    calls: Calls
    clock: Clock
    poll_seconds: float


class Done(Value):
    """What a step gave: its outputs, and where it goes when it says so itself."""

    outputs: Mapping[str, Any] = {}
    next_step: str | None = None


Action = Callable[[Step, Inputs, Doing], Coroutine[Any, Any, Done]]


async def execute_aws_api(step: Step, inputs: Inputs, doing: Doing) -> Done:
    """`aws:executeAwsApi`: one call; each output is taken out of its answer."""
    answer = await _answer(inputs, doing)
    return Done(outputs={each.name: _output(answer, each) for each in step.outputs})


async def assert_property(_: Step, inputs: Inputs, doing: Doing) -> Done:
    """`aws:assertAwsResourceProperty`: fails when a property is not as desired now."""
    said, desired = await _property(inputs, doing), _desired(inputs)
    if said not in desired:
        raise StepFailed(
            f'{FAILS} Property value from the API output: "{said}" is not in the desired values: '
            f"[{', '.join(desired)}]."
        )
    return Done()


async def wait_for_property(_: Step, inputs: Inputs, doing: Doing) -> Done:
    """`aws:waitForAwsResourceProperty`: polls until a property is as desired; the step's timeout ends it."""
    desired = _desired(inputs)
    while await _property(inputs, doing) not in desired:
        await doing.clock.sleep(doing.poll_seconds)
    return Done()


async def branch(_: Step, inputs: Inputs, __: Doing) -> Done:
    """`aws:branch`: goes where the first true choice says, else to the default, else on."""
    for choice in inputs["Choices"]:
        if holds(choice):
            return Done(next_step=choice["NextStep"])
    return Done(next_step=inputs.get("Default"))


async def approve(step: Step, inputs: Inputs, doing: Doing) -> Done:
    """`aws:approve`: tells the topic, then waits until enough approvers approved, or one rejected."""
    approval = Approval(step.name, tuple(inputs["Approvers"]), int(inputs.get("MinRequiredApprovals", 1)))
    if topic := inputs.get("NotificationArn"):
        await doing.calls("sns", "Publish", {"TopicArn": topic, "Message": _request(doing.execution, inputs)})
    await _decided(approval, doing.execution)
    if rejected_by := approval.rejected_by:
        raise StepFailed(f"Step is rejected by {rejected_by}: {approval.decisions[rejected_by][1]}")
    decisions = dict.fromkeys(approval.decisions, "Approved")
    return Done(outputs={"ApprovalStatus": "Approved", "ApproverDecisions": decisions})


async def sleep(_: Step, inputs: Inputs, doing: Doing) -> Done:
    """`aws:sleep`: waits for a `Duration` as PT5M, or until a `Timestamp`."""
    if "Timestamp" in inputs:
        seconds = (datetime.fromisoformat(inputs["Timestamp"]) - doing.clock.now()).total_seconds()
    else:
        seconds = _seconds(str(inputs.get("Duration")))
    await doing.clock.sleep(max(0.0, seconds))
    return Done()


ACTIONS: Mapping[str, Action] = MappingProxyType(
    {
        "aws:executeAwsApi": execute_aws_api,
        "aws:assertAwsResourceProperty": assert_property,
        "aws:waitForAwsResourceProperty": wait_for_property,
        "aws:branch": branch,
        "aws:approve": approve,
        "aws:sleep": sleep,
    }
)


async def _answer(inputs: Inputs, doing: Doing) -> dict[str, Any]:
    given = {key: value for key, value in inputs.items() if key not in OF_THE_STEP}
    return await doing.calls(inputs["Service"], inputs["Api"], given)


async def _property(inputs: Inputs, doing: Doing) -> str | None:
    """Return the property as text, or None where the answer does not hold it."""
    answer = await _answer(inputs, doing)
    try:
        return text(select(answer, inputs["PropertySelector"]))
    except LookupError:
        return None


def _desired(inputs: Inputs) -> list[str]:
    return [text(each) for each in inputs["DesiredValues"]]


def _output(answer: Mapping[str, Any], output: Output) -> Any:  # noqa: ANN401 - of the type that it is declared with
    try:
        found = select(answer, output.selector)
    except LookupError as error:
        raise StepFailed(f"{FAILS} The answer holds nothing at {output.selector} for {output.name}.") from error
    if output.type == "String":
        return text(found)
    if type(found) is not TYPES[output.type]:
        raise StepFailed(f"{FAILS} The output {output.name} is no {output.type}: {text(found)}.")
    return found


async def _decided(approval: Approval, execution: Execution) -> None:
    shown = execution.steps[approval.step_name]
    execution.approval, shown.status = approval, WAITING
    execution.turn(WAITING)
    try:
        await approval.decided.wait()
    finally:
        execution.approval, shown.status = None, IN_PROGRESS
        execution.turn(IN_PROGRESS)


def _request(execution: Execution, inputs: Inputs) -> str:
    asked = {"automationExecutionId": execution.id, "document": execution.document, "message": inputs.get("Message")}
    return json.dumps(asked)


def _seconds(duration: str) -> float:
    found = DURATION.fullmatch(duration)
    if found is None or not any(found.groups()):
        raise StepFailed(f"{duration} is no duration such as PT5M.")
    return timedelta(**{unit: int(count) for unit, count in found.groupdict(default="0").items()}).total_seconds()
