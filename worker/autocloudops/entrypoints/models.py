"""From URLs to model endpoints: a list of them is the order in which they are asked."""

import re
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, cast
from urllib.parse import SplitResult, parse_qs, urlsplit

from autocloudops import aws
from autocloudops.clock import Clock
from autocloudops.diagnosis.endpoint import ModelEndpoint
from autocloudops.entrypoints.wiring import CALL_SECONDS, open_client
from autocloudops.errors import SettingsInvalid
from autocloudops.inference.breaker import Breaker
from autocloudops.inference.budget import RetryBudget
from autocloudops.inference.concurrency.controller import ConcurrencyController
from autocloudops.inference.dialects import DialectStore
from autocloudops.inference.failover import DataPolicy, allowed
from autocloudops.inference.keys import EnvironmentKey, KeyProvider, SecretsClient, SecretsManagerKey
from autocloudops.inference.nim import NimOptions
from autocloudops.inference.openai import OpenAiEndpoint, open_session
from autocloudops.inference.reliable import Backend, ReliableEndpoint
from autocloudops.inference.sagemaker import SageMakerEndpoint, SageMakerOptions
from autocloudops.inference.slots import Slots
from autocloudops.investigation import Bounds
from autocloudops.settings import ModelSettings

if TYPE_CHECKING:
    from types_aiobotocore_sagemaker_runtime.client import SageMakerRuntimeClient

READ_SECONDS = 70
CONNECTIONS = 256
VARIABLE = "AUTOCLOUDOPS_MODEL_ENDPOINTS"
QUERY = frozenset({"component", "region"})
# The pattern of EndpointName in SageMaker's API reference.
ENDPOINT_NAME = re.compile(r"[A-Za-z0-9](?:-*[A-Za-z0-9]){0,62}")


@dataclass(frozen=True, slots=True)
class EndpointUrl:
    """What a URL of a model endpoint says."""

    url: str
    scheme: str
    place: str
    component: str | None = None
    region: str | None = None


def endpoint_url(url: str) -> EndpointUrl:
    """Return what a URL of a model endpoint says.

    Raises:
        SettingsInvalid: it names no endpoint, or more than one thing about it.
    """
    parts = _split(url)
    asked = parse_qs(parts.query, keep_blank_values=True)
    known = asked.keys() <= QUERY and all(len(values) == 1 and values[0] for values in asked.values())
    bare = ENDPOINT_NAME.fullmatch(parts.netloc) and not parts.path and not parts.fragment
    if parts.scheme == "sagemaker" and bare and known:
        return EndpointUrl(url, parts.scheme, parts.netloc, **{name: values[0] for name, values in asked.items()})
    plain = parts.hostname and not parts.username and not parts.query and not parts.fragment
    if plain and (parts.scheme == "https" or (parts.scheme == "http" and _loopback(parts.hostname or ""))):
        return EndpointUrl(url, parts.scheme, parts.hostname or "")
    raise SettingsInvalid(
        f"{VARIABLE}: {_shown(url)!r} names no model endpoint",
        "use sagemaker://NAME, sagemaker://NAME?component=COMPONENT&region=REGION or https://HOST/v1",
    )


async def open_model(
    stack: AsyncExitStack, settings: ModelSettings, clock: Clock, dialects: DialectStore
) -> ModelEndpoint:
    """Open the model endpoints that the settings name, as one.

    Args:
        stack: closes them.
        settings: URLs, and how they are asked.
        clock: for deadlines.
        dialects: keeps how each endpoint is told the schema of a reply.

    Raises:
        SettingsInvalid: a URL names no endpoint, or sends data where the settings do not allow it.
    """
    urls = [endpoint_url(url) for url in settings.endpoints]
    policy = DataPolicy(regions=frozenset(settings.regions), hosts=frozenset(settings.hosts) | _loopbacks(urls))
    allowed(settings.endpoints, own_region() or urls[0].region or "", policy)
    endpoints = [await _open_endpoint(stack, url, settings, clock, dialects) for url in urls]
    return ReliableEndpoint([_backend(endpoint, settings, clock) for endpoint in endpoints], clock)


def bounds_of(settings: ModelSettings) -> Bounds:
    """Return how far one question may go."""
    return Bounds(
        longest=timedelta(seconds=settings.longest_seconds),
        prompt_tokens=settings.prompt_tokens,
        price_per_hour=settings.price_per_hour,
    )


def own_region() -> str:
    """Return the region that AWS clients use unless they are told another."""
    return str(aws.session().get_config_variable("region") or "")


def _backend(endpoint: ModelEndpoint, settings: ModelSettings, clock: Clock) -> Backend:
    slots = Slots(ConcurrencyController(settings.ceiling_seconds), clock)
    return Backend(endpoint, slots, Breaker(clock), RetryBudget(clock))


async def _open_endpoint(
    stack: AsyncExitStack, url: EndpointUrl, settings: ModelSettings, clock: Clock, dialects: DialectStore
) -> ModelEndpoint:
    if url.scheme != "sagemaker":
        session = await stack.enter_async_context(open_session(CONNECTIONS))
        options = NimOptions(streaming=settings.streaming, dialect=None, dialects=dialects)
        return OpenAiEndpoint(session, url.url, settings.name, clock, await _key(stack, settings, clock), options)
    calls = aws.config(read_timeout_seconds=READ_SECONDS, connections=CONNECTIONS, attempts=1)
    client = cast("SageMakerRuntimeClient", await open_client(stack, "sagemaker-runtime", calls, url.region))
    asked = SageMakerOptions(
        streaming=settings.streaming, dialect=None, dialects=dialects, component=url.component, region=url.region
    )
    return SageMakerEndpoint(client, url.place, settings.name, clock, asked)


async def _key(stack: AsyncExitStack, settings: ModelSettings, clock: Clock) -> KeyProvider | None:
    if settings.key_secret:
        calls = aws.config(read_timeout_seconds=CALL_SECONDS, attempts=2)
        client = cast("SecretsClient", await open_client(stack, "secretsmanager", calls))
        return SecretsManagerKey(client, settings.key_secret, clock)
    return EnvironmentKey(settings.key_variable) if settings.key_variable else None


def _loopbacks(urls: list[EndpointUrl]) -> frozenset[str]:
    """Return the hosts that are this machine: data that stays on it goes nowhere."""
    return frozenset(url.place for url in urls if url.scheme != "sagemaker" and _loopback(url.place))


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


def _shown(url: str) -> str:
    """Return a URL without what could be a credential in it."""
    parts = urlsplit(url)
    hidden = parts.username or parts.scheme in {"http", "https"}
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}" if hidden else url
