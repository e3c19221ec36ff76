"""The conditions of `aws:branch`.

Source of the operations: AWS Systems Manager User Guide, "Using conditional statements in runbooks".
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from autocloudops.sandbox.automation.references import StepFailed

Compare = Callable[[Any, Any], bool]


def _same(said: str | float, asked: str | float) -> bool:
    return said == asked


def _same_but_for_case(said: str, asked: str) -> bool:
    return said.lower() == asked.lower()


def _greater(said: float, asked: float) -> bool:
    return said > asked


def _lesser(said: float, asked: float) -> bool:
    return said < asked


def _greater_or_same(said: float, asked: float) -> bool:
    return said >= asked


def _lesser_or_same(said: float, asked: float) -> bool:
    return said <= asked


def _contains(said: str, asked: str) -> bool:
    return asked in said


# Operation -> what both sides must be, and how they are compared.
OPERATIONS: Mapping[str, tuple[tuple[type, ...], Compare]] = MappingProxyType(
    {
        "StringEquals": ((str,), _same),
        "EqualsIgnoreCase": ((str,), _same_but_for_case),
        "StartsWith": ((str,), str.startswith),
        "EndsWith": ((str,), str.endswith),
        "Contains": ((str,), _contains),
        "NumericEquals": ((int, float), _same),
        "NumericGreater": ((int, float), _greater),
        "NumericLesser": ((int, float), _lesser),
        "NumericGreaterOrEquals": ((int, float), _greater_or_same),
        "NumericLesserOrEquals": ((int, float), _lesser_or_same),
        "BooleanEquals": ((bool,), _same),
    }
)


def holds(condition: Mapping[str, Any]) -> bool:
    """Tell whether a choice of a branch is true; its references are resolved already.

    Raises:
        StepFailed: it names no operation, or compares values of different types.
    """
    if "And" in condition:
        return all(holds(each) for each in condition["And"])
    if "Or" in condition:
        return any(holds(each) for each in condition["Or"])
    if "Not" in condition:
        return not holds(condition["Not"])
    operation = next((each for each in condition if each in OPERATIONS), None)
    if operation is None or "Variable" not in condition:
        raise StepFailed(f"A choice needs a Variable and one of {', '.join(OPERATIONS)}.")
    kinds, compare = OPERATIONS[operation]
    sides = (condition["Variable"], condition[operation])
    if not all(_is(each, kinds) for each in sides):
        raise StepFailed(f"{operation} cannot compare {sides[0]!r} with {sides[1]!r}.")
    return compare(*sides)


def _is(value: object, kinds: tuple[type, ...]) -> bool:
    return isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))
