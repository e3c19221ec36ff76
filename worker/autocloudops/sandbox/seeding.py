"""The alarms of samples, put into the embedded AWS with their datapoints, and those resources that cost little.

A worker that is told of an alarm then finds it there: its state, its metric, and what some kinds of resources are
configured to be. Everything else of the samples' world stays unknown, as does every account but the emulator's own.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
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
"""What was measured before the alarm and since, as shares of its threshold; swapped where less is worse."""
REASON_CHARACTERS = 1_000
SHARDS = 2
_SERVICES = ("cloudwatch", "dynamodb", "ecs", "kinesis", "rds", "sqs")
_STATISTICS = frozenset({"Average", "Maximum", "Minimum", "SampleCount", "Sum"})


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
    dimensions = [{"Name": name, "Value": value} for name, value in metric.dimensions.items()]
    plain = alarm.statistic in _STATISTICS
    await cloudwatch.put_metric_alarm(
        AlarmName=alarm.key.name,
        AlarmDescription=alarm.description or "",
        AlarmActions=list(alarm.actions),
        Namespace=metric.namespace,
        MetricName=metric.name,
        Dimensions=dimensions,
        Period=condition.period_seconds or MINUTE_SECONDS,
        EvaluationPeriods=condition.evaluation_periods or 1,
        Threshold=condition.threshold,
        ComparisonOperator=condition.operator,
        **{"Statistic" if plain else "ExtendedStatistic": alarm.statistic or "Average"},
    )
    points = [
        {"MetricName": metric.name, "Dimensions": dimensions, "Timestamp": at, "Value": value}
        for at, value in _measured(alarm)
    ]
    await cloudwatch.put_metric_data(Namespace=metric.namespace, MetricData=points)
    await cloudwatch.set_alarm_state(
        AlarmName=alarm.key.name, StateValue=alarm.state.value, StateReason=alarm.reason[:REASON_CHARACTERS] or "sample"
    )


def _measured(alarm: Alarm) -> Iterator[tuple[datetime, float]]:
    """Yield a value for each period: usual ones, then as many beyond the threshold as make the alarm fire."""
    condition, now = alarm.condition, datetime.now(UTC)
    threshold = condition.threshold or 0.0
    less = str(condition.operator).startswith("Less")
    period = timedelta(seconds=condition.period_seconds or MINUTE_SECONDS)
    breaching = (condition.evaluation_periods or 1) + 1 if alarm.state is AlarmState.ALARM else 0
    for ago in range(PERIODS - 1, -1, -1):
        breached = ago < breaching
        share = BREACHING if breached != less else USUAL
        yield now - ago * period, threshold * share if threshold else float(breached)


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
    await ecs.create_service(cluster=cluster, serviceName=service, taskDefinition=service, desiredCount=4)


async def _database(clients: Mapping[str, Any], name: str) -> None:
    await clients["rds"].create_db_instance(
        DBInstanceIdentifier=name,
        DBInstanceClass="db.r6g.large",
        Engine="postgres",
        AllocatedStorage=100,
        MasterUsername="sample",
        ManageMasterUserPassword=True,
    )


_MADE: Mapping[str, Callable[[Mapping[str, Any], str], Awaitable[None]]] = {
    "dynamodb:table": _table,
    "ecs:service": _service,
    "kinesis:stream": _stream,
    "rds:db-instance": _database,
    "sqs:queue": _queue,
}
"""Resources that cost an emulator no process of their own."""
