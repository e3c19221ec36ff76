"""The one thing that is ever fetched: a signing certificate, from the host that its topic says."""

from collections.abc import Callable

import aiohttp

from autocloudops.alarms.load import Refused
from autocloudops.alarms.signature import CertificateLocation
from autocloudops.errors import ServiceUnavailable

MAX_CERTIFICATE_BYTES = 16 * 1024
"""Real ones have two kilobytes."""
FETCH_SECONDS = 5.0
_CHUNK_BYTES = 4096
_OK = 200
_SERVER_ERRORS = 500
_MAY_PASS = frozenset({408, 429})


class HttpsFetcher:
    """Fetches certificates over https: no redirect, no proxy, no cookie, at most 16 KiB and 5 seconds.

    Args:
        connect: makes the connector of one fetch; a certificate is fetched once an hour, so nothing is kept open.
    """

    def __init__(self, connect: Callable[[], aiohttp.TCPConnector] = aiohttp.TCPConnector) -> None:
        self._connect = connect

    async def fetch(self, location: CertificateLocation) -> bytes:
        """Return the file at `location`.

        Raises:
            Refused: `certificate_refused`; the host has no such file, sends elsewhere, or sends too much.
            ServiceUnavailable: the host cannot be reached, is not who it should be, or fails.
        """
        try:
            async with (
                aiohttp.ClientSession(
                    connector=self._connect(),
                    timeout=aiohttp.ClientTimeout(total=FETCH_SECONDS),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    auto_decompress=False,
                ) as session,
                session.get(location.url, allow_redirects=False) as response,
            ):
                _require_success(response.status, location)
                return await _bounded(response.content, location)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _unavailable(location, str(error) or type(error).__name__) from error


def _require_success(status: int, location: CertificateLocation) -> None:
    if status >= _SERVER_ERRORS or status in _MAY_PASS:
        raise _unavailable(location, f"it answered {status}")
    if status != _OK:
        raise Refused("certificate_refused", f"{location.url} answered {status}")


async def _bounded(content: aiohttp.StreamReader, location: CertificateLocation) -> bytes:
    received = bytearray()
    async for chunk in content.iter_chunked(_CHUNK_BYTES):
        received += chunk
        if len(received) > MAX_CERTIFICATE_BYTES:
            raise Refused("certificate_refused", f"{location.url} is larger than {MAX_CERTIFICATE_BYTES} bytes")
    return bytes(received)


def _unavailable(location: CertificateLocation, said: str) -> ServiceUnavailable:
    return ServiceUnavailable("GET", location.url, said)
