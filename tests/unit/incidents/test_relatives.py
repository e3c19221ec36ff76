import pytest
from database_alarms import arn_of, composite, owner_of, sns
from worlds import World, served

from autocloudops.alarms.model import Alarm, AlarmKey, AlarmKind, AlarmState
from autocloudops.alarms.parse import parse
from autocloudops.audit.record import Outcome
from autocloudops.decisions.model import Verdict
from autocloudops.incidents.relatives import MOST_CHILDREN, child_keys


def alarm_in(body: str) -> Alarm:
    """Return the one alarm in a body."""
    (alarm,) = parse(body)
    assert isinstance(alarm, Alarm)
    return alarm


def test_a_firing_composite_names_its_children() -> None:
    """Children are known by the keys of their own alarms, also where a name holds colons."""
    both = alarm_in(composite("both", "reads", "a:b c"))
    key = both.key
    named = [AlarmKey(account=key.account, region=key.region, name=name) for name in ("reads", "a:b c")]
    assert both.kind is AlarmKind.COMPOSITE
    assert list(child_keys(both)) == named
    turned_by_one = both.model_copy(update={"children": (arn_of("reads"),)})
    assert list(child_keys(turned_by_one)) == named, "CloudWatch lists what turned it; its rule names the others"


def test_a_rule_that_names_everything_ties_only_what_turned_it() -> None:
    """A roll-up over more than twenty alarms says nothing about those that did not turn it."""
    alarm = alarm_in(composite("all", "reads"))
    every = " OR ".join(f"ALARM(part-{number})" for number in range(MOST_CHILDREN + 1))
    turned = (arn_of("part-3"),)
    assert [key.name for key in child_keys(alarm.model_copy(update={"rule": every, "children": turned}))] == ["part-3"]


def test_only_a_firing_composite_has_children() -> None:
    """Any other alarm, and a composite that is well again, names nobody."""
    firing = alarm_in(composite("both", "reads"))
    assert not child_keys(firing.model_copy(update={"state": AlarmState.OK}))
    assert not child_keys(firing.model_copy(update={"kind": AlarmKind.METRIC}))


def test_what_is_no_alarm_arn_names_nobody() -> None:
    """Whatever stands among the children: only ARNs of other alarms count, and twenty at most."""
    both = alarm_in(composite("both", "reads"))
    odd = ("", "reads", "arn:aws:sns:eu-central-1:1:topic:t", "arn:aws:cloudwatch:eu-central-1:1:dashboard:d")
    assert not child_keys(both.model_copy(update={"children": (*odd, arn_of("both")), "rule": None}))
    many = tuple(arn_of(f"child-{number}") for number in range(50))
    assert len(child_keys(both.model_copy(update={"children": many}))) == MOST_CHILDREN


@pytest.mark.parametrize("durable", [False, True], ids=["memory", "table"])
def test_a_composite_before_its_children_takes_them_in(durable: bool) -> None:
    """Children of any owner that fire after their composite alarm join its incident, whose question waits for them."""
    world = served(
        (0, composite("both", "reads", "carts")),
        (3, sns("reads", seconds=3)),
        (6, sns("carts", seconds=6, database="carts-db")),
        world=World(durable=durable),
    )
    (incident,) = world.incidents.values()
    assert incident.owner_key.endswith("alarm/both")
    assert (incident.members, incident.firing) == (3, 3)
    (line,) = world.decided
    assert len(line.members) == 3
    assert {world.line(name).outcome for name in ("reads", "carts")} == {Outcome.JOINED}


@pytest.mark.parametrize("durable", [False, True], ids=["memory", "table"])
def test_a_composite_after_its_children_joins_them(durable: bool) -> None:
    """A composite alarm joins the incident that its children opened, and opens none of its own."""
    world = served(
        (0, sns("reads")),
        (2, sns("writes", seconds=2, metric="WriteLatency")),
        (4, composite("both", "reads", "writes", seconds=4)),
        world=World(durable=durable),
    )
    (incident,) = world.incidents.values()
    assert incident.owner_key == owner_of("orders-db")
    assert (incident.members, incident.firing) == (3, 3)
    assert len(world.decided) == 1
    assert world.line("both").outcome is Outcome.JOINED


def test_a_composite_over_two_open_incidents_opens_no_third() -> None:
    """Where its children opened incidents of two owners already, a composite alarm joins one of them."""
    world = served(
        (0, sns("reads")),
        (0.1, sns("carts", seconds=0.1, database="carts-db")),
        (5, composite("both", "reads", "carts", seconds=5)),
    )
    assert {incident.owner_key for incident in world.incidents.values()} == {
        owner_of("orders-db"),
        owner_of("carts-db"),
    }
    assert world.line("both").outcome is Outcome.JOINED


def test_a_stranger_does_not_join_a_composite() -> None:
    """An alarm that the composite does not name, on another owner, opens its own incident."""
    world = served((0, composite("both", "reads")), (3, sns("stranger", seconds=3, database="carts-db")))
    assert len(world.incidents) == 2


def test_a_composite_that_is_well_again_takes_nobody() -> None:
    """Once every alarm in it is well again, a child that fires opens its own incident."""
    world = served(
        (0, composite("both", "reads")),
        (30, composite("both", "reads", value="OK", seconds=30)),
        (40, sns("reads", seconds=40)),
    )
    assert [each.firing for each in sorted(world.incidents.values(), key=lambda each: each.opened_at)] == [0, 1]


@pytest.mark.parametrize("durable", [False, True], ids=["memory", "table"])
def test_a_composite_ties_the_owners_of_its_children(durable: bool) -> None:
    """An owner whose own incident was decided before goes on in the composite's, and the record ties the two."""
    world = served(
        (0, sns("reads")),
        (1, sns("cart-disk", seconds=1, database="carts-db")),
        (20, composite("both", "reads", "carts", seconds=20)),
        (25, sns("carts", seconds=25, database="carts-db")),
        (30, sns("cart-cpu", seconds=30, database="carts-db")),
        world=World(durable=durable),
    )
    first, second = sorted(world.incidents.values(), key=lambda each: each.opened_at)
    assert world.line("cart-disk").incident_id == second.incident_id
    assert {world.line(name).incident_id for name in ("both", "carts", "cart-cpu")} == {first.incident_id}
    assert world.line("carts").tied == second.incident_id
    assert world.line("cart-cpu").tied is None


def test_an_incident_that_a_composite_ties_before_it_is_asked_about_is_answered_for() -> None:
    """Where the composite alarm names an owner's alarm before its question is sent, the older incident answers."""
    world = served(
        (0, sns("reads")),
        (1, composite("both", "reads", "carts", seconds=1)),
        (20, sns("cart-disk", seconds=20, database="carts-db")),
        (20.5, sns("carts", seconds=20.5, database="carts-db")),
    )
    first, second = sorted(world.incidents.values(), key=lambda each: each.opened_at)
    assert world.line("carts").incident_id == first.incident_id
    answer = next(line for line in world.decided if line.incident_id == second.incident_id)
    assert answer.tied == first.incident_id
    assert answer.decision
    assert answer.decision.verdict is Verdict.SUPPRESSED
    assert str(first.incident_id) in answer.decision.gates[0].reason
