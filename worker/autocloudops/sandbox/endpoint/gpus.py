"""The GPU types of `sagemaker/endpoints/gpus.yaml`, typed."""

from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path

from pydantic import Field, TypeAdapter

from autocloudops.errors import InputUnreadable
from autocloudops.values import Value


class Profile(Value):
    """How one GPU decodes under continuous batching.

    A step with b running sequences takes `alpha_ms + beta_ms * b` milliseconds. `kv_tokens` is the room for prompt and
    answer tokens of all running sequences together, `max_sequences` how many run at most.
    """

    name: str
    alpha_ms: float = Field(gt=0)
    beta_ms: float = Field(ge=0)
    prefill_ms_per_token: float = Field(ge=0)
    kv_tokens: int = Field(gt=0)
    max_sequences: int = Field(gt=0)


class Gpu(Profile):
    """One GPU type: how it decodes an 8B model, its instance and its price.

    `interpolated` names the fields that no measurement gives. `price_per_hour` is in US dollars, for the whole instance
    with all its GPUs.
    """

    gpu: str
    memory_gib: int = Field(gt=0)
    instance_type: str
    gpus_per_instance: int = Field(gt=0)
    interpolated: tuple[str, ...]
    source: str
    price_per_hour: float = Field(gt=0)
    price_date: date
    price_source: str


@cache
def gpus() -> tuple[Gpu, ...]:
    """Return every GPU type, in the order of the file."""
    import yaml  # noqa: PLC0415 - the rules engine serves without the sandbox extra

    return TypeAdapter(tuple[Gpu, ...]).validate_python(yaml.safe_load(_text()))


def gpu(name: str) -> Gpu:
    """Return the GPU type called `name`.

    Raises:
        InputUnreadable: there is none of that name.
    """
    for row in gpus():
        if row.name == name:
            return row
    known = ", ".join(row.name for row in gpus())
    raise InputUnreadable(f"no GPU is called {name!r}", f"choose one of {known}, or add a row to gpus.yaml")


def _text() -> str:
    """Return the file's text: the wheel's copy, else the checkout's file."""
    packaged = files("autocloudops.sandbox") / "gpus.yaml"
    if packaged.is_file():
        return packaged.read_text(encoding="utf-8")
    return (Path(__file__).parents[4] / "sagemaker" / "endpoints" / "gpus.yaml").read_text(encoding="utf-8")
