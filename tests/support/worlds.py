"""Several workers around one queue, one state, one audit: in memory, in virtual time, and mortal.

A worker reaches the world through ports. Each call passes two numbered steps, one before and one after its effect, and
at one of them its fate may wait: it dies there, with nothing cleaned up, or stands still and goes on much later.
"""

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, TypeVar, cast
from uuid import UUID

from chat_only import ChatOnly
from memory_audit import MemoryObjects
from memory_dynamodb import MemoryDynamo
from memory_queue import MemoryQueue
from virtual_time import VirtualClock, run

from autocloudops.audit.objects import AuditObjects
from autocloudops.audit.reader import Found, records
from autocloudops.audit.record import Outcome, StoredRecord
from autocloudops.audit.writer import AuditWriter
from autocloudops.clock import Clock
from autocloudops.decisions.model import Policy
from autocloudops.diagnosis.endpoint import Completion, CompletionRequest, ModelEndpoint
from autocloudops.diagnosis.gathering import Gatherer, TrackRecords
from autocloudops.entrypoints.service import Service
from autocloudops.entrypoints.wiring import gatekeeper_of
from autocloudops.errors import ServiceFailed
from autocloudops.incidents.model import Incident, IncidentStatus
from autocloudops.incidents.silence import Silence
from autocloudops.incidents.store import IncidentStore
from autocloudops.investigation import Investigator
from autocloudops.notify.sns import Notification, Notifier
from autocloudops.pipeline import Asking, Pipeline, Rooms
from autocloudops.queue.client import Delivery, QueueClient, Refused
from autocloudops.queue.consumer import Consumer, Limits
from autocloudops.settings import SnsSettings
from autocloudops.state.dynamodb import DynamoIncidents
from autocloudops.state.memory import MemoryIncidents

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient

T = TypeVar("T")
CALL_SECONDS = 0.004
SWEEP_SECONDS = 30.0
REPLACED_AFTER_SECONDS = 5.0
STALL_SECONDS = 250.0
AWAKE_SECONDS = 60.0
SETTLED_WITHIN_SECONDS = 600.0
POLL = "queue.receive"


@dataclass(frozen=True)
class Fate:
    """What meets a worker at one of its steps, counted from 0: death, or a standstill of some seconds."""

    step: int
    dies: bool = False
    seconds: float = STALL_SECONDS


@dataclass
class Life:
    """A worker's steps so far, and what becomes of it."""

    fate: Fate | None = None
    steps: list[str] = field(default_factory=list)
    dead: bool = False
    on_death: Callable[[], None] = lambda: None
    _thaws_at: float = 0.0

    async def through(self, name: str, call: Callable[[], Awaitable[T]]) -> T:
        """Make one call, from its first step to its second."""
        if name != POLL:
            await self._step(f"before {name}")
        await self.breathe()
        result = await call()
        await self.breathe()
        if name != POLL or result:
            await self._step(f"after {name}")
        return result

    async def breathe(self) -> None:
        """Let time pass: a dead worker goes no further, and one that stands still waits for its end."""
        await asyncio.sleep(CALL_SECONDS / 2)
        left = self._thaws_at - asyncio.get_running_loop().time()
        if left > 0 and not self.dead:
            await asyncio.sleep(left)
        if self.dead:
            raise asyncio.CancelledError

    @property
    def awake(self) -> bool:
        """Whether whoever stood still had a minute since to finish what it was about."""
        return not self._thaws_at or asyncio.get_running_loop().time() > self._thaws_at + AWAKE_SECONDS

    async def _step(self, name: str) -> None:
        self.steps.append(name)
        if self.fate is None or len(self.steps) - 1 != self.fate.step:
            return
        if self.fate.dies:
            self.dead = True
            self.on_death()
            raise asyncio.CancelledError
        self._thaws_at = asyncio.get_running_loop().time() + self.fate.seconds
        await self.breathe()


class Port:
    """Passes calls on to `target` as steps of one worker's life."""

    def __init__(self, target: object, name: str, life: Life) -> None:
        self._target = target
        self._name = name
        self._life = life

    def __getattr__(self, name: str) -> object:
        found = getattr(self._target, name)
        if not iscoroutinefunction(found):
            return found

        async def call(*args: object, **kwargs: object) -> object:
            return await self._life.through(f"{self._name}.{name}", lambda: found(*args, **kwargs))

        return call


class MortalClock(VirtualClock):
    """A worker's own clock: a dead worker's timers never fire."""

    def __init__(self, life: Life) -> None:
        self._life = life

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        await self._life.breathe()


