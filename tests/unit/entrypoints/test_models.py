from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from autocloudops.clock import SystemClock
from autocloudops.diagnosis.endpoint import ModelEndpoint
from autocloudops.entrypoints.models import open_model
from autocloudops.errors import SettingsInvalid
from autocloudops.inference.dialects import MemoryDialects
from autocloudops.settings import ModelSettings, read

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


def test_a_key_comes_from_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has to know which of two places wins: both together are refused."""
    monkeypatch.setenv(VARIABLE, "sagemaker://nim")
    monkeypatch.setenv("AUTOCLOUDOPS_MODEL_KEY_VARIABLE", "A_MODEL_KEY")
    assert read(ModelSettings).key_variable == "A_MODEL_KEY"
    monkeypatch.setenv("AUTOCLOUDOPS_MODEL_KEY_SECRET", "prod/nim")
    with pytest.raises(SettingsInvalid, match=r"^AUTOCLOUDOPS_MODEL_KEY_SECRET: .*not from both"):
        read(ModelSettings)
