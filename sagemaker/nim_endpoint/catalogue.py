"""Instance types, their GPUs, and the models that endpoints serve, from the files of `sagemaker/endpoints`."""

from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

from pydantic import Field, TypeAdapter

from autocloudops.errors import InputUnreadable, SettingsInvalid
from autocloudops.values import Value

Route = Literal["marketplace", "ecr", "s3"]


class Gpu(Value):
    """One GPU type: its memory, and NVIDIA's compute capability, which says what number formats it computes with."""

    name: str
    gpu: str
    memory_gib: int = Field(gt=0)
    compute_capability: float = Field(gt=0)


class Price(Value):
    """US dollars for an hour of one instance in us-east-1, on demand: a snapshot, unless it was asked for."""

    price_per_hour: float = Field(ge=0)
    price_date: date
    price_source: str


class Instance(Value):
    """One instance type for hosting."""

    type: str
    gpu: Gpu
    gpus: int = Field(gt=0)
    price: Price

    @property
    def name(self) -> str:
        """The type, by which it is looked up."""
        return self.type


class Start(Value):
    """How long a model may take to start by one route, and the AMI that its image was tried on."""

    startup_seconds: int = Field(ge=60, le=3600)
    download_seconds: int = Field(ge=60, le=3600)
    ami: str | None


class ModelCard(Value):
    """One model: what it needs, and what is known of how it answers.

    `kv_bytes_per_token` is what a token of a running sequence holds, `overhead_gib` what activations and the runtime
    hold on each GPU, `licence_per_hour` US dollars for each hour of an instance.
    """

    name: str
    served_name: str
    task: Literal["chat", "embedding"]
    parameters_billion: float = Field(gt=0)
    bytes_per_parameter: float = Field(gt=0)
    kv_bytes_per_token: int = Field(ge=0)
    overhead_gib: float = Field(ge=0)
    least_compute_capability: float
    longest_context_tokens: int = Field(gt=0)
    dialect: str | None
    source: str
    routes: Mapping[Route, Start]
    licence_per_hour: float = Field(ge=0)
    licence_date: date
    licence_source: str


class _Named(Protocol):
    @property
    def name(self) -> str: ...


AnyNamed = TypeVar("AnyNamed", bound=_Named)


@cache
def models() -> tuple[ModelCard, ...]:
    """Return every model, in the order of the file."""
    return TypeAdapter(tuple[ModelCard, ...]).validate_python(_document("models.yaml"))


@cache
def instances() -> tuple[Instance, ...]:
    """Return every instance type: the one of each row of gpus.yaml, then those of instances.yaml."""
    rows, more = _document("gpus.yaml"), _document("instances.yaml")
    by_name = {each.name: each for each in TypeAdapter(tuple[Gpu, ...]).validate_python([*rows, *more["gpus"]])}
    played = [
        {**row, "type": row["instance_type"], "gpu": row["name"], "gpus": row["gpus_per_instance"]} for row in rows
    ]
    return tuple(_instance(row, by_name) for row in [*played, *more["instances"]])


def model(name: str) -> ModelCard:
    """Return the model called `name`.

    Raises:
        InputUnreadable: there is none of that name.
    """
    return _named(models(), name, "model", "models.yaml")


def instance(name: str) -> Instance:
    """Return the instance type called `name`, as `ml.g6e.xlarge`.

    Raises:
        InputUnreadable: there is none of that name.
    """
    return _named(instances(), name, "instance type", "instances.yaml")


def document_of(text: str, source: str) -> Any:  # noqa: ANN401 - YAML holds anything
    """Return what YAML text holds.

    Raises:
        InputUnreadable: it is no YAML.
        SettingsInvalid: no YAML parser is installed.
    """
    try:
        import yaml  # noqa: PLC0415 - the worker's image has none
    except ModuleNotFoundError as error:
        raise SettingsInvalid("reading endpoint specs needs PyYAML", "pip install '.[deploy]'") from error
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputUnreadable(f"{source} is no YAML", " ".join(str(error).split())) from error


def folder() -> Path:
    """Return where the files are: the wheel's copy, else the checkout's folder."""
    packaged = Path(str(files("nim_endpoint"))) / "endpoints"
    return packaged if packaged.is_dir() else Path(__file__).parents[1] / "endpoints"


def _document(name: str) -> Any:  # noqa: ANN401 - YAML holds anything
    return document_of((folder() / name).read_text(encoding="utf-8"), name)


def _instance(row: Mapping[str, Any], gpus: Mapping[str, Gpu]) -> Instance:
    return Instance(type=row["type"], gpu=gpus[row["gpu"]], gpus=row["gpus"], price=Price.model_validate(row))


def _named(known: Iterable[AnyNamed], name: str, kind: str, file: str) -> AnyNamed:
    rows = tuple(known)
    found = next((row for row in rows if row.name == name), None)
    if found is None:
        choices = ", ".join(row.name for row in rows)
        raise InputUnreadable(f"no {kind} is called {name!r}", f"choose one of {choices}, or add a row to {file}")
    return found
