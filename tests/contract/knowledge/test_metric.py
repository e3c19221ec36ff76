from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from triage import REGION, database_alarm, metric, resource

from autocloudops import aws
from autocloudops.alarms.model import Alarm
from autocloudops.clock import SystemClock
from autocloudops.diagnosis.gathering import Gathered, Gatherer, Subject
from autocloudops.knowledge.calls import Calls
from autocloudops.knowledge.metric import MetricHistory

CALL_SECONDS = 10.0
"""Emulators share a small machine: here answers count, not their time."""
NOW = datetime.now(UTC).replace(second=42, microsecond=0)
END = NOW.replace(second=0)


def alarm(database: str) -> Alarm:
    """Return the alarm on a database of its own."""
    watched = metric("AWS/RDS", "DatabaseConnections", {"DBInstanceIdentifier": database})
    return database_alarm().model_copy(update={"metric": watched, "resource": resource("rds:db-instance", database)})


async def gathered(stack: AsyncExitStack, about: Alarm) -> Gathered:
    """Return what the source comes to."""
    clock = SystemClock()
    source = MetricHistory(Calls(stack, clock, {}, call_seconds=CALL_SECONDS), clock)
    subject = Subject(incident_id=UUID(int=1), resource=about.resource, alarm=about, alarms=(about,), at=NOW)
    return await Gatherer([source], clock, wall_seconds=CALL_SECONDS).gather(subject)


async def put(cloudwatch: Any, database: str, name: str, values: dict[datetime, float]) -> None:  # noqa: ANN401 - clients have no type here
    """Store datapoints of a database's metric."""
    dimensions = [{"Name": "DBInstanceIdentifier", "Value": database}]
    points = [
        {"MetricName": name, "Dimensions": dimensions, "Timestamp": at, "Value": value} for at, value in values.items()
    ]
    await cloudwatch.put_metric_data(Namespace="AWS/RDS", MetricData=points)


async def test_stored_datapoints_come_back_in_numbers(emulator: str, stack: AsyncExitStack) -> None:
    """A planted step, the same hour of the days before and a companion are told as they were stored."""
    assert emulator
    client = await stack.enter_async_context(aws.session().create_client("cloudwatch", region_name=REGION))
    database = f"db-{uuid4().hex[:8]}"
    minutes = {END - timedelta(minutes=ago): 700.0 if ago <= 9 else 210.0 for ago in range(1, 60)}
    days = {END.replace(minute=30) - timedelta(days=day): 200.0 + day for day in range(1, 12)}
    await put(client, database, "DatabaseConnections", minutes | days)
    await put(client, database, "CPUUtilization", dict.fromkeys(minutes, 31.0))
    found = await gathered(stack, alarm(database))
    own, beside = (piece.text for piece in found.pieces)
    at = f"{END - timedelta(minutes=1):%H:%MZ}"
    assert found.unread == ()
    assert f"now: 700 at {at}, limit > 650: beyond it by 50 (8%)" in own
    assert "p50 206, max 211, min 201 (n=11)" in own
    assert f"step: left its level at {END - timedelta(minutes=9):%Y-%m-%d %H:%M:%SZ}, 9 min ago: from 210 to 700" in own
    assert "datapoints: 59 of 18" in own
    assert "CPUUtilization Average: 31 | " in beside
    assert "no datapoint: FreeableMemory" in beside


async def test_a_metric_that_is_not_there_is_told_as_silent(emulator: str, stack: AsyncExitStack) -> None:
    """No datapoint is an answer, in words."""
    assert emulator
    found = await gathered(stack, alarm(f"db-{uuid4().hex[:8]}"))
    assert found.unread == ()
    assert "now: no datapoint in the last 3 h" in found.pieces[0].text
