"""What goes wrong on the wire: each fault makes its facts unknown, is told, and is not sent again."""

from collections.abc import Callable

import pytest
from fact_sources import ACCOUNT, request_about
from scripted_aws import HANGS, Fault, ScriptedAws

from autocloudops.actions.facts.reader import ActionFactReader, Bounds
from autocloudops.decisions.facts import ActionFacts, Unknown
from autocloudops.decisions.model import Policy

ReaderOf = Callable[..., ActionFactReader]
POLICY = Policy(calendars=("freeze",), guards=("deploying",))
CALLS = {
    "ecs:service": (
        "shop/orders",
        {"DescribeServices", "DescribeScalableTargets", "DescribeScalingPolicies"},
        {"tags", "state", "capacity"},
    ),
    "autoscaling:group": ("web", {"DescribeAutoScalingGroups", "DescribePolicies"}, {"tags", "state", "capacity"}),
    "rds:db-instance": ("orders-db", {"DescribeDBInstances"}, {"tags", "state"}),
    "ec2:instance": ("i-0123456789abcdef0", {"DescribeInstances"}, {"tags", "state"}),
}
AROUND = {"GetCalendarState", "DescribeDocument", "DescribeAlarms"}
UNREAD = {"calendars", "guards", "missing"}
FAULTS: tuple[tuple[object, str], ...] = (
    (Fault("AccessDenied", "the role may not"), "allow "),
    (Fault("Throttling", "Rate exceeded"), "Rate exceeded"),
    (Fault("InternalFailure", "it broke", 500), "it broke"),
    ("<not-closed", ""),
    ("not what was asked for", ""),
)


@pytest.fixture
def broken(endpoint: ScriptedAws, point_at: Callable[[str], None]) -> ScriptedAws:
    """An AWS of which everything goes to the scripted endpoint."""
    point_at(endpoint.url)
    return endpoint


def unknown(facts: ActionFacts) -> dict[str, str]:
    """Return why facts are unknown, by their names."""
    values = {name: getattr(facts, name) for name in ActionFacts.model_fields}
    return {name: value.unknown for name, value in values.items() if isinstance(value, Unknown)}


@pytest.mark.parametrize("type_", sorted(CALLS))
async def test_a_fault_of_every_call_is_told_and_sent_once(
    broken: ScriptedAws, reader_of: ReaderOf, type_: str
) -> None:
    """In each service's protocol an error becomes a reason; the SDK repeats nothing."""
    name, calls, hang_on = CALLS[type_]
    reader = reader_of(ACCOUNT)
    for fault, said in FAULTS:
        broken.otherwise, broken.heard = fault, []
        facts = await reader.read(request_about(type_, name, ACCOUNT), POLICY)
        assert set(unknown(facts)) == hang_on | UNREAD
        assert sorted(each.operation for each in broken.heard) == sorted(calls | AROUND)
        assert all(said in why for why in unknown(facts).values())


async def test_an_aws_that_never_answers_makes_everything_unknown(broken: ScriptedAws, reader_of: ReaderOf) -> None:
    """Requests that hang are given up, one bound for all of them."""
    broken.otherwise = HANGS
    reader = reader_of(ACCOUNT, bounds=Bounds(call_seconds=0.1, wall_seconds=5))
    for type_, (name, _, hang_on) in CALLS.items():
        facts = await reader.read(request_about(type_, name, ACCOUNT), POLICY)
        assert set(unknown(facts)) == hang_on | UNREAD
        assert all("no answer within 0.1 s" in why for why in unknown(facts).values())


async def test_where_nothing_listens_everything_is_unknown(
    reader_of: ReaderOf, point_at: Callable[[str], None]
) -> None:
    """A refused connection is a reason like any other."""
    point_at("http://127.0.0.1:1")
    facts = await reader_of(ACCOUNT).read(request_about("ecs:service", "shop/orders", ACCOUNT), POLICY)
    assert set(unknown(facts)) == {"tags", "state", "capacity"} | UNREAD
