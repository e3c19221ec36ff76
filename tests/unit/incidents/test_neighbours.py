"""Who is together and who is apart, from the bodies of messages to the questions that are asked."""

from datetime import timedelta

from database_alarms import contributor, event, sns
from virtual_time import START
from worlds import World, served

from autocloudops.audit.record import Outcome


def test_two_resources_under_one_rule_are_two_incidents() -> None:
    """Equal alarms on two databases, 0.1 s apart, are two incidents and two questions."""
    world = served(
        (0, sns("orders slow", database="orders-db")), (0.1, sns("carts slow", seconds=0.1, database="carts-db"))
    )
    assert len(world.incidents) == 2
    assert len(world.model.asked_at) == 2
    assert {incident.resource.id for incident in world.incidents.values()} == {"orders-db", "carts-db"}


def test_an_alarm_that_moves_to_another_resource_opens_anew() -> None:
    """The same alarm name on another resource is never merged with what it was about before."""
    world = served((0, sns("slow", database="orders-db")), (60, sns("slow", seconds=60, database="carts-db")))
    assert len(world.incidents) == 2


def test_contributors_of_one_alarm_stay_apart() -> None:
    """Two contributors of one alarm on two resources are two incidents, and the OK of one ends only its own."""
    orders, carts = {"DBInstanceIdentifier": "orders-db"}, {"DBInstanceIdentifier": "carts-db"}
    world = served(
        (0, contributor("slow databases", orders)),
        (0.1, contributor("slow databases", carts)),
        (30, contributor("slow databases", carts, seconds=30, value="OK")),
    )
    assert {incident.resource.id: incident.firing for incident in world.incidents.values()} == {
        "orders-db": 1,
        "carts-db": 0,
    }


def test_one_change_through_sns_and_eventbridge_is_one_event() -> None:
    """Both copies of a change end as one event, one member and one question; the later copy is marked repeated."""
    world = served((0, sns("slow")), (0.3, event("slow")), (90, event("slow", "OK", 90)), (95, sns("slow", "OK", 90)))
    (incident,) = world.incidents.values()
    assert (incident.members, incident.firing) == (1, 0)
    assert len(world.model.asked_at) == len(world.told.notifications) == 1
    lines = sorted((found.record.outcome, found.record.repeated) for found in world.kept)
    assert lines == [(Outcome.DECIDED, False), (Outcome.DECIDED, True), (Outcome.OK, False), (Outcome.OK, True)]
    assert len({found.record.event_id for found in world.kept}) == 2


def test_an_ok_before_its_alarm_opens_nothing() -> None:
    """SQS may deliver the OK first: the ALARM that comes later is recorded as late, and nobody is asked or told."""
    world = served((0, sns("slow", "OK", seconds=20)), (5, sns("slow", seconds=0)))
    assert not world.model.asked_at
    assert not world.told.notifications
    assert not world.incidents
    late = world.line("slow")
    assert (late.outcome, late.late) == (Outcome.JOINED, True)


def test_a_recurrence_is_a_new_incident_that_names_the_earlier_one() -> None:
    """After its OK an alarm is investigated anew, however soon, and the record links both."""
    world = served((0, sns("slow")), (30, sns("slow", "OK", seconds=30)), (40, sns("slow", seconds=40)))
    first, second = world.decided
    assert second.previous_incident == first.incident_id != second.incident_id
    assert second.at - first.at >= timedelta(seconds=30)
    assert len(world.model.asked_at) == 2


def test_an_incident_is_asked_about_again_three_times_at_most() -> None:
    """Each new kind of trouble on one owner asks again, a minute apart at least; from the fifth on they only join."""
    metrics = (
        "ReadLatency",
        "WriteLatency",
        "DatabaseConnections",
        "FreeableMemory",
        "CPUUtilization",
        "DiskQueueDepth",
    )
    world = served(*((90.0 * n, sns(metric, seconds=90 * n, metric=metric)) for n, metric in enumerate(metrics)))
    (incident,) = world.incidents.values()
    assert (incident.members, incident.revision) == (6, 3)
    assert len(world.model.asked_at) == len(world.told.notifications) == 4
    assert [world.line(metric).outcome for metric in metrics[4:]] == [Outcome.JOINED] * 2
    assert len({line.decision.decision_id for line in world.decided if line.decision}) == 4


def test_something_new_right_after_a_decision_is_shown_with_the_next_question() -> None:
    """Within a minute of a decision nobody asks again; what is new afterwards asks, and shows what joined meanwhile."""
    world = served(
        (0, sns("reads")),
        (40, sns("connections", seconds=40, metric="DatabaseConnections")),
        (100, sns("cpu", seconds=100, metric="CPUUtilization")),
    )
    assert len(world.model.asked_at) == 2
    assert world.line("connections").outcome is Outcome.JOINED
    assert len(world.decided[1].members) == 3


def test_a_copy_of_a_change_far_in_the_past_is_still_a_copy() -> None:
    """A message that comes back after its alarm turned a hundred times is recognised, and leaves the queue."""
    turns = [(30 * turn, sns("slow", "OK" if turn % 2 else "ALARM", seconds=30 * turn)) for turn in range(100)]
    for durable in (False, True):
        world = served(*turns, (3600, event("slow")), world=World(durable=durable))
        copies = [found.record for found in world.kept if found.record.repeated]
        assert [copy.alarm.at for copy in copies if copy.alarm] == [START]
