"""Whole workers around one queue, table, audit and model, all in memory and in virtual time, through one schedule."""

import asyncio
import gzip
import json
import os
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any, cast
from unittest.mock import patch

from cheaper import cheaper
from faulty_calls import Life, LivingClock, Plan
from faulty_oracles import Remains, broken, effective_of, ends_of, loud
from faulty_schedule import FUNCTION, PATIENCE_SECONDS, Employee, Schedule
from faulty_services import FaultyModel, FaultyQueue, FaultyTable, faulty_audit, faulty_notifier
from memory_audit import MemoryObjects
from memory_dynamodb import MemoryDynamo
from memory_queue import MemoryQueue
from virtual_time import run
from worlds import Model, Told

from autocloudops.audit.objects import AuditObjects
from autocloudops.audit.reader import Found, records
from autocloudops.audit.record import digest
from autocloudops.audit.writer import AuditWriter
from autocloudops.decisions.model import Policy
from autocloudops.entrypoints.invocation import Invocation, times
from autocloudops.entrypoints.service import Service
from autocloudops.entrypoints.wiring import gatekeeper_of
from autocloudops.errors import ServiceFailed
from autocloudops.inference.breaker import Breaker
from autocloudops.inference.budget import RetryBudget
from autocloudops.inference.concurrency import ConcurrencyController
from autocloudops.inference.reliable import Backend, ReliableEndpoint
from autocloudops.inference.slots import Slots
from autocloudops.investigation import Investigator
from autocloudops.notify.sns import Notifier
from autocloudops.pipeline import Asking, Pipeline, Rooms
from autocloudops.queue.client import Delivery, QueueClient
from autocloudops.queue.consumer import Consumer, Limits
from autocloudops.settings import SnsSettings
from autocloudops.state.dynamodb import DynamoIncidents

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient

SWEEP_SECONDS = 30.0
REPLACED_AFTER_SECONDS = 5.0
LOOK_SECONDS = 5.0
CEILING_SECONDS = 20.0
SETTLED_WITHIN_SECONDS = 7_200.0
FUNCTION_SECONDS = 30.0
FUNCTION_MARGIN_SECONDS = 8.0
FUNCTION_VISIBILITY_SECONDS = 180
SCHEDULE_SECONDS = 60.0
RETRY = timedelta(seconds=20)
UNSIGNED = SnsSettings()


