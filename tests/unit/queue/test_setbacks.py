import asyncio
from collections.abc import Sequence
from itertools import pairwise

import pytest
from consuming import LIMITS, consuming, lasting, now, passing
from memory_queue import MemoryQueue
from virtual_time import VirtualClock, run

from autocloudops.errors import AccessDenied, ServiceUnavailable
from autocloudops.queue.client import Delivery
from autocloudops.queue.consumer import Consumer, Done, Ending, Limits
from autocloudops.queue.setbacks import MOST, Setbacks

BUSY = Limits(concurrency=64)
DOWN = ServiceUnavailable("dynamodb:Query", "state", "down")


class Far(MemoryQueue):
    """A queue that is a tenth of a second away; whatever is on its way at `down_at` is lost."""

    down_at: float | None = None

    async def receive(self, limit: int, lease_seconds: int) -> Sequence[Delivery]:
        began = now()
        await asyncio.sleep(0.1)
        if self.down_at is not None and began <= self.down_at <= now():
            raise ServiceUnavailable("sqs:ReceiveMessage", "queue", "connection reset")
        return await super().receive(limit, lease_seconds)


def test_polls_that_fail_together_are_one_setback() -> None:
    """A connection that breaks under eight polls costs one short pause, and not eight, each twice the last."""
    ended: list[float] = []

    async def handler(_: Delivery) -> Ending:
        await asyncio.sleep(0.05)
        ended.append(now())
        return Done()

    async def scenario() -> None:
        queue = Far()
        queue.send(*(f"b{n}" for n in range(6_000)))
        async with consuming(queue, handler, BUSY):
            await passing(3)
            queue.down_at = now()
            await passing(45)

    run(scenario())
    assert max(after - before for before, after in pairwise(ended)) < 3


def test_handlers_that_fail_together_are_one_setback() -> None:
    """A service that stumbles once under 64 handlers stops receiving for two seconds, and not for half a minute."""
    ended: list[float] = []

    async def handler(_: Delivery) -> Ending:
        began = now()
        await asyncio.sleep(0.2)
        if began <= 3 < now():
            raise DOWN
        ended.append(now())
        return Done()

    async def scenario() -> None:
        queue = MemoryQueue(call_seconds=0.02)
        queue.send(*(f"b{n}" for n in range(2_000)))
        async with consuming(queue, handler, BUSY):
            await passing(50)

    run(scenario())
    assert sum(at < 12 for at in ended) == 2_000 - 64


def test_a_pause_ends_when_handlers_work_again() -> None:
    """Receiving rests because handlers fail: the first one that does not is the end of the rest."""

    async def handler(delivery: Delivery) -> Ending:
        if delivery.body == "unlucky":
            raise DOWN
        await asyncio.sleep(12)
        return Done()

    async def scenario() -> None:
        queue = MemoryQueue(poll_seconds=2)
        queue.send("long")
        async with consuming(queue, handler):
            await passing(1)
            queue.send(*["unlucky"] * 5)
            await passing(6.5)
            before = queue.calls["receive"]
            await passing(4)
            assert queue.calls["receive"] == before, "it rests from 7 s to 15 s"
            await passing(1)
            assert queue.calls["receive"] > before

    run(scenario())


def test_what_nothing_will_mend_is_told_during_a_pause() -> None:
    """A worker that rests between two receives ends at once with a permission that it lacks."""

    async def scenario() -> float:
        queue = MemoryQueue(poll_seconds=2)
        queue.send("one")
        queue.faults["delete"].extend([AccessDenied("sqs:DeleteMessage", "q", "denied")] * 9)
        running = asyncio.create_task(Consumer(queue, lasting(200), VirtualClock(), LIMITS).run(asyncio.Event()))
        await passing(20)
        queue.faults["receive"].extend([ServiceUnavailable("sqs:ReceiveMessage", "q", "down")] * 99)
        with pytest.raises(AccessDenied):
            await running
        return now()

    assert run(scenario()) <= 200 + LIMITS.flush_seconds + 1


def test_setbacks_count_rounds_up_to_a_bound() -> None:
    """What began after the last one that counted is the next one; a success begins anew."""

    async def scenario() -> None:
        setbacks = Setbacks(VirtualClock())
        for _ in range(MOST + 3):
            await passing(1)
            setbacks.failed(now() - 0.5)
            setbacks.failed(now() - 0.5)
        assert setbacks.count == MOST
        setbacks.succeeded()
        assert setbacks.count == 0

    run(scenario())
