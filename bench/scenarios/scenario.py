"""One scenario, and how the files of scenarios are read.

The schema is explained in README.md.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from autocloudops.alarms.model import Alarm
from autocloudops.alarms.parse import parse
from autocloudops.catalogue import ACTIONS, offers
from autocloudops.errors import InputUnreadable
from autocloudops.knowledge import alarm_now, changes, configuration, metric, neighbours, past, runbooks, thirty_days

FOLDER = Path(__file__).parent
NOT_READ = "NOT READ: "
WORTH: Mapping[str, int] = {
    "alarm-now": alarm_now.WORTH,
    "metric": metric.WORTH,
    "companions": metric.COMPANION_WORTH,
    "change": changes.OWN_WORTH,
    "configuration": configuration.WORTH,
    "thirty-days": thirty_days.WORTH,
    "related": neighbours.WORTH,
    "past": past.WORTH,
    "runbook": runbooks.EXACT_WORTH,
}
"""The kinds of evidence, and how much each is worth to its source."""
ESSENTIAL = tuple(
    source.kind
    for source in (alarm_now.AlarmNow, metric.MetricHistory, changes.Changes, configuration.Configuration)
    if source.essential
)
"""What a scenario must say, were it only that it could not be read."""

Body = Mapping[str, object]
Text = Annotated[str, Field(min_length=1)]


class Scenario(BaseModel):
    """One incident: its alarms as they arrive, what every source says, and what a good engineer would do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{2,60}$")
    sort: str = Field(pattern=r"^[a-z][a-z0-9 -]{2,40}$")
    story: Text
    right: str
    acceptable: tuple[str, ...] = ()
    alarms: tuple[Body, ...] = Field(min_length=1)
    evidence: Mapping[str, tuple[Text, ...]]

    @field_validator("right")
    @classmethod
    def _in_catalogue(cls, name: str) -> str:
        if name not in ACTIONS:
            raise ValueError(f"{name} is not in the catalogue: {', '.join(ACTIONS)}")
        return name

    @field_validator("acceptable")
    @classmethod
    def _all_in_catalogue(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(cls._in_catalogue, names))

    @field_validator("alarms")
    @classmethod
    def _alarms_in_alarm(cls, bodies: tuple[Body, ...]) -> tuple[Body, ...]:
        for number, body in enumerate(bodies):
            nouns = parse(_json(body))
            if not nouns or not all(isinstance(noun, Alarm) for noun in nouns):
                raise ValueError(f"item {number} is no alarm: {nouns[0] if nouns else 'nothing'}"[:300])
        return bodies

    @field_validator("evidence")
    @classmethod
    def _told(cls, evidence: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
        unknown = [kind for kind in evidence if kind not in WORTH]
        if unknown:
            raise ValueError(f"{', '.join(unknown)} is no kind of evidence: {', '.join(WORTH)}")
        absent = [kind for kind in ESSENTIAL if not evidence.get(kind)]
        if absent:
            raise ValueError(f"{', '.join(absent)} must be there, if only as '{NOT_READ}...'")
        return evidence

    @model_validator(mode="after")
    def _offered(self) -> "Scenario":
        offered = {offer.action for alarm in self.parsed for offer in offers(alarm)}
        if self.right not in offered:
            raise ValueError(f"right: {self.right} is not offered for these alarms, only {', '.join(sorted(offered))}")
        return self

    @property
    def parsed(self) -> tuple[Alarm, ...]:
        """The alarms, as the worker reads them."""
        return tuple(noun for body in self.alarms for noun in parse(_json(body)) if isinstance(noun, Alarm))


def load(folder: Path = FOLDER) -> tuple[Scenario, ...]:
    """Return the scenarios of every YAML file in `folder`, in the order of their files.

    Raises:
        InputUnreadable: a file is no YAML, or a scenario in it is wrong: names the file, the scenario and the field.
    """
    found: dict[str, tuple[str, Scenario]] = {}
    for path in sorted(folder.glob("*.yaml")):
        for scenario in _in_file(path):
            if scenario.name in found:
                raise InputUnreadable(
                    f"{path.name}: {scenario.name}: name: {found[scenario.name][0]} has a scenario of this name",
                    "give each scenario a name of its own",
                )
            found[scenario.name] = (path.name, scenario)
    return tuple(scenario for _, scenario in found.values())


def _in_file(path: Path) -> Iterator[Scenario]:
    try:
        items = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputUnreadable(f"{path.name}: {error}", "write it as YAML in UTF-8") from error
    if not isinstance(items, Sequence) or isinstance(items, str):
        raise InputUnreadable(f"{path.name}: it is no list", "begin each scenario with `- name:`")
    for number, item in enumerate(items, 1):
        yield _scenario(path.name, number, item)


def _scenario(file: str, number: int, item: object) -> Scenario:
    name = item.get("name", f"item {number}") if isinstance(item, Mapping) else f"item {number}"
    try:
        return Scenario.model_validate(item)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "the scenario"
        said = first["msg"].removeprefix("Value error, ")
        raise InputUnreadable(f"{file}: {name}: {field}: {said}", "see bench/scenarios/README.md") from error


def _json(body: Body) -> str:
    return json.dumps(body, default=_moment)


def _moment(value: object) -> str:
    """Return a time that YAML read as one, as a sender writes it."""
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{value!r} has no place in a message")
