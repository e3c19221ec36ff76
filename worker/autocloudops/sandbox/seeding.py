"""The alarms of samples, put into the embedded AWS with their datapoints, and those resources that cost little.

A worker that is told of an alarm then finds it there: its state, its metric, and what some kinds of resources are
configured to be. Everything else of the samples' world stays unknown, as does every account but the emulator's own.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from autocloudops import aws
from autocloudops.alarms.model import Alarm, AlarmState, Metric, ResourceRef
from autocloudops.alarms.parse import parse
from autocloudops.sandbox.aws import ACCOUNT
from autocloudops.sandbox.foundation import SandboxResources, client
from autocloudops.sandbox.samples import Sample

AT_ONCE = 8
MINUTE_SECONDS = 60
PERIODS = 40
USUAL, BREACHING = 0.6, 1.15
"""What was measured before the alarm and since, as shares of its threshold; swapped where less is worse. What the
message itself tells of the newest datapoint goes before the second."""
GROWN = 1.6
"""What was measured beside an alarm since it fires, as a share of the usual, where that grew with it."""
REASON_CHARACTERS = 1_000
SHARDS = 2
ALLOWED = {"autocloudops:allow": "true"}
"""What says of a resource that its owner lets actions be done to it."""
_SERVICES = ("autoscaling", "cloudwatch", "dynamodb", "ecs", "kinesis", "rds", "sqs")
_TOLD = re.compile(r"datapoints? \[(-?[0-9.]{1,20}) ")
_FILLING = re.compile(r"disk|filesystem|storage", re.IGNORECASE)
_STATISTICS = frozenset({"Average", "Maximum", "Minimum", "SampleCount", "Sum"})


@dataclass(frozen=True, slots=True)
class _Work:
    """A metric beside an alarm's own that tells how much work there is: its usual value, and its share of that now."""

    namespace: str
    name: str
    usual: float
    share: float


_WORK: Mapping[tuple[str, str], _Work] = {
    ("autoscaling:group", "CPUUtilization"): _Work("AWS/EC2", "NetworkIn", 42_000_000.0, GROWN),
    ("ecs:service", "CPUUtilization"): _Work("ECS/ContainerInsights", "NetworkRxBytes", 5_300_000.0, GROWN),
    ("rds:db-instance", "DatabaseConnections"): _Work("AWS/RDS", "CPUUtilization", 34.0, 1.0),
}
"""Why the metric rose, by the type of the resource: more work, or, for connections, no more of it."""


async def seed(resources: SandboxResources, samples: Iterable[Sample]) -> int:
    """Put the alarms of samples into an emulator, as their newest message tells of them; return how many those are.

    Args:
        resources: the emulator.
        samples: messages; alarms of other accounts, and those that CloudWatch would not take, are left out.

    Raises:
        ServiceFailed: the emulator refused or did not answer.
    """
    alarms = _alarms(samples)
    places = asyncio.Semaphore(AT_ONCE)

    async def in_turn(work: Awaitable[None]) -> None:
        async with places:
            await work

    with aws.translated("cloudwatch:PutMetricAlarm", "the samples"):
        for region in sorted({alarm.key.region for alarm in alarms}):
            here = [alarm for alarm in alarms if alarm.key.region == region]
            async with _opened(resources.endpoint_url, region) as clients:
                made = [_MADE[each.type](clients, each.id) for each in _things(here)]
                await asyncio.gather(*map(in_turn, (*made, *(_put(clients["cloudwatch"], alarm) for alarm in here))))
    return len(alarms)


def _alarms(samples: Iterable[Sample]) -> Sequence[Alarm]:
    found = (part for sample in samples for part in parse(sample.body))
    known = [alarm for alarm in found if isinstance(alarm, Alarm) and _takes(alarm)]
    newest = {alarm.key: alarm for alarm in sorted(known, key=lambda alarm: alarm.at)}
    return tuple(newest.values())


def _takes(alarm: Alarm) -> bool:
    """Return whether CloudWatch would take an alarm as the parser read it: one metric against one number."""
    whole = alarm.metric and alarm.condition.operator and alarm.condition.threshold is not None
    return bool(whole) and alarm.key.account == ACCOUNT and not alarm.key.contributor


@asynccontextmanager
async def _opened(endpoint_url: str, region: str) -> AsyncIterator[Mapping[str, Any]]:
    async with AsyncExitStack() as stack:
        yield {name: await stack.enter_async_context(client(name, endpoint_url, region)) for name in _SERVICES}


async def _put(cloudwatch: Any, alarm: Alarm) -> None:  # noqa: ANN401 - no stubs for this service
    """Put one alarm, what was measured, and the state that it told of."""
    condition, metric = alarm.condition, alarm.metric or Metric(namespace="", name="")
    plain = alarm.statistic in _STATISTICS
    await cloudwatch.put_metric_alarm(
        AlarmName=alarm.key.name,
        AlarmDescription=alarm.description or "",
        AlarmActions=list(alarm.actions),
        Namespace=metric.namespace,
        MetricName=metric.name,
        Dimensions=[{"Name": name, "Value": value} for name, value in metric.dimensions.items()],
        Period=condition.period_seconds or MINUTE_SECONDS,
        EvaluationPeriods=condition.evaluation_periods or 1,
        Threshold=condition.threshold,
        ComparisonOperator=condition.operator,
        **{"Statistic" if plain else "ExtendedStatistic": alarm.statistic or "Average"},
    )
    await _send(cloudwatch, metric, _measured(alarm))
    if beside := _beside(alarm, metric):
        await _send(cloudwatch, *beside)
    await cloudwatch.set_alarm_state(
        AlarmName=alarm.key.name, StateValue=alarm.state.value, StateReason=alarm.reason[:REASON_CHARACTERS] or "sample"
    )


