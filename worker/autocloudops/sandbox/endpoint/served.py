"""A served model without a socket: one code for real time behind HTTP and for virtual time in a benchmark."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

from autocloudops.clock import Clock
from autocloudops.errors import SandboxFailed
from autocloudops.sandbox.endpoint.batching import BatchingEndpoint, InstanceGone, NoInstance, QueueFull
from autocloudops.sandbox.endpoint.embeddings import EmbeddingEngine
from autocloudops.sandbox.endpoint.faults import BREAKS, FAULTS, STREAM_BROKEN, STREAM_TOO_LONG
from autocloudops.sandbox.endpoint.instance import Running
from autocloudops.sandbox.endpoint.misbehaviour import Asked, Misbehaviour, Schedule, never
from autocloudops.sandbox.endpoint.pacing import Pace
from autocloudops.sandbox.endpoint.tasks import Serving, Work, task_of
from autocloudops.sandbox.endpoint.wire import (
    Broken,
    Engine,
    Fault,
    StreamFault,
    no_capacity,
    refused,
    timed_out,
    validation_error,
)
from autocloudops.values import Value

# What SageMaker allows a container: 60 s for InvokeEndpoint, 8 minutes for a response stream.
INVOKE_LIMIT_SECONDS = 60.0
STREAM_LIMIT_SECONDS = 480.0


class EndpointStats(Value):
    """What the endpoint has seen: requests so far, under way now, and most at once; answers that were given in full.

    `misbehaviours` counts by name.
    """

    requests: int
    in_flight: int
    peak_in_flight: int
    answered: int
    misbehaviours: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Answer:
    """Work that was accepted.

    Args:
        work: what will be given.
        running: what runs for it on an instance, if instances are simulated.
        deadline: the event loop's time at which SageMaker gives up; None is never.
    """

    work: Work
    running: Running | None
    deadline: float | None


class ServedModel:
    """An engine behind SageMaker's front door.

    Args:
        engine: what answers, or what embeds.
        clock: the time that answers take.
        latency_seconds: how long each answer takes at least; may be changed while it runs.
        schedule: which requests, counted from 1, are answered badly and how.
        serving: how the endpoint is set up.
        batching: the instances behind it; None answers after the latency.
    """

    def __init__(
        self,
        engine: Engine | EmbeddingEngine,
        clock: Clock,
        *,
        latency_seconds: float = 0.02,
        schedule: Schedule = never,
        serving: Serving | None = None,
        batching: BatchingEndpoint | None = None,
    ) -> None:
        self.serving = serving or Serving()
        self.task = task_of(engine, self.serving)
        self.latency_seconds = latency_seconds
        self._clock = clock
        self._schedule = schedule
        self._pace = Pace(batching)
        self._requests = self._in_flight = self._peak = self._answered = 0
        self._misbehaviours: Counter[str] = Counter()

    @property
    def stats(self) -> EndpointStats:
        """The counts at this moment."""
        return EndpointStats(
            requests=self._requests,
            in_flight=self._in_flight,
            peak_in_flight=self._peak,
            answered=self._answered,
            misbehaviours=dict(self._misbehaviours),
        )

    async def invoke(self, body: bytes, misbehave: str | None = None) -> Work | Fault | Broken:
        """Return the whole answer to `body` once it is there, as InvokeEndpoint does.

        Args:
            body: the request's JSON.
            misbehave: the name of a misbehaviour; goes before the schedule.
        """
        async with self.accepted(body, misbehave, INVOKE_LIMIT_SECONDS) as said:
            return await self._whole(said) if isinstance(said, Answer) else said

    @asynccontextmanager
    async def accepted(
        self, body: bytes, misbehave: str | None, limit_seconds: float | None
    ) -> AsyncIterator[Answer | Fault | Broken]:
        """Hold a place for one request, and give the answer that begins or what is said instead.

        Args:
            body: the request's JSON.
            misbehave: the name of a misbehaviour; goes before the schedule.
            limit_seconds: how long SageMaker waits for the container, from now to its last byte; None is for ever.
        """
        self._requests += 1
        self._in_flight += 1
        self._peak = max(self._peak, self._in_flight)
        running: Running | None = None
        try:
            said = await self._considered(body, misbehave, limit_seconds)
            running = said.running if isinstance(said, Answer) else None
            yield said
        finally:
            self._pace.end(running)
            self._in_flight -= 1

    async def parts(self, answer: Answer) -> AsyncGenerator[bytes, None]:
        """Yield the bytes of an answer, each when it is there; one that breaks off ends in the middle.

        Raises:
            InstanceGone: the instance was taken away.
        """
        parts = answer.work.parts()
        last = len(parts) // 2 if answer.work.breaks_off else len(parts)
        given = 0
        await self._clock.sleep(self.latency_seconds + answer.work.delay_seconds)
        async with aclosing(self._pace.shares(answer.running, streamed=len(parts) > 1)) as shares:
            async for share in shares:
                until = min(int(share * len(parts)), last)
                for part in parts[given:until]:
                    yield part
                given = max(given, until)
                if given == last:
                    break
        self._answered += answer.work.breaks_off is None

    async def streamed(self, answer: Answer) -> AsyncGenerator[bytes | StreamFault | Broken, None]:
        """Yield the bytes of an answer as a response stream brings them, and last how it broke off, if it did."""
        try:
            async with aclosing(self.parts(answer)) as parts:
                while part := await _by(answer.deadline, parts):
                    yield part
        except TimeoutError:
            yield STREAM_TOO_LONG
        except InstanceGone:
            yield STREAM_BROKEN
        else:
            if answer.work.breaks_off:
                yield BREAKS[answer.work.breaks_off][0]

    async def _considered(
        self, body: bytes, misbehave: str | None, limit_seconds: float | None
    ) -> Answer | Fault | Broken:
        try:
            async with asyncio.timeout(limit_seconds) as limit:
                said = await self._performed(body, self._requests, misbehave)
        except TimeoutError:
            return timed_out()
        answer = said if isinstance(said, Fault | Broken) else self._begun(said, limit.when())
        if not isinstance(answer, Answer):
            await self._clock.sleep(self.latency_seconds)
        if answer == FAULTS["hang"]:
            await asyncio.Event().wait()
        return answer

    async def _performed(self, body: bytes, number: int, misbehave: str | None) -> Work | Fault | Broken:
        def choose(request: Asked, table: Mapping[str, Misbehaviour]) -> Misbehaviour | None:
            name = misbehave or self._schedule(number, request)
            return None if name is None else self._misbehaviour(name, table)

        return await self.task.perform(body, int(self._clock.now().timestamp()), choose)

    def _misbehaviour(self, name: str, table: Mapping[str, Misbehaviour]) -> Misbehaviour:
        if name not in table:
            return validation_error(f"No misbehaviour is called {name}; there are {', '.join(table)}.")
        self._misbehaviours[name] += 1
        return table[name]

    def _begun(self, work: Work, deadline: float | None) -> Answer | Fault | Broken:
        try:
            return Answer(work, self._pace.begin(work), deadline)
        except NoInstance:
            return no_capacity()
        except QueueFull:
            return FAULTS["model_error_429"]
        except SandboxFailed as error:
            return refused(400, "BadRequestError", f"This model's maximum context length is smaller: {error.message}")

    async def _whole(self, answer: Answer) -> Work | Fault | Broken:
        try:
            async with asyncio.timeout_at(answer.deadline), aclosing(self.parts(answer)) as parts:
                async for _ in parts:
                    pass
        except TimeoutError:
            return timed_out()
        except InstanceGone:
            return BREAKS["ModelStreamError"][1]
        return BREAKS[answer.work.breaks_off][1] if answer.work.breaks_off else answer.work


async def _by(deadline: float | None, parts: AsyncGenerator[bytes, None]) -> bytes | None:
    async with asyncio.timeout_at(deadline):
        return await anext(parts, None)
