"""The bundled sample: messages as CloudWatch, SNS and EventBridge send them, written for the demo.

Every scenario is one JSON file beside this module, named after it: a list of entries.

    name       of the message, unlike any other
    route      sqs, sns or eventbridge: where it is sent
    body       what is sent: the message as an object, or as text where it is no JSON
    expected   how it ends, where that is certain (see `Ending`)
    note       for the reader of the file
    repeat     a list of objects; the entry becomes one message for each, with `${key}` replaced by the object's value
               in its name and body

Times, event ids and secrets are placeholders: see `placeholders`. A new file is a new scenario.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from importlib import resources
from importlib.resources.abc import Traversable

from pydantic import ConfigDict, JsonValue, TypeAdapter, ValidationError

from autocloudops.errors import InputUnreadable
from autocloudops.sandbox.samples.placeholders import PLANTED_SECRETS, render
from autocloudops.values import Value

__all__ = ["PLANTED_SECRETS", "Ending", "Route", "Sample", "load", "read"]


class Route(StrEnum):
    """Where a sample is sent."""

    SQS = "sqs"
    SNS = "sns"
    EVENTBRIDGE = "eventbridge"


class Ending(StrEnum):
    """How a message ends.

    The order of arrival names the opener of an incident and the original of a duplicate, so that endings are certain
    for a whole scenario: compare their counts, not one message with its ending.
    """

    OK = "ok"
    JOINED = "joined"
    DECIDED = "decided"
    PARKED = "parked"
    CONTEXT = "context"
    DUPLICATE = "duplicate"


class Sample(Value):
    """One message, ready to be sent.

    `body` is what the queue or the topic is given; for EventBridge it is the whole event, with `detail-type`,
    `resources` and `detail`. `scenario` is the name of its file.
    """

    name: str
    scenario: str
    route: Route
    body: str
    expected: Ending | None = None


class _Entry(Value):
    """One entry of a sample file; people write it, so that a field which nobody reads is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    route: Route
    body: str | dict[str, JsonValue]
    expected: Ending | None = None
    note: str = ""
    repeat: tuple[Mapping[str, str], ...] = ({},)


_ENTRIES = TypeAdapter(list[_Entry])


def load(now: datetime) -> tuple[Sample, ...]:
    """Return every sample, scenario by scenario, each in the order of its file.

    Args:
        now: the time that the samples' times are counted back from, with its zone.

    Raises:
        InputUnreadable: a sample file is not as described above.
    """
    files = sorted(resources.files(__name__).iterdir(), key=lambda file: file.name)
    return tuple(sample for file in files if file.name.endswith(".json") for sample in read(file, now))


def read(file: Traversable, now: datetime) -> tuple[Sample, ...]:
    """Return the samples of one file; see `load`."""
    try:
        entries = _ENTRIES.validate_json(file.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "file"
        raise InputUnreadable(
            f"sample file {file.name}: {where}: {first['msg']}",
            "its fields are described in autocloudops/sandbox/samples/__init__.py",
        ) from error
    scenario = file.name.removesuffix(".json")
    return tuple(_sample(entry, scenario, values, now) for entry in entries for values in entry.repeat)


def _sample(entry: _Entry, scenario: str, values: Mapping[str, str], now: datetime) -> Sample:
    name = _filled(entry.name, values)
    body = render(_filled(_text(entry.body), values), now, name)
    return Sample(name=name, scenario=scenario, route=entry.route, body=body, expected=entry.expected)


def _text(body: str | dict[str, JsonValue]) -> str:
    return body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def _filled(text: str, values: Mapping[str, str]) -> str:
    for key, value in values.items():
        text = text.replace(f"${{{key}}}", value)
    return text
