"""Whatever happens to SQS and to workers, in whatever order: no message is lost, and none is deleted unanswered."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import cast

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from memory_queue import Fault, LostAnswer, MemoryQueue, Partly, Slow
from virtual_time import VirtualClock, VirtualTimeLoop

from autocloudops.errors import ServiceUnavailable, Throttled
from autocloudops.queue.client import Delivery, QueueClient, Refused
from autocloudops.queue.consumer import Consumer, Done, Ending, Later, Limits, Park
from autocloudops.queue.endings import LONGEST_PATIENCE_SECONDS

LEASE_SECONDS = 60
LIMITS = Limits(concurrency=3, lease_seconds=LEASE_SECONDS, drain_seconds=8, flush_seconds=3)
KINDS = ("quick", "slow", "endless", "later", "park", "bug", "down")
FAULTS = st.one_of(
    st.just(ServiceUnavailable("sqs:Any", "queue", "down")),
    st.just(Throttled("sqs:Any", "queue", "slow down")),
    st.just(LostAnswer()),
    st.builds(Partly, st.integers(1, 10), st.booleans()),
    st.builds(Slow, st.floats(0.1, 90)),
)


class AnsweringQueue(MemoryQueue):
    """A queue that notices when a message is gone that nobody answered for."""

    def __init__(self) -> None:
        super().__init__(poll_seconds=5, call_seconds=0.01)
        self.answered: set[str] = set()
        self.deleted_unanswered: list[str] = []

    async def delete(self, deliveries: Sequence[Delivery]) -> Sequence[Refused]:
        self.deleted_unanswered += [each.message_id for each in deliveries if each.message_id not in self.answered]
        return await super().delete(deliveries)


class Connection:
    """A worker's way to the queue: once it is cut, no call of this worker has an effect or an answer."""

    def __init__(self, queue: AnsweringQueue) -> None:
        self._queue = queue
        self.cut = False

    def __getattr__(self, name: str) -> Callable[..., Awaitable[object]]:
        async def call(*args: object) -> object:
            await self._pass()
            answer = await getattr(self._queue, name)(*args)
            await self._pass()
            return answer

        return call

    async def _pass(self) -> None:
        if self.cut:
            await asyncio.Event().wait()


class Worker:
    """A consumer whose handlers do as the body of their message says."""

    def __init__(self, queue: AnsweringQueue) -> None:
        self.connection = Connection(queue)
        self.running: Counter[str] = Counter()
        self.ran_twice: list[str] = []
        self._queue = queue
        self.consumer = Consumer(cast("QueueClient", self.connection), self._handle, VirtualClock(), LIMITS)
        self._stop = asyncio.Event()
        self.task = asyncio.create_task(self.consumer.run(self._stop))

    async def _handle(self, delivery: Delivery) -> Ending:
        self.running[delivery.message_id] += 1
        if self.running[delivery.message_id] > 1:
            self.ran_twice.append(delivery.message_id)
        try:
            ending = await self._ending(delivery)
        finally:
            self.running[delivery.message_id] -= 1
        if not isinstance(ending, Later) and not self.connection.cut:
            self._queue.answered.add(delivery.message_id)
        return ending

    async def _ending(self, delivery: Delivery) -> Ending:
        kind = delivery.body if delivery.receive_count < 3 else "quick"
        await asyncio.sleep({"slow": 20, "endless": 500}.get(kind, 0.05))
        match kind:
            case "later":
                return Later(after_seconds=7)
            case "park":
                return Park(code="not_json", reason="no JSON")
            case "bug":
                raise ValueError("a bug")
            case "down":
                raise ServiceUnavailable("dynamodb:Query", "state", "down")
            case _:
                return Done()

    async def drain(self) -> None:
        """Stop in good order."""
        self._stop.set()
        await self.task


