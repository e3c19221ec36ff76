"""Transactions whose conditions say which of them failed, and at which item."""

import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast
from uuid import UUID, uuid4

from botocore.exceptions import ClientError

from autocloudops.aws import error_code, error_message, translated
from autocloudops.clock import Clock
from autocloudops.errors import ServiceUnavailable, Throttled

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient
    from types_aiobotocore_dynamodb.type_defs import TransactWriteItemTypeDef

    from autocloudops.state.items import StoredItem

OPERATION = "dynamodb:TransactWriteItems"
CANCELLED = "TransactionCanceledException"
FAILED = "ConditionalCheckFailed"
PASSING = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})
IN_PROGRESS = frozenset({"TransactionConflictException", "TransactionInProgressException"})
WITHIN_SECONDS = 5.0
FIRST_PAUSE_SECONDS = 0.02
LONGEST_PAUSE_SECONDS = 0.5


class Transactions:
    """Writes to one table. Whoever meets a rival, a throttle or no answer tries again for five seconds.

    Args:
        client: a DynamoDB client.
        table: what errors name.
        clock: pauses and the deadline.
    """

    def __init__(self, client: "DynamoDBClient", table: str, clock: Clock) -> None:
        self._client = client
        self._table = table
        self._clock = clock

    async def write(
        self, transaction: Sequence["TransactWriteItemTypeDef"], ticket: UUID | None = None
    ) -> Mapping[int, "StoredItem"]:
        """Return nothing where all was done, or else the items at which conditions failed, by their place.

        A transaction whose answer was lost may be repeated after it was done: then its own conditions fail. DynamoDB
        knows a repeated `ticket` for ten minutes; a caller knows it by what it wrote into the items.

        Args:
            transaction: the writes.
            ticket: names this call and no other.

        Raises:
            ServiceFailed: nobody knows whether it was done.
        """
        token = str(ticket or uuid4())
        deadline = self._clock.monotonic() + WITHIN_SECONDS
        longest = FIRST_PAUSE_SECONDS
        while True:
            try:
                return await self._once(transaction, token)
            except (Throttled, ServiceUnavailable):
                pause = random.uniform(longest / 2, longest)  # noqa: S311 - keeps rivals apart, no secret
                if self._clock.monotonic() + pause > deadline:
                    raise
            await self._clock.sleep(pause)
            longest = min(longest * 2, LONGEST_PAUSE_SECONDS)

    async def _once(self, transaction: Sequence["TransactWriteItemTypeDef"], token: str) -> Mapping[int, "StoredItem"]:
        with translated(OPERATION, self._table):
            try:
                await self._client.transact_write_items(ClientRequestToken=token, TransactItems=transaction)
            except ClientError as error:
                if failed := _failed(error):
                    return failed
                if _passes(error):
                    raise Throttled(OPERATION, self._table, error_message(error)) from error
                raise
        return {}


def _failed(error: ClientError) -> dict[int, "StoredItem"]:
    reasons = enumerate(_reasons(error))
    return {place: cast("StoredItem", why.get("Item", {})) for place, why in reasons if why.get("Code") == FAILED}


def _passes(error: ClientError) -> bool:
    codes = {why.get("Code") for why in _reasons(error)}
    return error_code(error) in IN_PROGRESS or bool(codes & PASSING)


def _reasons(error: ClientError) -> Sequence[Mapping[str, object]]:
    if error_code(error) != CANCELLED:
        return ()
    return cast("dict[str, list[dict[str, object]]]", error.response).get("CancellationReasons", [])
