"""One endpoint with continuous batching, as a discrete-event simulation in any clock's time.

Every instance runs up to `max_sequences` sequences at once, as far as their tokens fit; the others wait in its line,
first in, first out. A prompt is read in one go, while nothing decodes; then its sequence gains one token a step. The
time of the next event is worked out, no step is simulated by itself.

Simpler than a server: the room for a whole answer is taken at admission, so that nothing is ever preempted; a sequence
joins and leaves between two steps at any moment, which moves an answer by less than a step.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from autocloudops.clock import Clock
from autocloudops.errors import SandboxFailed
from autocloudops.sandbox.endpoint.gpus import Profile
from autocloudops.sandbox.endpoint.instance import Instance, Running, Served

__all__ = ["BatchingEndpoint", "Fleet", "InstanceGone", "NoInstance", "QueueFull", "Removal", "Scale", "Served"]


class NoInstance(SandboxFailed):
    """No instance serves now."""


class InstanceGone(SandboxFailed):
    """The instance was taken away while it ran the request."""


class QueueFull(SandboxFailed):
    """The instance with the shortest line has no place in it."""


class Removal(StrEnum):
    """What happens to the requests of an instance that is taken away: they finish, or they fail."""

    DRAIN = "drain"
    BREAK = "break"


@dataclass(frozen=True, slots=True)
class Scale:
    """A wish for `instances`, `at_seconds` after the schedule began."""

    at_seconds: float
    instances: int


@dataclass(frozen=True, slots=True)
class Fleet:
    """How an endpoint is set up.

    Args:
        instances: how many serve at first.
        start_up_seconds: how long a new instance takes until it serves.
        removal: what happens to the requests of an instance that is taken away.
        queue_limit: how many requests wait on one instance; None is no limit, as vLLM's own.
        shared_prefix_tokens: how many tokens all prompts begin with; read and kept once by each instance.
        cancelled_runs_on: whether a request whose client left is decoded to its end. True is what happens behind
            InvokeEndpoint: the container is not told.
    """

    instances: int = 1
    start_up_seconds: float = 0.0
    removal: Removal = Removal.DRAIN
    queue_limit: int | None = None
    shared_prefix_tokens: int = 0
    cancelled_runs_on: bool = True


class BatchingEndpoint:
    """An endpoint of one GPU type, whose instances can change; a request goes to the one with the fewest.

    Args:
        profile: how one instance decodes.
        clock: real or virtual time.
        fleet: the instances, and what happens around them.
    """

    def __init__(self, profile: Profile, clock: Clock, fleet: Fleet | None = None) -> None:
        self._profile, self._clock, self._fleet = profile, clock, fleet or Fleet()
        self._serving = [self._new() for _ in range(self._fleet.instances)]
        self._draining: list[Instance] = []
        self._starting: list[float] = []
        self._wake: asyncio.Task[None] | None = None
        self._wake_at = 0.0

    @property
    def serving(self) -> int:
        """How many instances take requests now."""
        self._advance()
        return len(self._serving)

    @property
    def outstanding(self) -> int:
        """How many requests run or wait, on instances that are being drained too."""
        self._advance()
        return sum(each.outstanding for each in self._all)

    async def serve(self, prompt_tokens: int, completion_tokens: int) -> Served:
        """Return when the request was answered, at that moment.

        Args:
            prompt_tokens: tokens of the whole prompt, the shared prefix included.
            completion_tokens: tokens of the answer, at least 1.

        Raises:
            NoInstance: none serves now.
            QueueFull: too many wait already.
            InstanceGone: its instance was taken away.
            SandboxFailed: the request can never fit.
        """
        running = self.submit(prompt_tokens, completion_tokens)
        try:
            return await running.served
        except asyncio.CancelledError:
            self.abandon(running)
            raise

    def submit(self, prompt_tokens: int, completion_tokens: int) -> Running:
        """Hand the request in and return its futures `first_token` and `served`; raises what `serve` raises.

        A caller that stops waiting calls `abandon`.
        """
        self._advance()
        if prompt_tokens + completion_tokens > self._profile.kv_tokens:
            asked, room = prompt_tokens + completion_tokens, self._profile.kv_tokens
            raise SandboxFailed(f"a request of {asked} tokens never fits into {room}", "send a shorter one")
        running = Running(prompt_tokens, completion_tokens, self._clock.monotonic())
        self._chosen().take(running)
        self._plan()
        return running

    def abandon(self, running: Running) -> None:
        """Tell the endpoint that nobody waits for `running`: it runs on, unless the fleet says otherwise."""
        if self._fleet.cancelled_runs_on:
            return
        self._advance()
        for instance in self._all:
            instance.discard(running)
        self._plan()

    def scale(self, instances: int) -> None:
        """Ask for `instances`: new ones serve after their start-up, the youngest are taken away first."""
        self._advance()
        wanted = instances - len(self._serving) - len(self._starting)
        ready = self._clock.monotonic() + self._fleet.start_up_seconds
        self._starting.extend([ready] * wanted)
        for _ in range(-wanted):
            self._remove()
        self._advance()
        self._plan()

    async def follow(self, schedule: Sequence[Scale]) -> None:
        """Ask for the instances of `schedule`, each at its time counted from now."""
        began = self._clock.monotonic()
        for step in sorted(schedule, key=lambda each: each.at_seconds):
            await self._clock.sleep(began + step.at_seconds - self._clock.monotonic())
            self.scale(step.instances)

    @property
    def _all(self) -> list[Instance]:
        return [*self._serving, *self._draining]

    def _new(self) -> Instance:
        return Instance(self._profile, self._fleet.shared_prefix_tokens)

    def _chosen(self) -> Instance:
        if not self._serving:
            raise NoInstance("no instance of the simulated endpoint serves now", "ask again when one has started")
        instance = min(self._serving, key=lambda each: each.outstanding)
        if self._fleet.queue_limit is not None and instance.waiting >= self._fleet.queue_limit:
            raise QueueFull(f"{instance.waiting} requests wait already", "send fewer at a time")
        return instance

    def _remove(self) -> None:
        if self._starting:
            self._starting.pop()
            return
        instance = self._serving.pop()
        if self._fleet.removal is Removal.DRAIN:
            self._draining.append(instance)
            return
        instance.fail(InstanceGone("the instance was taken away", "ask another one"))

    def _advance(self) -> None:
        """Let everything happen that was due by now."""
        now = self._clock.monotonic()
        for instance in self._all:
            instance.advance(now)
        self._draining = [each for each in self._draining if each.outstanding]
        while self._starting and self._starting[0] <= now:
            self._starting.pop(0)
            self._serving.append(self._new())

    def _plan(self) -> None:
        """Wake up at the next event; a wake-up that is too early plans again."""
        due = [at for each in self._all if (at := each.next_at) is not None] + self._starting[:1]
        if not due or (self._wake and self._wake_at <= min(due)):
            return
        if self._wake:
            self._wake.cancel()
        self._wake_at = min(due)
        self._wake = asyncio.create_task(self._woken(self._wake_at - self._clock.monotonic()))

    async def _woken(self, seconds: float) -> None:
        await self._clock.sleep(max(0.0, seconds))
        self._wake = None
        self._advance()
        self._plan()
