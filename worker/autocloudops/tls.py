"""One TLS context for all clients that trust the same certificates.

aiobotocore 3.9 reads the file of trusted certificates for each client, also for one of an http:// endpoint: as much
processor time as half of a client's opening, and 0.7 MB. A worker that reads evidence opens dozens of clients.
"""

import threading
from functools import cache
from ssl import SSLContext
from typing import Any

from aiobotocore import httpsession

_Session: Any = httpsession.AIOHTTPSession
_one_at_a_time = threading.Lock()


class SharedTls(_Session):  # type: ignore[misc] # the stubs leave out what is overridden here
    """aiobotocore's HTTP session, whose context others share unless it shows a certificate or goes through a proxy."""

    def _build_ssl_contexts(self, proxy_url: str | None) -> tuple[SSLContext, SSLContext | None]:
        if proxy_url or self._cert_file:
            built: tuple[SSLContext, SSLContext | None] = super()._build_ssl_contexts(proxy_url)
            return built
        return trusting(self._verify), None


def trusting(verify: bool | str = True) -> SSLContext:
    """Return the context of all who trust the same certificates. It is read from a file: not for an event loop.

    Args:
        verify: a file of certificates in PEM, True for those that botocore brings, False to trust everybody.

    Raises:
        OSError: there is no such file, or it holds no certificate.
    """
    with _one_at_a_time:
        return _read(verify)


@cache
def _read(verify: bool | str) -> SSLContext:
    context: SSLContext = _Session(verify=verify)._build_ssl_contexts(None)[0]  # noqa: SLF001 - there is no other way
    return context
