import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from command_line import typed

from autocloudops.sandbox.samples import load

SAMPLES: Mapping[str, str] = {sample.name: sample.body for sample in load(datetime.now(UTC))}
STORM = [body for name, body in SAMPLES.items() if name.startswith("storm-task-cpu")]


def test_an_alarm_becomes_a_dry_run_with_its_story() -> None:
    """One firing alarm is asked about, decided as a dry run, and told as people are told, under the stand-in's name."""
    result = typed("decide", "-", "--simulated", piped=SAMPLES["storm-service-cpu"])
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "DRY RUN (would need approval): shop/checkout (ecs:service) acct 111122223333 eu-west-1"
    assert any(line.startswith("PROPOSED Scale the service out") for line in lines)
    assert any(line.startswith("MODEL    simulated/rules at sagemaker://simulated-nim") for line in lines)
    assert "No real model is asked" in result.stderr


def test_nothing_stays_and_nothing_points_to_an_audit(tmp_path: Path) -> None:
    """A decision for the asking leaves no file and refers to no record."""
    result = typed("decide", "-", "--simulated", piped=SAMPLES["storm-service-cpu"])
    assert "audit show" not in result.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_read_like_standard_input(tmp_path: Path) -> None:
    """The message may be a file, with a byte order mark or without."""
    file = tmp_path / "alarm.json"
    file.write_text(SAMPLES["storm-service-cpu"], encoding="utf-8-sig")
    assert typed("decide", str(file), "--simulated").stdout.startswith("DRY RUN (would need approval): shop/checkout")


def test_alarms_of_one_owner_are_one_question() -> None:
    """Several alarms of one owner in one message are one incident, another owner's is its own."""
    body = "[" + ",".join([*STORM, SAMPLES["database-connections"]]) + "]"
    answer = json.loads(typed("decide", "-", "--simulated", "--output", "json", piped=body).stdout)
    counts = {each["resource"]["owner"]: each["alarm_count"] for each in answer["decisions"]}
    assert counts == {"ecs-service/shop/checkout": len(STORM), "rds-db-instance/orders-primary": 1}
    assert {each["use"]["requests"] for each in answer["decisions"]} == {1}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ok-closing-alarm", "OK catalog-replica-lag at "),
        ("insufficient-new-alarm", "INSUFFICIENT_DATA "),
        ("context-deployment", "EVENT aws.ecs ECS Deployment State Change of 111122223333 eu-west-1"),
    ],
)
def test_what_nobody_is_asked_about_is_explained(name: str, said: str) -> None:
    """A message without a firing alarm needs no model and no setting: one line says why nothing is decided."""
    result = typed("decide", "-", piped=SAMPLES[name])
    assert result.exit_code == 0
    (line,) = result.stdout.splitlines()
    assert line.startswith(said)
    assert line.endswith("nothing to decide")


def test_an_alarm_that_is_over_is_explained() -> None:
    """An ALARM behind its own later OK opens nothing, and a line says so."""
    body = "[" + SAMPLES["ok-before-its-alarm"] + "," + SAMPLES["ok-late-alarm"] + "]"
    result = typed("decide", "-", "--simulated", piped=body)
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["OK", "ALARM"]
    assert result.stdout.splitlines()[1].endswith("over already")


@pytest.mark.parametrize("name", ["malformed-truncated", "malformed-no-name", "malformed-unknown-region"])
def test_an_unreadable_message_fails_the_check(name: str) -> None:
    """A body that no shape accepts exits with 1 and says what the worker would do with it."""
    result = typed("decide", "-", piped=SAMPLES[name])
    assert result.exit_code == 1
    assert result.stdout.startswith("UNREADABLE (")
    assert "dead-letter queue" in result.stdout


def test_terminal_escapes_in_a_name_are_not_printed() -> None:
    """Text from outside cannot move the cursor of whoever reads it."""
    body = SAMPLES["ok-closing-alarm"].replace("catalog-replica-lag", "catalog\\u001b[2J-lag")
    assert "\x1b" not in typed("decide", "-", piped=body).stdout


def test_without_an_endpoint_the_setting_is_named() -> None:
    """A missing model endpoint is a configuration error that names its variable."""
    result = typed("decide", "-", piped=SAMPLES["storm-service-cpu"])
    assert result.exit_code == 253
    (line,) = result.stderr.splitlines()
    assert "AUTOCLOUDOPS_MODEL_ENDPOINTS" in line


def test_without_a_region_the_configuration_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the AWS SDK lacks is a configuration error too."""
    monkeypatch.setenv("AUTOCLOUDOPS_MODEL_ENDPOINTS", "sagemaker://nim")
    result = typed("decide", "-", piped=SAMPLES["storm-service-cpu"])
    assert result.exit_code == 253
    assert "AWS_REGION" in result.stderr


def test_a_model_that_does_not_answer_is_a_service_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The decision is still told, as manual, and the exit code says that the model gave no answer."""
    monkeypatch.setenv("AUTOCLOUDOPS_MODEL_ENDPOINTS", "sagemaker://nim?region=eu-west-1")
    monkeypatch.setenv("AUTOCLOUDOPS_MODEL_DECIDE_WITHIN_SECONDS", "0.1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    result = typed("decide", "-", piped=SAMPLES["storm-service-cpu"])
    assert result.exit_code == 254
    assert result.stdout.startswith("MANUAL: shop/checkout")
    assert result.stderr.startswith("autocloudops: the model gave no answer: sagemaker://nim")


@pytest.mark.parametrize(
    ("content", "said"), [(None, "No such file or directory"), (b"\xff\xfe", "it is no UTF-8 text")]
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None, said: str) -> None:
    """A missing or binary file is told in one line with what to do instead."""
    file = tmp_path / "alarm.json"
    if content is not None:
        file.write_bytes(content)
    result = typed("decide", str(file), "--simulated")
    assert result.exit_code == 252
    assert (
        result.stderr == f"autocloudops: {file}: {said}: name a file that holds one message, or - for standard input\n"
    )
