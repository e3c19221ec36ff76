"""The one retry layer: endpoints in an order, asked until one of them answers or the question's time is over."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from autocloudops.clock import Clock
from autocloudops.diagnosis.endpoint import (
    Completion,
    CompletionRequest,
    EmbeddingRequest,
    Embeddings,
    ModelEndpoint,
    Priority,
    Probe,
)
from autocloudops.diagnosis.tokens import estimated_tokens
from autocloudops.errors import ModelError, ModelThrottled, ModelTimedOut, ModelUnavailable
from autocloudops.inference.breaker import Breaker
from autocloudops.inference.budget import RetryBudget
from autocloudops.inference.failover import Change, FailOver, log_change
from autocloudops.inference.patience import gives_up_after, patient
from autocloudops.inference.probing import Probing, one_token, one_word
from autocloudops.inference.retry import Retries
from autocloudops.inference.slots import Slot, Slots

A = TypeVar("A")
PLACE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Backend:
    """One endpoint, the places on it, its health, and what retries may cost it.

    An answer that takes longer than `patience_seconds` is late: the question goes elsewhere, if it may.
    """

    endpoint: ModelEndpoint
    slots: Slots
    breaker: Breaker
    budget: RetryBudget
    patience_seconds: float = 45.0


class Meter(Protocol):
    """Hears of what happens on the way to an answer."""

    def asked(self, in_flight: int, slots: int) -> None:
        """Take that a request is sent: how many are now in flight to its endpoint, of how many that may be."""
        ...

    def throttled(self) -> None:
        """Take that an endpoint asked for fewer requests."""
        ...


class Unmetered:
    """A `Meter` that takes no notice."""

    def asked(self, in_flight: int, slots: int) -> None:
        """Take no notice of a request."""

    def throttled(self) -> None:
        """Take no notice of a throttle."""


class ReliableEndpoint:
    """A `ModelEndpoint` over others: the first that is well is asked, and asked again where that is worth it.

    Args:
        backends: in the order in which they are asked; their endpoints' names differ.
        clock: time for deadlines and back-off.
        tell: hears of each change of an endpoint's health.
        meter: hears of each request.
    """

    def __init__(
        self,
        backends: Sequence[Backend],
        clock: Clock,
        tell: Callable[[Change], None] = log_change,
        meter: Meter | None = None,
    ) -> None:
        self._backends = {backend.endpoint.name: backend for backend in backends}
        breakers = {name: each.breaker for name, each in self._backends.items()}
        self._probing = Probing({name: each.endpoint for name, each in self._backends.items()}, breakers)
        self._fail_over = FailOver(breakers, clock, self._probing.start, tell)
        self._clock = clock
        self._meter = meter or Unmetered()

    @property
    def name(self) -> str:
        """The URL of the endpoint that is asked first."""
        return next(iter(self._backends))

    async def complete(self, request: CompletionRequest) -> Completion:
        """Return the first answer.

        Raises:
            ModelRefused: the same request would be refused again.
            ModelUnavailable: no endpoint answered an attempt that could start in time.
        """
        self._probing.tiny = one_token
        question = self._question(request.start_within_seconds, request.priority)
        reply = await question.answered(lambda endpoint: endpoint.complete(request), _written)
        return reply.answer.model_copy(
            update={
                "endpoint": reply.endpoint,
                "attempts": question.attempts,
                "endpoint_seconds": reply.endpoint_seconds,
            }
        )

    async def embed(self, request: EmbeddingRequest) -> Embeddings:
        """Return the vectors of texts; raises what `complete` raises."""
        self._probing.tiny = one_word
        question = self._question(request.start_within_seconds, Priority.LIVE)
        reply = await question.answered(lambda endpoint: endpoint.embed(request), _read)
        return reply.answer

    async def probe(self) -> Probe:
        """Return what the first endpoint is that says so.

        Raises:
            ModelError: none did; what the last one said.
        """
        *others, last = self._backends.values()
        for backend in others:
            try:
                return await backend.endpoint.probe()
            except ModelError:
                continue
        return await last.endpoint.probe()

    async def aclose(self) -> None:
        """End what runs beside the questions; nothing is asked after it."""
        await self._probing.aclose()

    def _question(self, start_within_seconds: float, priority: Priority) -> "_Question":
        deadline = self._clock.monotonic() + start_within_seconds
        retries = Retries(self._fail_over, self._clock, deadline)
        return _Question(self._backends, self._fail_over, retries, priority, self._meter)


@dataclass(frozen=True, slots=True)
class _Reply(Generic[A]):
    answer: A
    endpoint: str
    endpoint_seconds: float


class _Question:
    """One request of a caller, over as many attempts as it takes."""

    def __init__(
        self,
        backends: Mapping[str, Backend],
        fail_over: FailOver,
        retries: Retries,
        priority: Priority,
        meter: Meter,
    ) -> None:
        self._backends = backends
        self._fail_over = fail_over
        self._retries = retries
        self._priority = priority
        self._meter = meter
        self._rather_not: set[str] = set()
        self.attempts = 0

    async def answered(self, ask: Callable[[ModelEndpoint], Awaitable[A]], tokens: Callable[[A], int]) -> _Reply[A]:
        """Return the first answer, or raise what the last attempt raised, with the number of all of them.

        Args:
            ask: sends the request to an endpoint.
            tokens: tells how much work an answer was.
        """
        try:
            reply: _Reply[A] = await self._retries.retrying()(self._attempt, ask, tokens)
        except ModelError as error:
            error.attempts = self.attempts
            raise
        return reply

    async def _attempt(self, ask: Callable[[ModelEndpoint], Awaitable[A]], tokens: Callable[[A], int]) -> _Reply[A]:
        """Send the request once, to the first endpoint that is well and has a place for it.

        An endpoint that this question hung on, or that had no place for it while another could be asked, is its last
        choice: requests that hang can hold every place long before anybody knows that the endpoint is ill.
        """
        while True:
            name = await self._fail_over.ready(self._retries.deadline, self._rather_not)
            backend = self._backends[name]
            async with self._place(backend) as slot:
                if slot and backend.breaker.ready:
                    return await self._sent(backend, slot, ask, tokens)
            if self._retries.left_seconds <= 0:
                raise ModelUnavailable(name, "no place came free in time")
            self._rather_not.add(name)

    @asynccontextmanager
    async def _place(self, backend: Backend) -> AsyncIterator[Slot | None]:
        """Hold a place for the block; None where no place came free while it was worth waiting for one."""
        name, patience = backend.endpoint.name, self._retries.left_seconds
        if self._fail_over.another(name, self._rather_not):
            patience = min(patience, PLACE_SECONDS)
        async with AsyncExitStack() as stack:
            slot: Slot | None = None
            with suppress(TimeoutError):
                async with self._fail_over.queueing(name):
                    slot = await stack.enter_async_context(backend.slots.taken(self._priority, patience))
            yield slot

    async def _sent(
        self, backend: Backend, slot: Slot, ask: Callable[[ModelEndpoint], Awaitable[A]], tokens: Callable[[A], int]
    ) -> _Reply[A]:
        self._count(backend)
        self._meter.asked(backend.slots.in_flight, backend.slots.limit)
        name = backend.endpoint.name
        late = gives_up_after(backend.patience_seconds, self._retries.left_seconds)
        try:
            with backend.breaker.asked():
                async with patient(name, late, lambda: self._may_leave(name)):
                    answer = await ask(backend.endpoint)
        except ModelThrottled:
            self._meter.throttled()
            slot.overloaded()
            raise
        except ModelTimedOut:
            slot.overloaded()
            self._rather_not.add(name)
            raise
        return _Reply(answer, name, slot.answered(tokens(answer)))

    def _may_leave(self, name: str) -> bool:
        """Return whether a request that is late may be sent elsewhere, where it starts in time; it is paid for then."""
        return self._fail_over.sought(name, self._rather_not) and self._retries.prepaid()

    def _count(self, backend: Backend) -> None:
        if not self.attempts:
            backend.budget.asked()
        self._retries.charge(backend.budget)
        self.attempts += 1


def _written(completion: Completion) -> int:
    """Return how much work an answer was; servers may leave that out, and what writes nothing looks like it shrinks."""
    return completion.completion_tokens or max(1, estimated_tokens(completion.content or ""))


def _read(embeddings: Embeddings) -> int:
    return embeddings.prompt_tokens or len(embeddings.vectors)
