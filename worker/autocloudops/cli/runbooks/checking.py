"""What is wrong with the runbooks, found without calling AWS.

Problem       what is wrong, and where
problems_of   everything that is wrong with one document
problems      everything that is wrong with all of them, the catalogue included
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from autocloudops.catalogue import ACTIONS
from autocloudops.cli.runbooks.calls import REFERENCE, wrong_calls
from autocloudops.cli.runbooks.documents import Document, Parameter, Step, document_of
from autocloudops.cli.runbooks.flow import surely_before, unguarded, wrong_order
from autocloudops.errors import InputUnreadable

COMMON: Mapping[str, str] = {
    "AutomationAssumeRole": "String",
    "StateTable": "String",
    "ClaimId": "String",
    "RequireApproval": "String",
    "Approvers": "StringList",
    "ApprovalTopicArn": "String",
}
"""The parameters that every runbook has beside its action's own."""
CONTROL_KEY = {"pk": {"S": "CONTROL"}, "sk": {"S": "CONTROL"}}
CONTROL_MODE = "$.Item.mode.S"
NEEDED: Mapping[str, frozenset[str]] = {
    "aws:approve": frozenset({"Message", "MinRequiredApprovals", "Approvers"}),
    "aws:branch": frozenset({"Choices", "Default"}),
    "aws:sleep": frozenset({"Duration"}),
}
TAKEN: Mapping[str, frozenset[str]] = {**NEEDED, "aws:approve": NEEDED["aws:approve"] | {"NotificationArn"}}
OPERATORS = frozenset({"StringEquals", "BooleanEquals", "NumericEquals", "NumericGreater", "NumericLesser"})


class Problem(NamedTuple):
    """What is wrong, and where: the document, and the step or parameter in it."""

    document: str
    where: str
    what: str


def problems(texts: Mapping[str, str]) -> tuple[Problem, ...]:
    """Return what is wrong with the documents, each for itself and with the catalogue."""
    wanted = {action.runbook for action in ACTIONS.values() if action.executes}
    absent = (
        Problem(name, "", "the catalogue has an action for it, and it is not there") for name in wanted - {*texts}
    )
    alone = (Problem(name, "", "no action of the catalogue runs it") for name in {*texts} - wanted)
    found = (each for name, text in texts.items() for each in problems_of(name, text))
    return (*sorted(absent), *sorted(alone), *found)


def problems_of(name: str, text: str) -> tuple[Problem, ...]:
    """Return what is wrong with one document; where its form is wrong, that alone."""
    try:
        document = document_of(name, text)
    except InputUnreadable as error:
        return (Problem(name, "", error.message.removeprefix(f"{name}: ")),)
    return tuple(Problem(name, where, what) for where, what in _wrong(document))


def _wrong(document: Document) -> Iterator[tuple[str, str]]:
    yield from _wrong_parameters(document.parameters)
    yield from wrong_order(document.main_steps)
    yield from ((step.name, wrong) for step in document.main_steps for wrong in _wrong_inputs(step))
    yield from wrong_calls(document)
    yield from _wrong_references(document)
    yield from _wrong_guards(document.main_steps)


def _wrong_parameters(parameters: Mapping[str, Parameter]) -> Iterator[tuple[str, str]]:
    for name, kind in COMMON.items():
        if name not in parameters or parameters[name].type != kind:
            yield name, f"every runbook has this parameter, as {kind}"
    for name, parameter in parameters.items():
        yield from ((name, wrong) for wrong in _wrong_parameter(parameter))


def _wrong_parameter(parameter: Parameter) -> Iterator[str]:
    pattern, values, default = parameter.allowed_pattern, parameter.allowed_values, parameter.default
    if parameter.type != "String":
        return
    if pattern is None and values is None:
        yield "takes any text: say allowedPattern or allowedValues"
    if values is not None and default is not None and default not in values:
        yield "its default is none of its allowedValues"
    if pattern is not None:
        yield from _wrong_pattern(pattern, default)


