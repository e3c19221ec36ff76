from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from botocore.exceptions import ClientError
from model_server import ModelServer, Reply

from autocloudops.entrypoints.preflight import Finding, State, examine
from autocloudops.entrypoints.preflight.clients import Clients
from autocloudops.entrypoints.preflight.model import model_checks
from autocloudops.settings import ModelSettings


class Runtime(Clients):
    """A sagemaker-runtime client that answers every question alike."""

    def __init__(self, code: str, message: str, status: int = 0) -> None:
        super().__init__(AsyncExitStack())
        self._answer: dict[str, Any] = {"Error": {"Code": code, "Message": message}}
        if status:
            self._answer |= {"OriginalStatusCode": status, "OriginalMessage": message}
        self.bodies: list[bytes] = []

    async def get(self, service: str, region: str | None = None) -> Any:  # noqa: ANN401, ARG002 - as its parent
        return self

    async def invoke_endpoint(self, **asked: Any) -> None:  # noqa: ANN401 - a stand-in for the SDK
        self.bodies.append(asked["Body"])
        raise ClientError(self._answer, "InvokeEndpoint")  # type: ignore[arg-type]  # fields of ModelError


async def asked(clients: Clients, **settings: Any) -> Finding:  # noqa: ANN401 - any setting
    """Return what asking the model finds."""
    checks = [each for each in model_checks(clients, ModelSettings(**settings)) if each.name == "ask the model"]
    (finding,) = await examine(checks, lambda _: None)
    return finding


@pytest.mark.parametrize(
    ("answer", "state", "said"),
    [
        (("ModelError", '{"message": "model: Field required"}', 400), State.OK, "it answers"),
        (("ModelError", '{"detail": "Field required"}', 422), State.OK, "it answers"),
        (("ModelError", "the engine died", 500), State.UNKNOWN, "the engine died"),
        (("AccessDeniedException", "not authorized"), State.FAILED, "AccessDeniedException"),
        (("ValidationError", "Endpoint nim of account 1 not found."), State.FAILED, "not found"),
        (("ValidationError", "nim has no capacity to process your request"), State.UNKNOWN, "no capacity"),
    ],
)
async def test_an_endpoint_is_asked_an_empty_question(answer: tuple[Any, ...], state: State, said: str) -> None:
    """A refusal of the empty body proves name, permission and a living server; no token is generated for it."""
    runtime = Runtime(*answer)
    finding = await asked(runtime, endpoints=["sagemaker://nim"])
    assert (finding.state, said in finding.said, runtime.bodies) == (state, True, [b"{}"])


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    """A model server on loopback."""
    async with ModelServer() as server:
        yield server


@pytest.mark.parametrize(
    ("status", "state"),
    [(400, State.OK), (422, State.OK), (401, State.FAILED), (404, State.FAILED), (503, State.UNKNOWN)],
)
async def test_an_https_endpoint_is_asked_with_its_key(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch, status: int, state: State
) -> None:
    """A wrong key or path is told from a server that has trouble; the key goes in the header and nowhere else."""
    monkeypatch.setenv("NIM_KEY", "planted-key")
    server.script = lambda _: Reply((b'{"error": {"message": "planted-key is odd"}}',), status=status)
    async with AsyncExitStack() as stack:
        finding = await asked(Clients(stack), endpoints=[f"{server.url}/v1"], key_variable="NIM_KEY")
    assert finding.state is state
    assert server.seen[0].headers["Authorization"] == "Bearer planted-key"
    assert "planted-key" not in f"{finding.said} {finding.fix}"
    assert len(server.seen) == 1


async def test_a_key_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty variable is said by its name before anybody is asked."""
    monkeypatch.delenv("NIM_KEY", raising=False)
    async with AsyncExitStack() as stack:
        finding = await asked(Clients(stack), endpoints=["http://127.0.0.1:9/v1"], key_variable="NIM_KEY")
    assert (finding.state, finding.said) == (State.FAILED, "NIM_KEY holds no key")
