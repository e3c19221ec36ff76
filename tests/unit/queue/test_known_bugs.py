"""Bugs of well-known SQS consumers that this one does not have, by their number in docs/guarantees.md."""

import asyncio
import logging
import subprocess
import sys
from collections.abc import Sequence

import pytest
from consuming import LEASE_SECONDS, LIMITS, consume, consuming, done, lasting, noting, now, passing
from memory_queue import LostAnswer, MemoryQueue, Partly, Slow
from virtual_time import VirtualClock, run

from autocloudops import aws
from autocloudops.errors import AccessDenied, ServiceUnavailable, Throttled
from autocloudops.queue.client import Delivery, Refused
from autocloudops.queue.consumer import Consumer, Done, Ending, Limits, Park
from autocloudops.queue.leases import LOST
from autocloudops.settings import QueueSettings

DOWN = ServiceUnavailable("sqs:ReceiveMessage", "q", "down")


class OrderedQueue(MemoryQueue):
    """A queue that notes which other calls were under way when a message was deleted or released."""

    def __init__(self, poll_seconds: float = 10) -> None:
        super().__init__(poll_seconds)
        self.beside: list[tuple[str, str]] = []

    async def delete(self, deliveries: Sequence[Delivery]) -> Sequence[Refused]:
        self._note("delete")
        return await super().delete(deliveries)

    async def release(self, deliveries: Sequence[Delivery], after_seconds: int) -> Sequence[Refused]:
        self._note("release")
        return await super().release(deliveries, after_seconds)

    def _note(self, call: str) -> None:
        self.beside += [(call, other) for other, count in self.under_way.items() if count]


def test_no_renewal_is_under_way_when_a_message_is_deleted() -> None:
    """Bug 1: a deletion waits for the answer to the renewal, so that none can land after it."""

    async def scenario() -> OrderedQueue:
        queue = OrderedQueue()
        queue.send("one")
        queue.faults["extend"].append(Slow(20))
        async with consuming(queue, lasting(100), Limits(concurrency=1)):
            await passing(101)
            assert queue.under_way["extend"]
            await passing(20)
        return queue

    queue = run(scenario())
    assert not queue.messages
    assert ("delete", "extend") not in queue.beside


def test_failed_entries_of_a_deletion_are_seen() -> None:
    """Bug 2: an entry that SQS names as failed, or whose answer was lost, does not count as deleted."""

    async def scenario() -> tuple[MemoryQueue, Consumer]:
        queue = MemoryQueue()
        queue.send(*(f"b{n}" for n in range(10)))
        queue.faults["delete"].extend([Partly(7), LostAnswer(), Partly(2)])
        return queue, await consume(queue, done, lambda: passing(30), Limits(concurrency=10))

    queue, consumer = run(scenario())
    assert not queue.messages
    assert (consumer.deletes.done, consumer.deletes.failed) == (10, 0)


def test_a_part_of_a_batch_is_deleted_at_shutdown() -> None:
    """Bug 3: acknowledgements that wait for company are sent when the worker stops."""

    async def scenario() -> MemoryQueue:
        queue = MemoryQueue(poll_seconds=1)
        queue.send("a", "b", "c")
        await consume(queue, done, lambda: passing(0.1))
        return queue

    queue = run(scenario())
    assert not queue.messages
    assert queue.calls["delete"] == 1


def test_a_long_poll_is_not_aborted() -> None:
    """Bug 4: what the last poll brings after the worker was told to stop is handed back, not stranded."""
    seen: list[str] = []

    async def scenario() -> MemoryQueue:
        queue = MemoryQueue(poll_seconds=10)
        async with consuming(queue, noting(seen)):
            await passing(5)
            asyncio.get_running_loop().call_later(2, queue.send, "late")
        assert queue.in_flight == 0
        return queue

    queue = run(scenario())
    assert [held.receipts for held in queue.messages.values()] == [["m0/0"]]
    assert seen == []


def test_nothing_is_released_while_a_poll_is_under_way() -> None:
    """Bug 5: receiving ends first, so that what is handed back does not come to the same worker again."""

    async def scenario() -> OrderedQueue:
        queue = OrderedQueue(poll_seconds=5)
        queue.send(*(f"b{n}" for n in range(40)))
        limits = Limits(concurrency=8, drain_seconds=8)
        await consume(queue, lasting(0.7), lambda: passing(1.6), limits)
        assert queue.in_flight == 0
        return queue

    queue = run(scenario())
    assert queue.calls["release"]
    assert ("release", "receive") not in queue.beside
    assert {len(held.receipts) for held in queue.messages.values()} <= {0, 1}


def test_a_shutdown_makes_no_copies() -> None:
    """Bug 6: what is not finished is made visible; nothing is sent anew."""

    async def scenario() -> MemoryQueue:
        queue = MemoryQueue(poll_seconds=1)
        queue.send("slow")
        await consume(queue, lasting(1000), lambda: passing(1))
        return queue

    queue = run(scenario())
    assert (queue.sent, list(queue.messages), queue.parked) == (1, ["m0"], [])


