"""What is kept of dialects, and that trouble with the table is nobody else's."""

import asyncio
from datetime import timedelta
from typing import Any, NoReturn, cast

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from memory_dynamodb import MemoryDynamo
from virtual_time import VirtualClock, run

from autocloudops.diagnosis.endpoint import Dialect
from autocloudops.state.dialects import RETENTION, DynamoDialects

URL, MODEL = "sagemaker://nim", "m"
DENIED = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetItem")


class Failing:
    """A DynamoDB client whose calls fail."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def get_item(self, **_: object) -> NoReturn:
        raise self._error

    async def put_item(self, **_: object) -> NoReturn:
        raise self._error


class Held:
    """A DynamoDB client whose every item holds the same dialect."""

    def __init__(self, dialect: str) -> None:
        self._item = {"dialect": {"S": dialect}, "ttl": {"N": "99999999999"}}

    async def get_item(self, **_: object) -> dict[str, object]:
        return {"Item": self._item}


def dialects(client: object) -> DynamoDialects:
    """Return the store over a client."""
    return DynamoDialects(cast("Any", client), "state", VirtualClock())


def test_a_dialect_is_kept_for_its_endpoint_and_model_for_a_week() -> None:
    """Another worker reads what one has found; another model, or a week later, is found out anew."""

    async def main() -> None:
        store = dialects(MemoryDynamo())
        await store.put(URL, MODEL, Dialect.NVEXT)
        assert await store.get(URL, MODEL) is Dialect.NVEXT
        assert await store.get(URL, "other") is None
        assert await store.get("sagemaker://other", MODEL) is None
        await asyncio.sleep((RETENTION + timedelta(seconds=1)).total_seconds())
        assert await store.get(URL, MODEL) is None

    run(main())


@pytest.mark.parametrize(
    "error", [DENIED, EndpointConnectionError(endpoint_url="https://dynamodb"), NoCredentialsError()]
)
def test_a_table_that_fails_fails_no_question(error: Exception) -> None:
    """Whatever keeps the table from answering, the dialect is unknown, and keeping it is let be."""

    async def main() -> None:
        store = dialects(Failing(error))
        assert await store.get(URL, MODEL) is None
        await store.put(URL, MODEL, Dialect.NVEXT)

    run(main())


def test_a_dialect_of_a_later_version_is_unknown() -> None:
    """While two versions of the worker run, the older one finds out for itself."""
    assert run(dialects(Held("grammar")).get(URL, MODEL)) is None
    assert run(dialects(Held("nvext")).get(URL, MODEL)) is Dialect.NVEXT
