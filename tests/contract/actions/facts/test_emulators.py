"""Facts about real resources in both emulators, over HTTP.

Neither has GetCalendarState, and ministack has neither Application Auto Scaling nor documents: an endpoint of the
test's own answers those.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
import pytest_asyncio
from emulated_account import ALLOWED, Account, fresh
from fact_sources import OTHER, REGION, SETUP, request_about, runbook_document
from scripted_aws import ScriptedAws, scripted_aws

from autocloudops.actions.accounts import AccountRole, ActionClients
from autocloudops.actions.facts.reader import ActionFactReader, Bounds
from autocloudops.alarms.model import ResourceRef
from autocloudops.catalogue.model import Capacity
from autocloudops.clock import SystemClock
from autocloudops.decisions.facts import Unknown
from autocloudops.decisions.model import Policy
from autocloudops.state.memory_claims import MemoryLedger

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATIENT = Bounds(call_seconds=10, wall_seconds=20)


@dataclass(frozen=True)
class World:
    """An emulator's own account, what the emulators lack, and readers: one with a role elsewhere, one without."""

    url: str
    here: Account
    endpoint: ScriptedAws
    reader: ActionFactReader
    alone: ActionFactReader


@pytest.fixture(scope="module", params=["ministack", "moto"])
def url(request: pytest.FixtureRequest) -> str:
    """The URL of each emulator in turn."""
    return str(request.getfixturevalue(request.param))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(url: str) -> AsyncIterator[World]:
    """An emulator with clients that are opened once."""
    async with scripted_aws() as endpoint, AsyncExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL", url)
            patch.setenv("AWS_REGION", REGION)
            patch.setenv("AWS_ACCESS_KEY_ID", "testing")
            patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
            for service in ("SSM", "APPLICATION_AUTO_SCALING"):
                patch.setenv(f"AWS_ENDPOINT_URL_{service}", endpoint.url)
            here, clock = Account(url), SystemClock()
            readers = (
                ActionFactReader(ActionClients(stack, clock, here.number, role), MemoryLedger(), SETUP, clock, PATIENT)
                for role in (AccountRole("autocloudops-actor", external_id="outside"), None)
            )
            yield World(url, here, endpoint, *readers)


@pytest.fixture
def world(opened: World) -> World:
    """The same, where all is well with what the emulators lack."""
    opened.endpoint.answers = {
        "GetCalendarState": {"State": "OPEN"},
        "DescribeDocument": runbook_document("Extra"),
        "DescribeScalableTargets": {"ScalableTargets": []},
        "DescribeScalingPolicies": {"ScalingPolicies": [{"PolicyName": "cpu"}, {"PolicyName": "memory"}]},
    }
    return opened


async def test_an_ecs_service_is_read_whole(world: World) -> None:
    """Tags, state, capacity with its limits, calendars, guards and the runbook come from five services at once."""
    here, name = world.here, fresh()
    request = here.service(name)
    here.alarm(f"{name}-deploying", "ALARM")
    here.alarm(f"{name}-budget", "OK")
    world.endpoint.answers["DescribeScalableTargets"] = {
        "ScalableTargets": [{"ResourceId": f"service/{name}/orders", "MinCapacity": 1, "MaxCapacity": 6}]
    }
    policy = Policy(calendars=("freeze",), guards=(f"{name}-deploying", f"{name}-budget"))
    facts = await world.reader.read(request, policy)
    assert facts.tags == ALLOWED
    assert facts.calendars == {"freeze": True}
    assert facts.guards == (f"{name}-deploying",)
    assert facts.missing == ()
    assert isinstance(facts.capacity, Capacity)
    assert (facts.capacity.desired, facts.capacity.least, facts.capacity.most) == (2, 1, 6)
    assert facts.capacity.scaled_by == ("cpu", "memory")
    assert isinstance(facts.state, Mapping)
    assert (facts.state["DesiredCount"], facts.state["Deployments"]) == ("2", "1")
    assert facts.state["TaskDefinition"].startswith(f"arn:aws:ecs:{REGION}:{here.number}:task-definition/orders:")