class Ledger(MemoryObjects):
    """Audit objects that know which ends of which messages are durable, and under which digest."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: dict[tuple[str, str], set[str]] = {}
        self.decisions: set[str] = set()

    async def create(self, key: str, body: bytes) -> None:
        new = key not in self.objects
        await super().create(key, body)
        for line in gzip.decompress(body).splitlines() if new else ():
            self._note(json.loads(line), line)

    def _note(self, line: dict[str, Any], sealed: bytes) -> None:
        if line["outcome"] == "note" or "delivery" not in line:
            return
        end = "parked" if line["outcome"] == "parked" else line.get("event_id", "")
        decides = line["outcome"] == "decided" and not line.get("repeated")
        message = line["delivery"]["message_id"]
        self.ends.setdefault((message, end), set()).add(digest(sealed) if decides else "")


class Rulings(MemoryDynamo):
    """A state table that remembers every decision that ever was the effective one."""

    def __init__(self) -> None:
        super().__init__(seconds=None)
        self.effective: set[str] = {""}

    @property
    def open(self) -> bool:
        """Whether an incident is listed as unfinished."""
        return any(item["pk"]["S"].startswith("OPEN#") for item in self.items)

    def _change(self, kind: str, request: Any) -> Any:  # noqa: ANN401 - as its parent's
        before, after = super()._change(kind, request)
        if after and "record_sha256" in after:
            self.effective.add(after["record_sha256"]["S"])
        return before, after


class StrictQueue(MemoryQueue):
    """A queue that notices whose message is deleted before everything in it has a durable and effective record."""

    def __init__(self, ledger: Ledger, rulings: Rulings) -> None:
        super().__init__()
        self.too_early: list[str] = []
        self._ledger = ledger
        self._rulings = rulings

    async def delete(self, deliveries: Sequence[Delivery]) -> Any:  # noqa: ANN401 - as its parent's
        for each in deliveries:
            for end in ends_of(each.body):
                digests = self._ledger.ends.get((each.message_id, end), set())
                if not digests & self._rulings.effective:
                    self.too_early.append(f"{each.message_id} without a record of {end}")
        return await super().delete(deliveries)


@dataclass(repr=False)
class FaultyWorld:
    """Everything that outlives a worker, and what is known when all of them have stopped."""

    schedule: Schedule
    plan: Plan = field(init=False)
    queue: StrictQueue = field(init=False)
    ledger: Ledger = field(default_factory=Ledger)
    table: Rulings = field(default_factory=lambda: Rulings())  # noqa: PLW0108 - tests put a worse one in its place
    model: Model = field(default_factory=Model)
    told: Told = field(default_factory=Told)
    living: dict[str, "FaultyWorker"] = field(default_factory=dict)
    beside: set[asyncio.Task[None]] = field(default_factory=set)
    ended: list[str] = field(default_factory=list)
    kept: list[Found] = field(default_factory=list)
    in_flight: int = 0

    def __post_init__(self) -> None:
        seed = self.schedule.seed
        self.plan = Plan(self.schedule.planned, Random(seed))  # noqa: S311 - the same every time is what is wanted
        self.queue = StrictQueue(self.ledger, self.table)

    @property
    def remains(self) -> Remains:
        """What the oracles look at, once everybody has stopped."""
        return Remains(
            sent=[body for _, body in self.schedule.sending],
            parked={body for body, _ in self.queue.parked},
            kept=self.kept,
            table=self.table.items,
            effective=self.table.effective,
            complaints=self._complaints(),
        )

    def _complaints(self) -> Iterator[str]:
        yield from (f"a worker ended: {each}" for each in self.ended)
        yield from (f"deleted {each}" for each in self.queue.too_early)
        yield from (f"{name} is still in the queue" for name in self.queue.messages)
        if self.in_flight:
            yield f"{self.in_flight} messages are in flight"
        if self.table.open:
            yield "an incident is still listed as unfinished"

    async def live(self) -> None:
        """Let every worker come and go, send everything, and wait until all is settled."""
        for employee in self.schedule.workers:
            self.aside(self._employ(employee))
        await self._send()
        await self._settled()
        await self._close()

    def aside(self, work: Any) -> None:  # noqa: ANN401 - a coroutine
        """Run something beside the rest."""
        task = asyncio.create_task(work)
        self.beside.add(task)
        task.add_done_callback(self._aside_done)

    def _aside_done(self, task: asyncio.Task[None]) -> None:
        self.beside.discard(task)
        if error := task.exception():
            self.ended.append(repr(error))

    async def _employ(self, employee: Employee) -> None:
        await asyncio.sleep(employee.starts_at)
        self.start(employee.name, employee.skew_seconds)
        if employee.stops_at:
            await asyncio.sleep(employee.stops_at - employee.starts_at)
            for name in [name for name in self.living if name.startswith(employee.name)]:
                await self.living.pop(name).stop()
            self.start(f"{employee.name}*", employee.skew_seconds)

    def start(self, name: str, skew_seconds: float) -> None:
        """Start a worker; one that dies gets a successor a few seconds later."""
        life = Life(name, skew_seconds, on_death=lambda: self._bury(name, skew_seconds))
        kind = FaultyFunction if name.startswith(FUNCTION) else FaultyWorker
        self.living[name] = kind(self, life)

    def _bury(self, name: str, skew_seconds: float) -> None:
        """End a dead worker's tasks, and replace it unless its successor is there already."""
        worker = self.living.pop(name, None)
        if worker:
            worker.cancel()
            self.aside(self._replace(f"{name}'", skew_seconds))

    async def _replace(self, name: str, skew_seconds: float) -> None:
        await asyncio.sleep(REPLACED_AFTER_SECONDS)
        self.start(name, skew_seconds)

    async def _send(self) -> None:
        for at, body in self.schedule.sending:
            await asyncio.sleep(max(0.0, at - asyncio.get_running_loop().time()))
            self.queue.send(body)

    async def _settled(self) -> None:
        """Return when no message, no incident and nobody who stands still is left, or when it is too late."""
        while asyncio.get_running_loop().time() < SETTLED_WITHIN_SECONDS:
            await asyncio.sleep(LOOK_SECONDS)
            still = self.beside or self.plan.sent or any(worker.life.still for worker in self.living.values())
            if not (still or self.queue.messages or self.table.open):
                return

    async def _close(self) -> None:
        for worker in list(self.living.values()):
            await worker.stop()
        self.in_flight = self.queue.in_flight
        self.kept = [found async for found in records(self.ledger)]


