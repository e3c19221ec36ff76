"""A control plane in a thread of its own, for command lines that run an event loop themselves."""

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from datetime import datetime
from typing import TypeVar

from aiohttp import web
from turned_clock import TurnedClock

from autocloudops.clock import Clock
from autocloudops.sandbox.control_plane import Durations, Place, SimulatedControlPlane

PLACE = Place(account="123456789012", region="eu-west-1")
KIND = "ml.g6e.xlarge"
DURATIONS = Durations(create_endpoint_seconds=60, update_endpoint_seconds=60, delete_endpoint_seconds=30)


AnyServer = TypeVar("AnyServer")


class HurriedClock(TurnedClock):
    """A clock that waits for nothing, shared by all who are made; its time goes on by what they wait for."""

    shared = 0.0
    interrupt_at: float | None = None

    def __init__(self) -> None:
        super().__init__()

    def now(self) -> datetime:
        self.seconds = HurriedClock.shared
        return super().now()

    def monotonic(self) -> float:
        return HurriedClock.shared

    async def sleep(self, seconds: float) -> None:
        HurriedClock.shared += seconds
        if HurriedClock.interrupt_at is not None and HurriedClock.shared >= HurriedClock.interrupt_at:
            HurriedClock.interrupt_at = None
            raise KeyboardInterrupt


class RecordedPlane(SimulatedControlPlane):
    """A control plane that keeps every request whole."""

    def __init__(self, **given: object) -> None:
        super().__init__(**given)  # type: ignore[arg-type] # what the tests give
        self.requests: list[tuple[str, bytes]] = []

    async def _answer(self, http: web.Request) -> web.Response:
        self.requests.append(
            (http.headers.get("X-Amz-Target", ""), str(dict(http.headers)).encode() + await http.read())
        )
        return await super()._answer(http)


@contextmanager
def served(thing: AbstractAsyncContextManager[AnyServer]) -> Iterator[AnyServer]:
    """Run a server on an event loop in a thread of its own until the block ends."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        entered = asyncio.run_coroutine_threadsafe(_entered(thing), loop).result(10)
        try:
            yield entered
        finally:
            asyncio.run_coroutine_threadsafe(_left(thing), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@contextmanager
def running_plane(
    *, quotas: Mapping[str, int], prices: Mapping[str, float] | None = None, clock: Clock | None = None
) -> Iterator[RecordedPlane]:
    """Serve a control plane until the block ends."""
    time = clock or HurriedClock()
    with served(
        RecordedPlane(clock=time, durations=DURATIONS, place=PLACE, quotas=quotas, prices=prices or {})
    ) as plane:
        yield plane


async def _entered(thing: AbstractAsyncContextManager[AnyServer]) -> AnyServer:
    return await thing.__aenter__()


async def _left(thing: AbstractAsyncContextManager[AnyServer]) -> None:
    await thing.__aexit__(None, None, None)
