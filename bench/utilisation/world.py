"""Workers that ask one endpoint as fast as they may, in virtual time, and what came of every question."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

from bench.utilisation.workload import Question, questions
from virtual_time import VirtualClock, run

from autocloudops.clock import Clock
from autocloudops.diagnosis.endpoint import Priority
from autocloudops.inference.concurrency import Controller
from autocloudops.inference.slots import Slot, Slots
from autocloudops.sandbox.endpoint.batching import BatchingEndpoint, Fleet, QueueFull, Scale
from autocloudops.sandbox.endpoint.gpus import Profile

RESPONSE_LIMIT_SECONDS = 60.0
BACK_OFF_SECONDS = 1.0
GRACE_SECONDS = 600.0
FOR_EVER_SECONDS = 1e9


class Pacer(Protocol):
    """Holds requests back by rate, as the SDK's adaptive mode does."""

    async def admit(self, clock: Clock) -> None:
        """Wait until one more may be sent."""
        ...

    def responded(self, now: float, *, throttled: bool) -> None:
        """Learn that a response came."""
        ...


@dataclass(frozen=True, slots=True)
class Worker:
    """What decides how much one worker asks: a limit, and for the SDK's mode a rate too."""

    controller: Controller
    pacer: Pacer | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """One run: the GPU, how much is asked, for how long, and how the instances change.

    Args:
        profile: how an instance decodes.
        clients: how many questions each worker has ready at any time: more than it should ask at once.
        seconds: when no new question is begun any more.
        schedule: the instances that serve, each from its moment on; the first is at 0.
        seed: another seed is another stream of questions.
        late_seconds: how much later the second half of the workers begins.
        queue_limit: how many requests wait on an instance until it throttles; None for never.
    """

    profile: Profile
    clients: int
    seconds: float
    schedule: Sequence[Scale]
    seed: int
    late_seconds: float = 0.0
    queue_limit: int | None = None


@dataclass(slots=True)
class Answer:
    """One question and what came of it; `answered_at` is None while it has no answer."""

    worker: int
    question: Question
    sent_at: float = 0.0
    started_at: float = 0.0
    answered_at: float | None = None
    attempts: int = 0

    @property
    def tokens(self) -> int:
        """The tokens of the answer."""
        return self.question.completion_tokens


@dataclass(slots=True)
class World:
    """The endpoint that all workers ask, the questions, and the answers so far."""

    setting: Setting
    clock: Clock
    endpoint: BatchingEndpoint
    stream: Iterator[Question]
    random: Random
    answers: list[Answer] = field(default_factory=list)

    @property
    def over(self) -> bool:
        """Whether no new question is begun any more."""
        return self.clock.monotonic() >= self.setting.seconds

    @property
    def closed(self) -> bool:
        """Whether no question is asked again: what has no answer long after the end would never have one."""
        return self.clock.monotonic() >= self.setting.seconds + GRACE_SECONDS


def answers_of(setting: Setting, workers: Sequence[Worker]) -> list[Answer]:
    """Run the workers in virtual time and return every question that was begun.

    Each is asked until it is answered, but not for more than ten minutes after the end.
    """
    return run(_run(setting, workers))


async def _run(setting: Setting, workers: Sequence[Worker]) -> list[Answer]:
    clock = VirtualClock()
    fleet = Fleet(instances=setting.schedule[0].instances, queue_limit=setting.queue_limit)
    endpoint = BatchingEndpoint(setting.profile, clock, fleet)
    random = Random(setting.seed)  # noqa: S311 - a simulation, not a secret
    world = World(setting, clock, endpoint, questions(setting.seed), random)
    async with asyncio.TaskGroup() as group:
        group.create_task(endpoint.follow(setting.schedule[1:]))
        for number, worker in enumerate(workers):
            late = number >= (len(workers) + 1) // 2
            group.create_task(_work(world, number, worker, setting.late_seconds if late else 0.0))
    return world.answers


async def _work(world: World, number: int, worker: Worker, begins_after_seconds: float) -> None:
    await world.clock.sleep(begins_after_seconds)
    slots = Slots(worker.controller, world.clock)
    async with asyncio.TaskGroup() as group:
        for _ in range(world.setting.clients):
            group.create_task(_ask_on(world, number, worker, slots))


async def _ask_on(world: World, number: int, worker: Worker, slots: Slots) -> None:
    """Ask one question after the other; one that fails is asked again."""
    answer: Answer | None = None
    while not world.closed and (answer or not world.over):
        async with slots.taken(Priority.LIVE, FOR_EVER_SECONDS) as slot:
            if not answer:
                if world.over:
                    return
                answer = Answer(number, next(world.stream))
                world.answers.append(answer)
            answered = await _attempt(world, worker, slot, answer)
        if answered:
            answer = None
        else:
            await world.clock.sleep(BACK_OFF_SECONDS * world.random.random())


async def _attempt(world: World, worker: Worker, slot: Slot, answer: Answer) -> bool:
    if worker.pacer:
        await worker.pacer.admit(world.clock)
    answer.attempts += 1
    answer.sent_at = world.clock.monotonic()
    throttled = False
    try:
        async with asyncio.timeout(RESPONSE_LIMIT_SECONDS):
            served = await world.endpoint.serve(answer.question.prompt_tokens, answer.tokens)
    except (TimeoutError, QueueFull) as failure:
        throttled = isinstance(failure, QueueFull)
        slot.overloaded()
        return False
    else:
        answer.started_at = answer.sent_at + served.queue_seconds
        answer.answered_at = world.clock.monotonic()
        slot.answered(answer.tokens)
        return True
    finally:
        if worker.pacer:
            worker.pacer.responded(world.clock.monotonic(), throttled=throttled)
