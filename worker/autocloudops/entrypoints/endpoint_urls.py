"""What the URL of a model endpoint says: where it is, and what differs there from the other settings."""

import re
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import SplitResult, parse_qs, urlencode, urlsplit

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, StringConstraints, ValidationError

from autocloudops.errors import SettingsInvalid
from autocloudops.redaction import redact

VARIABLE = "AUTOCLOUDOPS_MODEL_ENDPOINTS"
# The pattern of EndpointName in SageMaker's API reference.
ENDPOINT_NAME = re.compile(r"[A-Za-z0-9](?:-*[A-Za-z0-9]){0,62}")
# What tells two endpoints apart; keys and prices are no part of a name.
NAMING = ("component", "region", "model")
SAGEMAKER = "sagemaker"

Text = Annotated[str, StringConstraints(min_length=1, max_length=2048)]
Price = Annotated[FiniteFloat, Field(gt=0)]


class Own(BaseModel):
    """What a URL says of its own endpoint; None leaves it to the other settings.

    Args:
        model: the served model's name.
        price_per_hour: US dollars for an hour of the instance that serves it.
        component: the inference component, where a SageMaker endpoint hosts components.
        region: the region of a SageMaker endpoint.
        key_variable: the environment variable that holds an HTTPS endpoint's key.
        key_secret: the Secrets Manager secret that holds it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: Text | None = None
    price_per_hour: Price | None = None
    component: Text | None = None
    region: Text | None = None
    key_variable: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")] | None = None
    key_secret: Text | None = None


class EndpointUrl(Own):
    """One endpoint of the list.

    Args:
        scheme: `sagemaker`, `https` or, on this machine, `http`.
        place: the endpoint's name, or the host.
        root: the URL without its query.
    """

    scheme: str
    place: str
    root: str

    @property
    def name(self) -> str:
        """The URL with what tells it from others, as records and logs show it."""
        told = {each: said for each in NAMING if (said := getattr(self, each))}
        return f"{self.root}?{urlencode(told, safe='/:')}" if told else self.root

    @property
    def local(self) -> bool:
        """Whether it is on this machine: data that stays on it goes nowhere."""
        return self.scheme != SAGEMAKER and _loopback(self.place)


_OF_SAGEMAKER = frozenset({"model", "price_per_hour", "component", "region"})
_OF_HTTPS = frozenset({"model", "price_per_hour", "key_variable", "key_secret"})


def endpoint_urls(urls: Sequence[str]) -> list[EndpointUrl]:
    """Return what a list of URLs says.

    Raises:
        SettingsInvalid: one names no endpoint, or the same as another.
    """
    found = [endpoint_url(url) for url in urls]
    names = [each.name for each in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise SettingsInvalid(f"{VARIABLE} names {twice} twice", "name each endpoint once")
    return found


def endpoint_url(url: str) -> EndpointUrl:
    """Return what a URL of a model endpoint says.

    Raises:
        SettingsInvalid: it names no endpoint, or says of it what nobody can read; the message shows no credential.
    """
    parts = _split(url)
    own = _own(parts)
    if own and _is_sagemaker(parts):
        return _read(own, SAGEMAKER, parts.netloc, f"sagemaker://{parts.netloc}")
    if own and _is_https(parts):
        return _read(own, parts.scheme, parts.hostname or "", url.partition("?")[0].rstrip("/"))
    raise SettingsInvalid(
        f"{VARIABLE}: {parts.scheme}://{parts.hostname or ''}{parts.path} names no model endpoint, or says too much",
        "use sagemaker://NAME[?component=&region=&model=&price_per_hour=] or "
        "https://HOST/v1[?model=&price_per_hour=&key_variable=|key_secret=]; a key itself belongs in neither",
    )


def _own(parts: SplitResult) -> Own | None:
    """Return what the query says, each thing once; None where it is wrong or holds what looks like a credential."""
    asked = parse_qs(parts.query, keep_blank_values=True)
    known = _OF_SAGEMAKER if parts.scheme == SAGEMAKER else _OF_HTTPS
    once = all(len(values) == 1 for values in asked.values())
    said = {name: values[0] for name, values in asked.items()}
    # What stands behind `secret:` in the ARN of a secret is its name.
    bare = all(redact(value) == value or value.startswith("arn:") for value in said.values())
    if not (asked.keys() <= known and once and bare) or {"key_variable", "key_secret"} <= asked.keys():
        return None
    try:
        return Own.model_validate(said)
    except ValidationError:
        return None


def _read(own: Own, scheme: str, place: str, root: str) -> EndpointUrl:
    return EndpointUrl(**own.model_dump(), scheme=scheme, place=place, root=root)


def _is_sagemaker(parts: SplitResult) -> bool:
    bare = not parts.path and not parts.fragment
    return parts.scheme == SAGEMAKER and bare and ENDPOINT_NAME.fullmatch(parts.netloc) is not None


def _is_https(parts: SplitResult) -> bool:
    plain = parts.hostname and parts.username is None and not parts.fragment
    return bool(plain) and (parts.scheme == "https" or (parts.scheme == "http" and _loopback(parts.hostname or "")))


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        # What urllib says may quote a password that it took for a port.
        raise SettingsInvalid(f"{VARIABLE}: a URL cannot be read", "check its brackets and its port") from None
    return parts
