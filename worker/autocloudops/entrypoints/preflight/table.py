"""The state table."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from autocloudops.aws import translated
from autocloudops.entrypoints.preflight.checks import Check, Weight, refused
from autocloudops.entrypoints.preflight.clients import Clients
from autocloudops.errors import SettingsInvalid, Throttled

KEY: Mapping[str, Any] = {"pk": {"S": "PREFLIGHT"}, "sk": {"S": "NONE"}}
"""An item that nobody ever writes."""

THERE = "attribute_exists(pk)"
REFUSALS = frozenset({"ConditionalCheckFailedException", "TransactionCanceledException"})
SCHEMA = {"pk": "HASH", "sk": "RANGE"}


def table_checks(clients: Clients, table: str) -> list[Check]:
    """Return the checks of the state table. Every write is on a condition that fails."""
    clients.needs("dynamodb")
    return [
        Check("read the state table", table, Weight.VITAL, partial(_read, clients, table)),
        Check("write the state table", table, Weight.VITAL, partial(_write, clients, table)),
        Check("claim in the state table", table, Weight.WATCHED, partial(_claim, clients, table)),
        Check("state table's keys", table, Weight.ADVISORY, partial(_keys, clients, table)),
        Check("state table's expiry", table, Weight.ADVISORY, partial(_expiry, clients, table)),
    ]


async def _read(clients: Clients, table: str) -> str:
    dynamodb = await clients.get("dynamodb")
    with translated("dynamodb:GetItem", table):
        await dynamodb.get_item(TableName=table, Key=KEY)
    with translated("dynamodb:BatchGetItem", table):
        await dynamodb.batch_get_item(RequestItems={table: {"Keys": [KEY]}})
    with translated("dynamodb:Query", table):
        await dynamodb.query(
            TableName=table, KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": KEY["pk"]}
        )
    return "allowed"


async def _write(clients: Clients, table: str) -> str:
    dynamodb = await clients.get("dynamodb")
    on = {"TableName": table, "ConditionExpression": THERE}
    change = {"UpdateExpression": "REMOVE preflight", "Key": KEY, **on}
    for operation, call in (
        ("dynamodb:PutItem", partial(dynamodb.put_item, Item=KEY, **on)),
        ("dynamodb:UpdateItem", partial(dynamodb.update_item, **change)),
        ("dynamodb:DeleteItem", partial(dynamodb.delete_item, Key=KEY, **on)),
        ("dynamodb:TransactWriteItems", partial(dynamodb.transact_write_items, TransactItems=[{"Update": change}])),
    ):
        await refused(call(), operation, table, REFUSALS)
    return "allowed"


async def _claim(clients: Clients, table: str) -> str:
    """Try what only a claim on an action needs beside those: without it nothing is ever done."""
    dynamodb = await clients.get("dynamodb")
    condition = {"TableName": table, "Key": KEY, "ConditionExpression": THERE}
    call = dynamodb.transact_write_items(TransactItems=[{"ConditionCheck": condition}])
    await refused(call, "dynamodb:ConditionCheckItem", table, REFUSALS)
    return "allowed"


async def _keys(clients: Clients, table: str) -> str:
    dynamodb = await clients.get("dynamodb")
    with translated("dynamodb:DescribeTable", table):
        held = (await dynamodb.describe_table(TableName=table))["Table"]
    schema = {each["AttributeName"]: each["KeyType"] for each in held["KeySchema"]}
    if schema != SCHEMA:
        raise SettingsInvalid(f"its keys are {', '.join(schema)}", "use a table with the keys pk and sk")
    if held["TableStatus"] not in {"ACTIVE", "UPDATING"}:
        raise Throttled("dynamodb:DescribeTable", table, f"it is {held['TableStatus']}")
    return "pk and sk"


async def _expiry(clients: Clients, table: str) -> str:
    dynamodb = await clients.get("dynamodb")
    with translated("dynamodb:DescribeTimeToLive", table):
        told = (await dynamodb.describe_time_to_live(TableName=table))["TimeToLiveDescription"]
    if told["TimeToLiveStatus"] not in {"ENABLED", "ENABLING"} or told["AttributeName"] != "ttl":
        raise SettingsInvalid("old items are never dropped, and are paid for", "turn time to live on for `ttl`")
    return "by ttl"
