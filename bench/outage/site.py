"""The endpoints that things happen to, and what they counted."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random

from bench.outage.incidents import HOME, incident_in
from bench.outage.peers import Opener
from bench.outage.phases import NOT_BEGUN, Phase, Scenario

from autocloudops.clock import Clock
from autocloudops.diagnosis.endpoint import ModelEndpoint
from autocloudops.inference.breaker import Breaker
from autocloudops.inference.budget import RetryBudget
from autocloudops.inference.concurrency.controller import ConcurrencyController
from autocloudops.inference.failover import Change, DataPolicy, allowed
from autocloudops.inference.nim import NimOptions
from autocloudops.inference.reliable import Backend
from autocloudops.inference.slots import Slots
from autocloudops.sandbox.endpoint import RulesEngine, ServedModel
from autocloudops.sandbox.endpoint.batching import BatchingEndpoint, Fleet, Scale
from autocloudops.sandbox.endpoint.gpus import gpu
from autocloudops.sandbox.endpoint.inprocess import InProcessEndpoint
from autocloudops.sandbox.endpoint.misbehaviour import Asked

GPU = "a10g"
ELSEWHERE = "eu-north-1"
FIRST, SECOND = "nim", f"nim?region={ELSEWHERE}"
WAKING_SECONDS = 67.0
"""From a request that finds no instance to the wish for one: the alarm's delay (measured with SageMaker, 2026)."""
START_UP_SECONDS = 300.0
REQUEST_SECONDS = 70.0
CEILING_SECONDS = 45.0


@dataclass
class Ledger:
    """Requests by incident: how many were sent, and how many of them an endpoint began to run.

    `None` stands for probes, which are about no incident. `changes` counts what people would have read in the log about
    the endpoints' health.
    """

    sent: Counter[int | None] = field(default_factory=Counter)
    begun: Counter[int | None] = field(default_factory=Counter)
    changes: int = 0


class Site:
    """One or two simulated endpoints in virtual time.

    Args:
        scenario: what happens to the first.
        random: which requests it happens to.
        clock: virtual time.
        opener: makes of the endpoints what a worker asks.
    """

    def __init__(self, scenario: Scenario, random: Random, clock: Clock, opener: Opener) -> None:
        self._scenario = scenario
        self._random = random
        self._clock = clock
        self._opener = opener
        self._wakes = False
        self.ledger = Ledger()
        self._instances = {
            name: BatchingEndpoint(gpu(GPU), clock, Fleet(start_up_seconds=START_UP_SECONDS))
            for name in (FIRST, SECOND)
        }
        schedules = {FIRST: self._troubled, SECOND: self._untroubled}
        self._served = {
            name: ServedModel(RulesEngine(), clock, schedule=schedules[name], batching=instances)
            for name, instances in self._instances.items()
        }

    def open_model(self) -> ModelEndpoint:
        """Return what one worker asks: its own retries, breakers and slots over the shared endpoints."""
        names = (FIRST, SECOND) if self._scenario.second else (FIRST,)
        policy = DataPolicy(regions=frozenset({ELSEWHERE} if self._scenario.second else ()))
        allowed([f"sagemaker://{name}" for name in names], HOME, policy)
        return self._opener([self._backend(name) for name in names], self._clock, self._note)

    @asynccontextmanager
    async def scaled(self) -> AsyncIterator[None]:
        """Scale the first endpoint as the phases say; a request that finds no instance brings one back."""
        starts = [sum(phase.seconds for phase in self._scenario.phases[:n]) for n in range(len(self._scenario.phases))]
        phases = zip(starts, self._scenario.phases, strict=True)
        wishes = [Scale(at, phase.instances) for at, phase in phases if phase.instances is not None]
        following = asyncio.create_task(self._instances[FIRST].follow(wishes))
        yield
        await following

    def _backend(self, name: str) -> Backend:
        options = NimOptions(streaming=True, timeout_seconds=REQUEST_SECONDS)
        endpoint = InProcessEndpoint(self._served[name], name, self._clock, options)
        slots = Slots(ConcurrencyController(CEILING_SECONDS), self._clock)
        return Backend(endpoint, slots, Breaker(self._clock), RetryBudget(self._clock), CEILING_SECONDS)

    def _note(self, _: Change) -> None:
        self.ledger.changes += 1

    def _troubled(self, _: int, request: Asked) -> str | None:
        phase: Phase = self._scenario.phases[self._scenario.at(self._clock.monotonic())]
        fault = phase.drawn(self._random)
        self._count(FIRST, request, fault)
        return fault

    def _untroubled(self, _: int, request: Asked) -> None:
        self._count(SECOND, request, None)

    def _count(self, name: str, request: Asked, fault: str | None) -> None:
        incident = incident_in(request.prompt)
        awake = bool(self._instances[name].serving)
        self.ledger.sent[incident] += 1
        self.ledger.begun[incident] += awake and fault not in NOT_BEGUN
        if not awake and not self._wakes:
            self._wakes = True
            asyncio.get_running_loop().call_later(WAKING_SECONDS, self._wake, name)

    def _wake(self, name: str) -> None:
        self._wakes = False
        if not self._instances[name].serving:
            self._instances[name].scale(1)