def test_a_body_that_nobody_can_read_stops_nobody() -> None:
    """Bugs 7 and 8: it is parked or comes back, is never just deleted, and everybody else's messages go on."""

    async def handler(delivery: Delivery) -> Ending:
        if delivery.body == "parked":
            return Park(code="not_json", reason="no JSON")
        if delivery.body == "poison":
            raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")
        return Done()

    async def scenario() -> MemoryQueue:
        queue = MemoryQueue()
        queue.send("poison", "parked", *(f"b{n}" for n in range(20)))
        await consume(queue, handler, lambda: passing(20))
        return queue

    queue = run(scenario())
    assert [held.body for held in queue.messages.values()] == ["poison"]
    assert queue.parked == [("parked", "not_json")]


def test_no_error_of_a_receive_ends_the_loop() -> None:
    """Bug 9: a throttled receive and one whose answer was lost cost time and nothing else."""

    async def scenario() -> MemoryQueue:
        queue = MemoryQueue()
        queue.send("one", "two")
        queue.faults["receive"].extend([Throttled("sqs:ReceiveMessage", "q", "slow down"), LostAnswer(), DOWN])
        await consume(queue, done, lambda: passing(LEASE_SECONDS + 60))
        return queue

    assert not run(scenario()).messages


def test_an_outage_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """Bug 10: an hour without SQS costs a few calls a minute and two lines: when it began, and when it was over."""
    caplog.set_level(logging.WARNING)

    async def scenario() -> MemoryQueue:
        queue = MemoryQueue()
        queue.faults["receive"].extend([DOWN] * 150)
        async with consuming(queue, done):
            await passing(3600)
            assert queue.calls["receive"] < 3 * 60 * 4
            queue.faults["receive"].clear()
            await passing(60)
        return queue

    run(scenario())
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


def test_a_poll_that_is_never_answered_is_given_up() -> None:
    """Bug 11: a receive without an answer is replaced after a minute, and the health facts show the silence."""

    async def scenario() -> MemoryQueue:
        queue = MemoryQueue()
        queue.faults["receive"].append(Slow(100_000))
        async with consuming(queue, done) as consumer:
            await passing(59)
            assert consumer.facts().unanswered_seconds == 59
            queue.send("one")
            await passing(30)
            assert consumer.facts().receiving_fails is None
        return queue

    assert not run(scenario()).messages


def test_a_full_worker_waits_for_an_event() -> None:
    """Bug 12: while no slot is free the loop turns at the heartbeat only, and asks for nothing."""

    async def scenario() -> tuple[int, int]:
        queue = MemoryQueue()
        queue.send(*(f"b{n}" for n in range(20)))
        async with consuming(queue, lasting(900)) as consumer:
            await passing(10)
            turns, calls = consumer.turns, queue.calls["receive"]
            await passing(600)
            return consumer.turns - turns, queue.calls["receive"] - calls

    turns, calls = run(scenario())
    assert calls == 0
    assert turns <= 2 * 600 // 15


def test_what_waits_for_a_slot_keeps_its_lease() -> None:
    """Bug 13: the buffer is renewed like everything that is held."""
    counts: list[int] = []

    async def handler(delivery: Delivery) -> Ending:
        counts.append(delivery.receive_count)
        await asyncio.sleep(0.1 if len(counts) <= 8 else 400)
        return Done()

    async def scenario() -> MemoryQueue:
        queue = MemoryQueue()
        queue.send(*(f"b{n}" for n in range(14)))
        async with consuming(queue, handler) as consumer:
            await passing(300)
            assert consumer.facts().held > consumer.facts().running == 4
            await passing(1400)
        return queue

    assert not run(scenario()).messages
    assert counts == [1] * 14


def test_what_is_too_old_to_begin_is_handed_back() -> None:
    """Bug 13: a message whose renewals fail while it waits for a slot is begun by nobody here."""
    begun: list[str] = []

    async def handler(delivery: Delivery) -> Ending:
        begun.append(delivery.message_id)
        await asyncio.sleep(0.1 if len(begun) <= 8 else 140)
        return Done()

    async def scenario() -> None:
        queue = MemoryQueue()
        queue.send(*(f"b{n}" for n in range(14)))
        queue.faults["extend"].extend([ServiceUnavailable("sqs:ChangeMessageVisibility", "q", "down")] * 8)
        async with consuming(queue, handler):
            await passing(30)
            waiting = [name for name, held in queue.messages.items() if held.receipts and name not in begun]
            assert waiting
            await passing(112)
            assert queue.calls["release"] == 1
            assert {name for name in waiting if len(queue.messages[name].receipts) > 1} == set(waiting)

    run(scenario())