class Model(ChatOnly):
    """An endpoint that answers every question the same way, after a while."""

    name = "test://model"

    def __init__(self, seconds: float = 2) -> None:
        self.asked_at: list[float] = []
        self._seconds = seconds

    async def complete(self, _: CompletionRequest) -> Completion:
        self.asked_at.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self._seconds)
        reply = {
            "action": "investigate",
            "confidence": 8,
            "evidence_for": ["E1"],
            "evidence_against": [],
            "gaps": [],
            "root_cause": "The service is short of CPU.",
        }
        return Completion(
            content=json.dumps(reply),
            finish_reason="stop",
            model="test",
            prompt_tokens=10,
            completion_tokens=5,
            latency_seconds=self._seconds,
        )


class Told:
    """A notifier that remembers."""

    def __init__(self) -> None:
        self.notifications: list[Notification] = []

    async def tell(self, notification: Notification) -> None:
        self.notifications.append(notification)


class ReadObjects(MemoryObjects):
    """Audit objects that know which messages have a durable line that ends them."""

    def __init__(self) -> None:
        super().__init__()
        self.ended: set[str] = set()

    async def create(self, key: str, body: bytes) -> None:
        await super().create(key, body)
        lines = [json.loads(line) for line in gzip.decompress(body).splitlines()]
        self.ended |= {line["delivery"]["message_id"] for line in lines if _ends_a_message(line)}


def _ends_a_message(line: Mapping[str, Any]) -> bool:
    return "delivery" in line and line["outcome"] != "note"


class WatchedQueue(MemoryQueue):
    """A queue that notices when a message is deleted that no durable line ends."""

    def __init__(self, objects: ReadObjects) -> None:
        super().__init__()
        self._objects = objects
        self.deleted_too_early: list[str] = []

    async def delete(self, deliveries: Sequence[Delivery]) -> Sequence[Refused]:
        ids = [delivery.message_id for delivery in deliveries]
        self.deleted_too_early += [each for each in ids if each not in self._objects.ended]
        return await super().delete(deliveries)


@dataclass(repr=False)
class World:
    """What workers share.

    Args:
        durable: keep incidents as the state table does, not as one process does.
        policy: what may be done.
        concurrency: how many messages a worker holds at once.
        sweeping: whether workers look after incidents that somebody left behind.
        track_records: which alarms clear by themselves.
        kind: how a worker is run.
    """

    durable: bool = False
    policy: Policy = field(default_factory=Policy)
    concurrency: int = 64
    sweeping: bool = True
    track_records: TrackRecords | None = None
    kind: "type[Worker]" = field(default_factory=lambda: Worker)
    model: Model = field(default_factory=Model)
    told: Told = field(default_factory=Told)
    objects: ReadObjects = field(default_factory=ReadObjects)
    table: MemoryDynamo = field(default_factory=lambda: MemoryDynamo(seconds=None))
    memory: MemoryIncidents = field(default_factory=MemoryIncidents)
    workers: list["Worker"] = field(default_factory=list)
    kept: list[Found] = field(default_factory=list)
    incidents: dict[UUID, Incident] = field(default_factory=dict)
    queue: WatchedQueue = field(init=False)

    def __post_init__(self) -> None:
        self.queue = WatchedQueue(self.objects)

    def store(self, life: Life | None = None) -> IncidentStore:
        """Return the incidents as one worker reaches them, or as somebody sees them who never dies."""
        if not self.durable:
            return cast("IncidentStore", Port(self.memory, "state", life)) if life else self.memory
        if life is None:
            return DynamoIncidents(self.table.client, "state", VirtualClock())
        return DynamoIncidents(cast("DynamoDBClient", Port(self.table, "state", life)), "state", MortalClock(life))

    def start(self, name: str, fate: Fate | None = None) -> "Worker":
        """Start a worker; one that dies is replaced a few seconds later, as a service does."""
        worker = self.kind(self, name, Life(fate))
        self.workers.append(worker)
        return worker

    async def replace(self, name: str) -> None:
        """Start the successor of a dead worker."""
        await asyncio.sleep(REPLACED_AFTER_SECONDS)
        self.start(f"{name}'")

    async def settled(self, most_seconds: float) -> None:
        """Return when nobody stands still, and no message or incident is left, or after `most_seconds`."""
        deadline = asyncio.get_running_loop().time() + most_seconds
        store = self.store()
        while asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(5)
            busy = self.queue.messages or not all(worker.life.awake for worker in self.workers)
            if not busy and not await (store.unfinished() if self.sweeping else waiting(store)):
                return

    async def close(self) -> None:
        """Stop every worker in good order, read what they kept, and every incident that a record names."""
        for worker in self.workers:
            await worker.stop()
        self.kept = [found async for found in records(self.objects)]
        store = self.store()
        ids = {found.record.incident_id for found in self.kept if found.record.incident_id}
        found = [await store.incident(each) for each in ids]
        self.incidents = {incident.incident_id: incident for incident in found if incident}

    @property
    def decided(self) -> list[StoredRecord]:
        """The decisions, in the order of their times."""
        lines = (found.record for found in self.kept if found.record.outcome is Outcome.DECIDED)
        return sorted((line for line in lines if line.decision), key=lambda line: line.at)

    def line(self, name: str, value: str = "ALARM") -> StoredRecord:
        """Return the one line about the change of alarm `name` to `value`."""
        lines = (found.record for found in self.kept)
        (found,) = [line for line in lines if line.alarm and (line.alarm.key.name, line.alarm.state) == (name, value)]
        return found


