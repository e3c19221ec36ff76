"""What a storm of one owner costs: four workers, each with a store of its own, record its alarms at full rate."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import pytest
from memory_dynamodb import MemoryDynamo, size_bytes
from virtual_time import START, VirtualClock, run

from autocloudops.alarms.model import Alarm, AlarmKey, AlarmKind, AlarmState, Condition, Metric
from autocloudops.alarms.resources import resolve
from autocloudops.clock import Clock, SystemClock
from autocloudops.incidents.grouping import place
from autocloudops.incidents.model import Incident, Windows
from autocloudops.incidents.store import IncidentStore
from autocloudops.sandbox import SandboxResources
from autocloudops.sandbox.foundation import client as foundation_client
from autocloudops.state.dynamodb import KINDS_NAMED, DynamoIncidents
from autocloudops.state.storms import COUNTED
from autocloudops.state.sums import HOT_SECONDS

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient

WORKERS = 4
ALARMS_PER_SECOND = 167
METRICS = 300
MOST_WRITES_PER_ALARM = 1.2
MOST_REPEATED = 1.05
MOST_ITEM_BYTES = 4_096
IN_TRANSACTION = 2
TRIES = 2
"""How often a sum is written at most, on average: of two that meet at the incident one is refused and comes again."""
CALL_SECONDS = 0.01


def alarm(number: int) -> Alarm:
    """Return one of many alarms of one service: a long name, long texts, one of many metrics, a task of its own."""
    key = AlarmKey(account="111122223333", region="ap-northeast-2", name=f"{number} {'지연' * 120}")
    metric = Metric(
        namespace="AWS/ECS",
        name=f"Latency{number % METRICS}",
        dimensions={"ClusterName": "shop", "ServiceName": "checkout", "TaskId": f"task-{number}"},
    )
    return Alarm(
        key=key,
        state=AlarmState.ALARM,
        at=START,
        kind=AlarmKind.METRIC,
        shape="sns_alarm",
        resource=resolve(key, metric, (), {}, key.account),
        raw_sha256="0" * 64,
        arn=f"arn:aws:cloudwatch:{key.region}:{key.account}:alarm:{key.name}",
        reason="Threshold Crossed: " + "기준을 넘었습니다. " * 40,
        description="주문 서비스가 느립니다. " * 40,
        metric=metric,
        condition=Condition(operator="GreaterThanThreshold", threshold=0.25, period_seconds=60, evaluation_periods=5),
    )


class Billed:
    """A DynamoDB client with its bill: failed writes count, and an item in a transaction counts twice."""

    def __init__(self, client: "DynamoDBClient") -> None:
        self.writes = 0
        self._client = client

    def __getattr__(self, name: str) -> object:
        found = getattr(self._client, name)
        if not name.startswith(("put", "update", "delete", "transact")):
            return found

        async def call(**request: Sequence[object]) -> object:
            self.writes += IN_TRANSACTION * len(request.get("TransactItems", ())) or 1
            return await found(**request)

        return call


async def storm(client: Billed, table: str, clock: Clock, alarms: int) -> Incident:
    """Record `alarms` at full rate through four stores, and return the incident of their owner."""
    stores = [DynamoIncidents(cast("DynamoDBClient", client), table, clock) for _ in range(WORKERS)]

    async def arrive(number: int) -> None:
        await clock.sleep(number / ALARMS_PER_SECOND)
        await admit(stores[number % WORKERS], alarm(number), clock)

    await asyncio.gather(*(arrive(number) for number in range(alarms)))
    incident = await stores[0].current(alarm(0).resource.owner_key)
    assert incident
    return incident


async def admit(store: IncidentStore, each: Alarm, clock: Clock) -> None:
    """Place an alarm as the pipeline does."""
    while True:
        history = await store.history(each.key, each.at)
        current = await store.current(each.resource.owner_key)
        placement = place(each, history, current, Windows(), clock.now())
        if await store.record(each, placement, history, clock.now()):
            return


@pytest.mark.parametrize("alarms", [2_500, pytest.param(10_000, marks=pytest.mark.soak)])
def test_alarms_of_one_owner_cost_about_a_write_each(alarms: int) -> None:
    """Thousands of joins from four workers cost at most 1.2 writes each, lose nobody, and no item grows over 4 KB."""
    table = MemoryDynamo(CALL_SECONDS)
    client = Billed(table.client)
    incident = run(storm(client, "state", VirtualClock(), alarms))
    assert (incident.members, incident.firing) == (alarms, alarms)
    assert client.writes <= MOST_WRITES_PER_ALARM * alarms
    assert len(table.items) > alarms
    assert max(map(size_bytes, table.items)) <= MOST_ITEM_BYTES


@pytest.mark.parametrize("alarms", [500, pytest.param(10_000, marks=pytest.mark.soak)])
async def test_the_same_over_real_connections(alarms: int, foundation: SandboxResources) -> None:
    """Against an emulator a storm costs a write an alarm and its sums, however slowly it goes, and items stay small."""
    clock = SystemClock()
    async with foundation_client("dynamodb", foundation.endpoint_url) as emulated:
        client = Billed(emulated)
        begun = clock.now().timestamp()
        incident = await storm(client, foundation.state_table, clock, alarms)
        ended = clock.now().timestamp()
        pages = emulated.get_paginator("scan").paginate(TableName=foundation.state_table)
        sizes = [size_bytes(item) async for page in pages for item in page["Items"]]
    sums = TRIES * IN_TRANSACTION * WORKERS * ((ended - begun) / HOT_SECONDS + 2)
    notes = WORKERS * COUNTED * (ended // 60 - begun // 60 + 1)
    kinds = IN_TRANSACTION * WORKERS * KINDS_NAMED
    assert (incident.members, incident.firing) == (alarms, alarms)
    assert client.writes <= MOST_REPEATED * alarms + sums + notes + kinds
    assert len(sizes) > alarms
    assert max(sizes) <= MOST_ITEM_BYTES
