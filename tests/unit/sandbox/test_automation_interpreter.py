"""The way of an execution through its steps, in virtual time and with scripted AWS calls."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from embedded_automation import call, content, step
from virtual_time import START, VirtualClock, run

from autocloudops.sandbox.automation.executions import Execution, StepExecution
from autocloudops.sandbox.automation.interpreter import Interpreter
from autocloudops.sandbox.automation.references import StepFailed
from autocloudops.sandbox.automation.runbook import runbook
from autocloudops.sandbox.automation.steps import ACTIONS


@dataclass
class ScriptedCalls:
    """Answers the calls with what stands in the script, in order; a text is a failure, a number a pause before one."""

    script: list[dict[str, Any] | str | float]
    made: list[str] = field(default_factory=list)

    async def __call__(self, service: str, api: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
        self.made.append(f"{service}:{api}")
        said = self.script.pop(0)
        if isinstance(said, float):
            await VirtualClock().sleep(said)
            return {}
        if isinstance(said, str):
            raise StepFailed(said)
        return said | {"asked": dict(inputs)}


def executed(calls: ScriptedCalls, *steps: Mapping[str, object]) -> Execution:
    """Run a runbook of these steps to its end."""
    read = runbook(content(*steps), actions=frozenset(ACTIONS))
    execution = Execution(
        id="1",
        document="Small",
        version="1",
        runbook=read,
        parameters={},
        started_at=START,
        started_by="somebody",
        mode="Auto",
        steps={each.name: StepExecution(each, each.name) for each in read.steps},
    )

    async def ran() -> None:
        await Interpreter(
            execution=execution, connect=lambda _: calls, clock=VirtualClock(), constants={}, poll_seconds=5
        ).run()

    run(ran())
    return execution


def seconds(execution: Execution) -> float:
    """Return how long an execution took."""
    assert execution.ended_at is not None
    return (execution.ended_at - execution.started_at).total_seconds()


ONE = call("one", "ecs", "ListClusters", {})
TWO = call("two", "ecs", "ListServices", {})
LAST = call("last", "ecs", "ListTasks", {})


@pytest.mark.parametrize(
    ("how", "made", "status"),
    [
        ({}, ["ecs:ListClusters"], "Failed"),
        ({"onFailure": "Abort", "isCritical": False}, ["ecs:ListClusters"], "Success"),
        ({"onFailure": "Continue"}, ["ecs:ListClusters", "ecs:ListServices", "ecs:ListTasks"], "Success"),
        (
            {"onFailure": "Continue", "isCritical": True},
            ["ecs:ListClusters", "ecs:ListServices", "ecs:ListTasks"],
            "Failed",
        ),
        ({"onFailure": "step:last"}, ["ecs:ListClusters", "ecs:ListTasks"], "Failed"),
        ({"onFailure": "step:last", "isCritical": False}, ["ecs:ListClusters", "ecs:ListTasks"], "Success"),
        ({"onFailure": "Continue", "isEnd": True}, ["ecs:ListClusters"], "Success"),
    ],
)
def test_a_failure_ends_it_goes_on_or_goes_elsewhere(how: dict[str, object], made: list[str], status: str) -> None:
    """The way after a failed step and the execution's status are as onFailure and isCritical say."""
    calls = ScriptedCalls(["broken", {}, {}])
    execution = executed(calls, {**ONE, **how}, TWO, LAST)
    assert (calls.made, execution.status) == (made, status)
    assert execution.steps["one"].status == "Failed"
    assert execution.failure == ("broken" if status == "Failed" else None)


def test_a_step_is_tried_as_often_as_it_may() -> None:
    """Failures before the last attempt do not count, and no attempt follows one that succeeded."""
    calls = ScriptedCalls(["broken", "broken", {}, {}])
    execution = executed(calls, {**ONE, "maxAttempts": 3}, LAST)
    assert calls.made == ["ecs:ListClusters"] * 3 + ["ecs:ListTasks"]
    assert execution.status == "Success"
    assert executed(ScriptedCalls(["broken"] * 2), {**ONE, "maxAttempts": 2}).status == "Failed"


