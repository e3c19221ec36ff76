"""Accepted certificates, kept for a while: each is fetched once, however many messages wait for it."""

import asyncio
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING, Protocol

from autocloudops.alarms.signature import CertificateLocation
from autocloudops.clock import Clock

if TYPE_CHECKING:
    from autocloudops.authenticity.certificates import SigningCertificate

KEPT_SECONDS = 3600.0
"""A certificate's file never changes, its name being a digest. An hour bounds how long a withdrawn one still counts."""
KEPT_AT_MOST = 32


class CertificateFetcher(Protocol):
    """Whoever fetches a certificate's file. Raises `Refused` and `ServiceUnavailable`."""

    async def fetch(self, location: CertificateLocation) -> bytes:
        """Return the file at `location`."""
        ...


class CertificateCache:
    """Certificates by location: the 32 that were used last, each for an hour. Failures are not kept.

    Args:
        fetcher: fetches what is not here.
        clock: time for the hour.
    """

    def __init__(self, fetcher: CertificateFetcher, clock: Clock) -> None:
        self._fetcher = fetcher
        self._clock = clock
        self._kept: OrderedDict[str, tuple[SigningCertificate, float]] = OrderedDict()
        self._under_way: dict[str, asyncio.Task[SigningCertificate]] = {}

    async def get(self, location: CertificateLocation) -> "SigningCertificate":
        """Return the certificate of `location`; callers that come while it is fetched share that fetch.

        Raises:
            Refused: `certificate_refused`.
            ServiceUnavailable: it could not be fetched.
        """
        kept = self._kept.get(location.url)
        if kept is not None and self._clock.monotonic() < kept[1]:
            self._kept.move_to_end(location.url)
            return kept[0]
        fetch = self._under_way.get(location.url)
        if fetch is None:
            fetch = asyncio.create_task(self._fetched(location), name=f"fetch {location.url}")
            self._under_way[location.url] = fetch
            fetch.add_done_callback(partial(self._keep, location.url))
        return await asyncio.shield(fetch)

    async def _fetched(self, location: CertificateLocation) -> "SigningCertificate":
        from autocloudops.authenticity.certificates import signing_certificate  # noqa: PLC0415 - brings cryptography

        return signing_certificate(await self._fetcher.fetch(location), location)

    def _keep(self, url: str, fetch: asyncio.Task["SigningCertificate"]) -> None:
        del self._under_way[url]
        if fetch.cancelled() or fetch.exception() is not None:
            return
        self._kept[url] = (fetch.result(), self._clock.monotonic() + KEPT_SECONDS)
        self._kept.move_to_end(url)
        if len(self._kept) > KEPT_AT_MOST:
            self._kept.popitem(last=False)
