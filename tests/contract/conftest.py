"""Two AWS emulators behind one fixture: an adapter that needs one emulator's habits fails on the other."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from threading import Lock
from typing import TYPE_CHECKING, cast

import pytest
from aiobotocore.config import AioConfig
from moto.server import ThreadedMotoServer

from autocloudops import aws
from autocloudops.sandbox import SandboxResources

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from types_aiobotocore_s3.client import S3Client
    from types_aiobotocore_sqs.client import SQSClient


@pytest.fixture(scope="session")
def ministack(embedded_aws: SandboxResources) -> str:
    """The URL of one ministack for the whole run."""
    return embedded_aws.endpoint_url


class SerialDynamoDb:
    """A WSGI application that lets one DynamoDB call through at a time.

    DynamoDB orders transactions; moto 5.2.5 runs them in threads without a lock, and then two that exclude each other
    may both win.
    """

    def __init__(self, application: "WSGIApplication") -> None:
        self._application = application
        self._turn = Lock()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> "Iterable[bytes]":
        if not str(environ.get("HTTP_X_AMZ_TARGET", "")).startswith("DynamoDB"):
            return self._application(environ, start_response)
        with self._turn:
            return self._application(environ, start_response)


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """The URL of one moto server for the whole run."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    assert server._server is not None
    server._server.app = SerialDynamoDb(server._server.app)
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def point_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Sets the environment that AWS clients read to one emulator."""

    def point(url: str) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        monkeypatch.setenv("AWS_REGION", "eu-west-1")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")

    return point


@pytest.fixture(params=["ministack", "moto"])
def emulator(request: pytest.FixtureRequest, point_at: Callable[[str], None]) -> str:
    """The URL of each emulator in turn, with the environment set to it."""
    url = str(request.getfixturevalue(request.param))
    point_at(url)
    return url


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    """Whatever a test opens is closed after it."""
    async with AsyncExitStack() as opened:
        yield opened


@pytest.fixture
async def s3(emulator: str, stack: AsyncExitStack) -> "S3Client":
    """An S3 client on the emulator."""
    client = await stack.enter_async_context(aws.session().create_client("s3", config=calls(emulator)))
    return cast("S3Client", client)


@pytest.fixture
async def sqs(emulator: str, stack: AsyncExitStack) -> "SQSClient":
    """An SQS client on the emulator."""
    client = await stack.enter_async_context(aws.session().create_client("sqs", config=calls(emulator)))
    return cast("SQSClient", client)


def calls(emulator: str) -> AioConfig:
    """Return a client configuration that fails fast."""
    assert emulator.startswith("http://127.0.0.1:")
    return aws.config(read_timeout_seconds=10)
