import asyncio
from collections.abc import Sequence

import pytest
from consuming import LEASE_SECONDS, consuming, lasting, noting, now, passing
from memory_queue import LostAnswer, MemoryQueue, Partly, Slow
from virtual_time import run

from autocloudops.errors import ServiceUnavailable
from autocloudops.queue.client import Delivery, Refused
from autocloudops.queue.consumer import Consumer, Done, Ending, Later, Limits
from autocloudops.queue.leases import LOST
from autocloudops.settings import QueueSettings

SHORTEST_SECONDS = 60
DOWN = ServiceUnavailable("sqs:ChangeMessageVisibility", "q", "down")


def test_a_handler_may_outlast_the_lease() -> None:
    """A message that takes an hour is handled once: its lease is renewed all the while."""
    counts: list[int] = []

    async def handler(delivery: Delivery) -> Ending:
        counts.append(delivery.receive_count)
        await asyncio.sleep(3600)
        return Done()

    async def scenario() -> MemoryQueue:
        queue = MemoryQueue()
        queue.send("slow")
        async with consuming(queue, handler) as consumer:
            await passing(3700)
            assert consumer.facts().lost_leases == 0
        return queue

    assert not run(scenario()).messages
    assert counts == [1]


def test_renewals_come_ten_at_a_time_and_only_as_needed() -> None:
    """Twenty leases of three minutes cost two calls each time that half of it has passed."""

    async def scenario() -> int:
        queue = MemoryQueue()
        queue.send(*(f"b{n}" for n in range(20)))
        async with consuming(queue, lasting(900), Limits(concurrency=20)):
            await passing(890)
            calls = queue.calls["extend"]
            await passing(20)
        assert not queue.messages
        return calls

    assert run(scenario()) <= 2 * (900 // (LEASE_SECONDS // 2) + 1)


def test_a_lease_ends_after_twelve_hours() -> None:
    """SQS hides no message for more than 12 hours: its handler is told before another worker gets it."""
    ended: list[str] = []

    async def scenario() -> float:
        queue = MemoryQueue()
        queue.send("endless")
        async with consuming(queue, noting(ended, 50 * 3600), Limits(concurrency=1, drain_seconds=20)):
            began = now()
            while not ended:
                await passing(60)
            assert not queue.asked_too_long, "SQS would refuse the renewal, and hide the message until then"
            return now() - began

    held = run(scenario())
    assert ended[0] == LOST
    assert 12 * 3600 - 2 * LEASE_SECONDS <= held <= 12 * 3600


def test_a_renewal_that_hangs_leaves_time_for_the_next() -> None:
    """A dead connection costs no lease, not even the shortest that may be set: its call is given up in time."""
    with pytest.raises(ValueError, match="lease_seconds"):
        QueueSettings(url="alarms", dlq_url="dlq", lease_seconds=SHORTEST_SECONDS - 1)
    limits = Limits(concurrency=4, lease_seconds=SHORTEST_SECONDS, drain_seconds=20)

    async def scenario() -> None:
        queue = MemoryQueue(poll_seconds=2)
        queue.send("one")
        queue.faults["extend"].append(Slow(500))
        async with consuming(queue, lasting(100), limits) as consumer:
            await passing(110)
            assert consumer.facts().lost_leases == 0
            assert not queue.messages

    run(scenario())


def test_a_lost_lease_stops_its_handler() -> None:
    """While renewals fail for a whole lease, the handler is cancelled with the reason before anyone else begins."""
    ended: list[str] = []

    async def scenario() -> MemoryQueue:
        queue = MemoryQueue()
        queue.send("one")
        queue.faults["extend"].extend([DOWN] * 5)
        async with consuming(queue, noting(ended, 250)) as consumer:
            await passing(LEASE_SECONDS - 31)
            assert ended == []
            await passing(30)
            assert ended == [LOST]
            assert queue.in_flight == 1
            await passing(300)
            assert consumer.facts().lost_leases == 1
        return queue

    queue = run(scenario())
    assert not queue.messages
    assert ended == [LOST, "done"]
    assert queue.calls["release"] == 0


def test_a_refused_renewal_ends_the_lease_at_once() -> None:
    """A receipt that SQS calls no longer good is not tried again: its handler stops, the others go on."""
    ended: list[str] = []

    async def scenario() -> None:
        queue = MemoryQueue()
        queue.send("one", "two")
        queue.faults["extend"].append(Partly(1, lasting=True))
        async with consuming(queue, noting(ended, 170)):
            await passing(110)
            assert ended == [LOST]
            await passing(70)
            assert ended == [LOST, "done"]
            await passing(300)

    run(scenario())


def test_a_refused_entry_that_may_pass_is_renewed_at_the_next_beat() -> None:
    """A throttled entry of a batch costs no lease."""
    ended: list[str] = []

    async def scenario() -> MemoryQueue:
        queue = MemoryQueue()
        queue.send("one", "two")
        queue.faults["extend"].extend([Partly(2), LostAnswer(), Partly(1)])
        async with consuming(queue, noting(ended, 600)):
            await passing(610)
        return queue

    assert not run(scenario()).messages
    assert ended == ["done", "done"]


def test_a_long_poll_shortens_no_lease() -> None:
    """A lease counts from before its receive was sent, so it is renewed in time after the slowest of answers."""

    async def scenario() -> MemoryQueue:
        queue = MemoryQueue(poll_seconds=20)
        queue.faults["receive"].append(Slow(30))
        queue.send("late", after_seconds=15)
        limits = Limits(concurrency=1, lease_seconds=60, drain_seconds=30)
        async with consuming(queue, lasting(200), limits) as consumer:
            await passing(300)
            assert consumer.facts().lost_leases == 0
        return queue

    queue = run(scenario())
    assert not queue.messages


def test_a_waiting_acknowledgement_keeps_its_lease() -> None:
    """While deletions fail for longer than a lease, the message stays hidden, and is deleted in the end."""
    counts: list[int] = []

    async def handler(delivery: Delivery) -> Ending:
        counts.append(delivery.receive_count)
        return Done()

    async def scenario() -> MemoryQueue:
        queue = MemoryQueue()
        queue.send("one")
        queue.faults["delete"].extend([ServiceUnavailable("sqs:DeleteMessage", "q", "down")] * 40)
        async with consuming(queue, handler) as consumer:
            await passing(300)
            assert consumer.facts().failing_deletes == 1
            await passing(300)
            assert consumer.facts().failed_deletes == 0
        return queue

    assert not run(scenario()).messages
    assert counts == [1]


def test_a_deletion_that_will_always_fail_is_given_up() -> None:
    """A receipt that is no longer good is not tried again; the message comes back and is deleted then."""

    async def scenario() -> tuple[MemoryQueue, Consumer]:
        queue = MemoryQueue()
        queue.send("one")
        queue.faults["delete"].append(Partly(1, lasting=True))
        async with consuming(queue, lasting(1)) as consumer:
            await passing(20)
            assert queue.calls["delete"] == 1
            await passing(200)
        return queue, consumer

    queue, consumer = run(scenario())
    assert not queue.messages
    assert (consumer.deletes.done, consumer.deletes.failed) == (1, 1)


def test_an_answer_that_comes_too_late_begins_nothing() -> None:
    """What a receive brings after most of the lease has passed is handed back: others may get it any moment."""
    begun: list[str] = []

    async def handler(delivery: Delivery) -> Ending:
        begun.append(delivery.receipt)
        return Done()

    async def scenario() -> MemoryQueue:
        queue = MemoryQueue()
        queue.faults["receive"].append(Slow(50))
        queue.send("one")
        async with consuming(queue, handler, Limits(concurrency=1, lease_seconds=60)):
            await passing(70)
        return queue

    queue = run(scenario())
    assert not queue.messages
    assert begun == ["m0/1"]


class Unreachable(MemoryQueue):
    """A queue that cannot be told what is to become of a message; it notes the receipts of each try."""

    def __init__(self) -> None:
        super().__init__()
        self.tried: list[tuple[float, str]] = []
        for call in ("extend", "release"):
            self.faults[call].extend([DOWN] * 50)

    async def release(self, deliveries: Sequence[Delivery], after_seconds: int) -> Sequence[Refused]:
        self.tried += [(now(), each.receipt) for each in deliveries]
        return await super().release(deliveries, after_seconds)


def test_a_release_is_not_tried_again_once_its_lease_is_lost() -> None:
    """Others may have the message by then, and an old receipt could bring it to a third worker."""

    async def later(_: Delivery) -> Ending:
        return Later(after_seconds=0)

    async def scenario() -> list[tuple[float, str]]:
        queue = Unreachable()
        queue.send("one")
        async with consuming(queue, later, Limits(concurrency=1, lease_seconds=SHORTEST_SECONDS)) as consumer:
            while not consumer.facts().lost_leases:
                await passing(0.1)
            lost_at = now()
            await passing(15)
            assert consumer.releases.failed == 1
        return [(at - lost_at, receipt) for at, receipt in queue.tried]

    tried = run(scenario())
    assert max(at for at, receipt in tried if receipt == "m0/0") < 0
    assert max(at for at, receipt in tried if receipt == "m0/1") > 0


class Refusing(MemoryQueue):
    """A queue that is down for a while, and refuses every renewal then, slowly."""

    async def extend(self, deliveries: Sequence[Delivery], seconds: int) -> Sequence[Refused]:
        if now() < SHORTEST_SECONDS - 12:
            self.faults["extend"].append(DOWN)
            return await super().extend(deliveries, seconds)
        await asyncio.sleep(9)
        return [Refused(each, "MessageNotInflight", lasting=True) for each in deliveries]


def test_a_lease_is_lost_once() -> None:
    """A renewal that is refused after the beat has given its lease up changes nothing."""

    async def scenario() -> int:
        queue = Refusing()
        queue.send("one")
        async with consuming(queue, lasting(500), Limits(concurrency=1, lease_seconds=SHORTEST_SECONDS)) as consumer:
            await passing(SHORTEST_SECONDS + 10)
            return consumer.facts().lost_leases

    assert run(scenario()) == 1