async def test_an_auto_scaling_group_is_read_whole(world: World) -> None:
    """A group has its own limits, and its scaling policies are named."""
    here = world.here
    request = here.group(fresh())
    facts = await world.reader.read(request, Policy())
    assert facts.tags == ALLOWED
    assert isinstance(facts.capacity, Capacity)
    assert (facts.capacity.desired, facts.capacity.least, facts.capacity.most) == (2, 1, 4)
    assert facts.capacity.scaled_by == ("cpu",)
    assert facts.state == {"DesiredCount": "2", "MinSize": "1", "MaxSize": "4"}


async def test_databases_and_instances_are_read(world: World) -> None:
    """What has no count has tags and a state, and its capacity is of no interest."""
    here = world.here
    reader = world.reader
    for request, state in ((here.database(fresh()), "DBInstanceStatus"), (here.instance(), "State")):
        facts = await reader.read(request, Policy())
        assert facts.tags == ALLOWED
        assert facts.capacity is None
        assert isinstance(facts.state, Mapping)
        assert list(facts.state) == [state]


@pytest.mark.parametrize(
    ("type_", "id_"),
    [
        ("ecs:service", "no-such-cluster/orders"),
        ("autoscaling:group", "no-such-group"),
        ("rds:db-instance", "no-such-database"),
        ("ec2:instance", "i-0123456789abcdef0"),
    ],
)
async def test_a_missing_target_is_unknown(world: World, type_: str, id_: str) -> None:
    """Every service says in its own way that there is no such thing; what is around it is known all the same."""
    here = world.here
    facts = await world.reader.read(request_about(type_, id_, here.number), Policy(calendars=("freeze",)))
    assert isinstance(facts.tags, Unknown)
    assert id_ in facts.tags.unknown
    assert isinstance(facts.state, Unknown)
    assert facts.calendars == {"freeze": True}


async def test_a_missing_service_in_a_cluster_and_a_terminated_instance_are_unknown(world: World) -> None:
    """What is gone is no target, even while AWS still describes it."""
    here, name = world.here, fresh()
    service, instance = here.service(name), here.instance()
    other = service.model_copy(update={"target": _renamed(service.target, f"{name}/carts")})
    here.client("ec2").terminate_instances(InstanceIds=[instance.target.id])
    reader = world.reader
    assert isinstance((await reader.read(other, Policy())).tags, Unknown)
    assert isinstance((await reader.read(instance, Policy())).tags, Unknown)


async def test_a_guard_that_does_not_exist_is_unknown(world: World) -> None:
    """CloudWatch is silent about a name that it does not have."""
    here, name = world.here, fresh()
    here.alarm(name, "OK")
    facts = await world.reader.read(here.service(name), Policy(guards=(name, f"{name}-misspelt")))
    assert isinstance(facts.guards, Unknown)
    assert f"guard {name}-misspelt" in facts.guards.unknown


async def test_two_accounts_with_the_same_names_are_never_mixed_up(world: World) -> None:
    """A target in another account is read there by its role, and its namesake here is not."""
    here, there = world.here, Account(world.url, f"arn:aws:iam::{OTHER}:role/autocloudops-actor")
    name = fresh()
    own, others = here.service(name, desired=2), there.service(name, desired=5)
    here.alarm(name, "OK")
    there.alarm(name, "ALARM")
    assert (own.target.account, others.target.account) == (here.number, OTHER)
    reader = world.reader
    for request, desired, firing in ((own, 2, ()), (others, 5, (name,))):
        facts = await reader.read(request, Policy(guards=(name,)))
        assert isinstance(facts.capacity, Capacity)
        assert facts.capacity.desired == desired
        assert facts.guards == firing
        assert isinstance(facts.state, Mapping)
        assert f":{request.target.account}:" in facts.state["TaskDefinition"]


async def test_without_a_role_another_account_is_unknown(world: World) -> None:
    """The namesake in the worker's own account answers for nobody."""
    here, name = world.here, fresh()
    own = here.service(name)
    others = own.model_copy(update={"target": own.target.model_copy(update={"account": OTHER})})
    facts = await world.alone.read(others, Policy(calendars=("freeze",), guards=(name,)))
    for unread in (facts.tags, facts.state, facts.capacity, facts.calendars, facts.guards, facts.missing):
        assert isinstance(unread, Unknown)
        assert f"no role to act in account {OTHER}" in unread.unknown


def _renamed(target: ResourceRef, id_: str) -> ResourceRef:
    return target.model_copy(update={"id": id_})
