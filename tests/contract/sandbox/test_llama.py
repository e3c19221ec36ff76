import asyncio
import importlib.util
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from autocloudops.cli.engines import SERVED_AS, EngineName
from autocloudops.diagnosis.model import Diagnosis
from autocloudops.diagnosis.schema import reply_schema
from autocloudops.errors import SandboxFailed
from autocloudops.sandbox.endpoint import RulesEngine, SimulatedEndpoint, llama
from autocloudops.sandbox.endpoint.llama import LlamaEngine, llama_engine
from autocloudops.sandbox.endpoint.wire import ChatRequest
from autocloudops.sandbox.foundation import client

absent = [package for package in llama.PACKAGES if importlib.util.find_spec(package) is None]
generating = pytest.mark.skipif(bool(absent), reason=f"the extra llama is not installed: no {', '.join(absent)}")
# Two busy cores read 100 tokens a second and generate 10.
PATIENCE_SECONDS = 60.0
ENDLESS_TOKENS = 12_000
ACTIONS = ["restart_service", "investigate"]
QUESTION = """Choose an action and cite evidence.
<offered_actions>
restart_service | low | Restarts the service.
investigate | low | A person looks.
</offered_actions>
<evidence id="E1" kind="alarm" source="test">
metric: CPUUtilization
</evidence>
Reply with the JSON object alone."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine() -> AsyncIterator[LlamaEngine]:
    """Load the model once for all tests here."""
    async with llama_engine() as running:
        yield running


def request(text: str, **fields: object) -> ChatRequest:
    """Return a short question at temperature 0."""
    asked = {"model": llama.MODEL, "messages": [{"role": "user", "content": text}], "temperature": 0, "max_tokens": 8}
    return ChatRequest.model_validate(asked | fields)


@generating
@pytest.mark.asyncio(loop_scope="module")
async def test_a_real_model_answers_the_schema_of_a_diagnosis_over_http(engine: LlamaEngine) -> None:
    """A question that asks InvokeEndpoint for a diagnosis gets one, and a model generated it."""
    named = {"name": "diagnosis", "strict": True, "schema": reply_schema(ACTIONS, ["E1"])}
    body = request(QUESTION, max_tokens=200).model_dump(include={"model", "messages", "max_tokens", "temperature"})
    body["response_format"] = {"type": "json_schema", "json_schema": named}
    async with (
        SimulatedEndpoint("llama-nim", engine, latency_seconds=0) as endpoint,
        client("sagemaker-runtime", endpoint.url) as runtime,
    ):
        answer = await runtime.invoke_endpoint(
            EndpointName=endpoint.name, ContentType="application/json", Body=json.dumps(body)
        )
        said = json.loads(await answer["Body"].read())
    assert (said["model"], said["choices"][0]["finish_reason"]) == ("simulated/llama-gemma3-270m", "stop")
    diagnosis = Diagnosis.model_validate_json(said["choices"][0]["message"]["content"])
    assert diagnosis.action in ACTIONS
    assert diagnosis.evidence_for == ("E1",)


@generating
@pytest.mark.asyncio(loop_scope="module")
async def test_generation_is_real_and_counted(engine: LlamaEngine) -> None:
    """Temperature 0 says the same twice, another question gets another answer, and `max_tokens` is in real tokens."""
    first, again = [await engine.answer(request("1, 2, 3, 4, 5,")) for _ in range(2)]
    other = await engine.answer(request("Monday, Tuesday, Wednesday,"))
    assert (first.content, first.completion_tokens) == (again.content, 8)
    assert first.finish_reason == "length"
    assert other.content != first.content
    assert (first.prompt_tokens or 0) > len("1, 2, 3, 4, 5,") / 2, "each digit and each comma is a token"


@generating
@pytest.mark.asyncio(loop_scope="module")
async def test_cancelling_stops_generation(engine: LlamaEngine) -> None:
    """The one place is free again at once when nobody waits any more, though thousands of tokens were to come."""
    running = asyncio.create_task(engine.answer(request("1, 2, 3, 4, 5,", max_tokens=ENDLESS_TOKENS)))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(running, timeout=2)
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert (await engine.answer(request("1, 2, 3,", max_tokens=1))).completion_tokens == 1


@generating
@pytest.mark.asyncio(loop_scope="module")
async def test_a_question_longer_than_the_context_is_refused(engine: LlamaEngine) -> None:
    """It fails by name; nothing is cut off in silence."""
    with pytest.raises(SandboxFailed, match="exceed"):
        await engine.answer(request("1 " * 20_000))


async def test_without_the_extra_the_advice_is_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has not installed the extra learns how."""
    monkeypatch.setattr(llama, "PACKAGES", ("no_such_package",))
    with pytest.raises(SandboxFailed, match=r"pip install '\.\[llama\]'"):
        async with llama_engine():
            pass


def test_people_read_the_name_that_is_served() -> None:
    """What the command line calls an engine is what the endpoint answers as."""
    assert {EngineName.RULES: RulesEngine.model, EngineName.LLAMA: LlamaEngine.model} == SERVED_AS
