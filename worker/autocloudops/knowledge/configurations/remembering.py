"""Answers kept for a moment: whoever asks while one is being fetched waits for the same one."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from autocloudops.clock import Clock

V = TypeVar("V")
MOST_KEPT = 1000


class Remembered(Generic[V]):
    """Keeps good answers, each for the same time; a failure is told to those who wait for it, and forgotten.

    Args:
        clock: time.
        seconds: how long an answer is kept.
        good: whether an answer is worth keeping.
    """

    def __init__(self, clock: Clock, seconds: float, good: Callable[[V], bool]) -> None:
        self._clock = clock
        self._seconds = seconds
        self._good = good
        self._kept: dict[Hashable, tuple[asyncio.Task[V], float]] = {}

    async def get(self, key: Hashable, fetch: Callable[[], Awaitable[V]]) -> V:
        """Return the answer for `key`, fetched where none is kept; a reader that gives up takes it from nobody."""
        now = self._clock.monotonic()
        task, until = self._kept.get(key, (None, 0.0))
        if task is None or (task.done() and until <= now):
            self._make_room(now)
            task = asyncio.create_task(self._fetched(key, fetch))
            task.add_done_callback(_heard)
            self._kept[key] = (task, now)
        return await asyncio.shield(task)

    async def _fetched(self, key: Hashable, fetch: Callable[[], Awaitable[V]]) -> V:
        answer = None
        try:
            answer = await fetch()
        finally:
            task, _ = self._kept.pop(key)
            if answer is not None and self._good(answer):
                self._kept[key] = (task, self._clock.monotonic() + self._seconds)
        return answer

    def _make_room(self, now: float) -> None:
        if len(self._kept) >= MOST_KEPT:
            self._kept = {
                key: (task, until) for key, (task, until) in self._kept.items() if not task.done() or until > now
            }


def _heard(task: "asyncio.Task[V]") -> None:
    """Take note of a failure whose readers have all given up, which asyncio would log as an error."""
    if not task.cancelled():
        task.exception()
