"""What DynamoDB answers when it is busy, and what is made of it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, cast

import pytest
from botocore.exceptions import ClientError
from memory_dynamodb import MemoryDynamo
from virtual_time import START, VirtualClock, run

from autocloudops.alarms.model import ResourceRef
from autocloudops.errors import ServiceFailed, Throttled
from autocloudops.state.items import text
from autocloudops.state.storms import COUNTED, Storms
from autocloudops.state.table import TRIES, Table

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient
    from types_aiobotocore_dynamodb.type_defs import PutItemInputTypeDef

T = TypeVar("T")
Item = dict[str, Any]
Requested = dict[str, dict[str, list[Item]]]
KEYS = [{"pk": text(f"p{number}"), "sk": text("s")} for number in range(250)]


class Busy:
    """A table that reads few keys at a time, and meets other transactions for a while.

    Args:
        table: where the items are.
        conflicts: how many writes are refused for the sake of another transaction.
        keys: how many keys are read at a time.
    """

    def __init__(self, table: MemoryDynamo, conflicts: int = 0, keys: int = 60) -> None:
        self._table = table
        self._conflicts = conflicts
        self._keys = keys
        self.calls = 0

    async def batch_get_item(self, RequestItems: Requested) -> Item:  # noqa: N803 - the name of the API
        self.calls += 1
        ((name, wanted),) = RequestItems.items()
        now, later = wanted["Keys"][: self._keys], wanted["Keys"][self._keys :]
        answer = await self._table.batch_get_item(RequestItems={name: {"Keys": now}}) if now else {"Responses": {}}
        return answer | {"UnprocessedKeys": {name: {"Keys": later}} if later else {}}

    async def put_item(self, **request: Unpack["PutItemInputTypeDef"]) -> Item:
        self.calls += 1
        if self.calls <= self._conflicts:
            raise ClientError({"Error": {"Code": "TransactionConflictException", "Message": "rival"}}, "PutItem")
        return await self._table.put_item(**request)


def table_on(busy: Busy) -> Table:
    """Return a table that is reached through a busy client."""
    return Table(cast("DynamoDBClient", busy), "state", VirtualClock())


async def filled() -> MemoryDynamo:
    """Return a table that holds every key."""
    table = MemoryDynamo()
    for key in KEYS:
        await table.put_item(TableName="state", Item=key)
    return table


def timed(scenario: Callable[[], Coroutine[Any, Any, T]]) -> tuple[T, float]:
    """Return what a scenario comes to, and how many seconds it took."""

    async def clocked() -> tuple[T, float]:
        return await scenario(), asyncio.get_running_loop().time()

    return run(clocked())


def test_keys_that_were_left_unread_are_read_after_a_pause() -> None:
    """However many keys, and however few are read at once: all are found, with pauses in between."""

    async def scenario() -> int:
        return len(await table_on(Busy(await filled())).get_many(KEYS))

    found, seconds = timed(scenario)
    assert found == len(KEYS)
    assert seconds > 0


def test_keys_that_stay_unread_are_an_error() -> None:
    """A table that reads nothing at all is given up, and said to be throttled."""

    async def scenario() -> int:
        busy = Busy(await filled(), keys=0)
        with pytest.raises(Throttled, match="left unread"):
            await table_on(busy).get_many(KEYS[:3])
        return busy.calls

    assert timed(scenario)[0] == TRIES


@pytest.mark.parametrize("conflicts", [1, TRIES - 1])
def test_a_write_that_met_another_transaction_is_made_again(conflicts: int) -> None:
    """A conflict says nothing about a condition, so it is no loss."""

    async def scenario() -> object:
        busy = Busy(MemoryDynamo(), conflicts)
        write = table_on(busy).unless_lost("dynamodb:PutItem", lambda: busy.put_item(TableName="state", Item=KEYS[0]))
        return await write

    assert timed(scenario)[0] is not None


def test_a_write_that_always_meets_another_transaction_fails() -> None:
    """Nobody is told that a condition failed where it was never tested."""

    async def scenario() -> int:
        busy = Busy(MemoryDynamo(), conflicts=10**6)
        with pytest.raises(ServiceFailed):
            await table_on(busy).unless_lost("dynamodb:PutItem", lambda: busy.put_item(TableName="state", Item=KEYS[0]))
        return busy.calls

    assert timed(scenario)[0] == TRIES


def test_a_storm_in_one_account_hides_none_in_another() -> None:
    """One process notes 100 resources a minute for each account and region."""

    async def scenario() -> list[int]:
        storms = Storms(MemoryDynamo().client, "state")
        for account in ("1", "2"):
            for number in range(COUNTED + 20):
                thing = ResourceRef(type="t", id=str(number), account=account, region="eu-west-1", owner="o")
                await storms.note(thing, START)
        return [await storms.count(account, "eu-west-1", START) for account in ("1", "2")]

    assert timed(scenario)[0] == [COUNTED, COUNTED]
