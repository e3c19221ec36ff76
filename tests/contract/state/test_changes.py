from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from memory_dynamodb import MemoryDynamo, size_bytes
from state_tables import new_table

from autocloudops.alarms.model import AwsEvent
from autocloudops.clock import SystemClock
from autocloudops.entrypoints.wiring import open_table
from autocloudops.errors import TargetMissing
from autocloudops.state.changes import RETENTION, DynamoChanges

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ACCOUNT, REGION = "111122223333", "eu-west-1"
DATABASE = "rds-db-instance/orders-db"


class NoonClock(SystemClock):
    """A clock that runs, while its wall time stands where a test puts it."""

    at = NOON

    def now(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> NoonClock:
    """Return a clock of this test's own."""
    return NoonClock()


@pytest.fixture(params=["fake", "ministack", "moto"])
def backend(request: pytest.FixtureRequest, point_at: Callable[[str], None]) -> str:
    """Return each place for changes in turn, with the environment set to it."""
    if request.param != "fake":
        point_at(request.getfixturevalue(request.param))
    return str(request.param)


@pytest.fixture
async def changes(backend: str, stack: AsyncExitStack, clock: NoonClock) -> DynamoChanges:
    """Return the index over each table in turn."""
    if backend == "fake":
        return DynamoChanges(MemoryDynamo().client, "state", clock)
    client = await open_table(stack)
    return DynamoChanges(client, await new_table(client), clock)


def event(seconds: float = 0, *, message: str = "Finished applying modification", source: str = "aws.rds") -> AwsEvent:
    """Return an event of a database, some seconds before noon."""
    return AwsEvent(
        source=source,
        detail_type="RDS DB Instance Event",
        account=ACCOUNT,
        region=REGION,
        at=NOON - timedelta(seconds=seconds),
        raw_sha256="0",
        shape="test",
        id=str(uuid4()),
        detail={"SourceIdentifier": "orders-db", "SourceType": "DB_INSTANCE", "Message": message},
    )


def stopped(seconds: float) -> AwsEvent:
    """Return the event of a task that ended."""
    detail = {
        "lastStatus": "STOPPED",
        "desiredStatus": "STOPPED",
        "group": "service:api",
        "clusterArn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/shop",
    }
    return event(seconds).model_copy(
        update={"source": "aws.ecs", "detail_type": "ECS Task State Change", "detail": detail}
    )


async def read(changes: DynamoChanges, key: str = DATABASE, seconds: float = 7200) -> list[tuple[UUID, str]]:
    """Return the changes of one key."""
    found = await changes.changes(ACCOUNT, REGION, [key], NOON - timedelta(seconds=seconds))
    return [(each.event_id, each.what) for each in found[key]]


async def test_a_change_is_found_by_what_it_touched(changes: DynamoChanges) -> None:
    """What was noted is read under its key, the newest first, and under no other key, account or region."""
    older, newer = event(600), event(60)
    await changes.note(older)
    await changes.note(newer)
    assert [each for each, _ in await read(changes)] == [newer.event_id, older.event_id]
    assert await read(changes, "rds-db-instance/carts-db") == []
    assert (await changes.changes(ACCOUNT, "us-east-1", [DATABASE], NOON - RETENTION))[DATABASE] == []


async def test_a_copy_changes_nothing(changes: DynamoChanges) -> None:
    """The same event noted twice, as a queue delivers it, is one change."""
    told = event(60)
    await changes.note(told)
    await changes.note(told)
    assert len(await read(changes)) == 1


async def test_what_is_older_is_left_out(changes: DynamoChanges) -> None:
    """Only changes from the asked time on are read."""
    await changes.note(event(7201))
    await changes.note(event(7199))
    assert len(await read(changes)) == 1


async def test_a_crash_loop_hides_no_decision(changes: DynamoChanges) -> None:
    """Sixty stopped tasks leave room for the deployment before them."""
    arn = f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/shop/api"
    deployed = event(900).model_copy(
        update={
            "source": "aws.ecs",
            "detail_type": "ECS Deployment State Change",
            "resources": (arn,),
            "detail": {"eventName": "SERVICE_DEPLOYMENT_IN_PROGRESS"},
        }
    )
    await changes.note(deployed)
    for number in range(60):
        await changes.note(stopped(number))
    found = await read(changes, "ecs-service/shop/api")
    assert found[0] == (deployed.event_id, "SERVICE_DEPLOYMENT_IN_PROGRESS")
    assert len(found) == 51


async def test_a_feed_is_as_fresh_as_its_newest_event(changes: DynamoChanges, clock: NoonClock) -> None:
    """Each feed has a time of its own; an older event makes none staler, and one that is no change counts as well."""
    await changes.note(event(60))
    await changes.note(event(5, source="aws.ecs"))
    await DynamoChanges(changes._table.client, changes._table.name, clock).note(event(3600))
    feeds = await changes.feeds(ACCOUNT, REGION)
    assert feeds == {"rds": NOON - timedelta(seconds=60), "ecs": NOON - timedelta(seconds=5)}


async def test_an_event_of_no_feed_leaves_nothing(changes: DynamoChanges) -> None:
    """What tells no changes (findings, objects in buckets) proves no feed alive."""
    await changes.note(event(5, source="aws.s3"))
    assert await changes.feeds(ACCOUNT, REGION) == {}
    assert await read(changes) == []


async def test_changes_expire(changes: DynamoChanges, clock: NoonClock) -> None:
    """After seven days a change is gone, and its feed with it."""
    await changes.note(event(60))
    clock.at = NOON + RETENTION
    assert await read(changes, seconds=1e6) == []
    assert await changes.feeds(ACCOUNT, REGION) == {}


async def test_no_item_is_large() -> None:
    """However much an event says, one item stays under 4 KB, and one event touches twenty keys at most."""
    dynamo = MemoryDynamo()
    instances = tuple(f"i-{number:017x}" for number in range(500))
    health = event(message="").model_copy(
        update={
            "source": "aws.health",
            "detail_type": "AWS Health Event",
            "resources": instances,
            "detail": {"eventTypeCode": "x" * 9000, "eventDescription": [{"latestDescription": "y" * 9000}]},
        }
    )
    await DynamoChanges(dynamo.client, "state", NoonClock()).note(health)
    assert len(dynamo.items) == 41
    assert max(map(size_bytes, dynamo.items)) < 4096


async def test_a_table_that_is_not_there_is_said(emulator: str, stack: AsyncExitStack) -> None:
    """A missing table is named: the event must come back."""
    assert emulator
    with pytest.raises(TargetMissing, match="absent"):
        await DynamoChanges(await open_table(stack), "absent", NoonClock()).note(event())
