"""A model server of the test's own making, and the adapters that talk to it over real HTTP."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiobotocore.session import AioSession
from model_server import ModelServer

from autocloudops import aws
from autocloudops.clock import SystemClock
from autocloudops.diagnosis.endpoint import CompletionRequest, Message
from autocloudops.inference.keys import KeyProvider
from autocloudops.inference.nim import NimOptions
from autocloudops.inference.openai import OpenAiEndpoint, open_session
from autocloudops.inference.sagemaker import SageMakerEndpoint, SageMakerOptions

CONNECTIONS = 3

OpenClient = Callable[[str, str], Awaitable[Any]]
OpenSageMaker = Callable[..., Awaitable[SageMakerEndpoint]]
OpenOpenAi = Callable[..., Awaitable[OpenAiEndpoint]]


@pytest.fixture(scope="session")
def aws_session() -> AioSession:
    """One session for all clients: it reads botocore's models once."""
    return aws.session()


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    """A running model server that a test scripts."""
    async with ModelServer() as running:
        yield running


@pytest.fixture
def open_client(stack: AsyncExitStack, aws_session: AioSession) -> OpenClient:
    """Opens a client of one AWS service at a URL; without TLS there are no certificates to read."""

    async def opened(service: str, url: str) -> Any:  # noqa: ANN401 - each service has its own client type
        context = aws_session.create_client(
            service,
            region_name="eu-west-1",
            endpoint_url=url,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
            verify=False,
            config=aws.config(read_timeout_seconds=5, connections=CONNECTIONS),
        )
        return await stack.enter_async_context(context)

    return opened


@pytest.fixture
def sagemaker(server: ModelServer, open_client: OpenClient) -> OpenSageMaker:
    """Opens a SageMaker adapter on the server, with a pool of three connections."""

    async def opened(**options: object) -> SageMakerEndpoint:
        client = await open_client("sagemaker-runtime", server.url)
        chosen = SageMakerOptions(**options)  # type: ignore[arg-type] # tests name options as production code does
        return SageMakerEndpoint(client, "contract-nim", "asked/model", SystemClock(), chosen)

    return opened


@pytest.fixture
def openai(server: ModelServer, stack: AsyncExitStack) -> OpenOpenAi:
    """Opens an OpenAI adapter on the server, with a pool of three connections."""

    async def opened(keys: KeyProvider | None = None, **options: object) -> OpenAiEndpoint:
        session = await stack.enter_async_context(open_session(CONNECTIONS))
        chosen = NimOptions(**options)  # type: ignore[arg-type] # tests name options as production code does
        return OpenAiEndpoint(session, f"{server.url}/v1", "asked/model", SystemClock(), keys, chosen)

    return opened


@pytest.fixture
def question() -> CompletionRequest:
    """A question that any server can read."""
    return CompletionRequest(
        messages=(Message(role="user", content="Why?"),),
        json_schema={"type": "object"},
        max_tokens=40,
        correlation_id="incident-1",
    )


@pytest.fixture
def adapters(sagemaker: OpenSageMaker, openai: OpenOpenAi) -> dict[str, OpenSageMaker | OpenOpenAi]:
    """Both openers by name, for promises that every adapter keeps."""
    return {"sagemaker": sagemaker, "openai": openai}
