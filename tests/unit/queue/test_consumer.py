import asyncio
from collections.abc import Sequence

import pytest
from consuming import LIMITS, consume, consuming, done, lasting, now, passing
from memory_queue import MemoryQueue, Partly
from virtual_time import VirtualClock, run

from autocloudops.errors import AccessDenied, ServiceUnavailable
from autocloudops.queue.client import Delivery, Refused
from autocloudops.queue.consumer import Consumer, Done, Ending, Later, Limits, Park


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


def test_slow_handlers_leave_the_rest_to_other_workers() -> None:
    """While handlers take seconds, no more than they begin within a second waits behind them."""

    async def scenario() -> tuple[list[int], int]:
        queue = MemoryQueue()
        queue.send(*(f"b{n}" for n in range(40)))
        held: list[int] = []
        async with consuming(queue, lasting(4)) as consumer:
            for _ in range(10):
                await asyncio.sleep(2)
                held.append(queue.in_flight)
            running = consumer.facts().running
        return held, running

    held, running = run(scenario())
    assert held[0] == running == 4
    assert max(held) <= 4 + 1


def test_free_slots_begin_before_an_acknowledgement_is_sent() -> None:
    """The CPU time of a deletion does not keep messages waiting that are at hand: they begin first."""
    begun: list[str] = []
    begun_at_deletes: list[int] = []

    class Watching(MemoryQueue):
        async def delete(self, deliveries: Sequence[Delivery]) -> Sequence[Refused]:
            begun_at_deletes.append(len(begun))
            return await super().delete(deliveries)

    async def scenario() -> None:
        queue = Watching()
        queue.send(*(f"b{n}" for n in range(40)))

        async def handler(delivery: Delivery) -> Ending:
            begun.append(delivery.body)
            await asyncio.sleep(0.5)
            return Done()

        await consume(queue, handler, lambda: passing(5), Limits(concurrency=10))

    run(scenario())
    assert len(begun) == 40
    assert begun_at_deletes[2] >= 39


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
            times.append(now())
            return Later(after_seconds=40) if delivery.receive_count == 1 else Done()

        await consume(queue, handler, lambda: passing(60))
        return queue

    queue = run(scenario())
    assert queue.parked == [("bad", "not_json")]
    assert not queue.messages
    assert 40 <= times[1] - times[0] <= 41


def test_what_cannot_be_parked_is_not_deleted() -> None:
    """A message that the dead-letter queue did not take comes back, and is parked then."""

    async def scenario() -> MemoryQueue:
        queue = MemoryQueue()
        queue.send("bad")
        queue.faults["park"].append(ServiceUnavailable("sqs:SendMessage", "dlq", "down"))

        async def handler(_: Delivery) -> Ending:
            return Park(code="not_json", reason="no JSON")

        async with consuming(queue, handler):
            await passing(5)
            assert list(queue.messages)
            await passing(60)
        return queue

    queue = run(scenario())
    assert queue.parked == [("bad", "not_json")]
    assert not queue.messages


def test_postponed_messages_share_a_call() -> None:
    """Messages that come back after the same while are released ten at a time."""

    async def scenario() -> MemoryQueue:
        queue = MemoryQueue()
        queue.send(*(f"b{n}" for n in range(20)))

        async def handler(delivery: Delivery) -> Ending:
            return Later(after_seconds=30) if delivery.receive_count == 1 else Done()

        await consume(queue, handler, lambda: passing(60), Limits(concurrency=20))
        return queue

    queue = run(scenario())
    assert not queue.messages
    assert queue.calls["release"] == 2


def test_under_load_a_message_costs_a_fifth_of_a_call() -> None:
    """Receives and deletes are full batches while there is work: at most 0.25 calls a message."""

    async def scenario() -> MemoryQueue:
        queue = MemoryQueue(call_seconds=0.015)
        queue.send(*(f"b{n}" for n in range(3000)))
        await consume(queue, lasting(0.05), lambda: passing(5), Limits())
        return queue

    queue = run(scenario())
    assert not queue.messages
    assert queue.calls.total() <= 0.25 * 3000


def test_slots_stay_busy_while_receives_are_under_way() -> None:
    """With calls of 15 ms and handlers of 50 ms, 64 slots do 95 % of the 1,280 messages a second that they could."""

    async def scenario() -> float:
        queue = MemoryQueue(call_seconds=0.015)
        queue.send(*(f"b{n}" for n in range(6000)))
        async with consuming(queue, lasting(0.05), Limits()) as consumer:
            await passing(1)
            begun = consumer.deletes.done
            await passing(3)
            return (consumer.deletes.done - begun) / 3

    assert run(scenario()) >= 0.95 * 1280


def test_an_idle_queue_costs_one_long_poll_at_a_time() -> None:
    """After a burst that took several polls at once, an empty queue is asked once in each long poll."""

    async def scenario() -> tuple[int, int]:
        queue = MemoryQueue(poll_seconds=10, call_seconds=0.015)
        queue.send(*(f"b{n}" for n in range(2000)))
        most = 0
        async with consuming(queue, lasting(0.05), Limits()):
            for _ in range(300):
                await passing(0.01)
                most = max(most, queue.under_way["receive"])
            await passing(60)
            before = queue.calls["receive"]
            await passing(100)
            return most, queue.calls["receive"] - before

    most, idle = run(scenario())
    assert most > 1
    assert 9 <= idle <= 11


