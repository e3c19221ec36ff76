from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from chat_only import ChatOnly
from virtual_time import VirtualClock

from autocloudops import aws
from autocloudops.clock import SystemClock
from autocloudops.diagnosis.endpoint import Completion, CompletionRequest, Message, ModelEndpoint
from autocloudops.entrypoints.wiring import open_model
from autocloudops.errors import ModelError, ModelRefused, ModelTimedOut, ModelUnavailable, SettingsInvalid
from autocloudops.inference.retry import RetryingEndpoint
from autocloudops.inference.sagemaker import SageMakerEndpoint
from autocloudops.sandbox.endpoint import RulesEngine, SimulatedEndpoint, cycle
from autocloudops.settings import ModelSettings

NAME = "contract-nim"
PROMPT = """<offered_actions>
investigate | low | A person looks.
</offered_actions>
<evidence id="E1" kind="alarm" source="test">
name: cpu
</evidence>"""


class Instant(SystemClock):
    """A clock that backs off without waiting."""

    async def sleep(self, seconds: float) -> None:
        assert seconds >= 0


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    """Whatever a test opens is closed after it."""
    async with AsyncExitStack() as opened:
        yield opened


async def endpoint_of(
    stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch, *misbehaviour: str | None
) -> tuple[SimulatedEndpoint, SageMakerEndpoint]:
    """Start a simulated endpoint that misbehaves in a cycle, and the adapter that talks to it."""
    simulated = SimulatedEndpoint(NAME, RulesEngine(), latency_seconds=0, schedule=cycle(*(misbehaviour or (None,))))
    await stack.enter_async_context(simulated)
    point_at(simulated.url, monkeypatch)
    return simulated, await adapter(stack, NAME)


def point_at(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the environment that an AWS client reads."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", url)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")


async def adapter(stack: AsyncExitStack, name: str, model: str = "simulated/rules") -> SageMakerEndpoint:
    """Return the adapter under test."""
    calls = aws.config(read_timeout_seconds=2)
    client = await stack.enter_async_context(aws.session().create_client("sagemaker-runtime", config=calls))
    return SageMakerEndpoint(client, name, model, SystemClock())


def question() -> CompletionRequest:
    """Return a question that the simulated model can read."""
    return CompletionRequest(
        messages=(Message(role="system", content="detailed thinking off"), Message(role="user", content=PROMPT)),
        json_schema={"type": "object"},
        max_tokens=400,
        correlation_id="inc-1",
    )


async def test_an_answer_arrives_whole(stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Content, finish reason, served model and token counts come from the NIM body."""
    simulated, endpoint = await endpoint_of(stack, monkeypatch)
    completion = await endpoint.complete(question())
    assert completion.content
    assert completion.finish_reason == "stop"
    assert completion.model == "simulated/rules"
    assert completion.prompt_tokens > 0
    assert completion.completion_tokens > 0
    assert completion.latency_seconds > 0
    assert simulated.stats.requests == 1


@pytest.mark.parametrize(
    ("misbehaviour", "error"),
    [
        ("throttled", ModelUnavailable),
        ("unavailable", ModelUnavailable),
        ("no_capacity", ModelUnavailable),
        ("model_error_500", ModelUnavailable),
        ("model_timed_out", ModelTimedOut),
        ("slow", ModelTimedOut),
    ],
)
async def test_a_failure_is_named_by_what_may_be_done(
    misbehaviour: str, error: type[ModelError], stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Throttles and server errors may pass; a time-out may still run on the GPU. Each is sent exactly once."""
    simulated, endpoint = await endpoint_of(stack, monkeypatch, misbehaviour)
    with pytest.raises(error) as raised:
        await endpoint.complete(question())
    assert type(raised.value) is error
    assert raised.value.endpoint == f"sagemaker://{NAME}"
    assert simulated.stats.requests == 1


async def test_a_refusal_is_permanent(stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that the model server refuses, and an endpoint that is not there, will be refused again."""
    await endpoint_of(stack, monkeypatch)
    with pytest.raises(ModelRefused, match="the model server answered 404"):
        await (await adapter(stack, NAME, model="another/model")).complete(question())
    with pytest.raises(ModelRefused, match="not found"):
        await (await adapter(stack, "nowhere")).complete(question())


async def test_nobody_listening_is_unavailable(stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused connection may pass."""
    async with AsyncExitStack() as short:
        simulated, _ = await endpoint_of(short, monkeypatch)
        url = simulated.url
    point_at(url, monkeypatch)
    with pytest.raises(ModelUnavailable):
        await (await adapter(stack, NAME)).complete(question())


async def test_what_may_pass_is_repeated(stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two throttles and then an answer is an answer."""
    simulated, endpoint = await endpoint_of(stack, monkeypatch, "throttled", "unavailable", None)
    completion = await RetryingEndpoint(endpoint, Instant(), attempts=4).complete(question())
    assert completion.content
    assert simulated.stats.requests == 3


async def test_attempts_are_bounded(stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the last attempt the error of the last attempt is raised."""
    simulated, endpoint = await endpoint_of(stack, monkeypatch, "throttled")
    with pytest.raises(ModelUnavailable):
        await RetryingEndpoint(endpoint, Instant(), attempts=3).complete(question())
    assert simulated.stats.requests == 3


@pytest.mark.parametrize("error", [ModelTimedOut("e", "late"), ModelRefused("e", "no")])
async def test_a_timeout_and_a_refusal_are_not_repeated(error: ModelError) -> None:
    """A request that may still run on the GPU, or that will be refused again, is not sent twice."""
    sent: list[CompletionRequest] = []

    class Failing(ChatOnly):
        name = "test://failing"

        async def complete(self, request: CompletionRequest) -> Completion:
            sent.append(request)
            raise error

    failing: ModelEndpoint = Failing()
    with pytest.raises(type(error)):
        await RetryingEndpoint(failing, VirtualClock(), attempts=4).complete(question())
    assert len(sent) == 1


async def test_an_unknown_url_is_refused_at_start(stack: AsyncExitStack) -> None:
    """A model URL that nothing serves is a setting to correct, and the message names the variable."""
    with pytest.raises(SettingsInvalid, match="AUTOCLOUDOPS_MODEL_ENDPOINT"):
        await open_model(stack, ModelSettings(endpoint="nim://x"), SystemClock())
