import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sns_messages import CERTIFICATE_URL, FILE, HOST, TOPIC, certificate, envelope, key, sign
from virtual_time import START

from autocloudops.alarms.load import Refused
from autocloudops.alarms.signature import CertificateLocation, certificate_location, signed, topic_of
from autocloudops.alarms.wire.read import fold
from autocloudops.authenticity.certificates import signing_certificate
from autocloudops.authenticity.fetching import MAX_CERTIFICATE_BYTES, HttpsFetcher
from autocloudops.errors import ServiceUnavailable

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
LOOPBACK = "127.0.0.1"


class LoopbackResolver(AbstractResolver):
    """Says that SNS's endpoint, and nothing else, is on a port of this machine. The URL stays as it is."""

    def __init__(self, port: int) -> None:
        self.asked: list[str] = []
        self._port = port

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        if (host, port) != (HOST, 443):
            raise OSError(f"{host}:{port} is not SNS")
        return [
            ResolveResult(hostname=host, host=LOOPBACK, port=self._port, family=family, proto=0, flags=0),
        ]

    async def close(self) -> None:
        """Nothing is held."""


class Endpoint:
    """SNS's endpoint on loopback, under TLS, and the fetcher that is led to it.

    Args:
        port: where it listens.
        trusted: the certificate that the fetcher trusts for TLS.
    """

    def __init__(self, port: int, trusted: bytes) -> None:
        self.requests: list[web.Request] = []
        self.resolver = LoopbackResolver(port)
        self._tls = ssl.create_default_context(cadata=trusted.decode())

    @property
    def fetcher(self) -> HttpsFetcher:
        return HttpsFetcher(lambda: aiohttp.TCPConnector(resolver=self.resolver, ssl=self._tls, use_dns_cache=False))


def location() -> CertificateLocation:
    """Return where our topic's certificate is."""
    topic = topic_of(TOPIC)
    assert topic is not None
    return certificate_location(CERTIFICATE_URL, topic)


@asynccontextmanager
async def serving(handler: Handler, folder: Path, host: str = HOST) -> AsyncIterator[Endpoint]:
    """Serve `handler` on loopback under a TLS certificate for `host`."""
    identity = certificate((host,))
    private = key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "identity.pem").write_bytes(private + identity)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "identity.pem")

    async def recorded(request: web.BaseRequest) -> web.StreamResponse:
        assert isinstance(request, web.Request)
        endpoint.requests.append(request)
        return await handler(request)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", recorded)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, LOOPBACK, 0, ssl_context=tls)
    await site.start()
    endpoint = Endpoint(runner.addresses[0][1], identity)
    try:
        yield endpoint
    finally:
        await runner.cleanup()


async def the_certificate(request: web.Request) -> web.StreamResponse:
    """Answer as SNS does."""
    assert request.path == f"/{FILE}"
    return web.Response(body=certificate(), content_type="application/x-pem-file")


def answering(status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> Handler:
    """Return a handler that gives one answer."""

    async def handler(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, body=body, headers=headers)

    return handler


async def test_a_certificate_is_fetched_over_tls_and_verifies(tmp_path: Path) -> None:
    """The accepted URL is asked as it stands, at the pinned host, and what comes back verifies a message."""
    async with serving(the_certificate, tmp_path) as endpoint:
        pem = await endpoint.fetcher.fetch(location())
    topic = topic_of(TOPIC)
    assert topic is not None
    signing_certificate(pem, location()).verify(signed(fold(sign(envelope())), topic), START)
    assert endpoint.resolver.asked == [HOST]
    (request,) = endpoint.requests
    assert (request.method, request.host, request.path_qs) == ("GET", HOST, f"/{FILE}")
    assert "Cookie" not in request.headers
    assert "Authorization" not in request.headers


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(status: int, tmp_path: Path) -> None:
    """A host that sends elsewhere is asked once, and elsewhere is never asked, not even on the same host."""
    handler = answering(status, headers={"Location": f"https://{HOST}/elsewhere.pem"})
    async with serving(handler, tmp_path) as endpoint:
        with pytest.raises(Refused) as refused:
            await endpoint.fetcher.fetch(location())
    assert refused.value.code == "certificate_refused"
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize("status", [204, 400, 403, 404, 410])
async def test_a_file_that_is_not_there_is_refused(status: int, tmp_path: Path) -> None:
    """The host's own no is final: a made-up file name does not keep its message coming back."""
    async with serving(answering(status), tmp_path) as endpoint:
        with pytest.raises(Refused, match=str(status)):
            await endpoint.fetcher.fetch(location())


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
async def test_a_host_that_fails_is_unavailable(status: int, tmp_path: Path) -> None:
    """A failure of the host may pass, and names the certificate that was asked for."""
    async with serving(answering(status), tmp_path) as endpoint:
        with pytest.raises(ServiceUnavailable, match=str(status)) as raised:
            await endpoint.fetcher.fetch(location())
    assert raised.value.target == CERTIFICATE_URL


async def test_a_large_answer_is_cut_off(tmp_path: Path) -> None:
    """Neither a declared nor an endless body is read beyond its bound."""
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"-" * MAX_CERTIFICATE_BYTES)
            sent += MAX_CERTIFICATE_BYTES

    async with serving(endless, tmp_path) as endpoint:
        with pytest.raises(Refused, match="larger than"):
            await endpoint.fetcher.fetch(location())
    assert MAX_CERTIFICATE_BYTES <= sent < 1000 * MAX_CERTIFICATE_BYTES


async def test_a_compressed_answer_is_not_unpacked(tmp_path: Path) -> None:
    """A small body cannot become a large one: what is fetched is taken as it was sent."""
    handler = answering(200, b"not really gzip", {"Content-Encoding": "gzip"})
    async with serving(handler, tmp_path) as endpoint:
        assert await endpoint.fetcher.fetch(location()) == b"not really gzip"


async def test_a_silent_host_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that accepts and says nothing is given up after a bounded time."""
    monkeypatch.setattr("autocloudops.authenticity.fetching.FETCH_SECONDS", 0.2)
    with socket.create_server((LOOPBACK, 0)) as listener:
        endpoint = Endpoint(listener.getsockname()[1], certificate((HOST,)))
        with pytest.raises(ServiceUnavailable):
            await endpoint.fetcher.fetch(location())


async def test_another_host_with_a_trusted_certificate_is_not_sns(tmp_path: Path) -> None:
    """Whoever answers at the address must prove by TLS to be the pinned host; nothing is sent to anybody else."""
    async with serving(the_certificate, tmp_path, host="s3.eu-west-1.amazonaws.com") as endpoint:
        with pytest.raises(ServiceUnavailable):
            await endpoint.fetcher.fetch(location())
    assert endpoint.requests == []


async def test_an_untrusted_certificate_is_not_sns(tmp_path: Path) -> None:
    """A self-made TLS certificate for the right name is not believed."""
    async with serving(the_certificate, tmp_path) as endpoint:
        fetcher = HttpsFetcher(lambda: aiohttp.TCPConnector(resolver=endpoint.resolver))
        with pytest.raises(ServiceUnavailable):
            await fetcher.fetch(location())
    assert endpoint.requests == []


async def test_nobody_listening_is_unavailable() -> None:
    """A refused connection may pass."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ServiceUnavailable):
        await Endpoint(port, certificate((HOST,))).fetcher.fetch(location())