def test_a_step_that_takes_too_long_times_out_and_each_attempt_has_its_own_time() -> None:
    """Two attempts of ten seconds take twenty; then the execution is TimedOut."""
    calls = ScriptedCalls([60.0, 60.0])
    execution = executed(calls, {**ONE, "timeoutSeconds": 10, "maxAttempts": 2})
    assert (execution.status, execution.steps["one"].status, seconds(execution)) == ("TimedOut", "TimedOut", 20)


def test_steps_follow_next_step_and_end_where_they_say() -> None:
    """`nextStep` leaves out what stands between, and nothing follows `isEnd`."""
    calls = ScriptedCalls([{}, {}])
    execution = executed(calls, {**ONE, "nextStep": "last"}, {**LAST, "isEnd": True}, TWO)
    assert calls.made == ["ecs:ListClusters", "ecs:ListTasks"]
    assert (execution.status, execution.steps["two"].status) == ("Success", "Pending")


def test_a_branch_without_a_true_choice_goes_on_or_ends() -> None:
    """Without a default the next step follows, unless the branch is the end."""
    never = {"Choices": [{"NextStep": "last", "Variable": "a", "StringEquals": "b"}]}
    calls = ScriptedCalls([{}, {}])
    executed(calls, step("choose", "branch", never), ONE, LAST)
    assert calls.made == ["ecs:ListClusters", "ecs:ListTasks"]
    calls = ScriptedCalls([])
    assert executed(calls, step("choose", "branch", never, isEnd=True), LAST).status == "Success"


def test_a_wait_looks_again_after_each_pause() -> None:
    """A property that is absent, then wrong, then as desired takes two pauses."""
    asked = {"Service": "ecs", "Api": "DescribeTasks", "PropertySelector": "$.state", "DesiredValues": ["UP", 7]}
    calls = ScriptedCalls([{}, {"state": "DOWN"}, {"state": 7}])
    execution = executed(calls, step("await", "waitForAwsResourceProperty", asked))
    assert (execution.status, seconds(execution)) == ("Success", 10)


def test_a_wait_and_an_approval_have_the_limits_of_aws_when_they_say_none() -> None:
    """One hour for a wait, and seven days for an approval."""
    asked = {"Service": "ecs", "Api": "DescribeTasks", "PropertySelector": "$.state", "DesiredValues": ["UP"]}
    calls = ScriptedCalls([{} for _ in range(1000)])
    assert seconds(executed(calls, step("await", "waitForAwsResourceProperty", asked))) == 3600
    approval = executed(ScriptedCalls([]), step("ask", "approve", {"Approvers": ["anna"]}))
    assert (approval.status, seconds(approval)) == ("TimedOut", 7 * 24 * 3600)


@pytest.mark.parametrize(
    ("inputs", "took"),
    [
        ({"Duration": "PT1H2M3S"}, 3723),
        ({"Duration": "P1DT1S"}, 86_401),
        ({"Timestamp": "2026-03-01T12:10:00Z"}, 600),
        ({"Timestamp": "2026-03-01T11:00:00Z"}, 0),
    ],
)
def test_a_sleep_lasts_for_a_duration_or_until_a_time(inputs: dict[str, str], took: float) -> None:
    """Durations are of ISO 8601, and a time that is over is no wait."""
    assert seconds(executed(ScriptedCalls([]), step("pause", "sleep", inputs))) == took


@pytest.mark.parametrize("inputs", [{}, {"Duration": "5 minutes"}, {"Duration": "PT"}, {"Timestamp": "noon"}])
def test_a_sleep_without_an_end_fails(inputs: dict[str, str]) -> None:
    """What is no duration and no time is a failure, and no wait."""
    execution = executed(ScriptedCalls([]), step("pause", "sleep", inputs))
    assert (execution.status, seconds(execution)) == ("Failed", 0)


def test_outputs_of_a_step_are_inputs_of_the_next_with_their_types() -> None:
    """A number stays one, and an output declared as text becomes text."""
    outputs = [{"Name": name, "Selector": "$.count", "Type": name} for name in ("Integer", "String")]
    says = {"number": "{{ one.Integer }}", "text": "{{ one.String }}"}
    execution = executed(
        ScriptedCalls([{"count": 3}, {}]),
        {**ONE, "outputs": outputs},
        call(
            "two", "ecs", "ListServices", says, outputs=[{"Name": "Said", "Selector": "$.asked", "Type": "StringMap"}]
        ),
    )
    assert execution.steps["two"].outputs == {"Said": {"number": 3, "text": "3"}}
