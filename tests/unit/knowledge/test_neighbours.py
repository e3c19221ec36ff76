from datetime import timedelta
from uuid import UUID

import pytest
from remembered import ALARM, ORDER, Answering, gathered, safe, subject
from triage import AT, alarm_on, metric, over, resource

from autocloudops.alarms.model import Alarm
from autocloudops.errors import AccessDenied, ServiceFailed, Throttled
from autocloudops.incidents.model import Incident
from autocloudops.incidents.past import Nearby, Neighbour
from autocloudops.knowledge.neighbours import Neighbours


def neighbour(
    owner: str = "ecs-service/shop/carts", minutes: float = 2, zone: str = "", **changes: object
) -> Neighbour:
    """Return another incident, opened `minutes` before the alarm."""
    about = resource("ecs:service", "shop/carts", owner)
    dimensions = {"AvailabilityZone": zone} if zone else {"ClusterName": "shop"}
    opener = alarm_on(about, metric("AWS/ECS", "CPUUtilization", dimensions), over(80))
    opened = AT - timedelta(minutes=minutes)
    values: dict[str, object] = {
        "incident_id": UUID(int=50),
        "owner_key": about.owner_key,
        "resource": about,
        "token": UUID(int=51),
        "opened_at": opened,
        "last_member_at": opened,
    }
    return Neighbour(incident=Incident.model_validate(values | changes), opener=opener)


def told(*neighbours: Neighbour, complete: bool = True, alarm: Alarm = ALARM) -> list[str]:
    """Return the lines of what the source says."""
    nearby = Nearby(neighbours=neighbours, resources=7, complete=complete)
    (piece,) = gathered(Neighbours(Answering({"nearby": nearby})), subject(alarm)).pieces
    return piece.text.splitlines()


def test_a_neighbour_says_since_when_and_how_it_stands() -> None:
    """Each incident has its owner, its first alarm, how many alarms it has, and how many still fire."""
    assert told(neighbour(members=3, firing=2)) == [
        "distinct resources that alarmed in this account and region since 15 min before: 7",
        "other incidents within 15 min: 1 (1 elsewhere)",
        (
            'elsewhere: "ecs-service/shop/carts" since 03:09:42Z, 3 alarms, 2 still in ALARM, '
            'first alarm "night-shift" on "AWS/ECS CPUUtilization"'
        ),
    ]


def test_the_nearest_come_first() -> None:
    """The same owner stands before what the alarms name, that before the same zone, and that before the rest."""
    dimensions = {
        "DBInstanceIdentifier": "orders-db",
        "DBClusterIdentifier": "orders",
        "AvailabilityZone": "eu-west-1a",
    }
    alarm = alarm_on(ALARM.resource, metric("AWS/RDS", "CPUUtilization", dimensions), over(80))
    lines = told(
        neighbour(),
        neighbour(zone="eu-west-1a"),
        neighbour("rds-db-cluster/orders"),
        neighbour("rds-db-instance/orders-db", firing=0),
        alarm=alarm,
    )
    ties = [line.partition(":")[0] for line in lines[2:]]
    assert ties == ["of the same owner", "of what its alarms name", "in the same zone", "elsewhere"]
    assert "1 alarm, all OK again" in lines[2]


def test_no_neighbour_is_a_fact() -> None:
    """That nothing else alarms is said, and where not everything was read, that too."""
    assert told()[1] == "other incidents within 15 min: none"
    assert told(complete=False)[1].endswith("none among those that were read, which are not all")
    assert told(neighbour(), complete=False)[1] == "other incidents within 15 min: at least 1 (1 elsewhere)"


def test_what_opens_much_later_is_no_neighbour() -> None:
    """An incident that began more than 15 min after the alarm is left out of a late question."""
    assert told(neighbour(minutes=-16))[1] == "other incidents within 15 min: none"


def test_a_storm_is_counted_and_bounded() -> None:
    """Of twenty incidents all are counted and six are shown."""
    lines = told(*(neighbour(f"ecs-service/shop/{number}") for number in range(20)))
    assert lines[1] == "other incidents within 15 min: 20 (20 elsewhere)"
    assert len(lines) <= 8
    assert len("\n".join(lines)) <= 900


def test_names_of_others_are_quoted() -> None:
    """An owner or alarm name that holds an order or a secret reaches the facts redacted and between quotes."""
    planted = neighbour(ORDER)
    assert planted.opener is not None
    named = planted.opener.model_copy(update={"key": planted.opener.key.model_copy(update={"name": ORDER})})
    nearby = Nearby(neighbours=(planted.model_copy(update={"opener": named}),))
    found = gathered(Neighbours(Answering({"nearby": nearby})))
    assert "<aws-access-key:" in found.pieces[0].text
    assert safe(found)


@pytest.mark.parametrize("kind", [AccessDenied, Throttled])
def test_a_store_that_refuses_is_said(kind: type[ServiceFailed]) -> None:
    """A denied or throttled store is one missing piece, and no reason for not acting."""
    found = gathered(Neighbours(Answering({}, kind("dynamodb:Query", "state", "no"))))
    assert [piece.missing for piece in found.pieces] == [True]
    assert found.unread == ()


def test_a_store_that_hangs_is_given_up() -> None:
    """After 0.7 s the neighbours count as not read."""
    assert [use.seconds for use in gathered(Neighbours(Answering({}, hangs=True))).uses] == [0.7]
