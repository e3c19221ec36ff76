"""The calls of a busy consumer without the layers of the SDK: a fraction of its CPU time, the same promises.

An aiobotocore client that leaves out what it can (`sdk.py`) still needs two and a half times the CPU time for a call,
in event hooks, endpoint rules and copies of requests (measured with 3.9). Here credentials and their refreshing, the
endpoint (FIPS, dualstack, `AWS_ENDPOINT_URL_SQS`), proxies, trusted certificates, the signature and errors are still
botocore's; only the way between is ours. Off unless `AUTOCLOUDOPS_QUEUE_TRANSPORT=lean`.

Source: AWS JSON 1.0 protocol, and the SQS API reference.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from ssl import SSLContext
from typing import Any

from aiobotocore.session import AioSession
from aiohttp import ClientResponse, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from botocore.exceptions import ClientError, NoCredentialsError
from botocore.httpsession import ProxyConfiguration
from botocore.model import Shape
from botocore.parsers import create_parser
from botocore.utils import get_environ_proxies
from yarl import URL

from autocloudops import aws, tls
from autocloudops.errors import SettingsInvalid
from autocloudops.queue.answers import FIRST_ERROR_STATUS, parsed
from autocloudops.queue.signing import SERVICE, Signing

NO_SHAPE = Shape("Error", {"type": "structure"})


class LeanSqs:
    """Four calls of SQS, with the parameters, answers and errors of an aiobotocore client.

    Like that client with one attempt, it repeats nothing, and leaves the MD5 of bodies unchecked, which botocore 1.43
    does not check either: TLS guards the way.

    Args:
        http: bounded in time and connections.
        signing: makes the headers of a call.
        endpoint: as botocore resolved it.
        user_agent: said to the service; not signed.
    """

    def __init__(self, http: ClientSession, signing: Signing, endpoint: str, user_agent: str) -> None:
        self._http = http
        self._signing = signing
        url = URL(endpoint, encoded=True)
        self._url = url if url.path != "/" else url.with_path("/")
        self._proxy = ProxyConfiguration(get_environ_proxies(endpoint)).proxy_url_for(endpoint)
        self._unsigned = {"User-Agent": user_agent, "Accept-Encoding": "identity"}

    async def receive_message(self, **fields: object) -> Mapping[str, Any]:
        """Call ReceiveMessage."""
        return await self._call("ReceiveMessage", fields)

    async def delete_message_batch(self, **fields: object) -> Mapping[str, Any]:
        """Call DeleteMessageBatch."""
        return await self._call("DeleteMessageBatch", fields)

    async def change_message_visibility_batch(self, **fields: object) -> Mapping[str, Any]:
        """Call ChangeMessageVisibilityBatch."""
        return await self._call("ChangeMessageVisibilityBatch", fields)

    async def send_message(self, **fields: object) -> Mapping[str, Any]:
        """Call SendMessage."""
        return await self._call("SendMessage", fields)

    async def _call(self, action: str, fields: Mapping[str, object]) -> Mapping[str, Any]:
        """Send one call.

        Raises:
            ClientError: SQS refused it.
            ResponseParserError: the answer is no SQS answer.
            aiohttp.ClientError, TimeoutError: no answer came.
        """
        body = json.dumps(fields).encode()
        headers = {**self._unsigned, **await self._signing.headers(str(self._url), action, body)}
        async with self._http.post(
            self._url, data=body, headers=headers, proxy=self._proxy, allow_redirects=False
        ) as answer:
            content = await answer.read()
        if answer.status >= FIRST_ERROR_STATUS:
            raise ClientError(_error(answer, content), action)
        return parsed(content)


@asynccontextmanager
async def open_lean(read_timeout_seconds: float, connections: int = 50) -> AsyncIterator[LeanSqs]:
    """Open the calls for as long as the block lasts.

    Args:
        read_timeout_seconds: the longest silence between two bytes of an answer.
        connections: how many calls may be under way at once.

    Raises:
        BotoCoreError: there is no region, or there are no credentials.
        SettingsInvalid: the bundle of certificates is none.
    """
    session = aws.session()
    credentials = await session.get_credentials()
    if credentials is None:
        raise NoCredentialsError
    timeout = ClientTimeout(total=None, sock_connect=aws.CONNECT_TIMEOUT_SECONDS, sock_read=read_timeout_seconds)
    connector = TCPConnector(limit=connections, ssl=await asyncio.to_thread(_trusting, session))
    config = aws.config(read_timeout_seconds=read_timeout_seconds)
    async with (
        session.create_client(SERVICE, config=config) as resolved,
        ClientSession(connector=connector, timeout=timeout, cookie_jar=DummyCookieJar(), auto_decompress=False) as http,
    ):
        meta = resolved.meta
        signing = Signing(credentials, meta.region_name)
        yield LeanSqs(http, signing, meta.endpoint_url, str(meta.config.user_agent))


def _trusting(session: AioSession) -> SSLContext:
    """Trust the certificates that botocore trusts."""
    bundle = session.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE")
    try:
        return tls.trusting(bundle or True)
    except OSError as error:
        raise SettingsInvalid(f"AWS_CA_BUNDLE: {bundle}: {error}", "name a file of certificates in PEM") from error


def _error(answer: ClientResponse, content: bytes) -> Any:  # noqa: ANN401 - what botocore's parser returns
    """Read an error as botocore does, which knows its bodies and headers."""
    headers = {name.lower(): value for name, value in answer.headers.items()}
    read = {"status_code": answer.status, "headers": headers, "body": content}
    return create_parser("json").parse(read, NO_SHAPE)
