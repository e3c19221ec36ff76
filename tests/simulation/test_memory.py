"""Two hours at fifty alarms a second: what the workers hold at the end is what they held half-way."""

import asyncio
import gc
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from random import Random
from statistics import linear_regression
from typing import Any

import pytest
from database_alarms import sns
from dynamodb_expressions import Item
from faulty_calls import Life, Plan, Planned
from faulty_schedule import Schedule
from faulty_world import FaultyWorker, FaultyWorld, Ledger, Rulings, StrictQueue
from memory_queue import MemoryQueue
from virtual_time import run
from worlds import Model, Told

from autocloudops.diagnosis.endpoint import Completion, CompletionRequest
from autocloudops.notify.sns import Notification
from autocloudops.queue.client import Delivery

PER_SECOND = 50
OWNERS_PER_MINUTE = 20
FORGOTTEN_AFTER_SECONDS = 2_400.0
SAMPLE_SECONDS = 120
BLOCKS_PER_ALARM = 0.02
CONCURRENCY = 64
LEASE_SECONDS = 180


class ForgetfulTable(Rulings):
    """A table that drops rows that nobody wrote for 40 minutes: nothing goes back so far in this test."""

    def __init__(self) -> None:
        super().__init__()
        self._written: dict[tuple[str, str], float] = {}

    def _change(self, kind: str, request: Any) -> Any:  # noqa: ANN401 - as its parent's
        key: Item = request.get("Key") or request["Item"]
        self._written[key["pk"]["S"], key["sk"]["S"]] = asyncio.get_running_loop().time()
        changed = super()._change(kind, request)
        self.effective.clear()
        return changed

    def forget(self) -> None:
        """Drop what is old."""
        oldest = asyncio.get_running_loop().time() - FORGOTTEN_AFTER_SECONDS
        for pk, sk in [row for row, at in self._written.items() if at < oldest]:
            del self._written[pk, sk]
            self._rows[pk].pop(sk, None)
            if not self._rows[pk]:
                del self._rows[pk]


class ForgetfulLedger(Ledger):
    """An audit that counts objects and keeps none."""

    count = 0

    async def create(self, key: str, body: bytes) -> None:
        assert key
        assert body
        self.count += 1


class ForgetfulQueue(StrictQueue):
    """A queue that looks at nothing when a message is deleted, because the audit keeps nothing to look at."""

    async def delete(self, deliveries: Sequence[Delivery]) -> Any:  # noqa: ANN401 - as its parent's
        return await MemoryQueue.delete(self, deliveries)


class ForgetfulModel(Model):
    """An endpoint that keeps no times."""

    async def complete(self, request: CompletionRequest) -> Completion:
        self.asked_at.clear()
        return await super().complete(request)


class CountingTold(Told):
    """A notifier that only counts."""

    count = 0

    async def tell(self, notification: Notification) -> None:
        assert notification.subject
        self.count += 1


class NoPlan(Plan):
    """No faults, and no trace."""

    def next(self, who: str, stage: str) -> Planned | None:  # noqa: ARG002 - as its parent's
        return None


class SteadyWorld(FaultyWorld):
    """A world without faults that keeps nothing."""

    def __post_init__(self) -> None:
        self.plan = NoPlan({}, Random(0))  # noqa: S311 - nothing is drawn from it
        self.queue = ForgetfulQueue(self.ledger, self.table)


def bodies(second: int) -> Iterator[str]:
    """Yield the changes of one second: alarms of new owners fire in the first half of each minute, and clear after."""
    minute, into = divmod(second, 60)
    for number in range(PER_SECOND):
        each = into % 30 * PER_SECOND + number
        name, database = f"alarm-{minute}-{each}", f"orders-{minute}-{each % OWNERS_PER_MINUTE}"
        yield sns(name, "ALARM" if into < 30 else "OK", second, database=database)


async def steady(seconds: int) -> list[int]:
    """Serve alarms for a while with two workers, and return how many blocks of memory were in use as time went by."""
    schedule = Schedule(0, (), (), {}, CONCURRENCY, LEASE_SECONDS)
    table = ForgetfulTable()
    world = SteadyWorld(schedule, ledger=ForgetfulLedger(), table=table, model=ForgetfulModel(), told=CountingTold())
    workers = [FaultyWorker(world, Life(name)) for name in ("A", "B")]
    samples: list[int] = []
    for second in range(seconds):
        world.queue.send(*bodies(second))
        await asyncio.sleep(1)
        if second % SAMPLE_SECONDS == SAMPLE_SECONDS - 1:
            table.forget()
            gc.collect()
            samples.append(sys.getallocatedblocks())
    for worker in workers:
        await worker.stop()
    assert len(world.queue.messages) < PER_SECOND * LEASE_SECONDS
    assert not world.ended
    return samples


def kept_per_alarm(samples: Sequence[int]) -> float:
    """Return how many blocks each alarm left behind in the last half of samples, along the line that fits it best."""
    half = samples[len(samples) // 2 :]
    slope, _ = linear_regression(range(len(half)), half)
    return slope / (PER_SECOND * SAMPLE_SECONDS)


@pytest.fixture
def unlogged() -> Iterator[None]:
    """Keep pytest from keeping what is logged."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.soak
@pytest.mark.usefixtures("unlogged")
def test_two_hours_leave_memory_as_it_was(record_property: Callable[[str, object], None]) -> None:
    """After an hour of 50 alarms a second, another hour leaves less than a block of memory for fifty alarms.

    It takes about a quarter of an hour on one core.
    """
    samples = run(steady(7_200))
    record_property("blocks kept for an alarm, over the last hour", f"{kept_per_alarm(samples):.6f}")
    record_property("blocks in use, over the last hour", samples[len(samples) // 2 :])
    assert kept_per_alarm(samples) < BLOCKS_PER_ALARM, samples[len(samples) // 2 :]


def test_a_leak_of_a_few_bytes_an_alarm_is_seen() -> None:
    """Scatter alone is not taken for growth, and one more block for every tenth alarm is."""
    rng = Random(1)  # noqa: S311 - the same every time is what is wanted
    scattered = [1_000_000 + round(rng.gauss(0, 2_000)) for _ in range(60)]
    leaking = [each + number * PER_SECOND * SAMPLE_SECONDS // 10 for number, each in enumerate(scattered)]
    assert abs(kept_per_alarm(scattered)) < BLOCKS_PER_ALARM < kept_per_alarm(leaking)
