"""`settings`: every variable, what it is now, and what it is for."""

from collections.abc import Iterator
from enum import StrEnum

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from autocloudops.cli.output import Output, Row, print_rows
from autocloudops.environment import given, variable_of
from autocloudops.redaction import redact
from autocloudops.settings import ROOMS, Settings

COLUMNS = ("variable", "value", "state", "description")


class State(StrEnum):
    """Where a setting's value comes from."""

    SET = "set"
    DEFAULT = "default"
    MISSING = "missing"
    INVALID = "invalid"


def list_settings(output: Output) -> None:
    """Print every setting. Values are redacted: one that holds a credential does not show it."""
    print_rows(output, [row for room in ROOMS for row in _rows(room)], COLUMNS)


def _rows(room: type[Settings]) -> Iterator[Row]:
    wrong, set_to = _wrong(room), given(room)
    for name, field in room.model_fields.items():
        variable, value = variable_of(room, name), set_to.get(name, _default(field))
        state = _state(is_set=name in set_to, required=field.is_required(), wrong=name in wrong)
        description = field.description or ""
        if state is State.INVALID:
            description = f"{wrong[name]}; {description}"
        yield {"variable": variable, "value": redact(value), "state": state.value, "description": description}


def _default(field: FieldInfo) -> str:
    default = None if field.is_required() else field.get_default(call_default_factory=True)
    return ",".join(default) if isinstance(default, tuple) else "" if default is None else str(default)


def _state(*, is_set: bool, required: bool, wrong: bool) -> State:
    if not is_set:
        return State.MISSING if required else State.DEFAULT
    return State.INVALID if wrong else State.SET


def _wrong(room: type[Settings]) -> dict[str, str]:
    """Return what is wrong with a room's fields, by name."""
    try:
        room.model_validate(given(room))
    except ValidationError as error:
        return {str(each["loc"][0]): each["msg"].lower() for each in error.errors() if each["loc"]}
    return {}
