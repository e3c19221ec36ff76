"""One TLS context for all clients that trust the same certificates.

aiobotocore 3.9 reads the file of trusted certificates for each client, also for one of an http:// endpoint: as much
processor time as half of a client's opening, and 0.7 MB. A worker that reads evidence opens dozens of clients.
"""

import threading
from functools import cache
from ssl import SSLContext
from typing import Any

from aiobotocore import httpsession

Contexts = tuple[SSLContext, SSLContext | None]

_Session: Any = httpsession.AIOHTTPSession
_one_at_a_time = threading.Lock()


class SharedTls(_Session):  # type: ignore[misc] # the stubs leave out what is overridden here
    """aiobotocore's HTTP session, whose context others share unless it shows a certificate or goes through a proxy."""

    def _build_ssl_contexts(self, proxy_url: str | None) -> Contexts:
        if proxy_url or self._cert_file:
            built: Contexts = super()._build_ssl_contexts(proxy_url)
            return built
        with _one_at_a_time:
            return _trusting(self._verify)


@cache
def _trusting(verify: bool | str) -> Contexts:
    built: Contexts = _Session(verify=verify)._build_ssl_contexts(None)  # noqa: SLF001 - there is no other way to it
    return built
