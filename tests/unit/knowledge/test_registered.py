from collections.abc import Sequence

import pytest
from remembered import ALARM, ORDER, Answering, gathered, safe, subject
from triage import AT

from autocloudops.alarms.inventory import Entry, Fault
from autocloudops.alarms.model import Robot
from autocloudops.errors import AccessDenied, ServiceFailed, Throttled
from autocloudops.knowledge.registered import Registered


def entry(**changes: object) -> Entry:
    """Return what the inventory holds of the tests' alarm."""
    known = Entry(key=ALARM.key, kind=ALARM.kind, resource=ALARM.resource, state=ALARM.state, state_at=AT, seen_at=AT)
    return known.model_copy(update=changes)


def source(*entries: Entry) -> Registered:
    """Return the source over these entries."""
    return Registered(Answering({"of_keys": list(entries)}))


def test_robots_and_faults_reach_the_gates() -> None:
    """What acts on an alarm and what proves it wrong are sentences for gates, and lines for the model."""
    fault = Fault(code="H01", veto=True, statement="the threshold can never be reached")
    found = gathered(source(entry(robot=Robot.EC2, faults=(fault,), switched_off=True)))
    (piece,) = found.pieces
    assert found.robots == (f'ec2 acts on "{ALARM.key.name}"',)
    assert found.vetoes == ("the threshold can never be reached",)
    assert len(piece.text.splitlines()) == 3


def test_a_fault_that_proves_nothing_is_no_veto() -> None:
    """A finding without a veto is evidence only."""
    found = gathered(source(entry(faults=(Fault(code="H02", veto=False, statement="it is noisy"),))))
    assert (found.robots, found.vetoes) == ((), ())
    assert "H02: it is noisy" in found.pieces[0].text


def test_nothing_against_an_alarm_is_nothing_said() -> None:
    """An alarm that is in order, and one that the inventory does not know, have no piece; nothing is missing."""
    for entries in ((), (entry(),)):
        found = gathered(source(*entries))
        assert (found.pieces, found.unread) == ((), ())


def test_a_contributor_is_looked_for_under_its_alarm() -> None:
    """The inventory holds alarms and not their contributors; each alarm is asked for once."""
    store = Answering({"of_keys": []})
    one = ALARM.model_copy(update={"key": ALARM.key.model_copy(update={"contributor": "c1"})})
    gathered(Registered(store), subject(one, ALARM))
    keys: Sequence[object] = store.asked[0][1]
    assert keys == ((ALARM.key,),)


def test_alarms_that_were_not_looked_up_are_counted() -> None:
    """Of an incident with more alarms than are looked up at once, the rest is said to be missing."""
    store = Answering({"of_keys": []})
    many = [ALARM.model_copy(update={"key": ALARM.key.model_copy(update={"name": f"a{n}"})}) for n in range(60)]
    (piece,) = gathered(Registered(store), subject(ALARM, *many)).pieces
    assert piece.missing
    assert piece.text == "NOT READ: what the inventory says of 11 more alarms of this incident"


def test_names_are_quoted() -> None:
    """An alarm's name that holds orders or secrets reaches the facts redacted and between quotes."""
    key = ALARM.key.model_copy(update={"name": ORDER})
    assert safe(gathered(source(entry(key=key, robot=Robot.SSM))))


@pytest.mark.parametrize("kind", [AccessDenied, Throttled])
def test_an_inventory_that_refuses_is_said(kind: type[ServiceFailed]) -> None:
    """A denied or throttled table is one missing piece."""
    found = gathered(Registered(Answering({}, kind("dynamodb:BatchGetItem", "state", "no"))))
    assert [piece.missing for piece in found.pieces] == [True]


def test_an_inventory_that_hangs_is_given_up() -> None:
    """After 0.7 s it counts as not read."""
    assert [use.seconds for use in gathered(Registered(Answering({}, hangs=True))).uses] == [0.7]
