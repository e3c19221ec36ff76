"""A control plane in a thread of its own, for command lines that run an event loop themselves."""

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from aiohttp import web
from turned_clock import TurnedClock

from autocloudops.clock import Clock
from autocloudops.sandbox.control_plane import Durations, Place, SimulatedControlPlane

PLACE = Place(account="123456789012", region="eu-west-1")
KIND = "ml.g6e.xlarge"
DURATIONS = Durations(create_endpoint_seconds=60, update_endpoint_seconds=60, delete_endpoint_seconds=30)


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
def running_plane(
    *, quotas: Mapping[str, int], prices: Mapping[str, float] | None = None, clock: Clock | None = None
) -> Iterator[RecordedPlane]:
    """Serve a control plane until the block ends."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    plane = RecordedPlane(
        clock=clock or HurriedClock(), durations=DURATIONS, place=PLACE, quotas=quotas, prices=prices or {}
    )
    try:
        asyncio.run_coroutine_threadsafe(plane.__aenter__(), loop).result(10)
        yield plane
        asyncio.run_coroutine_threadsafe(plane.__aexit__(None, None, None), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
