"""Slots: who may have a request in flight, and what the controller learns from it."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType

from autocloudops.clock import Clock
from autocloudops.diagnosis.endpoint import Priority
from autocloudops.inference.concurrency.sample import Controller, Sample

WEIGHTS: Mapping[Priority, int] = MappingProxyType({Priority.LIVE: 8, Priority.BACKFILL: 1})


class Slot:
    """One request's permission to be in flight; it is settled once, by the first of its two calls."""

    def __init__(self, slots: "Slots") -> None:
        self._slots = slots
        self._opened = slots.usage()
        self._settled = False

    def answered(self, tokens: int) -> float:
        """Record an answer and return its share of the endpoint.

        Args:
            tokens: the tokens that were generated.

        Returns:
            Endpoint-seconds: the slot's life so far, each moment divided by the requests then in flight.
        """
        closed = self._slots.usage()
        if not self._settled:
            self._settled = True
            self._slots.learn(self._opened, closed, tokens)
        return closed.share_seconds - self._opened.share_seconds

    def overloaded(self) -> None:
        """Record that the endpoint asked for fewer requests, or did not answer in time."""
        if not self._settled:
            self._settled = True
            self._slots.back_off(self._opened)


class Usage:
    """Running totals at a moment: the time, request-seconds in flight, and one request's share of all seconds."""

    __slots__ = ("at", "request_seconds", "share_seconds")

    def __init__(self, at: float, request_seconds: float, share_seconds: float) -> None:
        self.at = at
        self.request_seconds = request_seconds
        self.share_seconds = share_seconds


class Slots:
    """As many requests in flight as the controller allows; the others wait, live before backfill by weight.

    Where both wait, eight slots go to live requests for each one that goes to a backfill: so a backfill is never
    starved altogether. Within a priority the first to wait is the first to go.

    Args:
        controller: says how many, and learns from what came of them.
        clock: real or virtual time.
    """

    def __init__(self, controller: Controller, clock: Clock) -> None:
        self._controller = controller
        self._clock = clock
        self._in_flight = 0
        self._totals = Usage(0.0, 0.0, 0.0)
        self._waiting: dict[Priority, deque[asyncio.Future[None]]] = {each: deque() for each in Priority}
        self._turns = dict.fromkeys(Priority, 0.0)

    @property
    def in_flight(self) -> int:
        """How many slots are taken."""
        return self._in_flight

    @property
    def limit(self) -> int:
        """How many slots there are now."""
        return self._controller.limit

    @property
    def waiting(self) -> int:
        """How many callers wait for one."""
        return sum(len(line) for line in self._waiting.values())

    @asynccontextmanager
    async def taken(self, priority: Priority, within_seconds: float) -> AsyncIterator[Slot]:
        """Yield a slot when one is free; it is free again when the block is left, in whatever way.

        A block that is left without `answered` or `overloaded` was a failure that says nothing about throughput.

        Raises:
            TimeoutError: none was free within that time.
        """
        await self._enter(priority, within_seconds)
        try:
            yield Slot(self)
        finally:
            self._leave()

    def usage(self) -> Usage:
        """Return the totals as of now."""
        now, before = self._clock.monotonic(), self._totals
        passed = now - before.at if self._in_flight else 0.0
        share = passed / self._in_flight if self._in_flight else 0.0
        return Usage(now, before.request_seconds + passed * self._in_flight, before.share_seconds + share)

    def learn(self, opened: Usage, closed: Usage, tokens: int) -> None:
        """Tell the controller of an answer."""
        taken = closed.at - opened.at
        in_flight = (closed.request_seconds - opened.request_seconds) / taken if taken > 0 else float(self._in_flight)
        self._controller.answered(Sample(opened.at, closed.at, tokens, in_flight))
        self._grant()

    def back_off(self, opened: Usage) -> None:
        """Tell the controller of a throttle or a timeout."""
        self._controller.overloaded(opened.at, self._clock.monotonic())

    async def _enter(self, priority: Priority, within_seconds: float) -> None:
        if not self.waiting and self._in_flight < self._controller.limit:
            self._count(1)
            return
        place = self._queued(priority)
        try:
            async with asyncio.timeout(within_seconds):
                await place
        except BaseException:
            self._give_up(priority, place)
            raise

    def _queued(self, priority: Priority) -> asyncio.Future[None]:
        """Stand in line; who comes back to an empty line has no claim on the turns that passed without it."""
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if not self._waiting[priority]:
            busy = [self._turns[each] for each, line in self._waiting.items() if line]
            self._turns[priority] = max([self._turns[priority], *busy[:1]])
        self._waiting[priority].append(place)
        return place

    def _give_up(self, priority: Priority, place: asyncio.Future[None]) -> None:
        """Leave the line, or give back the slot that came at the same moment."""
        if place.done() and not place.cancelled():
            self._leave()
            return
        if place in self._waiting[priority]:
            self._waiting[priority].remove(place)

    def _leave(self) -> None:
        self._count(-1)
        self._grant()

    def _count(self, change: int) -> None:
        self._totals = self.usage()
        self._in_flight += change

    def _grant(self) -> None:
        """Hand free slots to those who wait, each time to the priority that had the least for its weight."""
        while self._in_flight < self._controller.limit and self.waiting:
            priority = min((each for each in Priority if self._waiting[each]), key=self._turns.__getitem__)
            place = self._waiting[priority].popleft()
            if place.done():
                continue
            self._turns[priority] += 1 / WEIGHTS[priority]
            self._count(1)
            place.set_result(None)