def test_one_failed_renewal_costs_no_lease() -> None:
    """Bug 14: the heartbeat survives failures of its call, and keeps its margin at every renewal."""
    ended: list[str] = []

    async def scenario() -> MemoryQueue:
        queue = MemoryQueue()
        queue.send("one")
        throttled = Throttled("sqs:ChangeMessageVisibility", "q", "slow down")
        queue.faults["extend"].extend([throttled, throttled, LostAnswer(), throttled, Slow(10), throttled])
        async with consuming(queue, noting(ended, 900)):
            await passing(910)
        return queue

    queue = run(scenario())
    assert not queue.messages
    assert ended == ["done"]


def test_another_copy_belongs_to_the_lease_that_is_held() -> None:
    """Bug 15: a second delivery of a message in hand begins no second handler; its receipt is the one that deletes."""
    ended: list[str] = []

    async def scenario() -> MemoryQueue:
        queue = MemoryQueue()
        queue.send("one")
        async with consuming(queue, noting(ended, 60)):
            await passing(30)
            queue.show("m0")
            await passing(31)
        return queue

    queue = run(scenario())
    assert not queue.messages
    assert ended == ["done"]


def test_one_slow_message_holds_up_no_batch() -> None:
    """Bug 16: the messages of a batch end one by one, and their slots take others at once."""

    async def handler(delivery: Delivery) -> Ending:
        await asyncio.sleep(1000 if delivery.body == "slow" else 1)
        return Done()

    async def scenario() -> list[str]:
        queue = MemoryQueue()
        queue.send("slow", *(f"b{n}" for n in range(30)))
        async with consuming(queue, handler):
            await passing(13)
            return [held.body for held in queue.messages.values()]

    assert run(scenario()) == ["slow"]


def test_a_fifo_queue_is_refused() -> None:
    """Bugs 16 and 17: no order is promised that is not kept."""
    with pytest.raises(ValueError, match="FIFO"):
        QueueSettings(url="https://sqs.eu-west-1.amazonaws.com/111122223333/alarms.fifo", dlq_url="dlq")


def test_the_sdk_never_sleeps_for_us() -> None:
    """Bug 18: no client-side rate limit and no retry of the SDK's own stands between a beat and SQS."""
    assert vars(aws.config(read_timeout_seconds=20))["retries"] == {"mode": "standard", "total_max_attempts": 1}


def test_a_worker_that_may_not_delete_ends() -> None:
    """Bug 22: without sqs:DeleteMessage every message would come back until it is dead: the error ends the worker."""

    async def scenario() -> None:
        queue = MemoryQueue(poll_seconds=1)
        queue.send("one")
        queue.faults["delete"].extend([AccessDenied("sqs:DeleteMessage", "q", "denied")] * 50)
        await Consumer(queue, done, VirtualClock(), LIMITS).run(asyncio.Event())

    with pytest.raises(AccessDenied, match="DeleteMessage"):
        run(scenario())


def test_a_stop_cancels_last() -> None:
    """Bug 23: handlers have until the deadline after receiving has ended, and only then are they cancelled."""
    ended: list[str] = []

    async def scenario() -> list[float]:
        queue = MemoryQueue(poll_seconds=2)
        queue.send("one")
        async with consuming(queue, noting(ended, LIMITS.drain_seconds - 1)):
            await passing(0.5)
        assert not queue.messages
        return [now()]

    (finished,) = run(scenario())
    assert ended == ["done"]
    assert finished <= LIMITS.drain_seconds + 1


@pytest.mark.parametrize("thousandths", range(12))
def test_what_comes_at_the_moment_of_the_stop_is_not_stranded(thousandths: int) -> None:
    """Bug 24: whichever of the answer and the stop is first, the message is deleted or visible afterwards."""

    async def scenario() -> int:
        queue = MemoryQueue(poll_seconds=1, call_seconds=0.005)
        async with consuming(queue, done):
            queue.send("one")
            await passing(thousandths / 1000)
        return queue.in_flight

    assert run(scenario()) == 0


def test_types_are_needed_by_nobody_at_run_time() -> None:
    """Bug 25: the room imports without the packages that only a type checker needs."""
    code = (
        "import sys; sys.modules.update({'types_aiobotocore_sqs': None, 'mypy_boto3_sqs': None});"
        "import autocloudops.queue.consumer, autocloudops.queue.client, autocloudops.queue.watchdog"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603 - our own code


def test_a_lost_lease_deletes_for_nobody_else() -> None:
    """Bug 15: a handler whose lease is lost neither deletes nor releases what another worker may hold by now."""
    ended: list[str] = []

    async def scenario() -> MemoryQueue:
        queue = MemoryQueue()
        queue.send("one")
        queue.faults["extend"].append(Partly(1, lasting=True))
        async with consuming(queue, noting(ended, 120)):
            await passing(110)
            assert (ended, queue.calls["delete"], queue.calls["release"]) == ([LOST], 0, 0)
            await passing(300)
        return queue

    assert not run(scenario()).messages
    assert ended == [LOST, "done"]
