"""A model behind an OpenAI-compatible HTTP API: NVIDIA's hosted NIMs, or a NIM on Kubernetes."""

from collections.abc import Callable
from ipaddress import ip_address
from urllib.parse import urlsplit

import aiohttp
from pydantic import SecretStr

from autocloudops.aws import CONNECT_TIMEOUT_SECONDS
from autocloudops.clock import Clock
from autocloudops.errors import (
    AccessDenied,
    EndpointMisconfigured,
    ModelError,
    ModelUnavailable,
    ServiceFailed,
    SettingsInvalid,
    TargetMissing,
)
from autocloudops.inference.faults import Symptom, judged, one_line, server_message
from autocloudops.inference.keys import KeyProvider
from autocloudops.inference.nim import Letter, NimEndpoint, NimOptions

ERROR_BODY_BYTES = 16_384
OK = 200
UNAUTHORIZED = 401
WITHOUT_KEY = frozenset({UNAUTHORIZED, 403})


def open_session(connections: int) -> aiohttp.ClientSession:
    """Return an HTTP session for model endpoints: no cookies, no proxies of the environment.

    Args:
        connections: how many requests may be under way at once.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
    )


class OpenAiEndpoint(NimEndpoint):
    """A `ModelEndpoint` that speaks the OpenAI bodies to `https://host/v1`; plain http on loopback only.

    Args:
        session: an HTTP session, as `open_session` makes it.
        url: the API's root, up to and with `/v1`.
        model: the served model's name, sent in each body.
        clock: for latency.
        keys: where the key comes from; None for a server that asks for none.
        options: how it is asked.

    Raises:
        SettingsInvalid: the URL is none that a key may be sent to.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        model: str,
        clock: Clock,
        keys: KeyProvider | None = None,
        options: NimOptions | None = None,
    ) -> None:
        options = options or NimOptions()
        super().__init__(_OpenAiWire(session, _root(url), options.name, keys), model, clock, options)


class _OpenAiWire:
    def __init__(self, session: aiohttp.ClientSession, root: str, name: str | None, keys: KeyProvider | None) -> None:
        self._session = session
        self._root = root
        self._keys = keys
        self.url = name or root

    async def send(self, letter: Letter, feed: Callable[[bytes], None]) -> None:
        """Send one request; once more with a newer key where the server refuses the one at hand."""
        if self._keys is None:
            refusal = await self._post(letter, feed, None)
        else:
            refusal = await self._post_with_key(letter, feed, self._keys)
        if refusal is None:
            return
        error = judged(self.url, refusal)
        raise error if self._keys or refusal.status not in WITHOUT_KEY else _keyless(error)

    async def _post_with_key(self, letter: Letter, feed: Callable[[bytes], None], keys: KeyProvider) -> Symptom | None:
        key = await self._key(keys, None)
        refusal = await self._post(letter, feed, key)
        if refusal is None or refusal.status != UNAUTHORIZED:
            return refusal
        newer = await self._key(keys, key)
        return refusal if newer == key else await self._post(letter, feed, newer)

    async def _key(self, keys: KeyProvider, rejected: SecretStr | None) -> SecretStr:
        try:
            return await (keys.renewed(rejected) if rejected else keys.current())
        except (SettingsInvalid, AccessDenied, TargetMissing) as error:
            raise EndpointMisconfigured(self.url, error.message, error.advice) from error
        except ServiceFailed as error:
            raise ModelUnavailable(self.url, error.message, error.advice) from error

    async def _post(self, letter: Letter, feed: Callable[[bytes], None], key: SecretStr | None) -> Symptom | None:
        """Return why the server refused, or None after its answer.

        aiohttp's ClientResponseError shows the request's headers, and so the key: it is named and dropped.
        """
        try:
            return await self._posted(letter, feed, key)
        except aiohttp.ClientResponseError as error:
            broken = _without_request(self.url, error)
        raise broken

    async def _posted(self, letter: Letter, feed: Callable[[bytes], None], key: SecretStr | None) -> Symptom | None:
        async with self._session.post(
            f"{self._root}/{letter.route}",
            data=letter.body,
            headers=_headers(letter, key),
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_SECONDS),
        ) as response:
            if response.status != OK:
                return Symptom(await _said(response, key), status=response.status)
            async for chunk in response.content.iter_any():
                feed(chunk)
            return None


def _headers(letter: Letter, key: SecretStr | None) -> dict[str, str]:
    headers = {
        "Accept": "text/event-stream" if letter.streaming else "application/json",
        "Accept-Encoding": "identity",
        "Content-Type": "application/json",
    }
    if letter.correlation_id:
        headers["X-Request-ID"] = letter.correlation_id
    if key:
        headers["Authorization"] = f"Bearer {key.get_secret_value()}"
    return headers


async def _said(response: aiohttp.ClientResponse, key: SecretStr | None) -> str:
    """Return what an error body says; servers like to quote the key that they refuse."""
    body = bytearray()
    async for chunk in response.content.iter_chunked(ERROR_BODY_BYTES):
        body += chunk
        if len(body) >= ERROR_BODY_BYTES:
            break
    said = body[:ERROR_BODY_BYTES].decode(errors="replace")
    # Before the text is shortened, which could leave a part of the key.
    return server_message(said.replace(key.get_secret_value(), "[key]") if key else said)


def _keyless(error: ModelError) -> EndpointMisconfigured:
    advice = (
        "no key is configured: set AUTOCLOUDOPS_MODEL_KEY_SECRET or AUTOCLOUDOPS_MODEL_KEY_VARIABLE, or say in its URL"
    )
    return EndpointMisconfigured(error.endpoint, error.message.removeprefix(f"{error.endpoint}: "), advice)


def _without_request(url: str, error: aiohttp.ClientResponseError) -> ModelError:
    return ModelUnavailable(url, one_line(f"{type(error).__name__}: {error.message}"))


def _root(url: str) -> str:
    """Return the URL without a slash at its end."""
    parts = urlsplit(url)
    secret = parts.username is not None or parts.query or parts.fragment
    safe = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname or ""))
    if secret or not safe or not parts.hostname:
        raise SettingsInvalid(
            f"{parts.scheme}://{parts.hostname}: no URL of an OpenAI-compatible API",
            "use https://HOST/v1 without credentials, query or fragment; http only on loopback",
        )
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
