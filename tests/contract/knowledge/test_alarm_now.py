from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from triage import ACCOUNT, REGION, database_alarm

from autocloudops import aws
from autocloudops.alarms.model import Alarm, AlarmKey, AlarmState
from autocloudops.clock import SystemClock
from autocloudops.diagnosis.gathering import Gathered, Gatherer, Subject
from autocloudops.incidents.model import History
from autocloudops.knowledge.alarm_now import AlarmNow
from autocloudops.knowledge.calls import Calls
from autocloudops.knowledge.thirty_days import ThirtyDays

CALL_SECONDS = 10.0
"""Emulators share a small machine: here answers count, not their time."""


class NoRecords:
    """A store that knows no alarm."""

    async def history(self, key: AlarmKey, since: datetime) -> History:
        assert key.name
        assert since.tzinfo
        return History()


@pytest.fixture
async def cloudwatch(emulator: str, stack: AsyncExitStack) -> Any:  # noqa: ANN401 - clients have no type here
    """A CloudWatch client on the emulator."""
    assert emulator
    return await stack.enter_async_context(
        aws.session().create_client("cloudwatch", region_name=REGION, config=aws.config(read_timeout_seconds=10))
    )


def calls(stack: AsyncExitStack) -> Calls:
    """Return calls that are patient with an emulator."""
    return Calls(stack, SystemClock(), {}, call_seconds=CALL_SECONDS)


async def put(cloudwatch: Any, name: str) -> str:  # noqa: ANN401 - clients have no type here
    """Create the alarm of `database_alarm` under a name of its own, and return the account that holds it."""
    await cloudwatch.put_metric_alarm(
        AlarmName=name,
        AlarmDescription="a",
        Namespace="AWS/RDS",
        MetricName="DatabaseConnections",
        Dimensions=[{"Name": "DBInstanceIdentifier", "Value": "orders-db"}],
        Statistic="Average",
        Period=60,
        EvaluationPeriods=5,
        DatapointsToAlarm=3,
        Threshold=650,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="breaching",
        AlarmActions=[f"arn:aws:sns:{REGION}:{ACCOUNT}:pages"],
    )
    page = await cloudwatch.describe_alarms(AlarmNames=[name])
    return str(page["MetricAlarms"][0]["AlarmArn"].split(":")[4])


async def turn(cloudwatch: Any, name: str, *states: str) -> None:  # noqa: ANN401 - clients have no type here
    """Let the alarm change its state."""
    for state in states:
        await cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="a test says so")


def alarm(name: str, account: str) -> Alarm:
    """Return the alarm as an incident holds it."""
    key = AlarmKey(account=account, region=REGION, name=name)
    return database_alarm().model_copy(update={"key": key, "at": datetime.now(UTC)})


async def gathered(source: AlarmNow | ThirtyDays, about: Alarm) -> Gathered:
    """Return what a source comes to."""
    now = datetime.now(UTC)
    subject = Subject(incident_id=UUID(int=1), resource=about.resource, alarm=about, alarms=(about,), at=now)
    return await Gatherer([source], SystemClock(), wall_seconds=CALL_SECONDS).gather(subject)


async def test_the_state_is_that_of_the_service(cloudwatch: Any, stack: AsyncExitStack) -> None:  # noqa: ANN401 - likewise
    """State, condition and actions come back from both emulators as they were put, before and after it cleared."""
    name = f"connections-{uuid4().hex[:8]}"
    account = await put(cloudwatch, name)
    await turn(cloudwatch, name, "ALARM")
    source = AlarmNow(calls(stack), SystemClock())
    firing = await gathered(source, alarm(name, account))
    text = firing.pieces[0].text
    assert firing.standing
    assert firing.standing.firing
    assert datetime.now(UTC) - firing.standing.since < timedelta(minutes=5)
    assert text.startswith("state now: still ALARM since ")
    assert 'fires at: "Average" > 650 in 3 of 5 periods of 60 s' in text
    assert 'actions: 1 sns: "pages"' in text
    await turn(cloudwatch, name, "OK")
    cleared = await gathered(source, alarm(name, account))
    assert cleared.standing
    assert cleared.standing.state is AlarmState.OK


async def test_an_alarm_that_is_gone_is_unread(cloudwatch: Any, stack: AsyncExitStack) -> None:  # noqa: ANN401 - likewise
    """A deleted alarm is an essential fact that could not be read."""
    name = f"gone-{uuid4().hex[:8]}"
    account = await put(cloudwatch, name)
    await cloudwatch.delete_alarms(AlarmNames=[name])
    found = await gathered(AlarmNow(calls(stack), SystemClock()), alarm(name, account))
    assert found.unread == ("alarm-now",)
    assert "the alarm is not there" in found.pieces[0].text


async def test_history_counts_the_turns_of_the_alarm(
    point_at: Callable[[str], None], ministack: str, stack: AsyncExitStack
) -> None:
    """Turns that the service kept become fires, durations and flaps; only ministack serves the history of alarms."""
    point_at(ministack)
    client = await stack.enter_async_context(aws.session().create_client("cloudwatch", region_name=REGION))
    name = f"flapping-{uuid4().hex[:8]}"
    account = await put(client, name)
    await turn(client, name, "ALARM", "OK", "ALARM", "OK", "ALARM")
    source = ThirtyDays(calls(stack), SystemClock(), NoRecords())
    found = await gathered(source, alarm(name, account))
    text = found.pieces[0].text
    assert found.pieces[0].source == "cloudwatch DescribeAlarmHistory"
    assert text.startswith("fires: 3 in 30 days, this one included")
    assert "OK again within 5 min: 2 of 2 (100%)" in text
    assert "flaps: 2 fires" in text
