from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from autocloudops import aws
from autocloudops.actions.accounts import ActionClients
from autocloudops.actions.alarm_states import CloudWatchAlarms
from autocloudops.actions.facts.reading import Reads
from autocloudops.alarms.model import AlarmKey, AlarmState
from autocloudops.clock import SystemClock
from autocloudops.errors import ServiceFailed

ACCOUNT, REGION = "111122223333", "eu-west-1"
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def cloudwatch(emulator: str, stack: AsyncExitStack) -> Any:  # noqa: ANN401 - a client has no type here
    """A CloudWatch client on the emulator."""
    assert emulator
    config = aws.config(read_timeout_seconds=10)
    return await stack.enter_async_context(aws.session().create_client("cloudwatch", config=config))


@pytest.fixture
def alarms(emulator: str, stack: AsyncExitStack) -> CloudWatchAlarms:
    """Alarms as a worker reads them."""
    assert emulator
    return CloudWatchAlarms(Reads(ActionClients(stack, SystemClock(), ACCOUNT), call_seconds=10))


@pytest.fixture
def key() -> AlarmKey:
    """The key of an alarm that no other test has."""
    return AlarmKey(account=ACCOUNT, region=REGION, name=f"orders-cpu-{uuid4().hex}")


async def _put(cloudwatch: Any, key: AlarmKey, **more: Any) -> None:  # noqa: ANN401 - likewise
    metric = {"Namespace": "AWS/ECS", "MetricName": "CPUUtilization", "Statistic": "Average", "Period": 120}
    await cloudwatch.put_metric_alarm(
        AlarmName=key.name,
        ComparisonOperator="GreaterThanThreshold",
        EvaluationPeriods=1,
        Threshold=80.0,
        **(more or metric),
    )


async def _turn(cloudwatch: Any, key: AlarmKey, state: str) -> None:  # noqa: ANN401 - likewise
    await cloudwatch.set_alarm_state(AlarmName=key.name, StateValue=state, StateReason="test")


async def test_an_alarm_is_seen_as_it_stands(cloudwatch: Any, alarms: CloudWatchAlarms, key: AlarmKey) -> None:  # noqa: ANN401 - likewise
    """Its state, since when, and the period of its metric."""
    await _put(cloudwatch, key)
    before = datetime.now(UTC) - MINUTE
    await _turn(cloudwatch, key, "ALARM")
    seen = await alarms.seen(key)
    assert seen is not None
    assert (seen.state, seen.period) == (AlarmState.ALARM, 2 * MINUTE)
    assert before < seen.since < before + 2 * MINUTE


@pytest.mark.parametrize("emulator", ["moto"], indirect=True)
async def test_the_longest_period_of_an_expression_counts(
    cloudwatch: Any,  # noqa: ANN401 - likewise
    alarms: CloudWatchAlarms,
    key: AlarmKey,
) -> None:
    """An alarm over several metrics is as slow as the slowest of them; ministack keeps no metrics of an alarm."""
    queries = [
        {"Id": f"m{period}", "ReturnData": False, "MetricStat": {"Metric": metric, "Period": period, "Stat": "Sum"}}
        for period, metric in ((60, _metric("5XX")), (300, _metric("Requests")))
    ]
    await _put(cloudwatch, key, Metrics=[*queries, {"Id": "e", "Expression": "m60/m300", "ReturnData": True}])
    seen = await alarms.seen(key)
    assert seen is not None
    assert seen.period == 5 * MINUTE


def _metric(name: str) -> dict[str, str]:
    return {"Namespace": "AWS/ApplicationELB", "MetricName": name}


@pytest.mark.parametrize("emulator", ["ministack"], indirect=True)
async def test_a_composite_alarm_counts_by_the_minute(
    cloudwatch: Any,  # noqa: ANN401 - likewise
    alarms: CloudWatchAlarms,
    key: AlarmKey,
) -> None:
    """It has no period of its own, and is found as well; moto fails over an alarm rule alone."""
    child = key.model_copy(update={"name": f"child-{key.name}"})
    await _put(cloudwatch, child)
    await cloudwatch.put_composite_alarm(AlarmName=key.name, AlarmRule=f"ALARM({child.name})")
    seen = await alarms.seen(key)
    assert seen is not None
    assert seen.period == MINUTE


async def test_an_alarm_that_was_deleted_is_none(cloudwatch: Any, alarms: CloudWatchAlarms, key: AlarmKey) -> None:  # noqa: ANN401 - likewise
    """What is not there is no error: nobody can tell, that is all."""
    await _put(cloudwatch, key)
    await cloudwatch.delete_alarms(AlarmNames=[key.name])
    assert await alarms.seen(key) is None


async def test_another_account_is_not_read_as_our_own(emulator: str, alarms: CloudWatchAlarms, key: AlarmKey) -> None:
    """An alarm of the same name in our account would answer for the wrong one."""
    assert emulator
    with pytest.raises(ServiceFailed, match="444455556666"):
        await alarms.seen(key.model_copy(update={"account": "444455556666"}))


@pytest.mark.parametrize("emulator", ["ministack"], indirect=True)
async def test_an_alarm_that_fired_is_found_in_its_history(
    cloudwatch: Any,  # noqa: ANN401 - likewise
    alarms: CloudWatchAlarms,
    key: AlarmKey,
) -> None:
    """The first change to ALARM in the span, even where the alarm is OK again; moto has no history."""
    await _put(cloudwatch, key)
    start = datetime.now(UTC) - MINUTE
    assert await alarms.fired(key, start, start + 2 * MINUTE) is None
    for state in ("OK", "ALARM", "OK"):
        await _turn(cloudwatch, key, state)
    fired = await alarms.fired(key, start, start + 2 * MINUTE)
    assert fired is not None
    assert start < fired < start + 2 * MINUTE
    assert await alarms.fired(key, fired, start + 2 * MINUTE) is None
