import json
from collections.abc import Mapping
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import yaml
from command_line import typed

from autocloudops.catalogue import ACTIONS
from autocloudops.cli.program import ExitCode
from autocloudops.cli.runbooks.documents import folder, texts

TEXTS = texts(folder())


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A folder with a copy of every document, to be spoilt."""
    return Path(copytree(folder(), tmp_path / "runbooks"))


def rows(*arguments: str) -> list[Mapping[str, Any]]:
    """Return what a verb prints as JSON lines."""
    result = typed("runbooks", *arguments, "--output", "json")
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_list_shows_every_action_that_runs_something() -> None:
    """One row each, with what an operator decides by: risk, class, whether it is taken back, who chooses it."""
    found = {row["action"]: row for row in rows("list")}
    assert {*found} == {name for name, action in ACTIONS.items() if action.executes}
    assert found["scale_out_service"] == {
        "action": "scale_out_service",
        "runbook": "AutoCloudOps-ScaleOutService",
        "risk": "low",
        "class": "token",
        "reversible": "yes",
        "chosen by": "model",
        "target": "ecs:service",
    }
    assert (found["notify"]["chosen by"], found["notify"]["reversible"]) == ("people", "no")


def test_list_is_a_table_for_people() -> None:
    """Without an option the columns have names, and each action is a line."""
    lines = typed("runbooks", "list").stdout.splitlines()
    assert lines[0].split()[:2] == ["ACTION", "RUNBOOK"]
    assert len(lines) == 1 + len([action for action in ACTIONS.values() if action.executes])


@pytest.mark.parametrize("name", ["clean_logs", "AutoCloudOps-CleanLogs"])
def test_show_says_exactly_what_is_run(name: str) -> None:
    """Every step with its inputs, every parameter, what the role may do, and the undo; nothing summed up."""
    said = typed("runbooks", "show", name).stdout
    document = yaml.safe_load(TEXTS["AutoCloudOps-CleanLogs"])
    for step in document["mainSteps"]:
        assert f"  {step['name']}: {step['action']}" in said
    for parameter in document["parameters"]:
        assert f"  {parameter} (" in said
    assert "find '{{ Path }}' -xdev -type f" in said
    assert f"undo: {ACTIONS['clean_logs'].undo}" in said
    assert "ssm:SendCommand on arn:${AWS::Partition}:ec2:*:${AWS::AccountId}:instance/* with the tag" in said


def test_show_as_json_is_the_document() -> None:
    """A program reads the document as it is sent to SSM, with what the catalogue knows of it."""
    shown = json.loads(typed("runbooks", "show", "scale_out_group", "--output", "json").stdout)
    written = yaml.safe_load(TEXTS["AutoCloudOps-ScaleOutGroup"])
    assert [step["inputs"] for step in shown["document"]["mainSteps"]] == [
        step["inputs"] for step in written["mainSteps"]
    ]
    assert {*shown["document"]["parameters"]} == {*written["parameters"]}
    assert shown["undo"] == ACTIONS["scale_out_group"].undo
    assert "autoscaling:SetDesiredCapacity" in str(shown["role"])


@pytest.mark.parametrize("verb", ["show", "test"])
def test_unknown_name_is_a_slip(verb: str) -> None:
    """A name that no action has is answered with those that there are."""
    result = typed("runbooks", verb, "terminate_everything")
    assert result.exit_code == ExitCode.USAGE
    assert "'terminate_everything' is no " in result.stderr
    assert "otify" in result.stderr


@pytest.mark.parametrize("arguments", [(), ("clean_logs",), ("AutoCloudOps-Notify",)])
def test_right_runbooks_pass(arguments: tuple[str, ...]) -> None:
    """What is shipped is right: no row, exit 0, and how many were looked at."""
    result = typed("runbooks", "test", *arguments, "--output", "json")
    assert (result.exit_code, result.stdout) == (ExitCode.OK, "")
    assert result.stderr.startswith(f"{1 if arguments else len(TEXTS)} runbooks are right")


def test_a_wrong_runbook_fails_the_check(copied: Path) -> None:
    """One wrong letter in an API's input is found, named with its place, and the exit code is 1."""
    spoilt = copied / "AutoCloudOps-RestartService.yaml"
    spoilt.write_text(spoilt.read_text().replace("forceNewDeployment", "forceNewDeployments"))
    result = typed("runbooks", "test", "--folder", str(copied), "--output", "json")
    assert result.exit_code == ExitCode.CHECK_FAILED
    (row,) = [json.loads(line) for line in result.stdout.splitlines()]
    assert (row["runbook"], row["where"]) == ("AutoCloudOps-RestartService", "restart")
    assert "forceNewDeployments" in row["problem"]


def test_only_the_named_runbook_is_checked(copied: Path) -> None:
    """What is wrong elsewhere does not fail the check of one runbook."""
    (copied / "AutoCloudOps-Notify.yaml").write_text("a: [")
    assert typed("runbooks", "test", "clean_logs", "--folder", str(copied)).exit_code == ExitCode.OK
    assert typed("runbooks", "test", "notify", "--folder", str(copied)).exit_code == ExitCode.CHECK_FAILED


def test_an_empty_folder_is_said(tmp_path: Path) -> None:
    """A folder without documents is an error of whoever named it."""
    (tmp_path / "none").mkdir()
    result = typed("runbooks", "test", "--folder", str(tmp_path / "none"))
    assert result.exit_code == ExitCode.USAGE
    assert "there is no runbook" in result.stderr
