"""Cancelling work that may still give back what it holds, within a bound; and work that a cancellation only delays."""

import asyncio
from collections.abc import Collection, Coroutine
from typing import Any

REFUSED_SECONDS = 0.05
"""What a second cancellation takes that interrupts the giving back."""


async def cancel(
    tasks: Collection[asyncio.Task[Any]], most_seconds: float, reason: str | None = None
) -> Collection[asyncio.Task[Any]]:
    """Cancel tasks, and return those that have not ended all the same.

    What gives back something for longer than `most_seconds` is cancelled once more, in the middle of that.

    Args:
        tasks: what is to end; tasks that have ended may be among them.
        most_seconds: how long they may take.
        reason: what the first cancellation says.
    """
    left = {task for task in tasks if not task.done()}
    for seconds in (most_seconds, REFUSED_SECONDS):
        for task in left:
            task.cancel(reason)
        if left:
            _, left = await asyncio.wait(left, timeout=seconds)
    return left


async def uninterrupted(work: Coroutine[Any, Any, None]) -> None:
    """Finish work that has a bound of its own, and only then let whoever is cancelled meanwhile be cancelled."""
    working = asyncio.create_task(work)
    cancelled: asyncio.CancelledError | None = None
    while not working.done():
        try:
            await asyncio.wait({working})
        except asyncio.CancelledError as error:
            cancelled = error
    working.result()
    if cancelled:
        raise cancelled
