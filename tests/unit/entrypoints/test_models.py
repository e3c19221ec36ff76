import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from model_server import Event, ModelServer, Reply, chat, server_error

from autocloudops.clock import SystemClock
from autocloudops.diagnosis.endpoint import CompletionRequest, Message, ModelEndpoint
from autocloudops.entrypoints.asking import bounds_of
from autocloudops.entrypoints.endpoint_urls import endpoint_urls
from autocloudops.entrypoints.models import open_model
from autocloudops.environment import read
from autocloudops.errors import SettingsInvalid
from autocloudops.inference.dialects import MemoryDialects
from autocloudops.settings import ModelSettings

VARIABLE = "AUTOCLOUDOPS_MODEL_ENDPOINTS"


@pytest.fixture(autouse=True)
def _aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker runs in Ireland."""
    for name, value in (("REGION", "eu-west-1"), ("ACCESS_KEY_ID", "testing"), ("SECRET_ACCESS_KEY", "testing")):
        monkeypatch.setenv(f"AWS_{name}", value)


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    """Whatever a test opens is closed after it."""
    async with AsyncExitStack() as opened:
        yield opened


def question() -> CompletionRequest:
    """Return a small question."""
    return CompletionRequest(
        messages=(Message(role="user", content="Why?"),),
        json_schema={"type": "object"},
        max_tokens=40,
        correlation_id="decision-1",
    )


async def opened(stack: AsyncExitStack, *urls: str, **settings: object) -> ModelEndpoint:
    """Open endpoints as a worker does."""
    asked = ModelSettings.model_validate({"endpoints": urls, **settings})
    return await open_model(stack, asked, SystemClock(), MemoryDialects())


@pytest.mark.parametrize(
    "url",
    [
        "nim",
        "sagemaker://",
        "sagemaker:///nim",
        "sagemaker://nim/v1",
        "sagemaker://?region=eu-west-1",
        "sagemaker://nim?zone=b",
        "sagemaker://nim?region=eu-west-1&zone=b",
        "sagemaker://nim?Region=eu-west-1",
        "sagemaker://nim?reigon=eu-west-1",
        "sagemaker://nim?region=",
        "sagemaker://nim?region=eu-west-1&region=us-east-1",
        "sagemaker://nim#llm",
        "sagemaker://nim:443",
        "sagemaker://my_nim",
        "https://[models.example/v1",
        "https://models.example:port/v1",
        "http://models.example/v1",
        "https://models.example/v1?region=eu-west-1",
        "https://models.example/v1#fragment",
        "https://models.example/v1?key_secret=",
        "bedrock://nim",
        "arn:aws:sagemaker:eu-west-1:111122223333:endpoint/nim",
    ],
)
async def test_a_url_that_names_no_endpoint_is_refused(url: str, stack: AsyncExitStack) -> None:
    """A slip must not send data elsewhere: the start stops, names the variable and shows the forms that exist."""
    with pytest.raises(SettingsInvalid, match=VARIABLE) as raised:
        await opened(stack, url)
    assert "sagemaker://NAME" in raised.value.advice or "port" in raised.value.advice


@pytest.mark.parametrize(
    "url",
    [
        "https://user:hunter2@models.example/v1",
        "https://models.example/v1?api_key=hunter2",
        "https://models.example/v1#hunter2",
        "sagemaker://user:hunter2@nim",
        "https://user:hunter2",
    ],
)
async def test_a_credential_in_a_url_is_refused_and_not_repeated(url: str, stack: AsyncExitStack) -> None:
    """Keys belong in a secret: a URL with one is refused, and the message does not print it."""
    with pytest.raises(SettingsInvalid, match=VARIABLE) as raised:
        await opened(stack, url)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    "url", ["sagemaker://nim", "sagemaker://nim?component=llm&region=eu-west-1", "http://127.0.0.1:8000/v1"]
)
async def test_an_endpoint_is_opened_and_calls_itself_by_its_url(url: str, stack: AsyncExitStack) -> None:
    """The documented forms open; a server on this machine needs no policy."""
    assert (await opened(stack, url)).name == url


@pytest.mark.parametrize("url", ["sagemaker://nim?region=us-east-1", "https://models.example/v1"])
async def test_data_stays_in_its_region_unless_the_settings_say_otherwise(url: str, stack: AsyncExitStack) -> None:
    """Another region, or a hosted endpoint, is refused at the start, and opened once it is named."""
    with pytest.raises(SettingsInvalid, match="policy"):
        await opened(stack, "sagemaker://nim", url)
    allowed = await opened(stack, url, regions=("us-east-1",), hosts=("models.example",))
    assert allowed.name == url


def test_endpoints_are_read_as_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commas separate endpoints in the order in which they are asked; no endpoint at all is refused."""
    monkeypatch.setenv(VARIABLE, "sagemaker://first, sagemaker://second")
    assert read(ModelSettings).endpoints == ("sagemaker://first", "sagemaker://second")
    monkeypatch.setenv(VARIABLE, " ,")
    with pytest.raises(SettingsInvalid, match=VARIABLE):
        read(ModelSettings)


