"""Clients that trust the same certificates share one TLS context, and others do not."""

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aiobotocore import httpsession
from aiobotocore.config import AioConfig

from autocloudops import aws
from autocloudops.tls import SharedTls

AIOHTTPSession: Any = httpsession.AIOHTTPSession
PROXY = "http://proxy.example:3128"


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust what botocore brings, wherever the tests run."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


async def trusted(service: str, config: AioConfig | None = None) -> ssl.SSLContext:
    """Return the context with which a client of a new session connects."""
    async with aws.session().create_client(service, config=config) as client:
        http = client._endpoint.http_session
        connector = (await http._get_session(None)).connector
        context = connector._ssl
        assert isinstance(context, ssl.SSLContext)
        return context


async def test_clients_of_every_session_service_and_configuration_share_a_context() -> None:
    """The trusted certificates are read once, however a client was configured and how many open at the same time."""
    config = aws.config(read_timeout_seconds=1)
    first, *others = await asyncio.gather(trusted("sqs"), trusted("s3", config), trusted("dynamodb", config))
    assert all(other is first for other in others)


async def test_a_shared_context_trusts_what_a_client_of_its_own_would() -> None:
    """Certificates and host names are verified, against as many authorities as aiobotocore itself trusts."""
    shared, (own, _) = await trusted("sqs"), AIOHTTPSession()._build_ssl_contexts(None)
    assert shared is not own
    assert described(shared) == described(own)
    assert shared.verify_mode is ssl.CERT_REQUIRED
    assert shared.check_hostname


async def test_another_file_of_certificates_is_another_context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bundle of one's own, as AWS_CA_BUNDLE names it, is trusted alone, and only by clients that were told so."""
    usual = await trusted("sqs")
    authority, *_ = usual.get_ca_certs(binary_form=True)
    bundle = tmp_path / "own.pem"
    bundle.write_text(ssl.DER_cert_to_PEM_cert(authority), encoding="ascii")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
    assert (await trusted("sqs")).get_ca_certs(binary_form=True) == [authority]
    monkeypatch.delenv("AWS_CA_BUNDLE")
    assert await trusted("sqs") is usual


def test_a_proxy_has_contexts_of_its_own() -> None:
    """What a proxy's settings change in a context reaches no other client."""
    session = SharedTls(proxies={"https": PROXY})
    through, for_proxy = session._build_ssl_contexts(PROXY)
    direct, none = session._build_ssl_contexts(None)
    assert len({id(through), id(for_proxy), id(direct)}) == 3
    assert none is None


def test_a_client_certificate_is_shown_by_its_own_client_only(tmp_path: Path) -> None:
    """A certificate that cannot be loaded fails for the client that names it, and no other client shows it."""
    missing = tmp_path / "missing.pem"
    with pytest.raises(FileNotFoundError):
        SharedTls(client_cert=str(missing))._build_ssl_contexts(None)
    assert SharedTls()._build_ssl_contexts(None) == SharedTls()._build_ssl_contexts(None)


def described(context: ssl.SSLContext) -> Mapping[str, object]:
    """Return what a context accepts."""
    return {
        "authorities": context.cert_store_stats(),
        "options": context.options,
        "least": context.minimum_version,
        "ciphers": context.get_ciphers(),
    }