class Worker:
    """One process: it consumes, commits and sweeps until it is stopped or dies."""

    def __init__(self, world: World, name: str, life: Life) -> None:
        self.life = life
        self._world = world
        self._name = name
        life.on_death = self._die
        clock = MortalClock(life)
        writer = AuditWriter(cast("AuditObjects", Port(world.objects, "audit", life)), clock)
        rooms = Rooms(world.store(life), writer, cast("Notifier", Port(world.told, "notifier", life)), clock)
        service = Service(rooms, self._investigator(clock), gatekeeper_of(SnsSettings(), clock))
        queue = cast("QueueClient", Port(world.queue, "queue", life))
        self._stop = asyncio.Event()
        self._consuming = asyncio.create_task(self._consume(service, queue))
        self._beside = [asyncio.create_task(writer.run()), asyncio.create_task(self._sweep(service))]

    async def _consume(self, service: Service, queue: QueueClient) -> None:
        clock = service.rooms.clock
        handle = Pipeline(service.rooms, self._asking(service), service.gatekeeper).handle
        await Consumer(queue, handle, clock, Limits(concurrency=self._world.concurrency)).run(self._stop)

    def _asking(self, service: Service) -> Asking:
        return Asking(service.rooms, service.investigator, self._name)

    def _investigator(self, clock: Clock) -> Investigator:
        endpoint = cast("ModelEndpoint", Port(self._world.model, "model", self.life))
        gatherer = Gatherer((), clock, track_records=self._world.track_records)
        return Investigator(endpoint, self._world.policy, clock, timedelta(seconds=60), gatherer=gatherer)

    async def _sweep(self, service: Service) -> None:
        while self._world.sweeping:
            await service.rooms.clock.sleep(SWEEP_SECONDS)
            try:
                await self._asking(service).sweep()
            except ServiceFailed:
                continue

    def _die(self) -> None:
        self._successor = asyncio.create_task(self._world.replace(self._name))
        for task in (self._consuming, *self._beside):
            task.cancel()

    async def stop(self) -> None:
        """Drain, and raise whatever ended this worker before its time."""
        self._stop.set()
        await asyncio.wait([self._consuming])
        for task in self._beside:
            task.cancel()
        for error in await asyncio.gather(self._consuming, *self._beside, return_exceptions=True):
            if isinstance(error, Exception):
                raise error


async def waiting(store: IncidentStore) -> list[Incident]:
    """Return the incidents that are not decided, or whose decision nobody was told."""
    unfinished = await store.unfinished()
    return [i for i in unfinished if i.status is not IncidentStatus.DECIDED or await store.notice(i.incident_id)]


Sending = Sequence[tuple[float, str]]


async def send(queue: MemoryQueue, sending: Sending) -> None:
    """Send each body at its second."""
    begun = asyncio.get_running_loop().time()
    for at, body in sending:
        await asyncio.sleep(max(0.0, begun + at - asyncio.get_running_loop().time()))
        queue.send(body)


def served(*sending: tuple[float, str], world: World | None = None, silence: Silence | None = None) -> World:
    """Let one worker take what is sent, and return the world when everything is settled.

    Args:
        sending: bodies, each with the second at which it is sent.
        world: where; an empty one unless told.
        silence: known before anything is sent.
    """
    world = world or World()
    run(_serve(world, sending, silence))
    return world


async def _serve(world: World, sending: Sending, silence: Silence | None) -> None:
    if silence:
        await world.store().silence(silence)
    world.start("A")
    await send(world.queue, sending)
    await world.settled(SETTLED_WITHIN_SECONDS)
    await world.close()
    assert not world.queue.messages
    assert not world.queue.deleted_too_early
