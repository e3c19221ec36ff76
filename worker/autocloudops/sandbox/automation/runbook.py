"""Automation documents of schema version 0.3: read, checked, and held as values.

Source of the keys and defaults: AWS Systems Manager User Guide, "Data elements and parameters" and "Properties shared
by all actions".
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal

import yaml
from pydantic import AliasGenerator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from autocloudops.sandbox.automation.selectors import PATH
from autocloudops.sandbox.control_plane.wire import Refusal
from autocloudops.values import Value

# The one in C is ten times as fast; a PyYAML that was built without libyaml lacks it.
SAFE_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
SCHEMA_VERSION = "0.3"
STEP_PREFIX = "step:"
STEP_NAME = r"^[a-zA-Z0-9_\-]{3,128}$"
# How long a step of the action may take that says nothing itself.
TIMEOUTS_SECONDS: Mapping[str, float] = MappingProxyType(
    {"aws:approve": 604_800, "aws:waitForAwsResourceProperty": 3600}
)
SELECTING = frozenset({"aws:assertAwsResourceProperty", "aws:waitForAwsResourceProperty"})


class _Part(Value):
    """A part of a document: camel case on the wire, and nothing in it that is not known."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=AliasGenerator(validation_alias=to_camel), defer_build=True
    )


class Parameter(_Part):
    """What a document says about one of its parameters."""

    type: str
    description: str = ""
    default: Any = None
    allowed_values: tuple[Any, ...] | None = None
    allowed_pattern: str | None = None
    min_items: int | None = None
    max_items: int | None = None
    min_chars: int | None = None
    max_chars: int | None = None
    display_type: str | None = None


class Output(_Part):
    """A value that a step takes out of an answer; the keys are capitalised on the wire."""

    name: str = Field(validation_alias="Name", pattern=r"^[a-zA-Z0-9_]{3,50}$")
    selector: str = Field(validation_alias="Selector", pattern=PATH)
    type: Literal["String", "StringList", "Boolean", "Integer", "StringMap", "MapList"] = Field(
        "String", validation_alias="Type"
    )


class Step(_Part):
    """One step, with what AWS takes for granted where it says nothing."""

    name: str = Field(pattern=STEP_NAME)
    action: str
    description: str = ""
    inputs: Mapping[str, Any] = Field(default_factory=dict)
    outputs: tuple[Output, ...] = ()
    on_failure: str = Field("Abort", pattern=r"^(Abort|Continue|step:.+)$")
    on_cancel: str = Field("Abort", pattern=r"^(Abort|step:.+)$")
    next_step: str | None = None
    is_end: bool = False
    critical: bool | None = Field(None, validation_alias="isCritical")
    max_attempts: int = Field(1, ge=1, le=10)
    timeout_seconds: float | None = Field(None, gt=0)

    @property
    def is_critical(self) -> bool:
        """Whether the failure of this step is one of the whole; not where the document goes on all the same."""
        return self.on_failure != "Continue" if self.critical is None else self.critical

    @property
    def limit_seconds(self) -> float | None:
        """How long each attempt may take; None is for ever."""
        return self.timeout_seconds or TIMEOUTS_SECONDS.get(self.action)


class Runbook(_Part):
    """A document that can be run."""

    schema_version: Literal["0.3"]
    description: str = ""
    assume_role: str = ""
    parameters: Mapping[str, Parameter] = Field(default_factory=dict)
    steps: tuple[Step, ...] = Field(min_length=1, validation_alias="mainSteps")
    outputs: tuple[str, ...] = ()

    def step(self, name: str) -> Step:
        """Return the step of that name, which exists."""
        return next(each for each in self.steps if each.name == name)

    def after(self, step: Step) -> str | None:
        """Return the name of the step that follows when `step` says nothing else; None at the end."""
        if step.is_end:
            return None
        position = self.steps.index(step) + 1
        following = self.steps[position].name if position < len(self.steps) else None
        return step.next_step or following


@lru_cache(maxsize=64)
def runbook(content: str, *, actions: frozenset[str]) -> Runbook:
    """Return what a document in YAML or JSON says.

    Args:
        content: its text.
        actions: the actions that can be run.

    Raises:
        Refusal: `InvalidDocumentContent` or `InvalidDocumentSchemaVersion`, as CreateDocument answers.
    """
    read = _parsed(content)
    if read.get("schemaVersion") != SCHEMA_VERSION:
        raise Refusal("InvalidDocumentSchemaVersion", f"The document's schemaVersion must be '{SCHEMA_VERSION}'.")
    try:
        found = Runbook.model_validate(read)
    except ValidationError as error:
        raise invalid_content(_first_problem(error)) from error
    for problem in _problems(found, actions):
        raise invalid_content(problem)
    return found


def invalid_content(message: str) -> Refusal:
    """Return the refusal of a document that makes no sense."""
    return Refusal("InvalidDocumentContent", message)


def _parsed(content: str) -> Mapping[str, Any]:
    try:
        read = yaml.load(content, Loader=SAFE_LOADER)  # noqa: S506 - both are safe loaders
    except yaml.YAMLError as error:
        raise invalid_content(f"The document is neither YAML nor JSON: {' '.join(str(error).split())}") from error
    if not isinstance(read, dict):
        raise invalid_content("The document is no map.")
    return read


def _first_problem(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


def _problems(found: Runbook, actions: frozenset[str]) -> Iterator[str]:
    names = [each.name for each in found.steps]
    yield from (f"The step name {name} is used twice." for name in names if names.count(name) > 1)
    for step in found.steps:
        if step.action not in actions:
            known = ", ".join(sorted(actions))
            yield f"Step {step.name}: the action {step.action} is not interpreted here; {known} are."
        for target in _targets(step):
            if target not in names:
                yield f"Step {step.name} goes to the step {target}, which is not there."
        if step.action in SELECTING and not re.match(PATH, str(step.inputs.get("PropertySelector"))):
            yield f"Step {step.name}: PropertySelector must be a path such as $.services[0].status."
    for name, parameter in found.parameters.items():
        if problem := _broken_pattern(parameter):
            yield f"Parameter {name}: {problem}"


def _targets(step: Step) -> Iterator[str]:
    if step.next_step:
        yield step.next_step
    for way in (step.on_failure, step.on_cancel):
        if way.startswith(STEP_PREFIX):
            yield way.removeprefix(STEP_PREFIX)
    if step.action == "aws:branch":
        yield from (str(each.get("NextStep")) for each in step.inputs.get("Choices", []))
        if "Default" in step.inputs:
            yield str(step.inputs["Default"])


def _broken_pattern(parameter: Parameter) -> str:
    try:
        re.compile(parameter.allowed_pattern or "")
    except re.error as error:
        return f"allowedPattern is no regular expression: {error}"
    return ""
