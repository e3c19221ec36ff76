"""One call for what several readers ask at nearly the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from autocloudops.clock import Clock
from autocloudops.errors import AccessDenied, AccountUnread, ServiceFailed, ServiceUnavailable, TargetMissing, Throttled

A = TypeVar("A")
Q = TypeVar("Q")

WINDOW_SECONDS = 0.05
PASSING = (AccessDenied, AccountUnread, ServiceUnavailable, TargetMissing, Throttled)
"""Failures that no part of a batch is to blame for: asking again in parts would only ask more."""


class Batcher(Generic[Q, A]):
    """Collects questions for a moment and asks them together.

    A reader that gives up takes nothing from the others. Where the service refuses a batch as such, its halves are
    asked again, so that a bad question fails alone.

    Args:
        ask: asks all questions in one call, and returns as many answers in their order.
        clock: time.
        most: the size at which a batch is full.
        size: the size of one question.
        window_seconds: how long the first question of a batch waits for company.
    """

    def __init__(
        self,
        ask: Callable[[Sequence[Q]], Awaitable[Sequence[A]]],
        clock: Clock,
        most: int,
        size: Callable[[Q], int] = lambda _: 1,
        window_seconds: float = WINDOW_SECONDS,
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._most = most
        self._size = size
        self._window_seconds = window_seconds
        self._waiting: list[tuple[Q, asyncio.Future[A]]] = []
        self._running: set[asyncio.Task[None]] = set()

    async def get(self, question: Q) -> A:
        """Return the answer to `question`.

        Raises:
            ServiceFailed: the call failed that held it.
        """
        if self._waiting and self._filled() + self._size(question) > self._most:
            self._send()
        answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answer))
        if len(self._waiting) == 1:
            self._start(self._send_later(answer))
        if self._filled() >= self._most:
            self._send()
        return await answer

    def _filled(self) -> int:
        return sum(self._size(question) for question, _ in self._waiting)

    async def _send_later(self, first: "asyncio.Future[A]") -> None:
        await self._clock.sleep(self._window_seconds)
        if self._waiting and self._waiting[0][1] is first:
            self._send()

    def _send(self) -> None:
        batch = [(question, answer) for question, answer in self._waiting if not answer.done()]
        self._waiting = []
        if batch:
            self._start(self._answer(batch))

    def _start(self, work: "Awaitable[None]") -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _answer(self, batch: "Sequence[tuple[Q, asyncio.Future[A]]]") -> None:
        try:
            answers = await self._ask([question for question, _ in batch])
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to those who wait for it
            if len(batch) > 1 and isinstance(error, ServiceFailed) and not isinstance(error, PASSING):
                middle = len(batch) // 2
                await asyncio.gather(self._answer(batch[:middle]), self._answer(batch[middle:]))
                return
            _settle(batch, error)
            return
        for (_, waiting), answer in zip(batch, answers, strict=True):
            if not waiting.done():
                waiting.set_result(answer)


def _settle(batch: "Sequence[tuple[Q, asyncio.Future[A]]]", error: Exception) -> None:
    for _, waiting in batch:
        if not waiting.done():
            waiting.set_exception(error)
