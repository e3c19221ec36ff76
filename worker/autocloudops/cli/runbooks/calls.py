"""The AWS calls in a runbook, held against botocore's own models of the services."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from botocore.exceptions import UnknownServiceError
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape
from botocore.session import Session
from botocore.validate import ParamValidator

from autocloudops.cli.runbooks.documents import Document, Step

OWN_INPUTS = frozenset({"Service", "Api", "PropertySelector", "DesiredValues"})
REFERENCE = re.compile(r"\{\{\s*([\w.:-]+)\s*\}\}")
PLACEHOLDERS: Mapping[str, Any] = {
    "String": "00000000-0000-4000-8000-000000000000",
    "StringList": ["placeholder"],
    "Integer": 1,
    "Boolean": True,
    "StringMap": {"placeholder": "placeholder"},
    "MapList": [{"placeholder": "placeholder"}],
}
_SELECTED = {
    "string": {"String"},
    "timestamp": {"String"},
    "integer": {"Integer"},
    "long": {"Integer"},
    "boolean": {"Boolean"},
    "list": {"StringList", "MapList"},
    "structure": {"StringMap"},
    "map": {"StringMap"},
}


def wrong_calls(document: Document) -> Iterator[tuple[str, str]]:
    """Yield what botocore would refuse of a document's calls: the step, and what is wrong with it.

    Every `{{ reference }}` is replaced by a placeholder of the type that it will have.
    """
    types = _types(document)
    for step in document.main_steps:
        if step.asks:
            yield from ((step.name, wrong) for wrong in _wrong_call(step, types))


def operation_of(step: Step) -> OperationModel | None:
    """Return the API that a step calls, or None where AWS has no such service or API."""
    model, api = _service(str(step.inputs.get("Service"))), str(step.inputs.get("Api"))
    return model.operation_model(api) if model and api in model.operation_names else None


@cache
def _service(name: str) -> ServiceModel | None:
    try:
        return Session().get_service_model(name)
    except UnknownServiceError:
        return None


def _types(document: Document) -> Mapping[str, str]:
    """Return the type of everything that a step may refer to."""
    of_steps = {f"{step.name}.{output.name}": output.type for step in document.main_steps for output in step.outputs}
    return {name: parameter.type for name, parameter in document.parameters.items()} | of_steps


def _wrong_call(step: Step, types: Mapping[str, str]) -> Iterator[str]:
    operation = operation_of(step)
    if operation is None:
        yield f"{step.inputs.get('Service')}:{step.inputs.get('Api')} is no API that AWS has"
        return
    inputs = {key: filled(value, types) for key, value in step.inputs.items() if key not in OWN_INPUTS}
    taken = operation.input_shape
    report = ParamValidator().validate(inputs, taken) if taken else None
    if report and report.has_errors():
        yield f"{operation.name} does not take these inputs: {' '.join(report.generate_report().split())}"
    yield from _wrong_selectors(step, operation)


def _wrong_selectors(step: Step, operation: OperationModel) -> Iterator[str]:
    for output in step.outputs:
        found = selected(operation.output_shape, output.selector)
        if found is None:
            yield f"{output.selector} is not in the answer of {operation.name}"
        elif output.type not in _SELECTED.get(found.type_name, set()):
            yield f"{output.selector} is a {found.type_name}, and no {output.type}"
    if step.action == "aws:executeAwsApi":
        return
    wanted, values = step.inputs.get("PropertySelector"), step.inputs.get("DesiredValues")
    if selected(operation.output_shape, str(wanted)) is None:
        yield f"PropertySelector {wanted} is not in the answer of {operation.name}"
    if not (isinstance(values, list) and values):
        yield "DesiredValues is no list of values"


def selected(shape: Shape | None, selector: str) -> Shape | None:
    """Return the shape that a selector as `$.services[0].status` finds, or None where there is nothing."""
    for name, index in re.findall(r"\.(\w+)|\[(\d+)\]", selector):
        if index:
            shape = shape.member if isinstance(shape, ListShape) else None
        elif isinstance(shape, MapShape):
            shape = shape.value
        else:
            shape = shape.members.get(name) if isinstance(shape, StructureShape) else None
    return shape


def filled(value: Any, types: Mapping[str, str]) -> Any:  # noqa: ANN401 - whatever YAML holds
    """Return a value with each reference replaced by a placeholder; one that stands alone keeps its type."""
    if isinstance(value, Mapping):
        return {key: filled(each, types) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, types) for each in value]
    if not isinstance(value, str):
        return value
    alone = REFERENCE.fullmatch(value)
    if alone:
        return PLACEHOLDERS[types.get(alone[1], "String")]
    return REFERENCE.sub(PLACEHOLDERS["String"], value)
