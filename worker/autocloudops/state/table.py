"""One DynamoDB table as the state adapter uses it: live items only, and writes that may lose against others."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar, cast

from botocore.exceptions import ClientError

from autocloudops.aws import error_code, translated
from autocloudops.clock import Clock
from autocloudops.errors import Throttled
from autocloudops.state.items import text
from autocloudops.state.reads import Place, Reads

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient
    from types_aiobotocore_dynamodb.type_defs import (
        KeysAndAttributesTypeDef,
        QueryInputTypeDef,
        TransactWriteItemTypeDef,
    )

    from autocloudops.state.items import NewItem, StoredItem

T = TypeVar("T")
FAILED = "ConditionalCheckFailed"
CONFLICT = "TransactionConflict"
HARMLESS = frozenset({"None", FAILED, CONFLICT})
LOST = frozenset({"ConditionalCheckFailedException", "TransactionCanceledException", "TransactionConflictException"})
MOST_KEYS = 100
TRIES = 8
FIRST_PAUSE_SECONDS = 0.02
LONGEST_PAUSE_SECONDS = 1.0


class Table:
    """A table whose expired items are gone, although DynamoDB drops them up to days later.

    Args:
        client: a DynamoDB client.
        name: the table's name.
        clock: what has expired, and pauses.
    """

    def __init__(self, client: "DynamoDBClient", name: str, clock: Clock) -> None:
        self.client = client
        self.name = name
        self._clock = clock
        self._reads = Reads(self._read, MOST_KEYS)

    async def get(self, key: "NewItem") -> "StoredItem | None":
        """Return one item; it is read together with what others want at the same moment."""
        found = await self.get_many([key])
        return found[0] if found else None

    async def get_many(self, keys: Sequence["NewItem"]) -> list["StoredItem"]:
        """Return the items of different keys, in the order of the keys.

        Raises:
            Throttled: DynamoDB keeps giving keys back unread.
        """
        found = await self._reads.all([_place(key) for key in keys])
        return [item for item in found if self._lives(item)]

    async def _read(self, places: Collection[Place]) -> Mapping[Place, "StoredItem"]:
        wanted: KeysAndAttributesTypeDef = {
            "Keys": [{"pk": text(pk), "sk": text(sk)} for pk, sk in places],
            "ConsistentRead": True,
        }
        pending: Mapping[str, KeysAndAttributesTypeDef] = {self.name: wanted}
        found: dict[Place, StoredItem] = {}
        for attempt in range(TRIES):
            await self._pause(attempt)
            with translated("dynamodb:BatchGetItem", self.name):
                answer = await self.client.batch_get_item(RequestItems=pending)
            found |= {(item["pk"]["S"], item["sk"]["S"]): item for item in answer["Responses"].get(self.name, ())}
            pending = cast("dict[str, KeysAndAttributesTypeDef]", answer.get("UnprocessedKeys", {}))
            if not pending:
                return found
        raise Throttled("dynamodb:BatchGetItem", self.name, f"keys were left unread {TRIES} times")

    async def query(
        self, pk: str, prefix: str = "", *, newest_first: bool = False, page: int = 0
    ) -> AsyncIterator["StoredItem"]:
        """Yield the items of one partition whose sort keys begin with `prefix`, by sort key.

        Args:
            pk: the partition.
            prefix: how sort keys begin.
            newest_first: from the last sort key to the first.
            page: how many items are read at once; 0 for as many as DynamoDB gives.
        """
        request: QueryInputTypeDef = {
            "TableName": self.name,
            "KeyConditionExpression": "pk = :pk" + (" AND begins_with(sk, :prefix)" if prefix else ""),
            "ExpressionAttributeValues": {":pk": text(pk)} | ({":prefix": text(prefix)} if prefix else {}),
            "ScanIndexForward": not newest_first,
            "ConsistentRead": True,
        }
        if page:
            request["Limit"] = page
        while True:
            with translated("dynamodb:Query", self.name):
                answer = await self.client.query(**request)
            for item in answer["Items"]:
                if self._lives(item):
                    yield item
            if not answer.get("LastEvaluatedKey"):
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    async def transact(self, transaction: Sequence["TransactWriteItemTypeDef"]) -> bool:
        """Return whether all of `transaction` was done; False where one of its conditions failed."""
        write = self.unless_lost(
            "dynamodb:TransactWriteItems", lambda: self.client.transact_write_items(TransactItems=transaction)
        )
        return await write is not None

    async def unless_lost(self, operation: str, call: Callable[[], Awaitable[T]]) -> T | None:
        """Return the answer of a conditional write, or None where its condition failed.

        A write that met another transaction on the same item is made again: nobody knows yet whether its condition
        holds.
        """
        for attempt in range(TRIES):
            await self._pause(attempt)
            with translated(operation, self.name):
                try:
                    return await call()
                except ClientError as error:
                    reasons = _reasons(error)
                    if FAILED in reasons:
                        return None
                    if CONFLICT not in reasons or attempt + 1 == TRIES:
                        raise
        raise AssertionError("unreachable: the last try returns or raises")

    async def _pause(self, attempt: int) -> None:
        if attempt:
            longest = min(FIRST_PAUSE_SECONDS * 2**attempt, LONGEST_PAUSE_SECONDS)
            await self._clock.sleep(random.uniform(longest / 2, longest))  # noqa: S311 - keeps rivals apart, no secret

    def _lives(self, item: "StoredItem") -> bool:
        return "ttl" not in item or int(item["ttl"]["N"]) > self._clock.now().timestamp()


def _place(key: "NewItem") -> Place:
    texts = cast("Mapping[str, Mapping[str, str]]", key)
    return texts["pk"]["S"], texts["sk"]["S"]


def _reasons(error: ClientError) -> frozenset[str]:
    """Return why a write was refused, if only conditions and rivals stood against it; throttles are no such reason."""
    code = error_code(error)
    if code not in LOST:
        return frozenset()
    if code != "TransactionCanceledException":
        return frozenset({code.removesuffix("Exception")})
    listed = cast("dict[str, list[dict[str, str]]]", error.response).get("CancellationReasons", [])
    reasons = frozenset(reason.get("Code", "None") for reason in listed) or frozenset({FAILED})
    return reasons if reasons <= HARMLESS else frozenset()
