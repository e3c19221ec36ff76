"""What a composite alarm ties is answered for by somebody: no question is lost between two incidents."""

from datetime import timedelta

import pytest
from database_alarms import composite, owner_of, sns
from virtual_time import START
from worlds import World, served

from autocloudops.decisions.model import Verdict
from autocloudops.incidents.silence import Silence

STORES = pytest.mark.parametrize("durable", [False, True], ids=["memory", "table"])


def silenced(database: str) -> Silence:
    """Return an hour's silence of a database."""
    end = START + timedelta(hours=1)
    return Silence(owner_key=owner_of(database), since=START, until=end, reason="storage is migrated", by="ana")


@STORES
def test_two_incidents_never_answer_for_each_other(durable: bool) -> None:
    """Where two composite alarms tie two owners crosswise before they are asked about, at least one is."""
    world = served(
        (0, sns("reads")),
        (0.01, sns("carts", seconds=0.01, database="carts-db")),
        (0.1, composite("first", "reads", "cart-cpu", seconds=0.1)),
        (0.1, composite("second", "carts", "writes", seconds=0.1)),
        (0.4, sns("writes", seconds=0.4, metric="WriteLatency")),
        (0.4, sns("cart-cpu", seconds=0.4, metric="CPUUtilization", database="carts-db")),
        world=World(durable=durable),
    )
    assert len(world.incidents) == 2
    verdicts = [each.decision.verdict for each in world.decided if each.decision]
    assert [verdict is Verdict.SUPPRESSED for verdict in verdicts].count(False) == len(world.told.notifications) >= 1


@STORES
def test_a_late_alarm_ties_nothing(durable: bool) -> None:
    """An ALARM that comes after its own OK joins what is over; its owner's next alarms are their own trouble."""
    world = served(
        (0, composite("both", "carts")),
        (20, sns("carts", "OK", seconds=20, database="carts-db")),
        (25, sns("carts", seconds=19, database="carts-db")),
        (30, sns("cart-cpu", seconds=30, database="carts-db")),
        world=World(durable=durable),
    )
    assert len(world.incidents) == 2
    assert world.line("carts").tied is None


@STORES
def test_a_hot_incident_is_not_tied_to_itself(durable: bool) -> None:
    """However fast its counters move while a child joins, no record names an incident as tied to itself."""
    crowd = [(20 + n / 500, sns(f"reads-{n}", seconds=20 + n / 500)) for n in range(100)]
    names = [f"reads-{n}" for n in range(0, 100, 5)]
    world = served(
        (0, sns("reads")), (1, composite("both", *names[:19], seconds=1)), *crowd, world=World(durable=durable)
    )
    joined = [found.record for found in world.kept if found.record.tied]
    assert not [line.alarm.key.name for line in joined if line.alarm and line.tied == line.incident_id]


@STORES
def test_a_silence_hides_no_other_owner_that_a_composite_ties(durable: bool) -> None:
    """Silenced is the owner that a person named, not what a composite alarm ties to it."""
    world = served(
        (0, sns("reads")),
        (5, composite("both", "reads", "carts", seconds=5)),
        (10, sns("carts", seconds=10, database="carts-db")),
        world=World(durable=durable),
        silence=silenced("orders-db"),
    )
    assert any("carts" in each.model_dump_json() for each in world.told.notifications)


@STORES
def test_a_silenced_incident_answers_for_no_other(durable: bool) -> None:
    """An incident of another owner that a composite ties to a silenced one is asked about itself."""
    world = served(
        (0, sns("reads")),
        (0.1, sns("carts", seconds=0.1, database="carts-db")),
        (0.3, composite("both", "reads", "carts", seconds=0.3)),
        world=World(durable=durable),
        silence=silenced("orders-db"),
    )
    assert any("carts" in each.model_dump_json() for each in world.told.notifications)


@STORES
def test_trouble_of_another_kind_is_not_tied_away(durable: bool) -> None:
    """An owner whose other alarm joins a composite's incident has trouble that this one does not show: it is told."""
    world = served(
        (0, sns("reads")),
        (5, composite("both", "reads", "carts", seconds=5)),
        (20, sns("cart-disk", seconds=20, database="carts-db", metric="DiskQueueDepth")),
        (20.5, sns("carts", seconds=20.5, database="carts-db")),
        world=World(durable=durable),
    )
    answer = next(line for line in world.decided if line.incident_id == world.line("carts").tied)
    assert answer.decision
    assert answer.decision.verdict is not Verdict.SUPPRESSED
    assert any("cart-disk" in each.model_dump_json() for each in world.told.notifications)
