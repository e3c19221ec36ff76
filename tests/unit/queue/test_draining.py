import asyncio

import pytest
from consuming import LIMITS, consume, consuming, lasting, noting, now, passing
from memory_queue import MemoryQueue, Slow
from virtual_time import VirtualClock, run

from autocloudops.audit.writers import END_SECONDS
from autocloudops.entrypoints.ecs import FLUSH_SECONDS, GIVE_BACK_SECONDS
from autocloudops.errors import AccessDenied, ServiceUnavailable
from autocloudops.queue.client import Delivery
from autocloudops.queue.consumer import Consumer, Done, Ending, Handler, Limits
from autocloudops.settings import QueueSettings
from autocloudops.state.sums import CLOSE_SECONDS


def test_draining_finishes_what_was_begun() -> None:
    """After stop nothing new is begun, running handlers finish, and their messages are deleted before the end."""

    async def scenario() -> MemoryQueue:
        queue = MemoryQueue(poll_seconds=2)
        queue.send(*(f"b{n}" for n in range(6)))
        await consume(queue, lasting(15), lambda: passing(1))
        assert queue.in_flight == 0
        return queue

    assert len(run(scenario()).messages) == 2


def test_a_permission_that_is_lost_at_the_end_is_told() -> None:
    """A worker whose last deletion is denied does not end as if all were well."""

    async def scenario() -> None:
        queue = MemoryQueue(poll_seconds=2)
        queue.send("one")
        queue.faults["delete"].extend([AccessDenied("sqs:DeleteMessage", "q", "denied")] * 50)
        await consume(queue, lasting(5), lambda: passing(1))

    with pytest.raises(AccessDenied, match="DeleteMessage"):
        run(scenario())


def test_draining_hands_back_what_takes_too_long() -> None:
    """At the deadline a handler is cancelled and its message is visible at once."""
    ended: list[str] = []

    async def scenario() -> float:
        queue = MemoryQueue(poll_seconds=2)
        queue.send("slow")
        await consume(queue, noting(ended, 1000), lambda: passing(1))
        assert list(queue.messages)
        assert queue.in_flight == 0
        return now()

    assert run(scenario()) <= 1 + LIMITS.drain_seconds + 1
    assert ended == ["the worker stops"]


def test_what_waited_for_a_slot_is_handed_back_at_once() -> None:
    """The buffer is visible again while the handlers still finish."""

    async def scenario() -> None:
        queue = MemoryQueue(poll_seconds=2)
        queue.send(*(f"b{n}" for n in range(40)))
        async with consuming(queue, lasting(0.5), Limits(concurrency=8, drain_seconds=20)) as consumer:
            await passing(1.8)
            facts = consumer.facts()
            assert facts.held > facts.running == 8
        assert queue.in_flight == 0
        assert queue.messages

    run(scenario())


def test_the_last_calls_have_a_bound() -> None:
    """Acknowledgements that nobody answers are given up in time; their messages come back by themselves."""

    async def scenario() -> float:
        queue = MemoryQueue(poll_seconds=2)
        queue.send("one")
        queue.faults["delete"].append(Slow(500))
        limits = Limits(concurrency=4, drain_seconds=20, flush_seconds=4)
        async with consuming(queue, lasting(1), limits) as consumer:
            await passing(2)
            began = now()
        assert consumer.facts().held == 0
        assert consumer.facts().failed_deletes == 1
        return now() - began

    assert run(scenario()) <= 20 + 4 + 1


def test_a_poll_that_is_never_answered_does_not_keep_a_worker() -> None:
    """At the deadline even a long poll is given up: the worker has to stop before it is killed."""

    async def scenario() -> float:
        queue = MemoryQueue(poll_seconds=2)
        queue.faults["receive"].append(Slow(500))
        async with consuming(queue, lasting(1)):
            await passing(1)
            began = now()
        return now() - began

    assert run(scenario()) <= LIMITS.drain_seconds + 1


def test_an_outage_keeps_nobody_from_stopping() -> None:
    """A worker that rests between two failing receives stops at once when told to."""

    async def scenario() -> float:
        queue = MemoryQueue()
        queue.faults["receive"].extend([ServiceUnavailable("sqs:ReceiveMessage", "q", "down")] * 50)
        async with consuming(queue, lasting(1)):
            await passing(120)
            began = now()
        return now() - began

    assert run(scenario()) < 1


def test_draining_outlasts_a_long_poll() -> None:
    """Settings in which a worker would have to abort its last poll are refused."""
    with pytest.raises(ValueError, match="long poll is never aborted"):
        QueueSettings(url="alarms", dlq_url="dlq", wait_seconds=20, drain_seconds=20)
    with pytest.raises(ValueError, match="long poll is never aborted"):
        QueueSettings(url="alarms", dlq_url="dlq", wait_seconds=20)


def clinging(cancellations: int, seconds: float = 500) -> Handler:
    """Return a handler that gives back what it holds for `seconds`, however often it is cancelled until then."""

    async def handler(_delivery: Delivery) -> Ending:
        for _ in range(cancellations):
            try:
                await asyncio.sleep(seconds)
            except asyncio.CancelledError:
                continue
        await asyncio.sleep(seconds)
        return Done()

    return handler


@pytest.mark.parametrize("cancellations", [1, 2])
def test_a_handler_that_cannot_let_go_keeps_nobody(cancellations: int) -> None:
    """What a cancelled handler gives back may hang with its service: its message goes back in time all the same."""

    async def scenario() -> float:
        queue = MemoryQueue(poll_seconds=2)
        queue.send("one")
        async with consuming(queue, clinging(cancellations)):
            await passing(1)
            began = now()
        assert queue.messages
        assert queue.in_flight == 0
        return now() - began

    assert run(scenario()) <= LIMITS.drain_seconds + LIMITS.give_back_seconds + 0.1


def test_a_stop_by_default_fits_into_the_time_that_ecs_gives() -> None:
    """What a stop takes in the worst case, with the sweeper, the audit and the state, is less than ECS's 30 s."""
    limits = Limits()
    assert QueueSettings(url="alarms", dlq_url="dlq").drain_seconds == limits.drain_seconds
    consuming_takes = limits.drain_seconds + limits.give_back_seconds + limits.flush_seconds
    assert consuming_takes >= GIVE_BACK_SECONDS, "sweeps and measuring end while messages are drained"
    registration_takes = 2 * END_SECONDS
    assert consuming_takes + FLUSH_SECONDS + registration_takes + CLOSE_SECONDS < 30


def test_whoever_is_cancelled_while_draining_drains_to_the_end() -> None:
    """An audit that fails during the drain cancels the worker: what is in hand still ends, and nothing runs on."""

    async def scenario() -> MemoryQueue:
        queue = MemoryQueue(poll_seconds=2)
        queue.send("one", "two")
        stop = asyncio.Event()
        running = asyncio.create_task(Consumer(queue, lasting(15), VirtualClock(), LIMITS).run(stop))
        await passing(1)
        stop.set()
        for _ in range(2):
            await passing(2)
            running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert now() == pytest.approx(15, abs=1)
        return queue

    assert not run(scenario()).messages


def test_what_goes_back_from_a_handler_that_hangs_is_named(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever reads the log finds the message by its id, and sees how often it came."""

    async def scenario() -> None:
        queue = MemoryQueue(poll_seconds=2)
        queue.send("one")
        async with consuming(queue, clinging(2)):
            await passing(1)

    run(scenario())
    assert "message m0, receive 1, goes back, although its handler does not end" in caplog.messages
