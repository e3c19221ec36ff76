"""Calls of mortal processes into a world that fails: seeded faults at named stages.

A fault meets the n-th call of a stage, whoever makes it. Nothing that a dead process still wanted to do reaches the
world, but a request that it had sent may.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random
from typing import TypeVar

from virtual_time import VirtualClock

T = TypeVar("T")
CALL_SECONDS = 0.008
TIMEOUT_SECONDS = 10.0


class Fault(StrEnum):
    """What meets a call.

    `lost` happened, and its answer did not come; `late` times out and happens long after; `partial` fails for a part
    of a batch, or cuts a reply; `stalls` lets the process stand still.
    """

    THROTTLED = "throttled"
    LOST = "lost"
    SLOW = "slow"
    LATE = "late"
    PARTIAL = "partial"
    DUPLICATE = "duplicate"
    DIES_BEFORE = "dies before"
    DIES_AFTER = "dies after"
    STALLS = "stalls"


Pair = tuple[Fault, str]
Request = Callable[[], Awaitable[T]]


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault: how many attempts of an SDK it meets, and for how many seconds it slows, delays or stops something."""

    fault: Fault
    times: int = 1
    seconds: float = 5.0


@dataclass
class Plan:
    """The faults of one schedule by stage and number of the call, and what has come of them."""

    planned: Mapping[tuple[str, int], Planned]
    rng: Random
    calls: Counter[str] = field(default_factory=Counter)
    fired: list[Pair] = field(default_factory=list)
    trace: list[tuple[float, str, str, Planned | None]] = field(default_factory=list)
    sent: set[asyncio.Task[None]] = field(default_factory=set)

    def next(self, who: str, stage: str) -> Planned | None:
        """Count a call, and return what meets it."""
        found = self.planned.get((stage, self.calls[stage]))
        self.calls[stage] += 1
        self.trace.append((asyncio.get_running_loop().time(), who, stage, found))
        if found:
            self.fired.append((found.fault, stage))
        return found

    def send(self, request: Request[T], after_seconds: float = 0) -> None:
        """Let a request happen whose sender does not hear of it."""
        task = asyncio.create_task(_unheard(request, after_seconds))
        self.sent.add(task)
        task.add_done_callback(self.sent.discard)


async def _unheard(request: Request[T], after_seconds: float) -> None:
    await asyncio.sleep(after_seconds)
    await asyncio.gather(request(), return_exceptions=True)


@dataclass
class Life:
    """One process: its wall clock's error, whether it stands still, whether it is dead."""

    name: str
    skew_seconds: float = 0.0
    dead: bool = False
    on_death: Callable[[], None] = lambda: None
    _thaws_at: float = 0.0

    def die(self) -> None:
        """End the process here: nothing of it is cleaned up."""
        if not self.dead:
            self.dead = True
            self.on_death()
        raise asyncio.CancelledError

    def stall(self, seconds: float) -> None:
        """Let the process stand still."""
        self._thaws_at = asyncio.get_running_loop().time() + seconds

    @property
    def still(self) -> bool:
        """Whether the process stands still."""
        return not self.dead and self._thaws_at > asyncio.get_running_loop().time()

    async def go_on(self) -> None:
        """Return once the process runs; a dead one never goes on."""
        left = self._thaws_at - asyncio.get_running_loop().time()
        if left > 0 and not self.dead:
            await asyncio.sleep(left)
        if self.dead:
            raise asyncio.CancelledError


class LivingClock(VirtualClock):
    """A process's clock: wrong by its skew, late after a standstill, silent after death."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self._skew = timedelta(seconds=life.skew_seconds)

    def now(self) -> datetime:
        return super().now() + self._skew

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        await self._life.go_on()


class Unheard(Exception):
    """A request was refused, or its answer did not come."""

    def __init__(self, *, refused: bool) -> None:
        super().__init__()
        self.refused = refused


@dataclass(frozen=True, slots=True)
class Manners:
    """How one service's client fails: what it raises when it was refused or not answered, after how many attempts."""

    error: Callable[[bool, str], Exception]
    attempts: int = 1
    timeout_seconds: float = TIMEOUT_SECONDS


class Wire:
    """What the calls of one process to one service pass through."""

    def __init__(self, life: Life, plan: Plan, manners: Manners) -> None:
        self._life = life
        self._plan = plan
        self._manners = manners

    async def call(self, stage: str, request: Request[T], partly: Request[T] | None = None) -> T:
        """Make a call of a stage.

        Args:
            stage: what it is for.
            request: what it does to the world.
            partly: what a partial failure does instead.
        """
        await self._life.go_on()
        met = self._plan.next(self._life.name, stage)
        fault = met.fault if met else None
        if fault is Fault.DIES_BEFORE:
            self._life.die()
        if met and fault is Fault.STALLS:
            self._life.stall(met.seconds)
            await self._life.go_on()
        answer = await self._answered(stage, partly if partly and fault is Fault.PARTIAL else request, met)
        if fault is Fault.DIES_AFTER:
            self._life.die()
        await self._life.go_on()
        return answer

    async def _answered(self, stage: str, request: Request[T], met: Planned | None) -> T:
        """Return the answer that one of the client's attempts gets."""
        for attempt in range(1, self._manners.attempts + 1):
            try:
                return await self._once(request, met if met and attempt <= met.times else None)
            except Unheard as unheard:
                await self._life.go_on()
                if attempt == self._manners.attempts:
                    raise self._manners.error(unheard.refused, stage) from unheard
                await asyncio.sleep(self._plan.rng.random() * 2**attempt / 2)
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _once(self, request: Request[T], met: Planned | None) -> T:
        match met.fault if met else None:
            case Fault.THROTTLED:
                await asyncio.sleep(CALL_SECONDS)
                raise Unheard(refused=True)
            case Fault.LOST:
                await asyncio.gather(request(), return_exceptions=True)
                raise Unheard(refused=False)
            case Fault.LATE if met:
                self._plan.send(request, met.seconds + self._manners.timeout_seconds)
                await asyncio.sleep(self._manners.timeout_seconds)
                raise Unheard(refused=False)
            case Fault.SLOW if met:
                await asyncio.sleep(min(met.seconds, self._manners.timeout_seconds - 1))
        return await self._undisturbed(request)

    async def _undisturbed(self, request: Request[T]) -> T:
        """Make the call; whether a request of a process that ends meanwhile still arrives is left to chance."""
        try:
            await asyncio.sleep(CALL_SECONDS)
        except asyncio.CancelledError:
            if self._plan.rng.random() < 1 / 2:
                self._plan.send(request)
            raise
        if self._life.dead and self._plan.rng.random() < 1 / 2:
            raise asyncio.CancelledError
        return await request()
