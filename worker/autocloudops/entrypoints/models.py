"""From settings to model endpoints: a list of them is the order in which they are asked."""

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, cast

from autocloudops import aws
from autocloudops.clock import Clock
from autocloudops.diagnosis.endpoint import ModelEndpoint
from autocloudops.entrypoints.endpoint_urls import SAGEMAKER, EndpointUrl, endpoint_urls
from autocloudops.entrypoints.wiring import CALL_SECONDS, open_client
from autocloudops.errors import SettingsInvalid
from autocloudops.inference.breaker import Breaker
from autocloudops.inference.budget import RetryBudget
from autocloudops.inference.concurrency.controller import ConcurrencyController
from autocloudops.inference.dialects import DialectStore
from autocloudops.inference.failover import DataPolicy, allowed
from autocloudops.inference.keys import EnvironmentKey, KeyProvider, SecretsClient, SecretsManagerKey
from autocloudops.inference.nim import NimEndpoint, NimOptions
from autocloudops.inference.openai import OpenAiEndpoint, open_session
from autocloudops.inference.reliable import Backend, Meter, ReliableEndpoint
from autocloudops.inference.sagemaker import SageMakerEndpoint, SageMakerOptions
from autocloudops.inference.share import Share
from autocloudops.inference.slots import Slots
from autocloudops.settings import ModelSettings

if TYPE_CHECKING:
    from types_aiobotocore_sagemaker_runtime.client import SageMakerRuntimeClient

READ_SECONDS = 70
CONNECTIONS = 256


async def open_model(
    stack: AsyncExitStack,
    settings: ModelSettings,
    clock: Clock,
    dialects: DialectStore,
    share: int | None = None,
    meter: Meter | None = None,
) -> ModelEndpoint:
    """Open the model endpoints that the settings name, as one.

    Args:
        stack: closes them.
        settings: URLs, and how they are asked.
        clock: for deadlines.
        dialects: keeps how each endpoint is told the schema of a reply.
        share: how many requests each endpoint may have from here; None finds out what is best.
        meter: hears of each request, where anything is measured.

    Raises:
        SettingsInvalid: a URL names no endpoint, or sends data or a key where the settings do not allow it.
    """
    urls = endpoint_urls(settings.endpoints)
    _check_shared_key(urls, settings)
    local = {url.place for url in urls if url.local}
    policy = DataPolicy(regions=frozenset(settings.regions), hosts=frozenset(settings.hosts) | local)
    allowed([url.name for url in urls], own_region() or urls[0].region or "", policy)
    endpoints = [await _open_endpoint(stack, url, settings, clock, dialects) for url in urls]
    for endpoint in endpoints:
        stack.push_async_callback(endpoint.aclose)
    backends = [_backend(endpoint, settings, clock, share) for endpoint in endpoints]
    asked = ReliableEndpoint(backends, clock, meter=meter)
    stack.push_async_callback(asked.aclose)
    return asked


def own_region() -> str:
    """Return the region that AWS clients use unless they are told another."""
    return str(aws.session().get_config_variable("region") or "")


def _backend(endpoint: ModelEndpoint, settings: ModelSettings, clock: Clock, share: int | None) -> Backend:
    slots = Slots(Share(share) if share else ConcurrencyController(settings.ceiling_seconds), clock)
    return Backend(endpoint, slots, Breaker(clock), RetryBudget(clock), settings.ceiling_seconds)


async def _open_endpoint(
    stack: AsyncExitStack, url: EndpointUrl, settings: ModelSettings, clock: Clock, dialects: DialectStore
) -> NimEndpoint:
    model = url.model or settings.name
    if url.scheme != SAGEMAKER:
        session = await stack.enter_async_context(open_session(CONNECTIONS))
        options = NimOptions(streaming=settings.streaming, dialect=None, dialects=dialects, name=url.name)
        return OpenAiEndpoint(session, url.root, model, clock, await _key(stack, url, settings, clock), options)
    calls = aws.config(read_timeout_seconds=READ_SECONDS, connections=CONNECTIONS, attempts=1)
    client = cast("SageMakerRuntimeClient", await open_client(stack, "sagemaker-runtime", calls, url.region))
    asked = SageMakerOptions(
        streaming=settings.streaming, dialect=None, dialects=dialects, name=url.name, component=url.component
    )
    return SageMakerEndpoint(client, url.place, model, clock, asked)


def _check_shared_key(urls: list[EndpointUrl], settings: ModelSettings) -> None:
    """Refuse to send the key that is set for all to more than one host: it is the secret of one of them."""
    shared = settings.key_secret or settings.key_variable
    hosts = {url.place for url in urls if url.scheme != SAGEMAKER and not (url.key_secret or url.key_variable)}
    if shared and len(hosts) > 1:
        raise SettingsInvalid(
            f"one key would be sent to {', '.join(sorted(hosts))}",
            "say in the URL of each endpoint whose key it is: ?key_variable=VARIABLE or ?key_secret=SECRET",
        )


async def _key(stack: AsyncExitStack, url: EndpointUrl, settings: ModelSettings, clock: Clock) -> KeyProvider | None:
    """Return where the endpoint's key comes from: what its URL says goes before the settings of all."""
    own = url.key_secret or url.key_variable
    secret, variable = (url if own else settings).key_secret, (url if own else settings).key_variable
    if secret:
        calls = aws.config(read_timeout_seconds=CALL_SECONDS, attempts=2)
        client = cast("SecretsClient", await open_client(stack, "secretsmanager", calls))
        return SecretsManagerKey(client, secret, clock)
    return EnvironmentKey(variable) if variable else None
