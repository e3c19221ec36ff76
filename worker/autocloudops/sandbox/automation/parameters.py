"""The parameters of one start, checked as StartAutomationExecution checks them.

The wording for a value that is not allowed and for a missing one is AWS's; that of the others is like it.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from autocloudops.sandbox.automation.references import text, texts
from autocloudops.sandbox.automation.runbook import Parameter, Runbook
from autocloudops.sandbox.control_plane.wire import Refusal

BOOLEANS = {"true": True, "false": False}


def typed(runbook: Runbook, said: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return the value of every parameter of `runbook`: what was said, else its default.

    Args:
        runbook: the document.
        said: name -> values, as on the wire.

    Raises:
        Refusal: `InvalidAutomationExecutionParametersException`: a parameter is unknown, missing, or not allowed.
    """
    if unknown := sorted(said.keys() - runbook.parameters.keys()):
        raise wrong(f"The document has no parameter {', '.join(unknown)}.")
    return {name: _value(name, each, said.get(name)) for name, each in runbook.parameters.items()}


def wrong(message: str) -> Refusal:
    """Return the refusal of a start whose parameters do not fit."""
    return Refusal("InvalidAutomationExecutionParametersException", message)


def _value(name: str, parameter: Parameter, said: Sequence[str] | None) -> Any:  # noqa: ANN401 - by the type
    if said is None and parameter.default is None:
        raise wrong(f"Missing required parameter: {name} in user inputs.")
    value = _converted(name, parameter.type, _default(parameter) if said is None else said)
    for each in value if isinstance(value, list) else [value]:
        _check(name, parameter, each)
    count = len(value) if isinstance(value, list) else None
    if count is not None and not (parameter.min_items or 0) <= count <= (parameter.max_items or count):
        raise wrong(f'Parameter "{name}" has {count} items.')
    return value


def _default(parameter: Parameter) -> list[str]:
    return texts(parameter.default) if _is_list(parameter.type) else [text(parameter.default)]


def _is_list(kind: str) -> bool:
    return kind == "StringList" or kind.startswith("List<")


def _converted(name: str, kind: str, said: Sequence[str]) -> Any:  # noqa: ANN401 - by the type
    if _is_list(kind):
        return list(said)
    if len(said) != 1:
        raise wrong(f'Parameter "{name}" of type {kind} has {len(said)} values.')
    try:
        if kind == "Integer":
            return int(said[0])
        if kind == "Boolean":
            return BOOLEANS[said[0].lower()]
        return json.loads(said[0]) if kind in {"StringMap", "MapList"} else said[0]
    except (KeyError, ValueError) as error:
        raise wrong(f'Parameter "{name}" has value "{said[0]}" that is no {kind}.') from error


def _check(name: str, parameter: Parameter, value: object) -> None:
    allowed = parameter.allowed_values
    if allowed is not None and value not in allowed:
        raise wrong(f'Parameter "{name}" has value "{value}" not found in [{", ".join(map(str, allowed))}].')
    pattern = parameter.allowed_pattern
    if pattern is not None and not re.fullmatch(pattern, str(value)):
        raise wrong(f'Parameter "{name}" has value "{value}" not matching the pattern {pattern}.')
    length = len(value) if isinstance(value, str) else None
    if length is not None and not (parameter.min_chars or 0) <= length <= (parameter.max_chars or length):
        raise wrong(f'Parameter "{name}" has {length} characters.')
