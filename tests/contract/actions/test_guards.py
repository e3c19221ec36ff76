from contextlib import AsyncExitStack
from uuid import uuid4

from verified_world import scale_out

from autocloudops import aws
from autocloudops.actions.accounts import ActionClients
from autocloudops.actions.facts.reading import Reads
from autocloudops.actions.guards import PolicyGuards
from autocloudops.clock import SystemClock
from autocloudops.decisions.facts import Unknown

ACCOUNT = "111122223333"


async def test_guards_that_fire_are_named(emulator: str, stack: AsyncExitStack) -> None:
    """Of the policy's guard alarms those that are in ALARM; without any nothing is asked."""
    assert emulator
    reads = Reads(ActionClients(stack, SystemClock(), ACCOUNT), call_seconds=10)
    quiet, firing = (f"{name}-{uuid4().hex}" for name in ("quiet", "firing"))
    config = aws.config(read_timeout_seconds=10)
    cloudwatch = await stack.enter_async_context(aws.session().create_client("cloudwatch", config=config))
    for name, state in ((quiet, "OK"), (firing, "ALARM")):
        await cloudwatch.put_metric_alarm(
            AlarmName=name,
            Namespace="AWS/ECS",
            MetricName="CPUUtilization",
            Statistic="Average",
            Period=60,
            ComparisonOperator="GreaterThanThreshold",
            EvaluationPeriods=1,
            Threshold=80.0,
        )
        await cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="test")
    assert await PolicyGuards(reads, (quiet, firing)).firing(scale_out()) == (firing,)
    assert await PolicyGuards(reads, ()).firing(scale_out()) == ()


async def test_a_guard_that_is_not_there_is_unknown(emulator: str, stack: AsyncExitStack) -> None:
    """A guard alarm that nobody finds guards nothing: it is said, never taken for quiet."""
    assert emulator
    reads = Reads(ActionClients(stack, SystemClock(), ACCOUNT), call_seconds=10)
    found = await PolicyGuards(reads, (f"gone-{uuid4().hex}",)).firing(scale_out())
    assert isinstance(found, Unknown)
    assert "gone-" in found.unknown
