"""A spec: one model on one endpoint, as a file says it."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, StringConstraints, ValidationError, model_validator

from autocloudops.errors import InputUnreadable, SettingsInvalid
from autocloudops.values import Value
from nim_endpoint import catalogue
from nim_endpoint.catalogue import Instance, ModelCard, Route
from nim_endpoint.memory import Fit, fit

PLACEHOLDER = re.compile(r"\$\{(\w+)\}")
NAME = r"[a-zA-Z0-9](-*[a-zA-Z0-9])*"
NGC_KEY = re.compile(r"\bnvapi\W")
SECRETS = re.compile(r"key|token|secret|password", re.IGNORECASE)
LONGEST_NAME = 52
"""SageMaker's names have 63 characters at most; ours leave room for a hash."""
Name = Annotated[str, StringConstraints(pattern=rf"^{NAME}$", max_length=LONGEST_NAME)]


class _Strict(Value):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Instances(_Strict):
    """How many instances there are at first, and between which bounds SageMaker may scale them for components."""

    initial: int = Field(default=1, ge=1)
    least: int = Field(default=1, ge=0)
    most: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.least <= self.initial <= self.most:
            raise ValueError(f"least {self.least}, initial {self.initial} and most {self.most} are not in this order")
        return self


class ComponentSpec(_Strict):
    """An inference component: its name on the endpoint, GPUs and host memory of each copy, and how many at first."""

    name: Name
    gpus: int = Field(default=1, ge=1)
    memory_mb: int = Field(default=1024, ge=128)
    copies: int = Field(default=1, ge=1)


class Vpc(_Strict):
    """Where the containers' network interfaces are."""

    subnets: tuple[str, ...] = Field(min_length=1)
    security_groups: tuple[str, ...] = Field(min_length=1)


class Spec(_Strict):
    """One model on one endpoint. With a `component` the endpoint may hold others, and may sleep.

    Attributes:
        route: where the model comes from, which says which of `package`, `image` and `weights` it needs.
        key_secret: the secret with the NGC key, of route ecr only.
        context_tokens: the longest sequence; the model's own limit where it is not said.
        environment: more variables of the container; none may hold a secret.
    """

    endpoint: Name
    model: str
    route: Route
    role: str
    instance_type: str
    package: str | None = None
    image: str | None = None
    weights: str | None = None
    key_secret: str | None = None
    instances: Instances = Instances()
    component: ComponentSpec | None = None
    context_tokens: int | None = Field(default=None, gt=0)
    startup_seconds: int | None = Field(default=None, ge=60, le=3600)
    download_seconds: int | None = Field(default=None, ge=60, le=3600)
    ami: str | None = None
    vpc: Vpc | None = None
    environment: Mapping[str, str] = {}

    @property
    def card(self) -> ModelCard:
        """The model's row of the catalogue."""
        return catalogue.model(self.model)

    @property
    def instance(self) -> Instance:
        """The instance type's row of the catalogue."""
        return catalogue.instance(self.instance_type)

    @property
    def fit(self) -> Fit:
        """The memory arithmetic of one copy."""
        gpus = self.component.gpus if self.component else self.instance.gpus
        tokens = self.context_tokens or self.card.longest_context_tokens
        return fit(self.card, self.instance, gpus=gpus, context_tokens=tokens)

    @property
    def component_name(self) -> str | None:
        """The component's name in the account, where there is one: it begins with the endpoint's."""
        return f"{self.endpoint}-{self.component.name}" if self.component else None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        needs: Mapping[Route, set[str]] = {
            "marketplace": {"package"},
            "ecr": {"image", "key_secret"},
            "s3": {"image", "weights"},
        }
        said = {name for name in ("package", "image", "weights", "key_secret") if getattr(self, name) is not None}
        if said != needs[self.route]:
            raise ValueError(
                f"route {self.route} takes {' and '.join(sorted(needs[self.route]))}, and no other of these"
            )
        if self.component is None and (self.instances.least == 0 or self.instances.initial != self.instances.most):
            raise ValueError("only an endpoint with components has its instances scaled by SageMaker: set `component`")
        if self.route == "marketplace" and self.context_tokens:
            raise ValueError("a model package sets its own context_tokens: its listing need not take any variable")
        if len(self.component_name or self.endpoint) > LONGEST_NAME:
            raise ValueError(f"{self.component_name} is longer than {LONGEST_NAME} characters")
        if planted := [name for name in self.environment if SECRETS.search(name)]:
            raise ValueError(f"the environment is readable by DescribeModel: no {planted[0]} in it")
        return self


def read(source: str, values: Mapping[str, str], name: str | None = None) -> Spec:
    """Read a spec, fill in its placeholders, and check that the model fits its GPUs.

    Args:
        source: a file, or the bare name of one that comes with this package.
        values: what the placeholders `${…}` stand for.
        name: the endpoint's name, where it is not the file's.

    Raises:
        InputUnreadable: there is no such file, or it is no spec.
        SettingsInvalid: a placeholder has no value, a value is a key, or the model does not fit; the arithmetic is in
            the message.
    """
    filled = _filled(_text(source), values, source)
    if NGC_KEY.search(filled):
        raise SettingsInvalid(
            f"there is a key in {source} or a value of it", "keep it with `autocloudops endpoint key`"
        )
    found = catalogue.document_of(filled, source)
    if not isinstance(found, dict):
        raise InputUnreadable(f"{source} is no endpoint spec", "see docs/endpoints.md")
    spec = _spec({**found, "endpoint": name} if name else found, source)
    return _fitting(spec)


def open_placeholders(source: str) -> frozenset[str]:
    """Return the names of the placeholders that a spec leaves open.

    Raises:
        InputUnreadable: there is no such file.
    """
    return frozenset(PLACEHOLDER.findall(_uncommented(_text(source))))


def bundled() -> tuple[str, ...]:
    """Return the names of the specs that come with this package."""
    data = {"gpus", "instances", "models"}
    return tuple(sorted(each.stem for each in catalogue.folder().glob("*.yaml") if each.stem not in data))


def _text(source: str) -> str:
    path = Path(source) if source not in bundled() else catalogue.folder() / f"{source}.yaml"
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        choices = ", ".join(bundled())
        raise InputUnreadable(f"{source} cannot be read", f"name a file, or one of {choices}") from error


def _filled(text: str, values: Mapping[str, str], source: str) -> str:
    lines = _uncommented(text)
    if missing := sorted(set(PLACEHOLDER.findall(lines)) - values.keys()):
        asked = " ".join(f"--set {each}=…" for each in missing)
        raise SettingsInvalid(f"{source} leaves {', '.join(missing)} open", f"give {asked}")
    return PLACEHOLDER.sub(lambda match: values[match[1]], lines)


def _uncommented(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))


def _spec(found: Mapping[str, Any], source: str) -> Spec:
    try:
        return Spec.model_validate(found)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "it"
        raise InputUnreadable(f"{source}: {where}: {first['msg']}", "see docs/endpoints.md") from error


def _fitting(spec: Spec) -> Spec:
    if spec.component and spec.component.gpus > spec.instance.gpus:
        raise SettingsInvalid(
            f"a copy of {spec.component_name} wants {spec.component.gpus} GPUs",
            f"{spec.instance_type} has {spec.instance.gpus}",
        )
    longest = spec.card.longest_context_tokens
    if (spec.context_tokens or 0) > longest:
        raise SettingsInvalid(f"{spec.model} reads {longest:,} tokens", "lower context_tokens")
    if not spec.fit.fits:
        raise SettingsInvalid(f"{spec.model} does not fit {spec.instance_type}", "; ".join(spec.fit.lines()))
    return spec
