"""Who asks, how often, and that people hear of it: over several workers, sweepers and outages, in virtual time."""

import asyncio
from datetime import timedelta

import pytest
from database_alarms import composite, sns
from virtual_time import START, VirtualClock, run
from worlds import Model, Told, World, send, served

from autocloudops.alarms.model import Alarm
from autocloudops.alarms.parse import parse
from autocloudops.audit.record import Outcome
from autocloudops.decisions.model import Verdict
from autocloudops.errors import ServiceUnavailable
from autocloudops.incidents.grouping import place
from autocloudops.incidents.model import History, Opens, Windows
from autocloudops.notify.sns import Notification

STORES = pytest.mark.parametrize("durable", [False, True], ids=["memory", "table"])
APART_MILLISECONDS = range(-30, 31, 4)


async def two_workers(world: World, *sending: tuple[float, str]) -> World:
    """Let two workers take what is sent, and return the world when everything is settled."""
    for name in ("A", "B"):
        world.start(name)
        await asyncio.sleep(0.01)
    await send(world.queue, sending)
    await world.settled(3_600)
    await world.close()
    assert not world.queue.messages
    assert not world.queue.deleted_too_early
    return world


@STORES
def test_a_question_is_paid_once_however_long_its_record_waits(durable: bool) -> None:
    """While S3 is down for longer than a lease, whoever asked holds on to it, and nobody asks in its place."""
    world = World(durable=durable)
    world.objects.failures = 60
    run(two_workers(world, (0, sns("reads"))))
    (decided,) = world.decided
    assert world.objects.failures == 0
    assert (len(world.model.asked_at), decided.attempt) == (1, 1)
    assert len(world.told.notifications) == 1


@STORES
def test_a_lease_outlives_a_reply_that_takes_minutes(durable: bool) -> None:
    """A model that takes longer than a lease is asked once."""
    world = World(durable=durable, model=Model(seconds=400))
    run(two_workers(world, (0, sns("reads"))))
    assert (len(world.model.asked_at), len(world.decided)) == (1, 1)


@STORES
def test_what_came_while_the_question_was_on_its_way_is_shown_with_the_next(durable: bool) -> None:
    """A new metric that joins before the decision, or soon after it, asks nothing; one that comes later shows it."""
    world = World(durable=durable, model=Model(seconds=20))
    served(
        (0, sns("reads")),
        (10, sns("connections", seconds=10, metric="DatabaseConnections")),
        (15, sns("reads-too", seconds=15)),
        (40, sns("writes", seconds=40, metric="WriteLatency")),
        (120, sns("cpu", seconds=120, metric="CPUUtilization")),
        world=world,
    )
    first, second = world.decided
    assert [each.decision.revision for each in (first, second) if each.decision] == [0, 1]
    assert second.at - first.at >= Windows().reask
    assert {line.event_id for line in (first, second)} == {world.line(name).event_id for name in ("reads", "cpu")}
    assert len(second.members) == 5
    assert len(world.model.asked_at) == len(world.told.notifications) == 2
    assert {world.line(name).outcome for name in ("connections", "writes")} == {Outcome.JOINED}


@STORES
def test_what_was_shown_is_not_asked_about_again(durable: bool) -> None:
    """Alarms of metrics that the question showed raise no further one, whenever they come."""
    served(
        (0, sns("reads")),
        (0.5, sns("writes", seconds=0.5, metric="WriteLatency")),
        (50, sns("reads-too", seconds=50)),
        (90, sns("writes-too", seconds=90, metric="WriteLatency")),
        world=(world := World(durable=durable)),
    )
    assert len(world.model.asked_at) == len(world.decided) == 1


@STORES
def test_a_stream_of_members_starves_no_question(durable: bool) -> None:
    """An incident whose opener's worker is gone is asked about a minute after it was opened, whoever keeps joining."""
    world = World(durable=durable)
    (opener,) = parse(sns("reads"))
    assert isinstance(opener, Alarm)
    opening = place(opener, History(), None, Windows(), START)
    assert isinstance(opening, Opens)

    async def scenario() -> None:
        assert await world.store().record(opener, opening, History(), VirtualClock().now())
        stream = ((float(second), sns(f"reads-{second}", seconds=second)) for second in range(5, 300, 5))
        await two_workers(world, *stream)

    run(scenario())
    assert world.decided[0].at - START < timedelta(seconds=110)


class Deaf(Told):
    """A notifier that reaches nobody for a number of calls."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self._left = calls

    async def tell(self, notification: Notification) -> None:
        self._left -= 1
        if self._left >= 0:
            raise ServiceUnavailable("sns:Publish", "topic", "down")
        await super().tell(notification)


@STORES
def test_people_are_told_when_they_can_be_reached_again(durable: bool) -> None:
    """A decision that nobody could be told about is told by a sweeper later, once."""
    world = World(durable=durable, told=Deaf(calls=7))
    served((0, sns("reads")), world=world)
    assert len(world.told.notifications) == 1
    (note,) = [found.record.note for found in world.kept if found.record.outcome is Outcome.NOTE]
    assert note
    assert note.startswith("nobody was told: ")


@STORES
@pytest.mark.parametrize("apart", APART_MILLISECONDS)
def test_a_composite_and_its_child_in_flight_together_are_one_question(apart: int, durable: bool) -> None:
    """By however few milliseconds either is faster: one question; a second incident says which one answers for it."""
    world = World(durable=durable)
    at = abs(apart) / 1000
    pair = [(max(0.0, apart / 1000), composite("both", "reads")), (at - max(0.0, apart / 1000), sns("reads"))]
    run(two_workers(world, *sorted(pair)))
    assert len(world.model.asked_at) == len(world.told.notifications) == 1
    asked = [each for each in world.decided if each.decision and each.decision.verdict is not Verdict.SUPPRESSED]
    assert len(asked) == 1
    for each in world.decided:
        if each.incident_id != asked[0].incident_id:
            assert each.decision
            assert str(asked[0].incident_id) in str(each.decision.gates)
