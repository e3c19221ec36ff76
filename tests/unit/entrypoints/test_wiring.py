from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from autocloudops.audit.objects import FolderObjects, S3Objects
from autocloudops.entrypoints import wiring
from autocloudops.environment import read
from autocloudops.errors import SettingsInvalid
from autocloudops.settings import (
    AuditSettings,
    IncidentSettings,
    LogSettings,
    ModelSettings,
    NotifySettings,
    QueueSettings,
    SafetySettings,
    Settings,
    SnsSettings,
)


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    """Whatever a test opens is closed after it."""
    async with AsyncExitStack() as opened:
        yield opened


@pytest.fixture
def aws_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """An AWS configuration that is enough to open clients, and calls nobody."""
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")


@pytest.mark.parametrize(
    ("room", "variable", "value"),
    [
        (QueueSettings, "AUTOCLOUDOPS_QUEUE_WAIT_SECONDS", "21"),
        (QueueSettings, "AUTOCLOUDOPS_QUEUE_CONCURRENCY", "many"),
        (QueueSettings, "AUTOCLOUDOPS_QUEUE_DLQ_URL", "QUEUE_URL"),
        (QueueSettings, "AUTOCLOUDOPS_QUEUE_DLQ_URL", "https://sqs.eu-west-1.amazonaws.com/111122223333/dlq.fifo"),
        (SnsSettings, "AUTOCLOUDOPS_SNS_SIGNATURES", "sometimes"),
        (ModelSettings, "AUTOCLOUDOPS_MODEL_DECIDE_WITHIN_SECONDS", "601"),
        (IncidentSettings, "AUTOCLOUDOPS_INCIDENT_QUIET_SECONDS", "0"),
        (AuditSettings, "AUTOCLOUDOPS_AUDIT_BATCH_RECORDS", "0"),
        (SafetySettings, "AUTOCLOUDOPS_SAFETY_MODE", "activ"),
        (SafetySettings, "AUTOCLOUDOPS_SAFETY_MIN_CONFIDENCE", "6"),
        (LogSettings, "AUTOCLOUDOPS_LOG_LEVEL", "chatty"),
    ],
)
def test_a_wrong_value_is_refused_by_its_variable(
    room: type[Settings], variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever set it wrong reads which variable it was, on one line, with what it is for."""
    for required in ("QUEUE_URL", "QUEUE_DLQ_URL", "MODEL_ENDPOINTS", "AUDIT_LOCATION"):
        monkeypatch.setenv(f"AUTOCLOUDOPS_{required}", required)
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsInvalid, match=f"^{variable}: ") as raised:
        read(room)
    assert raised.value.advice.startswith("change it (")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("room", "variable"),
    [
        (QueueSettings, "AUTOCLOUDOPS_QUEUE_URL"),
        (ModelSettings, "AUTOCLOUDOPS_MODEL_ENDPOINTS"),
        (AuditSettings, "AUTOCLOUDOPS_AUDIT_LOCATION"),
        (NotifySettings, "AUTOCLOUDOPS_NOTIFY_TOPIC_ARN"),
    ],
)
def test_a_missing_setting_is_named(room: type[Settings], variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has no default is asked for by the name of its variable."""
    monkeypatch.delenv(variable, raising=False)
    with pytest.raises(SettingsInvalid, match=f"^{variable}: it is not set"):
        read(room)


@pytest.mark.usefixtures("aws_settings")
async def test_the_audit_is_a_folder_or_a_bucket(stack: AsyncExitStack, tmp_path: Path) -> None:
    """A location's form says what it is, and a bucket's prefix ends in exactly one slash."""
    folder = await wiring.open_audit(stack, str(tmp_path))
    assert isinstance(folder, FolderObjects)
    for location in ("s3://records/team", "s3://records/team/"):
        bucket = await wiring.open_audit(stack, location)
        assert isinstance(bucket, S3Objects)
        assert (bucket.location, bucket._prefix) == ("s3://records/team", "team/")


async def test_a_client_without_a_region_says_what_to_set(
    stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A worker outside AWS that was not told its region hears which variable it lacks."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(SettingsInvalid, match="AWS_REGION"):
        await wiring.open_notifier(stack, NotifySettings(topic_arn="arn:aws:sns:eu-west-1:111122223333:decisions"))


def test_windows_are_the_settings_in_time() -> None:
    """Seconds become durations, each in its own window."""
    windows = wiring.windows_of(IncidentSettings(join_seconds=600, quiet_seconds=2, batch_seconds=5))
    assert (windows.join, windows.quiet, windows.batch) == (
        timedelta(seconds=600),
        timedelta(seconds=2),
        timedelta(seconds=5),
    )
