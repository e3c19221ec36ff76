import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result
from word_vectors import runbook

from autocloudops.cli.knowledge import knowledge
from autocloudops.cli.output import Output
from autocloudops.cli.program import ExitCode
from autocloudops.errors import InputUnreadable, SettingsInvalid

ALARM = {
    "AlarmName": "orders-age",
    "AlarmArn": "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:orders-age",
    "StateValue": "ALARM",
    "StateReason": "Threshold Crossed: messages are old",
    "StateUpdatedTimestamp": "2026-03-01T12:00:00.000Z",
    "Namespace": "AWS/SQS",
    "MetricName": "ApproximateAgeOfOldestMessage",
    "Dimensions": [{"Name": "QueueName", "Value": "orders"}],
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 1.0,
    "ComparisonOperator": "GreaterThanThreshold",
}


def typed(*arguments: str) -> Result:
    """Run one command line of `knowledge`, with results as JSON."""
    return CliRunner().invoke(knowledge, arguments, obj=Output.JSON, prog_name="knowledge", standalone_mode=False)


def rows(result: Result) -> list[dict[str, Any]]:
    """Return what was printed."""
    assert result.exception is None, result.exception
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that the settings name as library."""
    monkeypatch.setenv("AUTOCLOUDOPS_KNOWLEDGE_LIBRARY", str(tmp_path / "library"))
    return tmp_path / "library"


def written(folder: Path, **bodies: bytes) -> list[str]:
    """Write runbooks outside of the library and return their paths."""
    folder.mkdir(exist_ok=True)
    for name, body in bodies.items():
        (folder / f"{name}.md").write_bytes(body)
    return [str(folder / f"{name}.md") for name in bodies]


def test_runbooks_are_checked_before_any_is_copied(library: Path, tmp_path: Path) -> None:
    """One wrong file stops all, with its line; good ones are copied, and told apart from what was there."""
    good, bad = written(tmp_path / "new", good=runbook("Good", match="{metric: Age}"), bad=b"---\ntitle: 1\n---\nx")
    refused = typed("add", good, bad)
    assert isinstance(refused.exception, InputUnreadable)
    assert "bad.md:2: title" in str(refused.exception)
    assert not library.exists()
    [added] = rows(typed("add", good, "--into", "db"))
    assert (added["file"], added["state"], added["match"]) == ("db/good.md", "added", "metric")
    assert rows(typed("add", good, "--into", "db"))[0]["state"] == "unchanged"


def test_another_runbook_of_a_name_is_replaced_only_on_demand(library: Path, tmp_path: Path) -> None:
    """Nobody's text is overwritten by a file that happens to have its name."""
    [file] = written(tmp_path / "new", a=runbook("One"))
    rows(typed("add", file))
    written(tmp_path / "new", a=runbook("Two"))
    assert isinstance(typed("add", file).exception, InputUnreadable)
    assert rows(typed("add", file, "--replace"))[0]["state"] == "replaced"
    assert b"Two" in (library / "a.md").read_bytes()


@pytest.mark.parametrize("folder", ["..", "/etc", ".hidden"])
@pytest.mark.usefixtures("library")
def test_a_runbook_stays_in_the_library(tmp_path: Path, folder: str) -> None:
    """No name leads out of the library, or to where nobody looks."""
    [file] = written(tmp_path / "new", a=runbook("One"))
    error = typed("add", file, "--into", folder).exception
    assert isinstance(error, typer.BadParameter)
    assert "no name for a runbook" in str(error)


def test_an_index_is_made_and_searched(library: Path) -> None:
    """Indexing embeds what changed and says how far it is; a search tells exact matches from likeness with scores."""
    written(library, age=runbook("Messages wait", "old messages in the queue", "{metric: Approximate*}"))
    written(library, disk=runbook("Disk", "messages are old on this disk"))
    first = typed("index", "--embedding", "hash")
    assert rows(first)[0]["embedded"] == 2
    assert "embedded 2 of 2 passages" in first.stderr
    again = rows(typed("index", "--embedding", "hash"))[0]
    assert (again["embedded"], again["passages"], again["model"]) == (0, 2, "simulated/hash-embedding")
    found = rows(typed("search", "ApproximateAge old messages", "--embedding", "hash"))
    assert [(row["how"], row["file"]) for row in found] == [("exact: metric", "age.md"), ("vector", "disk.md")]
    assert found[0]["score"] is None
    assert 0.35 <= found[1]["score"] <= 1


def test_an_alarm_in_a_file_is_searched_for(library: Path, tmp_path: Path) -> None:
    """With --alarm the question is what the worker would ask, and without an endpoint exact matches are found."""
    written(library, age=runbook("Messages wait", match="{owner: sqs-queue/orders, metric: Approximate*}"))
    (tmp_path / "alarm.json").write_text(json.dumps({"MetricAlarms": [ALARM]}))
    [found] = rows(typed("search", "--alarm", str(tmp_path / "alarm.json")))
    assert found["how"] == "exact: owner, metric"


def test_wrong_runbooks_are_named_by_exit_code_and_line(library: Path) -> None:
    """A library with a wrong file is indexed without it, and the exit code says so."""
    written(library, good=runbook("Good"), bad=b"x")
    result = typed("index", "--embedding", "hash")
    assert result.return_value == ExitCode.CHECK_FAILED
    assert "bad.md:1:" in result.stderr
    assert rows(result)[0]["passages"] == 1


@pytest.mark.usefixtures("library")
def test_indexing_needs_something_that_embeds() -> None:
    """Without an endpoint the error names the variable and the way without one."""
    error = typed("index").exception
    assert isinstance(error, SettingsInvalid)
    assert "AUTOCLOUDOPS_KNOWLEDGE_ENDPOINTS" in str(error)
    assert "--embedding minilm" in str(error)


def test_coverage_counts_families_without_a_runbook(library: Path, tmp_path: Path) -> None:
    """Alarms of one owner and metric are one family; it is covered by an exact match that has not expired."""
    written(library, age=runbook("Wait", match="{metric: ApproximateAgeOfOldestMessage}"))
    written(library, old=runbook("Old", match="{metric: NumberOf*}", expires="2020-01-01"))
    sent = {**ALARM, "MetricName": "NumberOfMessagesSent"}
    alarms = [ALARM, {**ALARM, "AlarmName": "b"}, {**sent, "AlarmName": "c"}, {**sent, "AlarmName": "d"}]
    (tmp_path / "alarms").mkdir()
    (tmp_path / "alarms" / "page.json").write_text(json.dumps({"MetricAlarms": alarms}))
    result = typed("coverage", str(tmp_path / "alarms"))
    [bare] = rows(result)
    assert "1 of 2 alarm families have no runbook" in result.stderr
    assert (bare["alarms"], bare["about"]) == (2, "sqs:queue AWS/SQS/NumberOfMessagesSent")
    everything = rows(typed("coverage", str(tmp_path / "alarms"), "--all"))
    assert [row["runbook"] for row in everything] == [None, "age.md"]
    assert isinstance(typed("coverage", str(tmp_path / "nowhere")).exception, InputUnreadable)