def test_an_answer_may_not_end_before_it_could_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    """A longest time below the time in which attempts start would be ignored in silence: it is refused."""
    monkeypatch.setenv(VARIABLE, "sagemaker://nim")
    monkeypatch.setenv("AUTOCLOUDOPS_MODEL_LONGEST_SECONDS", "30")
    with pytest.raises(SettingsInvalid, match=r"^AUTOCLOUDOPS_MODEL_LONGEST_SECONDS: .*decide_within_seconds"):
        read(ModelSettings)
    monkeypatch.setenv("AUTOCLOUDOPS_MODEL_DECIDE_WITHIN_SECONDS", "30")
    assert read(ModelSettings).longest_seconds == 30


async def test_an_endpoint_may_have_a_model_a_key_and_a_price_of_its_own(stack: AsyncExitStack) -> None:
    """What a URL says holds for that endpoint; keys and prices are no part of its name."""
    urls = (
        "sagemaker://nim?component=llm&model=meta/llama-3.1-8b-instruct&price_per_hour=2.61",
        "http://127.0.0.1:8000/v1?model=other&key_variable=OTHER_KEY&price_per_hour=0.5",
        "http://127.0.0.1:8001/v1/",
        "http://127.0.0.1:8002/v1?key_secret=arn:aws:secretsmanager:eu-west-1:111122223333:secret:nim-AbCdEf",
    )
    settings = ModelSettings.model_validate({"endpoints": urls, "price_per_hour": 1.5})
    first, second, third, fourth = endpoint_urls(urls)
    assert first.name == "sagemaker://nim?component=llm&model=meta/llama-3.1-8b-instruct"
    assert (second.name, second.root, second.model) == (
        "http://127.0.0.1:8000/v1?model=other",
        "http://127.0.0.1:8000/v1",
        "other",
    )
    assert (second.key_variable, third.key_variable, third.name) == ("OTHER_KEY", None, "http://127.0.0.1:8001/v1")
    assert (fourth.name, (fourth.key_secret or "")[-10:]) == ("http://127.0.0.1:8002/v1", "nim-AbCdEf")
    bounds = bounds_of(settings)
    assert [bounds.price_of(url.name) for url in (first, second, third)] == [2.61, 0.5, 1.5]
    assert (await open_model(stack, settings, SystemClock(), MemoryDialects())).name == first.name


