import asyncio
from collections.abc import Awaitable, Callable

import pytest
from memory_queue import MemoryQueue
from virtual_time import VirtualClock, run

from autocloudops.errors import AccessDenied, ServiceUnavailable
from autocloudops.queue.client import Delivery
from autocloudops.queue.consumer import Consumer, Done, Ending, Handler, Later, Limits, Park

LIMITS = Limits(concurrency=4, drain_seconds=20)


async def done(_: Delivery) -> Ending:
    """Handle nothing."""
    return Done()


async def consume(
    queue: MemoryQueue, handler: Handler, until: Callable[[], Awaitable[object]], limits: Limits = LIMITS
) -> Consumer:
    """Run a consumer until `until` returns, then stop and drain it."""
    consumer = Consumer(queue, handler, VirtualClock(), limits)
    stop = asyncio.Event()
    running = asyncio.create_task(consumer.run(stop))
    await until()
    stop.set()
    await running
    return consumer


async def passing(seconds: float) -> None:
    """Let virtual time pass."""
    await asyncio.sleep(seconds)


def test_every_message_is_handled_once_and_deleted() -> None:
    """A full queue drains, in batches, with each message handled once."""
    seen: list[str] = []

    async def scenario() -> MemoryQueue:
        queue = MemoryQueue()
        queue.send(*(f"b{n}" for n in range(57)))

        async def handler(delivery: Delivery) -> Ending:
            seen.append(delivery.body)
            return Done()

        consumer = await consume(queue, handler, lambda: passing(5))
        assert (consumer.deletes.done, consumer.deletes.failed) == (57, 0)
        return queue

    queue = run(scenario())
    assert not queue.messages
    assert sorted(seen) == sorted(f"b{n}" for n in range(57))


def test_never_more_in_hand_than_slots() -> None:
    """Only free slots ask for messages: with four slots a fifth message stays in the queue."""

    async def scenario() -> tuple[int, int]:
        queue = MemoryQueue()
        queue.send(*(f"b{n}" for n in range(9)))
        busy = most = 0

        async def handler(_: Delivery) -> Ending:
            nonlocal busy, most
            busy += 1
            most = max(most, busy)
            await asyncio.sleep(3)
            busy -= 1
            return Done()

        held: list[int] = []

        async def look() -> None:
            await asyncio.sleep(1)
            held.append(queue.in_flight)
            await asyncio.sleep(20)

        await consume(queue, handler, look)
        return most, held[0]

    assert run(scenario()) == (4, 4)


def test_a_handler_that_fails_gives_the_message_back() -> None:
    """A bug in the handler neither stops the loop nor loses the message."""
    counts: list[int] = []

    async def scenario() -> MemoryQueue:
        queue = MemoryQueue()
        queue.send("poison")

        async def handler(delivery: Delivery) -> Ending:
            counts.append(delivery.receive_count)
            if delivery.receive_count == 1:
                raise ValueError("a bug")
            if delivery.receive_count == 2:
                raise ServiceUnavailable("dynamodb:Query", "state", "down")
            return Done()

        await consume(queue, handler, lambda: passing(200))
        return queue

    assert not run(scenario()).messages
    assert counts == [1, 2, 3]


def test_later_and_park_end_as_they_say() -> None:
    """A postponed message comes back after its delay; a parked one is in the dead-letter queue and gone from here."""
    times: list[float] = []

    async def scenario() -> MemoryQueue:
        queue = MemoryQueue()
        queue.send("later", "bad")

        async def handler(delivery: Delivery) -> Ending:
            if delivery.body == "bad":
                return Park(code="not_json", reason="no JSON")
            times.append(asyncio.get_running_loop().time())
            return Later(after_seconds=40) if delivery.receive_count == 1 else Done()

        await consume(queue, handler, lambda: passing(60))
        return queue

    queue = run(scenario())
    assert queue.parked == [("bad", "not_json")]
    assert not queue.messages
    assert 40 <= times[1] - times[0] <= 51


def test_a_failed_delete_entry_is_sent_again() -> None:
    """Entries that SQS names as failed are deleted by a later call."""

    async def scenario() -> tuple[MemoryQueue, Consumer]:
        queue = MemoryQueue()
        queue.send("a", "b", "c")
        queue.delete_failures = 2
        return queue, await consume(queue, done, lambda: passing(30))

    queue, consumer = run(scenario())
    assert (consumer.deletes.done, consumer.deletes.failed) == (3, 0)
    assert not queue.messages


def test_an_outage_slows_receiving_down_and_ends_by_itself() -> None:
    """A failing receive is tried again with growing pauses, never in a tight loop, and never ends the consumer."""

    async def scenario() -> MemoryQueue:
        queue = MemoryQueue()
        queue.receive_errors = [ServiceUnavailable("sqs:ReceiveMessage", "q", "down") for _ in range(20)]
        queue.send("after the outage")
        await consume(queue, done, lambda: passing(600))
        return queue

    queue = run(scenario())
    assert not queue.messages
    assert queue.receives < 100


def test_a_missing_permission_ends_the_consumer() -> None:
    """What waiting cannot mend is raised, so that the process exits and says why."""

    async def scenario() -> None:
        queue = MemoryQueue()
        queue.receive_errors = [AccessDenied("sqs:ReceiveMessage", "q", "denied")]
        await Consumer(queue, done, VirtualClock(), LIMITS).run(asyncio.Event())

    with pytest.raises(AccessDenied):
        run(scenario())


def test_draining_finishes_what_was_begun() -> None:
    """After stop nothing new is begun, running handlers finish, and their messages are deleted before the end."""

    async def scenario() -> MemoryQueue:
        queue = MemoryQueue(poll_seconds=2)
        queue.send(*(f"b{n}" for n in range(6)))

        async def handler(_: Delivery) -> Ending:
            await asyncio.sleep(15)
            return Done()

        await consume(queue, handler, lambda: passing(1))
        assert queue.in_flight == 0
        return queue

    assert len(run(scenario()).messages) == 2


def test_draining_hands_back_what_takes_too_long() -> None:
    """At the deadline a handler is cancelled and its message is visible at once."""

    async def scenario() -> float:
        queue = MemoryQueue(poll_seconds=2)
        queue.send("slow")

        async def handler(_: Delivery) -> Ending:
            await asyncio.sleep(1000)
            return Done()

        await consume(queue, handler, lambda: passing(1))
        assert list(queue.messages)
        assert queue.in_flight == 0
        return asyncio.get_running_loop().time()

    assert run(scenario()) <= 1 + 2 + LIMITS.drain_seconds + 1


def test_an_outage_behind_the_handler_stops_receiving() -> None:
    """While state is down few messages are received, so that none uses up its receives; then all are handled."""
    received: list[int] = []

    async def scenario() -> MemoryQueue:
        queue = MemoryQueue()
        queue.send(*(f"b{n}" for n in range(40)))

        async def handler(delivery: Delivery) -> Ending:
            received.append(delivery.receive_count)
            if asyncio.get_running_loop().time() < 3600:
                raise ServiceUnavailable("dynamodb:Query", "state", "down")
            return Done()

        await consume(queue, handler, lambda: passing(4 * 3600))
        return queue

    assert not run(scenario()).messages
    assert max(received) <= 8
    assert len(received) < 40 + 200