class ConsumerMachine(RuleBasedStateMachine):
    """Workers on one queue. Each rule happens between two moments of virtual time."""

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner(loop_factory=VirtualTimeLoop)
        self.workers: list[Worker] = []

    def _at_once(self, act: Callable[[], None]) -> None:
        async def acting() -> None:
            act()

        self._runner.run(acting())

    @initialize()
    def open(self) -> None:
        self.queue = AnsweringQueue()
        self._at_once(self._hire)

    def _hire(self) -> None:
        self.workers.append(Worker(self.queue))

    @rule(kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=8), late=st.sampled_from([0, 0, 3, 40]))
    def send(self, kinds: list[str], late: float) -> None:
        self._at_once(lambda: self.queue.send(*kinds, after_seconds=late))

    @rule(seconds=st.sampled_from([0.01, 0.3, 2, 15, 70, 400]))
    def wait(self, seconds: float) -> None:
        self._runner.run(asyncio.sleep(seconds))

    @rule(call=st.sampled_from(["receive", "extend", "delete", "release", "park"]), faults=st.lists(FAULTS, max_size=6))
    def fail(self, call: str, faults: list[Fault]) -> None:
        self.queue.faults[call].extend(faults)

    @precondition(lambda self: self.queue.messages)
    @rule(data=st.data())
    def deliver_twice(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.queue.messages)))
        self._at_once(lambda: self.queue.show(name))

    @precondition(lambda self: len(self.workers) < 3)
    @rule()
    def hire(self) -> None:
        self._at_once(self._hire)

    @precondition(lambda self: len(self.workers) > 1)
    @rule()
    def drain(self) -> None:
        worker = self.workers.pop()
        began = self._runner.get_loop().time()
        self._runner.run(worker.drain())
        assert self._runner.get_loop().time() - began <= LIMITS.drain_seconds + LIMITS.flush_seconds + 1
        assert self._facts_of(worker) == 0
        assert worker.running.total() == 0

    @precondition(lambda self: len(self.workers) > 1)
    @rule()
    def die(self) -> None:
        self.workers.pop().connection.cut = True

    def _facts_of(self, worker: Worker) -> int:
        async def held() -> int:
            return worker.consumer.facts().held

        return self._runner.run(held())

    @invariant()
    def nothing_is_deleted_unanswered(self) -> None:
        assert self.queue.deleted_unanswered == []

    @invariant()
    def nothing_is_handled_twice_at_once_by_one_worker(self) -> None:
        assert [worker.ran_twice for worker in self.workers if worker.ran_twice] == []

    @invariant()
    def every_worker_lives(self) -> None:
        assert not any(worker.task.done() for worker in self.workers)

    def teardown(self) -> None:
        if not self.workers:
            return
        self.queue.faults.clear()
        for worker in self.workers:
            self._runner.run(worker.drain())
            assert self._facts_of(worker) == 0
        self._runner.run(asyncio.sleep(LEASE_SECONDS + LONGEST_PATIENCE_SECONDS))
        self._at_once(self._nothing_is_in_flight)
        self._at_once(self._hire)
        self._runner.run(self._until_empty())
        assert len(self.queue.answered) == self.queue.sent
        self._runner.run(self.workers[-1].drain())
        self._runner.close()

    def _nothing_is_in_flight(self) -> None:
        assert self.queue.in_flight == 0

    async def _until_empty(self) -> None:
        for _ in range(240):
            if self.queue.messages:
                await asyncio.sleep(60)
        assert not self.queue.messages


def _settings(examples: int) -> settings:
    return settings(
        max_examples=examples, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )


def test_no_message_is_lost_whatever_happens() -> None:
    """Outages, lost answers, copies, crashes and drains in any order: each is answered for before it is deleted."""
    run_state_machine_as_test(ConsumerMachine, settings=_settings(40))


@pytest.mark.soak
def test_no_message_is_lost_whatever_happens_for_long() -> None:
    """The same, fifty times as often."""
    run_state_machine_as_test(ConsumerMachine, settings=_settings(2_000))
