import json

import pytest
from command_line import typed

from autocloudops.environment import variable_of
from autocloudops.settings import ROOMS


def rows(stdout: str) -> dict[str, dict[str, str]]:
    """Return the rows of JSON lines by variable."""
    return {row["variable"]: row for row in map(json.loads, stdout.splitlines())}


def test_every_setting_is_listed_with_what_it_is_for() -> None:
    """Each field of each room is one row with its variable, its default and a description."""
    listed = rows(typed("settings", "--output", "json").stdout)
    assert set(listed) == {variable_of(room, name) for room in ROOMS for name in room.model_fields}
    assert all(row["description"] for row in listed.values())
    assert listed["AUTOCLOUDOPS_QUEUE_WAIT_SECONDS"]["value"] == "10"


def test_a_setting_says_where_its_value_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set, default, missing and invalid values are told apart, and an invalid one says why."""
    monkeypatch.setenv("AUTOCLOUDOPS_QUEUE_CONCURRENCY", "many")
    monkeypatch.setenv("autocloudops_model_endpoints", "sagemaker://nim")
    listed = rows(typed("settings", "--output", "json").stdout)
    assert listed["AUTOCLOUDOPS_MODEL_ENDPOINTS"]["state"] == "set"
    assert listed["AUTOCLOUDOPS_MODEL_ENDPOINTS"]["value"] == "sagemaker://nim"
    assert listed["AUTOCLOUDOPS_MODEL_NAME"]["state"] == "default"
    assert listed["AUTOCLOUDOPS_QUEUE_URL"]["state"] == "missing"
    assert listed["AUTOCLOUDOPS_QUEUE_CONCURRENCY"]["state"] == "invalid"
    assert "valid integer" in listed["AUTOCLOUDOPS_QUEUE_CONCURRENCY"]["description"]


def test_no_setting_shows_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """A password inside a URL is left out of every form."""
    password = "correct-horse-battery"
    monkeypatch.setenv("AUTOCLOUDOPS_QUEUE_URL", f"https://worker:{password}@sqs.example/1/alarms")
    shown = [typed("settings", "--output", output).stdout for output in ("table", "json", "text")]
    assert not any(password in each for each in shown)
    assert all("sqs.example/1/alarms" in each for each in shown)


def test_the_table_has_a_heading_and_text_has_tabs() -> None:
    """People get a table, pipes get four columns between tabs."""
    assert typed("settings").stdout.splitlines()[0].split() == ["VARIABLE", "VALUE", "STATE", "DESCRIPTION"]
    text = typed("--output", "text", "settings").stdout.splitlines()
    assert {len(line.split("\t")) for line in text} == {4}
