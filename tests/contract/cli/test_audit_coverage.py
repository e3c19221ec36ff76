import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
from audit_history import StandingClock, record
from reading_verbs import typed
from triage import cpu_alarm
from typer.testing import Result

from autocloudops.alarms.model import AlarmState
from autocloudops.audit.objects import FolderObjects
from autocloudops.audit.record import AuditRecord, Outcome
from autocloudops.audit.writer import AuditWriter
from autocloudops.cli.audit_reading import coverage
from autocloudops.clock import SystemClock

LATER = timedelta(hours=1)


class LaterClock(SystemClock):
    """The clock an hour from now, when nothing is on its way any more."""

    def now(self) -> datetime:
        return super().now() + LATER


@pytest.fixture
def prefix(ministack: str, point_at: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> str:
    """What the names of this test's alarms begin with; it is an hour later than the emulator thinks."""
    point_at(ministack)
    monkeypatch.setattr(coverage, "SystemClock", LaterClock)
    return f"t{uuid4().hex[:8]}"


def turn(*names: str, states: Sequence[str] = ("ALARM", "OK")) -> None:
    """Make alarms, and turn each through these states."""
    cloudwatch = boto3.client("cloudwatch")
    for name in names:
        cloudwatch.put_metric_alarm(
            AlarmName=name,
            Namespace="AWS/SQS",
            MetricName="ApproximateAgeOfOldestMessage",
            Statistic="Maximum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=300.0,
            ComparisonOperator="GreaterThanThreshold",
        )
        for state in states:
            cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="test")


def history(name: str) -> list[tuple[AlarmState, datetime]]:
    """Return what CloudWatch remembers of an alarm's states."""
    items = boto3.client("cloudwatch").describe_alarm_history(AlarmName=name, HistoryItemType="StateUpdate")
    found = [(json.loads(each["HistoryData"]), each["Timestamp"]) for each in items["AlarmHistoryItems"]]
    return [(AlarmState(data["newState"]["stateValue"]), at) for data, at in found]


def audited(folder: Path, names: Sequence[str], states: Sequence[str] = ("ALARM", "OK", "INSUFFICIENT_DATA")) -> Path:
    """Write an audit that began a week ago and has seen these changes, each some milliseconds before its record."""
    account = str(boto3.client("sts").get_caller_identity()["Account"])
    seen = []
    for name in names:
        key = cpu_alarm().key.model_copy(update={"account": account, "region": "eu-west-1", "name": name})
        for state, at in history(name):
            if state in states:
                alarm = cpu_alarm().model_copy(
                    update={"key": key, "state": state, "at": at - timedelta(milliseconds=30)}
                )
                seen.append(AuditRecord(outcome=Outcome.JOINED, at=at, alarm=alarm))
    asyncio.run(_written(folder, [record()], SystemClock().now() - timedelta(days=7)))
    asyncio.run(_written(folder, seen, SystemClock().now()))
    return folder


async def _written(folder: Path, records: Sequence[AuditRecord], at: datetime) -> None:
    clock = StandingClock()
    clock.at = at
    writer = AuditWriter(FolderObjects(folder), clock)
    committing = asyncio.create_task(writer.run())
    await asyncio.gather(*map(writer.append, records))
    committing.cancel()


def compared(folder: Path, prefix: str, *more: str) -> tuple[Result, dict[str, Mapping[str, Any]]]:
    """Return what the verb says, and its rows about this test's alarms."""
    result = typed("coverage", "--location", str(folder), *more)
    assert result.exception is None, result.exception
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    return result, {row["alarm"].removeprefix(prefix): row for row in rows if row["alarm"].startswith(prefix)}


def test_what_was_seen_is_no_finding(prefix: str, tmp_path: Path) -> None:
    """Changes whose records carry the exact time are found by the approximate one of the history."""
    turn(f"{prefix}-a", f"{prefix}-b")
    folder = audited(tmp_path, [f"{prefix}-a", f"{prefix}-b"])
    assert compared(folder, prefix)[1] == {}


def test_what_was_never_seen_is_named_with_its_reason(prefix: str, tmp_path: Path) -> None:
    """An alarm that never arrives, and one of which only one state does, are told apart; the exit code is 1."""
    turn(f"{prefix}-a", f"{prefix}-half", f"{prefix}-none")
    folder = audited(tmp_path, [f"{prefix}-a"])
    audited(folder, [f"{prefix}-half"], states=["ALARM"])
    result, rows = compared(folder, prefix)
    assert {name: row["why"] for name, row in rows.items()} == {"-half": "state", "-none": "alarm"}
    assert (rows["-half"]["seen"], rows["-half"]["unseen"]) == (1, rows["-half"]["changes"] - 1)
    assert rows["-none"]["unseen"] == rows["-none"]["changes"] >= 2
    assert any(example.startswith("OK 20") for example in rows["-half"]["examples"])
    assert result.return_value == 1


def test_an_audit_that_is_younger_is_not_blamed(prefix: str, tmp_path: Path) -> None:
    """Changes from before the first record are counted and are no finding."""
    turn(f"{prefix}-a")
    asyncio.run(_written(tmp_path, [record().model_copy(update={"at": LaterClock().now()})], LaterClock().now()))
    result, rows = compared(tmp_path, prefix)
    assert rows["-a"]["why"] == "before_audit"
    assert result.return_value == 0


def test_earlier_days_than_cloudwatch_keeps_are_left_out(prefix: str, tmp_path: Path) -> None:
    """Whoever asks for more than thirty days is told what is left out."""
    turn(f"{prefix}-a")
    folder = audited(tmp_path, [f"{prefix}-a"])
    result, _ = compared(folder, prefix, "--from", "2020-01-01")
    assert "CloudWatch keeps 30 days of history" in result.stderr
