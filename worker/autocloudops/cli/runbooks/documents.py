"""The Automation documents of the actions, as they are shipped.

Document  one runbook, as far as its form is right: schema 0.3 of SSM Automation

The form follows https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-documents.html and
automation-actions.html there; of the actions only those are allowed that the runbooks use, and none that runs a script.
"""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from autocloudops.errors import InputUnreadable

API_ACTIONS = ("aws:executeAwsApi", "aws:assertAwsResourceProperty", "aws:waitForAwsResourceProperty")
PREFIX = "AutoCloudOps-"

Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9]{1,63}$")]


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, alias_generator=to_camel)


class Parameter(_Form):
    """What one parameter of a runbook takes; `default` is None where it has to be given."""

    type: Literal["String", "StringList", "Integer", "Boolean"]
    description: Annotated[str, Field(min_length=1)]
    allowed_pattern: str | None = None
    allowed_values: list[str] | None = None
    default: str | list[str] | int | bool | None = None


class StepOutput(BaseModel):
    """What a step keeps of an answer: the value that `selector` finds in it."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=str.capitalize)

    name: Name
    selector: Annotated[str, Field(pattern=r"^\$(\.[A-Za-z]\w*|\[\d+\])+$")]
    type: Literal["String", "StringList", "Integer", "Boolean", "StringMap", "MapList"]


class Step(_Form):
    """One step, with its inputs as they are written."""

    name: Name
    action: Literal[
        "aws:approve",
        "aws:assertAwsResourceProperty",
        "aws:branch",
        "aws:executeAwsApi",
        "aws:sleep",
        "aws:waitForAwsResourceProperty",
    ]
    inputs: Mapping[str, Any]
    outputs: list[StepOutput] = []
    on_failure: Literal["Abort", "Continue"] | None = None
    is_critical: bool | None = None
    is_end: bool = False
    next_step: str | None = None
    timeout_seconds: Annotated[int, Field(ge=1, le=3600)] | None = None

    @property
    def asks(self) -> bool:
        """Whether it calls an AWS API."""
        return self.action in API_ACTIONS

    @property
    def changes(self) -> bool:
        """Whether it calls an API that may change something."""
        return self.asks and not str(self.inputs.get("Api", "")).startswith(("Describe", "Get", "List"))

    @property
    def choices(self) -> tuple[Mapping[str, Any], ...]:
        """What a branch chooses from."""
        return tuple(self.inputs.get("Choices", ())) if self.action == "aws:branch" else ()

    @property
    def followers(self) -> tuple[str, ...]:
        """The names of the steps that may come next."""
        if self.action != "aws:branch":
            return (self.next_step,) if self.next_step else ()
        named = (*(choice.get("NextStep") for choice in self.choices), self.inputs.get("Default"))
        return tuple(str(name) for name in named if name)


class Document(_Form):
    """One runbook: the content of its SSM document."""

    description: Annotated[str, Field(min_length=1)]
    schema_version: Literal["0.3"]
    assume_role: Literal["{{ AutomationAssumeRole }}"]
    parameters: Mapping[Name, Parameter]
    main_steps: Annotated[list[Step], Field(min_length=1)]
    outputs: list[str]


def infrastructure() -> Path:
    """Return the folder of documents and templates: the wheel's copy, else the checkout's."""
    packaged = Path(str(files("autocloudops") / "infrastructure"))
    return packaged if packaged.is_dir() else Path(__file__).parents[4] / "infrastructure"


def folder() -> Path:
    """Return the folder of the documents."""
    return infrastructure() / "runbooks"


def texts(place: Path) -> Mapping[str, str]:
    """Return the text of each document in a folder, by the document's name, which is its file's.

    Raises:
        InputUnreadable: the folder holds none.
    """
    found = {path.stem: path.read_text(encoding="utf-8") for path in sorted(place.glob("*.yaml"))}
    if not found:
        raise InputUnreadable(f"{place}: there is no runbook", "name a folder with *.yaml files")
    return found


def document_of(name: str, text: str) -> Document:
    """Return a document from its text.

    Raises:
        InputUnreadable: it is no YAML, or its form is not that of an Automation document; names the first wrong field.
    """
    try:
        return Document.model_validate(yaml.load(text, Loader=yaml.CSafeLoader))
    except yaml.YAMLError as error:
        raise InputUnreadable(f"{name}: {error}", "write it as YAML") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the document"
        raise InputUnreadable(f"{name}: {where}: {first['msg']}", "see automation-documents.html of AWS") from error
