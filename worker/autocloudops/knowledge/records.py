"""Reads of our own records, under the same bound of time as calls to AWS."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from autocloudops.errors import ServiceUnavailable

T = TypeVar("T")
QUERY = "dynamodb:Query"
GET_MANY = "dynamodb:BatchGetItem"
RECORDS = "the state table"


async def in_time(reading: Awaitable[T], seconds: float) -> T:
    """Return what `reading` comes to.

    Raises:
        ServiceUnavailable: it took longer than `seconds`.
        ServiceFailed: the records could not be read.
    """
    try:
        async with asyncio.timeout(seconds):
            return await reading
    except TimeoutError as error:
        raise ServiceUnavailable(QUERY, RECORDS, f"no answer within {seconds:g} s") from error
