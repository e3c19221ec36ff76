import time

import pytest
from bench.draining.api import Api, UnknownQueueError
from bench.draining.queues import Message, Poll, Queue, content_of


class Turned:
    """A clock for the queues that tests turn."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Turned:
    """The clock, at some time."""
    return Turned(monkeypatch)


def filled(count: int) -> Queue:
    """Return a queue with copies of two bodies."""
    queue = Queue("q")
    queue.keep([content_of("one", {}), content_of("two", {})])
    queue.fill(count)
    return queue


def test_what_is_not_deleted_in_time_comes_again(clock: Turned) -> None:
    """A message comes back when its lease is over, is counted as redelivered, and its old receipt deletes nothing."""
    queue = filled(1)
    (first,) = queue.receive(10, 30)
    old = first.receipt
    clock.now += 29
    queue.tick()
    assert queue.waiting == 0
    clock.now += 1
    queue.tick()
    (again,) = queue.receive(10, 30)
    queue.delete(old)
    assert (again.receives, queue.counts.redelivered, queue.counts.deleted) == (2, 1, 0)
    queue.delete(again.receipt)
    assert (queue.in_flight, queue.counts.deleted) == (0, 1)


def test_a_renewal_counts_from_itself(clock: Turned) -> None:
    """A changed visibility outlasts the first, 0 hands the message back at once, an old receipt changes nothing."""
    queue = filled(1)
    (held,) = queue.receive(1, 30)
    clock.now += 20
    assert queue.change(held.receipt, 30)
    clock.now += 20
    queue.tick()
    assert queue.in_flight == 1
    old = held.receipt
    assert queue.change(old, 0)
    assert queue.waiting == 1
    assert not queue.change(old, 30)


def test_a_long_poll_gets_the_first_messages_or_ends(clock: Turned) -> None:
    """Polls are answered in turn as messages come, at most 10 each, and with nothing when their time is over."""
    queue, answers = filled(0), list[list[Message]]()
    for _ in range(3):
        queue.poll(Poll(10, 30, clock.now + 5, answers.append))
    queue.fill(12)
    assert [len(each) for each in answers] == [10, 2]
    clock.now += 5
    queue.tick()
    assert [len(each) for each in answers] == [10, 2, 0]


def test_calls_are_counted_by_queue() -> None:
    """Every call counts for its queue since the queue was filled; an unknown queue is an error."""
    api = Api()
    api.answer("CreateQueue", {"QueueName": "q"})
    api.answer("BenchKeep", {"QueueName": "q", "Bodies": ["body"]})
    api.answer("BenchFill", {"QueueName": "q", "Count": 3})
    api.queue("ReceiveMessage", {"QueueUrl": "http://host/1/q"})
    assert '"calls": 1,' in api.answer("BenchStats", {"QueueName": "q"})
    with pytest.raises(UnknownQueueError):
        api.queue("ReceiveMessage", {"QueueUrl": "http://host/1/another"})
