"""From the environment to settings, or to what is wrong with them."""

from typing import TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings

from autocloudops.errors import SettingsInvalid

S = TypeVar("S", bound=BaseSettings)


def read(room: type[S]) -> S:
    """Return a room's settings from the environment.

    Raises:
        SettingsInvalid: one is missing or wrong; the message names the variable.
    """
    try:
        return room()
    except ValidationError as error:
        raise _told(room, error)[0] from error


def faults(room: type[BaseSettings]) -> list[SettingsInvalid]:
    """Return everything that is wrong with a room's settings, by the variable."""
    try:
        room()
    except ValidationError as error:
        return _told(room, error)
    return []


def _told(room: type[BaseSettings], error: ValidationError) -> list[SettingsInvalid]:
    """Return what is wrong, without the value, which may be a secret."""
    said = [(str(each["loc"][0]), each["msg"].lower()) for each in error.errors()]
    return [
        SettingsInvalid(f"{variable_of(room, field)}: {wrong}", f"set it to: {room.model_fields[field].description}")
        for field, wrong in said
    ]


def variable_of(room: type[BaseSettings], field: str) -> str:
    """Return the environment variable that sets `field`."""
    return f"{room.model_config.get('env_prefix', '')}{field}".upper()
