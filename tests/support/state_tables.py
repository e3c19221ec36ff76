"""State tables for contract tests."""

from typing import TYPE_CHECKING
from uuid import uuid4

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient


async def new_table(client: "DynamoDBClient") -> str:
    """Create an empty table with the keys of the state table, and return its name."""
    table = f"state-{uuid4().hex[:8]}"
    await client.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    return table
