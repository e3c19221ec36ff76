import pytest
from consuming import LIMITS, consume, consuming, lasting, noting, now, passing
from memory_queue import MemoryQueue, Slow
from virtual_time import run

from autocloudops.errors import ServiceUnavailable
from autocloudops.queue.consumer import Limits
from autocloudops.settings import QueueSettings


def test_draining_finishes_what_was_begun() -> None:
    """After stop nothing new is begun, running handlers finish, and their messages are deleted before the end."""

    async def scenario() -> MemoryQueue:
        queue = MemoryQueue(poll_seconds=2)
        queue.send(*(f"b{n}" for n in range(6)))
        await consume(queue, lasting(15), lambda: passing(1))
        assert queue.in_flight == 0
        return queue

    assert len(run(scenario()).messages) == 2


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
