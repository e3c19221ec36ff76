"""From the environment to settings, or to what is wrong with them."""

import os
from collections.abc import Mapping
from typing import TypeVar

from pydantic import ValidationError

from autocloudops.errors import SettingsInvalid
from autocloudops.settings import Settings

S = TypeVar("S", bound=Settings)


def read(room: type[S]) -> S:
    """Return a room's settings from the environment.

    Raises:
        SettingsInvalid: one is missing or wrong; the message names the variable.
    """
    try:
        return room.model_validate(given(room))
    except ValidationError as error:
        raise _told(room, error)[0] from error


def faults(room: type[Settings]) -> list[SettingsInvalid]:
    """Return everything that is wrong with a room's settings, by the variable."""
    try:
        room.model_validate(given(room))
    except ValidationError as error:
        return _told(room, error)
    return []


def _told(room: type[Settings], error: ValidationError) -> list[SettingsInvalid]:
    """Return what is wrong, without the value, which may be a secret."""
    return [_fault(room, str(each["loc"][0]), each["type"], each["msg"].lower()) for each in error.errors()]


def _fault(room: type[Settings], field: str, kind: str, said: str) -> SettingsInvalid:
    variable, meaning = variable_of(room, field), room.model_fields[field].description
    if kind == "missing":
        return SettingsInvalid(f"{variable}: it is not set, and has no default", f"set it ({meaning})")
    return SettingsInvalid(f"{variable}: {said}", f"change it ({meaning})")


def given(room: type[Settings]) -> Mapping[str, str]:
    """Return what the environment says of a room, by field; a variable may be written in small letters."""
    variables = {name.upper(): value for name, value in os.environ.items()}
    named = ((field, variable_of(room, field)) for field in room.model_fields)
    return {field: variables[variable] for field, variable in named if variable in variables}


def variable_of(room: type[Settings], field: str) -> str:
    """Return the environment variable that sets `field`."""
    return f"AUTOCLOUDOPS_{room.room}_{field}".upper()
