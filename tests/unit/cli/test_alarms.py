import json

from alarm_bodies import NAME, sns_alarm, sns_envelope
from typer.testing import CliRunner

from autocloudops.cli.app import app

NEVER_RIGHT = {
    "MetricName": "StatusCheckFailed",
    "Namespace": "AWS/EC2",
    "StatisticType": "Statistic",
    "Statistic": "MAXIMUM",
    "Unit": None,
    "Dimensions": [{"name": "InstanceId", "value": "i-0a1b2c3d4e5f60718"}],
    "Period": 60,
    "EvaluationPeriods": 2,
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    "Threshold": 0.0,
}


def test_parse_prints_what_is_read() -> None:
    """A message on standard input is shown as its alarms, whole in JSON."""
    body = json.dumps(sns_envelope(sns_alarm()))
    done = CliRunner().invoke(app, ["alarms", "parse", "-", "--output", "json"], input=body)
    (alarm,) = json.loads(done.stdout)
    assert done.exit_code == 0
    assert (alarm["type"], alarm["key"]["name"]) == ("Alarm", NAME)
    assert alarm["resource"]["owner"] == "rds-db-instance/orders-db"


def test_parse_of_an_unreadable_message_says_why_and_fails() -> None:
    """What the worker would park is named with its code, and the exit code is 1."""
    done = CliRunner().invoke(app, ["alarms", "parse", "-", "--output", "text"], input="{")
    assert done.exit_code == 1
    assert "not_json" in done.stdout
    assert "unreadable (not_json)" in done.stderr


def test_lint_names_an_alarm_that_is_always_on() -> None:
    """An alarm that no value can clear is a veto with its evidence, and the exit code is 1."""
    body = json.dumps(sns_alarm(Trigger=NEVER_RIGHT))
    done = CliRunner().invoke(app, ["alarms", "lint", "-", "--output", "json"], input=body)
    finding = json.loads(done.stdout.splitlines()[0])
    assert done.exit_code == 1
    assert (finding["severity"], finding["code"]) == ("veto", "threshold-always-breaches")
    assert finding["evidence"]


def test_lint_of_a_sound_alarm_finds_nothing() -> None:
    """A sane alarm passes, and the remark says how many were read."""
    done = CliRunner().invoke(app, ["alarms", "lint", "-", "--output", "json"], input=json.dumps(sns_alarm()))
    assert (done.exit_code, done.stdout) == (0, "")
    assert "1 alarms read, 0 findings" in done.stderr