class FaultyWorker:
    """One process: it consumes, commits and sweeps until it is told to stop, or dies."""

    def __init__(self, world: FaultyWorld, life: Life) -> None:
        self.life = life
        self._world = world
        clock, plan = LivingClock(life), world.plan
        table = cast("DynamoDBClient", FaultyTable(world.table, life, plan))
        writer = AuditWriter(cast("AuditObjects", faulty_audit(world.ledger, life, plan)), clock)
        notifier = cast("Notifier", faulty_notifier(world.told, life, plan))
        rooms = Rooms(DynamoIncidents(table, "state", clock), writer, notifier, clock)
        service = Service(rooms, self._investigator(clock), gatekeeper_of(UNSIGNED, clock))
        queue = cast("QueueClient", FaultyQueue(world.queue, life, plan))
        self._stop = asyncio.Event()
        self._consuming = asyncio.create_task(self._consume(service, queue))
        self._beside = [asyncio.create_task(writer.run()), asyncio.create_task(self._sweep(service, queue))]

    def _investigator(self, clock: LivingClock) -> Investigator:
        backends = [
            Backend(
                FaultyModel(name, self._world.model, self.life, self._world.plan),
                Slots(ConcurrencyController(CEILING_SECONDS), clock),
                Breaker(clock),
                RetryBudget(clock),
            )
            for name in ("https://first.example/v1", "https://second.example/v1")
        ]
        endpoint = ReliableEndpoint(backends, clock)
        return Investigator(endpoint, Policy(), clock, timedelta(seconds=PATIENCE_SECONDS))

    async def _consume(self, service: Service, queue: QueueClient) -> None:
        schedule, asking = self._world.schedule, Asking(service.rooms, service.investigator, self.life.name)
        limits = Limits(concurrency=schedule.concurrency, lease_seconds=schedule.lease_seconds)
        handler = Pipeline(service.rooms, asking, service.gatekeeper).handle
        await Consumer(queue, handler, service.rooms.clock, limits).run(self._stop)

    async def _sweep(self, service: Service, _: QueueClient) -> None:
        asking = Asking(service.rooms, service.investigator, self.life.name)
        while True:
            await service.rooms.clock.sleep(SWEEP_SECONDS)
            try:
                await asking.sweep()
            except* ServiceFailed:
                pass

    def cancel(self) -> None:
        """Stop every task; nothing that they do on their way out reaches the world."""
        for task in (self._consuming, *self._beside):
            task.cancel()

    async def stop(self) -> None:
        """Drain as after SIGTERM and exit; keep why this worker ended if it was not for that."""
        self._stop.set()
        await asyncio.wait([self._consuming])
        for task in self._beside:
            task.cancel()
        endings = await asyncio.gather(self._consuming, *self._beside, return_exceptions=True)
        self.life.dead = True
        self._world.ended += [repr(ending) for ending in endings if isinstance(ending, Exception)]


class FaultyFunction(FaultyWorker):
    """The same as a Lambda function: a poller hands it batches, a schedule lets it sweep, and each ends in time."""

    async def _consume(self, service: Service, queue: QueueClient) -> None:
        while not self._stop.is_set():
            try:
                deliveries = await queue.receive(self._world.schedule.concurrency, FUNCTION_VISIBILITY_SECONDS)
                back = await self._invocation(service, queue).answer(deliveries) if deliveries else deliveries
                answered = [each for each in deliveries if each not in back]
                if answered:
                    await queue.delete(answered)
            except ServiceFailed:
                await service.rooms.clock.sleep(1)

    async def _sweep(self, service: Service, queue: QueueClient) -> None:
        while True:
            await service.rooms.clock.sleep(SCHEDULE_SECONDS)
            try:
                await self._invocation(service, queue).sweep()
            except* ServiceFailed:
                pass

    def _invocation(self, service: Service, queue: QueueClient) -> Invocation:
        ends = times(asyncio.get_running_loop().time(), FUNCTION_SECONDS, FUNCTION_MARGIN_SECONDS)
        return Invocation(service, queue, self.life.name, ends, RETRY)


@contextmanager
def _chosen_by(seed: int) -> Iterator[None]:
    """Let ids and pauses follow from a seed, so that a schedule runs the same way each time."""
    ids = Random(seed)  # noqa: S311 - the same every time is what is wanted
    random.seed(seed)
    with cheaper(), patch.object(os, "urandom", ids.randbytes):
        yield


def lived(schedule: Schedule) -> FaultyWorld:
    """Live through a schedule, and return the world afterwards."""
    with _chosen_by(schedule.seed):
        return run(_live(schedule))


async def _live(schedule: Schedule) -> FaultyWorld:
    world = FaultyWorld(schedule)
    await world.live()
    return world


def broken_in(world: FaultyWorld) -> list[str]:
    """Return every promise that a world broke, each as a sentence."""
    return [*broken(world.remains), *_untold(world)]


def _untold(world: FaultyWorld) -> Iterator[str]:
    """Yield whether people were told less than once about a decision, or more often than faults explain."""
    decisions = loud(effective_of(world.remains, world.remains.incidents))
    told, twice = len(world.told.notifications), len(world.plan.fired) + len(world.schedule.workers)
    if not decisions <= told <= decisions + twice:
        yield f"told {told} times about {decisions} decisions"
