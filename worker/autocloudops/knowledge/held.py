"""A value that is costly to read: read once, and again in the background when it is old."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from autocloudops.clock import Clock

T = TypeVar("T")


class Held(Generic[T]):
    """Keeps what was read last.

    Args:
        read: reads it.
        clock: time.
        fresh_seconds: as long as this it is not read again.
    """

    def __init__(self, read: Callable[[], Awaitable[T]], clock: Clock, fresh_seconds: float) -> None:
        self._read = read
        self._clock = clock
        self._fresh_seconds = fresh_seconds
        self._reading: asyncio.Task[T] | None = None
        self._value: tuple[T] | None = None
        self._read_at = 0.0

    async def get(self) -> T:
        """Return the value: the last one while a newer one is being read, or where it cannot be read any more.

        Raises:
            AutoCloudOpsError: it could never be read; what `read` raised.
        """
        if self._value is None:
            return await asyncio.shield(self._started())
        if self._clock.monotonic() - self._read_at >= self._fresh_seconds:
            self._started()
        return self._value[0]

    def _started(self) -> asyncio.Task[T]:
        if self._reading is None:
            self._reading = asyncio.create_task(self._keep())
            self._reading.add_done_callback(self._ended)
        return self._reading

    async def _keep(self) -> T:
        value = await self._read()
        self._value = (value,)
        return value

    def _ended(self, reading: asyncio.Task[T]) -> None:
        self._reading = None
        self._read_at = self._clock.monotonic()
        if not reading.cancelled():
            reading.exception()