async def _send(cloudwatch: Any, metric: Metric, values: Iterable[tuple[datetime, float]]) -> None:  # noqa: ANN401 - likewise
    dimensions = [{"Name": name, "Value": value} for name, value in metric.dimensions.items()]
    data = [
        {"MetricName": metric.name, "Dimensions": dimensions, "Timestamp": at, "Value": value} for at, value in values
    ]
    await cloudwatch.put_metric_data(Namespace=metric.namespace, MetricData=data)


def _measured(alarm: Alarm) -> Iterator[tuple[datetime, float]]:
    """Yield a value for each period, up to the newest that the message tells of: at its level until the alarm fired.

    What fills up has no level: it went the same way all the time.
    """
    threshold, breaching = alarm.condition.threshold or 0.0, _breaching(alarm)
    less = str(alarm.condition.operator).startswith("Less")
    newest = _newest(alarm, threshold * (USUAL if less else BREACHING) if threshold else 1.0)
    filling = alarm.metric is not None and _FILLING.search(alarm.metric.name) is not None
    for at, ago in _periods(alarm):
        if breaching and filling:
            yield at, max(0.0, newest - (newest - threshold) * ago / breaching)
        else:
            yield at, newest if ago < breaching else threshold * (BREACHING if less else USUAL)


def _periods(alarm: Alarm) -> Iterator[tuple[datetime, int]]:
    """Yield the time of each period with how many it is ago, the oldest first."""
    now, period = datetime.now(UTC), timedelta(seconds=alarm.condition.period_seconds or MINUTE_SECONDS)
    yield from ((now - ago * period, ago) for ago in range(PERIODS - 1, -1, -1))


def _breaching(alarm: Alarm) -> int:
    """Return for how many periods the metric has been beyond the threshold: as many as make the alarm fire, and one."""
    return (alarm.condition.evaluation_periods or 1) + 1 if alarm.state is AlarmState.ALARM else 0


def _newest(alarm: Alarm, otherwise: float) -> float:
    """Return the newest datapoint that the message of an alarm tells of."""
    told = _TOLD.search(alarm.reason)
    return float(told[1]) if told and alarm.state is AlarmState.ALARM else otherwise


def _beside(alarm: Alarm, metric: Metric) -> tuple[Metric, list[tuple[datetime, float]]] | None:
    """Return what was measured of the work that a resource is given, None where the estate has nothing to tell."""
    row = _WORK.get((alarm.resource.type, metric.name))
    if row is None:
        return None
    breaching = _breaching(alarm)
    values = [(at, row.usual * (row.share if ago < breaching else 1.0)) for at, ago in _periods(alarm)]
    return Metric(namespace=row.namespace, name=row.name, dimensions=metric.dimensions), values


def _things(alarms: Iterable[Alarm]) -> Sequence[ResourceRef]:
    found = {(each.type, each.id): each for alarm in alarms for each in [alarm.resource] if each.type in _MADE}
    return tuple(found.values())


async def _queue(clients: Mapping[str, Any], name: str) -> None:
    await clients["sqs"].create_queue(QueueName=name)


async def _table(clients: Mapping[str, Any], name: str) -> None:
    await clients["dynamodb"].create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


async def _stream(clients: Mapping[str, Any], name: str) -> None:
    await clients["kinesis"].create_stream(StreamName=name, ShardCount=SHARDS)


async def _service(clients: Mapping[str, Any], name: str) -> None:
    cluster, _, service = name.partition("/")
    container = {"name": service, "image": f"registry.example/{service}:41", "cpu": 512, "memory": 1024}
    ecs = clients["ecs"]
    await ecs.create_cluster(clusterName=cluster)
    await ecs.register_task_definition(family=service, containerDefinitions=[container], cpu="512", memory="1024")
    tags = [{"key": key, "value": value} for key, value in ALLOWED.items()]
    await ecs.create_service(cluster=cluster, serviceName=service, taskDefinition=service, desiredCount=4, tags=tags)


async def _database(clients: Mapping[str, Any], name: str) -> None:
    await clients["rds"].create_db_instance(
        DBInstanceIdentifier=name,
        DBInstanceClass="db.m6g.large",
        Engine="postgres",
        AllocatedStorage=100,
        MasterUsername="sample",
        ManageMasterUserPassword=True,
        Tags=[{"Key": key, "Value": value} for key, value in ALLOWED.items()],
    )


async def _group(clients: Mapping[str, Any], name: str) -> None:
    await clients["autoscaling"].create_auto_scaling_group(
        AutoScalingGroupName=name,
        MinSize=2,
        MaxSize=10,
        DesiredCapacity=4,
        AvailabilityZones=[f"{clients['autoscaling'].meta.region_name}a"],
        LaunchConfigurationName="sample",
        Tags=[{"Key": key, "Value": value, "PropagateAtLaunch": False} for key, value in ALLOWED.items()],
    )


_MADE: Mapping[str, Callable[[Mapping[str, Any], str], Awaitable[None]]] = {
    "autoscaling:group": _group,
    "dynamodb:table": _table,
    "ecs:service": _service,
    "kinesis:stream": _stream,
    "rds:db-instance": _database,
    "sqs:queue": _queue,
}
"""Resources that cost an emulator no process of their own."""