async def test_each_endpoint_is_asked_for_its_own_model_with_its_own_key(
    stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first is ill: the second is asked under its name, model and key, and the record's price is its own."""
    monkeypatch.setenv("FIRST_KEY", "key-of-the-first")
    monkeypatch.setenv("SECOND_KEY", "key-of-the-second")
    async with ModelServer() as first, ModelServer() as second:
        first.script = lambda _: server_error(401, "bad key")
        second.script = lambda _: chat('{"word": "x"}')
        urls = (f"{first.url}/v1?key_variable=FIRST_KEY", f"{second.url}/v1?model=own&key_variable=SECOND_KEY")
        asked = await opened(stack, *urls, name="shared")
        answer = await asked.complete(question())
        assert answer.endpoint == f"{second.url}/v1?model=own"
        assert {seen.body["model"] for seen in first.seen} == {"shared"}
        assert {seen.headers["Authorization"] for seen in first.seen} == {"Bearer key-of-the-first"}
        assert {seen.body["model"] for seen in second.seen} == {"own"}
        assert {seen.headers["Authorization"] for seen in second.seen} == {"Bearer key-of-the-second"}


@pytest.mark.parametrize(
    "query",
    [
        "key_variable=A&key_secret=b",
        "key_variable=not-a-name",
        "key_variable=nv" + "api-" + "x" * 64,
        "key_secret=nv" + "api-" + "x" * 64,
        "api_key=hunter2",
        "model=a&model=b",
        "price_per_hour=free",
        "price_per_hour=0",
        "price_per_hour=inf",
        "region=eu-west-1",
        "component=llm",
    ],
)
async def test_a_url_that_says_too_much_is_refused_and_not_repeated(query: str, stack: AsyncExitStack) -> None:
    """A credential, a second word on the same matter, or one that no hosted endpoint has, stops the start."""
    with pytest.raises(SettingsInvalid, match=VARIABLE) as raised:
        await opened(stack, f"http://127.0.0.1:8000/v1?{query}")
    assert f"={query.partition('=')[2]}" not in str(raised.value)


async def test_one_key_is_sent_to_one_host_only(stack: AsyncExitStack) -> None:
    """A key that is set for all endpoints would give the secret of one host to another: each then names its own."""
    hosts = ("one.example", "two.example")
    own = "https://two.example/v1?key_variable=SECOND_KEY"
    with pytest.raises(SettingsInvalid, match=r"one\.example, two\.example"):
        await opened(stack, "https://one.example/v1", "https://two.example/v1", hosts=hosts, key_variable="A_KEY")
    for urls, settings in (
        (("https://one.example/v1", own), {"key_variable": "A_KEY"}),
        (("https://one.example/v1", "https://two.example/v1"), {}),
        (("https://one.example/v1", "https://one.example/v2", "sagemaker://nim"), {"key_variable": "A_KEY"}),
    ):
        assert (await opened(stack, *urls, hosts=hosts, **settings)).name == urls[0]


async def test_a_sagemaker_endpoint_has_no_key(stack: AsyncExitStack) -> None:
    """Its permission is the role's: a URL that names a key expects what will not happen."""
    with pytest.raises(SettingsInvalid, match=VARIABLE):
        await opened(stack, "sagemaker://nim?key_variable=NIM_KEY")


async def test_the_same_endpoint_twice_is_refused(stack: AsyncExitStack) -> None:
    """Two entries of one name would be one endpoint; two models behind one URL are two."""
    with pytest.raises(SettingsInvalid, match="twice"):
        await opened(stack, "sagemaker://nim", "sagemaker://nim?price_per_hour=2")
    assert (await opened(stack, "sagemaker://nim", "sagemaker://nim?model=other")).name == "sagemaker://nim"


async def test_what_runs_beside_questions_ends_with_the_stack() -> None:
    """Closing what a worker opened leaves neither task nor connection of the model endpoints."""
    async with ModelServer() as server:
        server.script = lambda _: Reply([Event.HANG])
        async with AsyncExitStack() as stack:
            asked = await opened(stack, f"{server.url}/v1")
            before = asyncio.all_tasks()
            asking = asyncio.create_task(asked.complete(question()))
            await server.until_in_flight(1)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            assert asyncio.all_tasks() - before
        await server.until_in_flight(0)
        assert not [task for task in asyncio.all_tasks() if "Dialect" in repr(task) or "probe of" in task.get_name()]


def test_a_ceiling_above_the_cut_needs_streaming(monkeypatch: pytest.MonkeyPatch) -> None:
    """SageMaker cuts a plain answer at 60 s: a higher ceiling would never be reached, and is refused by name."""
    monkeypatch.setenv(VARIABLE, "sagemaker://nim")
    for ceiling in ("60", "45"):
        monkeypatch.setenv("AUTOCLOUDOPS_MODEL_CEILING_SECONDS", ceiling)
        assert read(ModelSettings).ceiling_seconds == float(ceiling)
    monkeypatch.setenv("AUTOCLOUDOPS_MODEL_CEILING_SECONDS", "61")
    with pytest.raises(SettingsInvalid, match=r"^AUTOCLOUDOPS_MODEL_CEILING_SECONDS: .*60 s unless streaming"):
        read(ModelSettings)
    monkeypatch.setenv("AUTOCLOUDOPS_MODEL_STREAMING", "true")
    assert read(ModelSettings).ceiling_seconds == 61


def test_a_key_comes_from_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has to know which of two places wins: both together are refused."""
    monkeypatch.setenv(VARIABLE, "sagemaker://nim")
    monkeypatch.setenv("AUTOCLOUDOPS_MODEL_KEY_VARIABLE", "A_MODEL_KEY")
    assert read(ModelSettings).key_variable == "A_MODEL_KEY"
    monkeypatch.setenv("AUTOCLOUDOPS_MODEL_KEY_SECRET", "prod/nim")
    with pytest.raises(SettingsInvalid, match=r"^AUTOCLOUDOPS_MODEL_KEY_SECRET: .*not from both"):
        read(ModelSettings)
