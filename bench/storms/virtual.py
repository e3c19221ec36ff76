"""A storm through two workers inside this process, in virtual time: how long people wait for a decision.

State, audit and queue are in memory and take no time; the model takes as long as its tokens do. So the times are those
of the design (batch window, group commit, model), and the same on every machine.
"""

import asyncio
import json
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from bench.storms.deliveries import Message
from chat_only import ChatOnly
from memory_audit import MemoryObjects
from memory_queue import MemoryQueue
from virtual_time import VirtualClock, run

from autocloudops.audit.reader import records
from autocloudops.audit.record import StoredRecord
from autocloudops.audit.writer import AuditWriter
from autocloudops.decisions.model import Policy
from autocloudops.diagnosis.endpoint import Completion, CompletionRequest
from autocloudops.entrypoints.ecs import SWEEP_SECONDS
from autocloudops.entrypoints.wiring import gatekeeper_of
from autocloudops.incidents.model import Incident
from autocloudops.investigation import Investigator
from autocloudops.notify.sns import Notification
from autocloudops.pipeline import Asking, Pipeline, Rooms
from autocloudops.queue.consumer import Consumer, Limits
from autocloudops.settings import SnsSettings
from autocloudops.state.memory import MemoryIncidents

WORKERS = 2
CONCURRENCY = 256
SETTLE_SECONDS = 300
PATIENCE = timedelta(seconds=60)
CHARACTERS_PER_TOKEN = 4
ANSWER_TOKENS = 160
REPLY = {
    "action": "investigate",
    "confidence": 6,
    "evidence_for": ["E1"],
    "evidence_against": [],
    "gaps": [],
    "root_cause": "What its alarms show.",
}


@dataclass(frozen=True, slots=True)
class Latency:
    """How long an 8B model on one GPU takes: a fixed part, prompt tokens read, answer tokens written."""

    fixed_seconds: float = 0.3
    per_prompt_token: float = 0.0002
    per_answer_token: float = 0.02

    def seconds(self, prompt_tokens: int) -> float:
        """Return the time of one answer."""
        return self.fixed_seconds + self.per_prompt_token * prompt_tokens + self.per_answer_token * ANSWER_TOKENS


class ModelledEndpoint(ChatOnly):
    """A `ModelEndpoint` that says little, after the time that saying it would take."""

    name = "modelled://8b"

    def __init__(self, latency: Latency) -> None:
        self._latency = latency

    async def complete(self, request: CompletionRequest) -> Completion:
        """Return the same answer to every question."""
        tokens = sum(len(message.content) for message in request.messages) // CHARACTERS_PER_TOKEN
        seconds = self._latency.seconds(tokens)
        await asyncio.sleep(seconds)
        return Completion(
            content=json.dumps(REPLY),
            finish_reason="stop",
            model=self.name,
            prompt_tokens=tokens,
            completion_tokens=ANSWER_TOKENS,
            latency_seconds=seconds,
        )


class Nobody:
    """A `Notifier` whom nobody listens to."""

    async def tell(self, notification: Notification) -> None:
        """Say nothing."""


class TimedIncidents(MemoryIncidents):
    """Incidents that remember when each first got a decision that stands."""

    def __init__(self) -> None:
        super().__init__()
        self.first_decided: dict[UUID, datetime] = {}

    async def settle(
        self, asked: Incident, decision_id: UUID, record_sha256: str, now: datetime, notice: str | None = None
    ) -> bool:
        """Make a decision the effective one."""
        settled = await super().settle(asked, decision_id, record_sha256, now, notice)
        if settled:
            self.first_decided.setdefault(asked.incident_id, now)
        return settled


@dataclass
class VirtualRun:
    """What a run in virtual time leaves: its records, when incidents were decided, and the most that ever waited."""

    kept: list[StoredRecord] = field(default_factory=list)
    first_decided: dict[UUID, datetime] = field(default_factory=dict)
    peak: int = 0
    left: int = 0
    parked: int = 0


def run_virtually(messages: Sequence[Message]) -> VirtualRun:
    """Return what `messages` came to; their storm begins at `virtual_time.START`."""
    return run(_served(messages))


async def _served(messages: Sequence[Message]) -> VirtualRun:
    queue, incidents, objects, stop = MemoryQueue(), TimedIncidents(), MemoryObjects(), asyncio.Event()
    done = VirtualRun()
    async with AsyncExitStack() as stack:
        workers = [_worker(stack, queue, incidents, objects, stop) for _ in range(WORKERS)]
        for message in messages:
            await asyncio.sleep(message.at_seconds - asyncio.get_running_loop().time())
            queue.send(message.body)
            done.peak = max(done.peak, len(queue.messages))
        await asyncio.sleep(SETTLE_SECONDS)
        stop.set()
        await asyncio.gather(*workers)
    done.kept = [found.record async for found in records(objects)]
    done.first_decided = incidents.first_decided
    done.left, done.parked = len(queue.messages), len(queue.parked)
    return done


async def _sweeping(asking: Asking, clock: VirtualClock) -> None:
    while True:
        await clock.sleep(SWEEP_SECONDS)
        await asking.sweep()


def _worker(
    stack: AsyncExitStack, queue: MemoryQueue, incidents: TimedIncidents, objects: MemoryObjects, stop: asyncio.Event
) -> asyncio.Task[None]:
    """Start what a worker process runs, with a chain of audit records of its own."""
    clock = VirtualClock()
    writer = AuditWriter(objects, clock)
    rooms = Rooms(incidents=incidents, audit=writer, notifier=Nobody(), clock=clock)
    investigator = Investigator(ModelledEndpoint(Latency()), Policy(), clock, PATIENCE)
    asking = Asking(rooms, investigator, name=writer.writer_id)
    pipeline = Pipeline(rooms, asking, gatekeeper_of(SnsSettings(), clock))
    for beside in (writer.run(), _sweeping(asking, clock)):
        stack.callback(asyncio.create_task(beside).cancel)
    return asyncio.create_task(Consumer(queue, pipeline.handle, clock, Limits(concurrency=CONCURRENCY)).run(stop))