def _wrong_pattern(pattern: str, default: Any) -> Iterator[str]:  # noqa: ANN401 - whatever YAML holds
    if not (pattern.startswith("^") and pattern.endswith("$")):
        yield "its allowedPattern is not bound to the whole text by ^ and $"
    try:
        form = re.compile(pattern)
    except re.error as error:
        yield f"its allowedPattern is none: {error}"
        return
    if default is not None and not form.fullmatch(str(default)):
        yield "its default does not fit its allowedPattern"


def _wrong_inputs(step: Step) -> Iterator[str]:
    if not step.asks:
        absent, more = NEEDED[step.action] - {*step.inputs}, {*step.inputs} - TAKEN[step.action]
        yield from (f"lacks the input {name}" for name in sorted(absent))
        yield from (f"does not take the input {name}" for name in sorted(more))
    if step.action in {"aws:approve", "aws:waitForAwsResourceProperty"} and step.timeout_seconds is None:
        yield "waits without timeoutSeconds"
    for choice in step.choices:
        yield from _wrong_choice(choice)


def _wrong_choice(choice: Mapping[str, Any]) -> Iterator[str]:
    if "NextStep" not in choice:
        yield "has a choice without NextStep"
    for each in choice.get("And", [choice]):
        if "Variable" not in each or len({*each} & OPERATORS) != 1 or {*each} - OPERATORS - {"Variable", "NextStep"}:
            yield "has a choice that does not compare one Variable by one operator"


def _wrong_references(document: Document) -> Iterator[tuple[str, str]]:
    before = surely_before(document.main_steps)
    outputs = {step.name: {output.name for output in step.outputs} for step in document.main_steps}
    for step in document.main_steps:
        for name in references(step.inputs):
            source, _, output = name.partition(".")
            known = source in before.get(step.name, ()) and output in outputs[source]
            if name not in document.parameters and not known:
                yield step.name, f"refers to {name}, which is no parameter and no output of a step that surely ran"
    for name in document.outputs:
        source, _, output = name.partition(".")
        if output not in outputs.get(source, ()):
            yield "outputs", f"{name} is no output of a step"
    used = {name for step in document.main_steps for name in references(step.inputs)} | {"AutomationAssumeRole"}
    yield from ((name, "no step uses it") for name in document.parameters if name not in used)


def references(value: Any) -> Iterator[str]:  # noqa: ANN401 - whatever YAML holds
    """Yield the name in every `{{ reference }}` of a value, however deep it stands."""
    if isinstance(value, Mapping):
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)
    elif isinstance(value, str):
        yield from REFERENCE.findall(value)


def _wrong_guards(steps: list[Step]) -> Iterator[tuple[str, str]]:
    free = unguarded(steps, _reads_control)
    unasked = unguarded(steps, lambda step: step.action == "aws:approve")
    for step in steps:
        if step.changes and step.name in free:
            yield step.name, "changes something, and on some way to it nothing asserts the mode of the control item"
        if _reads_control(step) and step.name in unasked and step.inputs.get("DesiredValues") != ["active"]:
            yield step.name, "lets a mode pass under which a person has to be asked, and nobody was"


def _reads_control(step: Step) -> bool:
    """Whether a step asserts the mode of the control item, and reads it as it is now."""
    inputs = step.inputs
    asked = (step.action, inputs.get("Service"), inputs.get("Api"), inputs.get("TableName"), inputs.get("Key"))
    wanted = ("aws:assertAwsResourceProperty", "dynamodb", "GetItem", "{{ StateTable }}", CONTROL_KEY)
    current = inputs.get("PropertySelector") == CONTROL_MODE and inputs.get("ConsistentRead") is True
    safe = {*inputs.get("DesiredValues", ())} <= {"approve", "active"}
    return asked == wanted and current and safe and step.on_failure == "Abort"
