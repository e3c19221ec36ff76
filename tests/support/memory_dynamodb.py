"""DynamoDB in memory, in virtual time: one table, and the expressions that the state adapter writes.

The contract tests of `state/` run against it as they run against the emulators.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Unpack, cast

from botocore.exceptions import ClientError
from dynamodb_expressions import Item, Refusal, Scope, apply_update, holds

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient
    from types_aiobotocore_dynamodb.type_defs import (
        BatchGetItemInputTypeDef,
        DeleteItemInputTypeDef,
        GetItemInputTypeDef,
        PutItemInputTypeDef,
        QueryInputTypeDef,
        TransactWriteItemsInputTypeDef,
        UpdateItemInputTypeDef,
    )


class MemoryDynamo:
    """A `DynamoDBClient` as far as `DynamoIncidents` uses one. A write replaces an item, and never changes one.

    Args:
        seconds: how long a call takes, half of it before its effect; None where whoever calls has waited already.
    """

    def __init__(self, seconds: float | None = 0) -> None:
        self._half = None if seconds is None else seconds / 2
        self._rows: defaultdict[str, dict[str, Item]] = defaultdict(dict)

    @property
    def client(self) -> "DynamoDBClient":
        """Itself, as the adapter's type."""
        return cast("DynamoDBClient", self)

    @property
    def items(self) -> list[Item]:
        return [item for rows in self._rows.values() for item in rows.values()]

    async def get_item(self, **request: Unpack["GetItemInputTypeDef"]) -> Item:
        await self._travel()
        found = self._at(request["Key"])
        await self._travel()
        return {"Item": dict(found)} if found else {}

    async def batch_get_item(self, **request: Unpack["BatchGetItemInputTypeDef"]) -> Item:
        ((table, wanted),) = request["RequestItems"].items()
        keys = [(_text(key, "pk"), _text(key, "sk")) for key in wanted["Keys"]]
        if not keys or len(keys) > 100 or len(set(keys)) < len(keys):
            raise _error("ValidationException", "BatchGetItem")
        await self._travel()
        found = [dict(self._partition(pk)[sk]) for pk, sk in keys if sk in self._partition(pk)]
        await self._travel()
        return {"Responses": {table: found}, "UnprocessedKeys": {}}

    async def query(self, **request: Unpack["QueryInputTypeDef"]) -> Item:
        values = request["ExpressionAttributeValues"]
        prefix = _text(values, ":prefix") if ":prefix" in values else ""
        assert request.get("KeyConditionExpression") == "pk = :pk" + " AND begins_with(sk, :prefix)" * bool(prefix)
        await self._travel()
        rows = self._partition(_text(values, ":pk"))
        order = sorted((sk for sk in rows if sk.startswith(prefix)), reverse=request.get("ScanIndexForward") is False)
        if "ExclusiveStartKey" in request:
            order = order[order.index(_text(request["ExclusiveStartKey"], "sk")) + 1 :]
        page = order[: request.get("Limit", len(order))]
        found = [dict(rows[sk]) for sk in page]
        more = len(page) < len(order)
        await self._travel()
        return {"Items": found} | ({"LastEvaluatedKey": _key_of(found[-1])} if more else {})

    async def put_item(self, **request: Unpack["PutItemInputTypeDef"]) -> Item:
        return await self._write("PutItem", request)

    async def update_item(self, **request: Unpack["UpdateItemInputTypeDef"]) -> Item:
        return await self._write("UpdateItem", request)

    async def delete_item(self, **request: Unpack["DeleteItemInputTypeDef"]) -> Item:
        return await self._write("DeleteItem", request)

    async def transact_write_items(self, **request: Unpack["TransactWriteItemsInputTypeDef"]) -> Item:
        actions = [
            (f"{kind}Item", cast("Item", each)) for item in request["TransactItems"] for kind, each in item.items()
        ]
        await self._travel()
        if not all(self._allowed(each) for _, each in actions):
            raise _error("TransactionCanceledException", "TransactWriteItems")
        for kind, each in actions:
            self._change(kind, each)
        await self._travel()
        return {}

    async def create_table(self, **_: object) -> Item:
        return {}

    async def _write(self, kind: str, request: Mapping[str, object]) -> Item:
        await self._travel()
        if not self._allowed(request):
            raise _error("ConditionalCheckFailedException", kind)
        before, after = self._change(kind, request)
        await self._travel()
        returned = {"ALL_OLD": before, "ALL_NEW": after}.get(str(request.get("ReturnValues")))
        return {"Attributes": returned} if returned else {}

    async def _travel(self) -> None:
        if self._half is not None:
            await asyncio.sleep(self._half)

    def _allowed(self, request: Mapping[str, object]) -> bool:
        condition = request.get("ConditionExpression")
        key = cast("Item", request.get("Key") or request["Item"])
        try:
            return condition is None or holds(str(condition), self._at(key) or {}, Scope.of(request))
        except Refusal as error:
            raise _error("ValidationException", str(error)) from error

    def _change(self, kind: str, request: Mapping[str, object]) -> tuple[Item | None, Item | None]:
        """Make one write true and return the item before and after it."""
        key = _key_of(cast("Item", request.get("Key") or request["Item"]))
        before, rows = self._at(key), self._rows[_text(key, "pk")]
        if kind == "DeleteItem":
            return rows.pop(_text(key, "sk"), None), None
        if kind == "PutItem":
            after = dict(cast("Item", request["Item"]))
        else:
            after = apply_update(str(request["UpdateExpression"]), before or key, Scope.of(request))
        rows[_text(key, "sk")] = after
        return before, after

    def _at(self, key: Mapping[str, object]) -> Item | None:
        return self._partition(_text(key, "pk")).get(_text(key, "sk"))

    def _partition(self, pk: str) -> Mapping[str, Item]:
        """Return what is kept under a key; to read what is not there leaves nothing behind."""
        return self._rows.get(pk, {})


def size_bytes(item: Mapping[str, object]) -> int:
    """Return an item's size as DynamoDB counts it: names and values in UTF-8, numbers about half a byte a digit.

    Source: the developer guide's page on item sizes.
    """
    return sum(len(name.encode()) + _value_bytes(cast("Item", value)) for name, value in item.items())


def _value_bytes(value: Item) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(str(content).encode())
        case "B":
            return len(cast("bytes", content))
        case "N":
            return len(str(content)) // 2 + 2
        case "BOOL":
            return 1
        case "SS":
            return 3 + sum(1 + len(each.encode()) for each in cast("Iterable[str]", content))
    raise AssertionError(f"the state table holds no {kind}")


def _key_of(item: Mapping[str, object]) -> Item:
    return {"pk": item["pk"], "sk": item["sk"]}


def _text(item: Mapping[str, object], name: str) -> str:
    return cast("Mapping[str, str]", item[name])["S"]


def _error(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": operation}}, operation)