def test_a_failed_delete_entry_is_sent_again() -> None:
    """Entries that SQS names as failed are deleted by a later call."""

    async def scenario() -> tuple[MemoryQueue, Consumer]:
        queue = MemoryQueue()
        queue.send("a", "b", "c")
        queue.faults["delete"].extend([Partly(), Partly()])
        return queue, await consume(queue, done, lambda: passing(30))

    queue, consumer = run(scenario())
    assert (consumer.deletes.done, consumer.deletes.failed) == (3, 0)
    assert not queue.messages


def test_an_outage_slows_receiving_down_and_ends_by_itself() -> None:
    """A failing receive is tried again with growing pauses, never in a tight loop, and never ends the consumer."""

    async def scenario() -> MemoryQueue:
        queue = MemoryQueue()
        queue.faults["receive"].extend([ServiceUnavailable("sqs:ReceiveMessage", "q", "down") for _ in range(20)])
        queue.send("after the outage")
        await consume(queue, done, lambda: passing(600))
        return queue

    queue = run(scenario())
    assert not queue.messages
    assert queue.calls["receive"] < 100


def test_a_missing_permission_ends_the_consumer() -> None:
    """What waiting cannot mend is raised, so that the process exits and says why."""

    async def scenario() -> None:
        queue = MemoryQueue()
        queue.faults["receive"].append(AccessDenied("sqs:ReceiveMessage", "q", "denied"))
        await Consumer(queue, done, VirtualClock(), LIMITS).run(asyncio.Event())

    with pytest.raises(AccessDenied):
        run(scenario())


def test_an_outage_behind_the_handler_stops_receiving() -> None:
    """While state is down few messages are received, so that none uses up its receives; then all are handled."""
    received: list[int] = []

    async def scenario() -> MemoryQueue:
        queue = MemoryQueue()
        queue.send(*(f"b{n}" for n in range(40)))

        async def handler(delivery: Delivery) -> Ending:
            received.append(delivery.receive_count)
            if now() < 3600:
                raise ServiceUnavailable("dynamodb:Query", "state", "down")
            return Done()

        await consume(queue, handler, lambda: passing(4 * 3600))
        return queue

    assert not run(scenario()).messages
    assert max(received) <= 20
    assert len(received) < 40 + 200


def test_acknowledgements_that_pile_up_stop_receiving() -> None:
    """While nothing can be deleted, what is in hand is bounded; when it can be again, everything is."""

    async def scenario() -> int:
        queue = MemoryQueue()
        queue.send(*(f"b{n}" for n in range(2000)))
        queue.faults["delete"].extend([ServiceUnavailable("sqs:DeleteMessage", "q", "down")] * 200)
        async with consuming(queue, done, Limits(concurrency=8)) as consumer:
            await passing(1)
            held = consumer.facts().held
            await passing(300)
            assert consumer.deletes.done == 2000
        assert not queue.messages
        return held

    assert 8 <= run(scenario()) <= 8 + 500


def test_facts_tell_how_a_consumer_is() -> None:
    """A health check sees what is held and for how long, what fails, and how long SQS owes an answer."""

    async def scenario() -> None:
        queue = MemoryQueue(poll_seconds=10)
        queue.send(*(f"b{n}" for n in range(4)))
        async with consuming(queue, lasting(100)) as consumer:
            await passing(50)
            facts = consumer.facts()
            assert (facts.held, facts.running, facts.receiving_fails, facts.unanswered_seconds) == (4, 4, None, 0)
            assert facts.oldest_seconds == pytest.approx(50, abs=1)
            assert facts.turned_seconds_ago <= 15
            queue.faults["receive"].extend([ServiceUnavailable("sqs:ReceiveMessage", "q", "down")] * 4)
            await passing(51)
            assert "down" in str(consumer.facts().receiving_fails)
            await passing(100)
            assert consumer.facts().receiving_fails is None
            assert 0 < consumer.facts().unanswered_seconds <= 10

    run(scenario())


@pytest.mark.parametrize("call", ["receive", "extend", "delete"])
def test_an_error_that_nobody_foresaw_ends_the_consumer(call: str) -> None:
    """A bug beside the loop is raised by the consumer: no worker lives on with half of its work dead."""

    async def scenario() -> None:
        queue = MemoryQueue(poll_seconds=1)
        queue.send("one")

        async def broken(*_: object) -> list[Delivery]:
            raise KeyError(call)

        setattr(queue, call, broken)
        await Consumer(queue, lasting(100), VirtualClock(), Limits(drain_seconds=300)).run(asyncio.Event())

    with pytest.raises(KeyError, match=call):
        run(scenario())


def test_a_handler_whose_own_call_was_cancelled_gives_the_message_back_later() -> None:
    """Nobody cancelled the handler: its message is tried again after a pause, and not in a tight loop."""

    async def cancelled(_: Delivery) -> Ending:
        raise asyncio.CancelledError

    async def scenario() -> int:
        queue = MemoryQueue(poll_seconds=2)
        queue.send("one")
        await consume(queue, cancelled, lambda: passing(100))
        assert queue.messages
        return queue.calls["release"]

    assert run(scenario()) == 3
