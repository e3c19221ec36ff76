"""The model endpoints: an empty question, which a server refuses before its GPU sees it."""

from contextlib import AsyncExitStack
from functools import partial

import aiohttp

from autocloudops.aws import CONNECT_TIMEOUT_SECONDS
from autocloudops.clock import SystemClock
from autocloudops.entrypoints.endpoint_urls import SAGEMAKER, EndpointUrl, endpoint_urls
from autocloudops.entrypoints.models import open_model
from autocloudops.entrypoints.preflight.checks import Check, Weight
from autocloudops.entrypoints.preflight.clients import CALL_SECONDS, Clients
from autocloudops.errors import EndpointMisconfigured, ModelError, ModelRefused, ModelUnavailable
from autocloudops.inference.dialects import MemoryDialects
from autocloudops.inference.faults import FAILURES, Symptom, judged, named, server_message
from autocloudops.inference.keys import EnvironmentKey, SecretsManagerKey
from autocloudops.settings import ModelSettings

EMPTY = b"{}"
JSON = "application/json"
OK = 200


def model_checks(clients: Clients, settings: ModelSettings) -> list[Check]:
    """Return the checks of every model endpoint. No token is generated.

    Raises:
        SettingsInvalid: a URL names no endpoint.
    """
    urls = endpoint_urls(settings.endpoints)
    names = ", ".join(url.name for url in urls)
    checks = [Check("where questions may go", names, Weight.REQUIRED, partial(_open, settings))]
    for url in urls:
        ask = partial(_invoke, clients, url) if url.scheme == SAGEMAKER else partial(_post, clients, url, settings)
        checks.append(Check("ask the model", url.name, Weight.WATCHED, ask))
        if url.scheme == SAGEMAKER:
            clients.needs("sagemaker-runtime", url.region)
    return checks


async def _open(settings: ModelSettings) -> str:
    """Open the endpoints as a worker does, which refuses regions and hosts that the settings do not allow."""
    async with AsyncExitStack() as stack:
        await open_model(stack, settings, SystemClock(), MemoryDialects())
    return "allowed by the settings"


async def _invoke(clients: Clients, url: EndpointUrl) -> str:
    runtime = await clients.get("sagemaker-runtime", url.region)
    component = {"InferenceComponentName": url.component} if url.component else {}
    try:
        await runtime.invoke_endpoint(EndpointName=url.place, ContentType=JSON, Body=EMPTY, **component)
    except FAILURES as error:
        return _answered(named(url.name, error))
    return "it answers"


async def _post(clients: Clients, url: EndpointUrl, settings: ModelSettings) -> str:
    key = await _key(clients, url, settings)
    refusal = await _refusal(url, key)
    return _answered(judged(url.name, refusal)) if refusal else "it answers"


async def _refusal(url: EndpointUrl, key: str) -> Symptom | None:
    """Return how the server refused, None where it did not; servers like to quote the key that they refuse."""
    headers = {"Content-Type": JSON} | ({"Authorization": f"Bearer {key}"} if key else {})
    timeout = aiohttp.ClientTimeout(total=CALL_SECONDS, sock_connect=CONNECT_TIMEOUT_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(f"{url.root}/chat/completions", data=EMPTY, headers=headers, allow_redirects=False) as answer,
        ):
            said = await answer.text(errors="replace")
    except aiohttp.ClientResponseError as error:
        # Its text shows the request's headers, and so the key.
        raise ModelUnavailable(url.name, type(error).__name__) from None
    except (aiohttp.ClientError, TimeoutError) as error:
        raise named(url.name, error) from error
    hidden = said.replace(key, "[key]") if key else said
    return None if answer.status == OK else Symptom(server_message(hidden), status=answer.status)


async def _key(clients: Clients, url: EndpointUrl, settings: ModelSettings) -> str:
    """Return the endpoint's key, empty for one that asks for none; what its URL says goes before the settings."""
    told = url if url.key_secret or url.key_variable else settings
    if told.key_secret:
        secrets = await clients.get("secretsmanager")
        return (await SecretsManagerKey(secrets, told.key_secret, SystemClock()).current()).get_secret_value()
    if told.key_variable:
        return (await EnvironmentKey(told.key_variable).current()).get_secret_value()
    return ""


def _answered(error: ModelError) -> str:
    """Return that an endpoint refused what it should refuse, or raise what is wrong with it."""
    if isinstance(error, ModelRefused) and not isinstance(error, EndpointMisconfigured):
        return "it answers"
    raise error
