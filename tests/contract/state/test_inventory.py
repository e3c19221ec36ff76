import json
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from alarm_bodies import ACCOUNT, NAME, REGION, alarm_detail, eventbridge
from virtual_time import VirtualClock, run

from autocloudops.alarms.inventory import Entry
from autocloudops.alarms.model import AlarmKey, AlarmKind, AlarmState, AwsEvent, ResourceRef
from autocloudops.alarms.parse import parse
from autocloudops.clock import SystemClock
from autocloudops.entrypoints.wiring import open_table
from autocloudops.errors import Throttled
from autocloudops.state.inventory import DynamoInventory

PLACE = {"account": ACCOUNT, "region": REGION}
KEY = AlarmKey(**PLACE, name=NAME)
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
async def inventory(emulator: str, stack: AsyncExitStack) -> DynamoInventory:
    """Return an inventory in a table of its own, on each emulator in turn."""
    assert emulator
    table, client = f"state-{uuid4().hex[:8]}", await open_table(stack)
    await client.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    return DynamoInventory(client, table, SystemClock())


def entry(name: str = NAME, seen_at: datetime = NOW) -> Entry:
    """Return one entry."""
    return Entry(
        key=AlarmKey(**PLACE, name=name),
        kind=AlarmKind.METRIC,
        resource=ResourceRef(type="sqs:queue", id="orders", owner="sqs-queue/orders", **PLACE),
        state=AlarmState.OK,
        state_at=NOW,
        seen_at=seen_at,
    )


def event(operation: str, at: datetime) -> AwsEvent:
    """Return a configuration change as it is parsed from the queue."""
    body = eventbridge(
        alarm_detail(operation=operation),
        detail_type="CloudWatch Alarm Configuration Change",
        time=f"{at:%Y-%m-%dT%H:%M:%SZ}",
    )
    (found,) = parse(json.dumps(body))
    assert isinstance(found, AwsEvent)
    return found


async def kept(inventory: DynamoInventory) -> set[str]:
    """Return the names of all alarms that are kept."""
    return {each.key.name async for each in inventory.alarms(ACCOUNT, REGION)}


async def test_an_entry_is_kept_as_it_was(inventory: DynamoInventory) -> None:
    """What is put is what is read, and an unknown key is none."""
    assert await inventory.get(KEY) is None
    assert await inventory.put(entry())
    assert await inventory.get(KEY) == entry()


async def test_an_older_entry_never_replaces_a_newer_one(inventory: DynamoInventory) -> None:
    """Deliveries come in any order; the same one twice does no harm."""
    assert await inventory.put(entry(seen_at=NOW))
    assert not await inventory.put(entry(seen_at=NOW - timedelta(seconds=1)))
    assert await inventory.put(entry(seen_at=NOW))


async def test_configuration_changes_refresh_it(inventory: DynamoInventory) -> None:
    """An alarm appears with its creation and is gone with its deletion; a late update changes nothing."""
    assert await inventory.refresh(event("create", NOW - timedelta(minutes=2)))
    assert await kept(inventory) == {NAME}
    assert await inventory.refresh(event("delete", NOW))
    assert not await inventory.refresh(event("update", NOW - timedelta(minutes=1)))
    assert (await kept(inventory), await inventory.get(KEY)) == (set(), None)


async def test_other_events_do_not_touch_it(inventory: DynamoInventory) -> None:
    """A deployment is no alarm."""
    other = event("create", NOW).model_copy(update={"source": "aws.ecs"})
    assert not await inventory.refresh(other)
    assert await kept(inventory) == set()


async def test_a_whole_inventory_replaces_what_was_kept(inventory: DynamoInventory) -> None:
    """More alarms than one batch holds are written; what is not among them any more is gone."""
    old, new = [entry(f"old-{n}", NOW - timedelta(days=1)) for n in range(3)], [entry(f"new-{n}") for n in range(60)]
    assert await inventory.replace(ACCOUNT, REGION, old) == 0
    assert await inventory.replace(ACCOUNT, REGION, [*new, old[0]]) == 2
    assert await kept(inventory) == {f"new-{n}" for n in range(60)} | {"old-0"}


class Busy:
    """A DynamoDB client that leaves all but the first item of a batch unwritten, `times` times."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.written: list[Any] = []

    async def query(self, **_: object) -> dict[str, Any]:
        return {"Items": []}

    async def batch_write_item(self, RequestItems: dict[str, list[Any]]) -> dict[str, Any]:  # noqa: N803 - the API's name
        ((table, requests),) = RequestItems.items()
        assert 0 < len(requests) <= 25
        self.times -= 1
        done = requests[:1] if self.times >= 0 else requests
        self.written += done
        left = requests[len(done) :]
        return {"UnprocessedItems": {table: left} if left else {}}


def test_unprocessed_items_are_written_again() -> None:
    """What DynamoDB gives back is written after a pause, each item once."""
    busy = Busy(5)
    run(_replace(busy, [entry(f"a{n}") for n in range(30)]))
    assert len(busy.written) == 30


def test_a_table_that_takes_nothing_is_an_error() -> None:
    """A batch that is given back again and again ends in Throttled, not in a loop."""
    with pytest.raises(Throttled, match="unwritten 8 times"):
        run(_replace(Busy(1_000), [entry(f"a{n}") for n in range(30)]))


async def _replace(client: Any, entries: list[Entry]) -> None:  # noqa: ANN401 - a stand-in of a few methods
    await DynamoInventory(client, "state", VirtualClock()).replace(ACCOUNT, REGION, entries)


async def test_the_alarms_of_an_incident_are_read_at_once(inventory: DynamoInventory) -> None:
    """Those that are known come in the order in which they were asked for; gone and unknown ones are left out."""
    await inventory.put(entry("a"))
    await inventory.put(entry("b"))
    await inventory.put(entry("c").model_copy(update={"gone": True}))
    asked = [AlarmKey(**PLACE, name=name) for name in ("b", "c", "unknown", "a")]
    assert [each.key.name for each in await inventory.of_keys(asked)] == ["b", "a"]
