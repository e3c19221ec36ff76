from collections.abc import Mapping

import pytest
from fact_sources import ACCOUNT, OTHER, REGION, SETUP, clients_that, request_about
from virtual_time import VirtualClock, run

from autocloudops.actions.facts.reader import ActionFactReader
from autocloudops.catalogue.model import ActionRequest, Capacity
from autocloudops.decisions.facts import ActionFacts, Unknown
from autocloudops.decisions.model import Policy
from autocloudops.state.memory_claims import MemoryLedger

TAGS = [{"Key": "autocloudops:allow", "Value": "true"}, {"Key": "bare"}]
ALLOWED = {"autocloudops:allow": "true", "bare": ""}
GROUP = request_about("autoscaling:group", "web")
DATABASE = request_about("rds:db-instance", "orders")
INSTANCE = request_about("ec2:instance", "i-0123456789abcdef0")


def group(account: str = ACCOUNT, **different: object) -> Mapping[str, object]:
    """Return what DescribeAutoScalingGroups says of the group `web`."""
    states = ("InService", "InService", "Pending", "Terminating:Wait")
    said = {
        "AutoScalingGroupARN": f"arn:aws:autoscaling:{REGION}:{account}:autoScalingGroup:1:autoScalingGroupName/web",
        "DesiredCapacity": 3,
        "MinSize": 1,
        "MaxSize": 4,
        "Instances": [{"LifecycleState": state} for state in states],
        "Tags": TAGS,
    }
    return {"AutoScalingGroups": [said | different]}


def database(account: str = ACCOUNT, region: str = REGION) -> Mapping[str, object]:
    """Return what DescribeDBInstances says of the database `orders`."""
    arn = f"arn:aws:rds:{region}:{account}:db:orders"
    return {"DBInstances": [{"DBInstanceArn": arn, "DBInstanceStatus": "backing-up", "TagList": TAGS}]}


def instance(account: str = ACCOUNT, state: str = "running") -> Mapping[str, object]:
    """Return what DescribeInstances says of one instance."""
    return {"Reservations": [{"OwnerId": account, "Instances": [{"State": {"Name": state}, "Tags": TAGS}]}]}


CALLS = {
    "autoscaling:group": "autoscaling:describe_auto_scaling_groups",
    "rds:db-instance": "rds:describe_db_instances",
    "ec2:instance": "ec2:describe_instances",
}


def read(request: ActionRequest, answer: object, different: Mapping[str, object] | None = None) -> ActionFacts:
    """Return the facts about a target that is described so."""
    clients = clients_that({CALLS[request.target.type]: answer, **(different or {})})

    async def reading() -> ActionFacts:
        return await ActionFactReader(clients, MemoryLedger(), SETUP, VirtualClock()).read(request, Policy())

    return run(reading())


def test_a_group_runs_what_is_in_service_between_its_own_limits() -> None:
    """Instances that come or go do not count, and a policy that is switched off scales nothing."""
    policies = [{"PolicyName": "old", "Enabled": False}, {"PolicyName": "cpu", "Enabled": True}, {"PolicyName": "a"}]
    facts = read(GROUP, group(), {"autoscaling:describe_policies": {"ScalingPolicies": policies}})
    assert facts.capacity == Capacity(desired=3, running=2, least=1, most=4, scaled_by=("a", "cpu"))
    assert facts.tags == ALLOWED
    assert facts.state == {"DesiredCount": "3", "MinSize": "1", "MaxSize": "4"}


def test_suspended_processes_of_a_group_are_part_of_its_state() -> None:
    """A group that launches nothing would not be helped by a higher count."""
    facts = read(GROUP, group(SuspendedProcesses=[{"ProcessName": "Terminate"}, {"ProcessName": "Launch"}]))
    assert isinstance(facts.state, Mapping)
    assert facts.state["SuspendedProcesses"] == "Launch,Terminate"


def test_databases_and_instances_have_a_state_and_no_count() -> None:
    """Both are known by their status alone."""
    assert read(DATABASE, database()).state == {"DBInstanceStatus": "backing-up"}
    assert read(INSTANCE, instance(state="stopped")).state == {"State": "stopped"}
    assert read(DATABASE, database()).tags == read(INSTANCE, instance()).tags == ALLOWED


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (GROUP, group(account=OTHER)),
        (DATABASE, database(account=OTHER)),
        (DATABASE, database(region="us-east-1")),
        (INSTANCE, instance(account=OTHER)),
    ],
)
def test_a_namesake_elsewhere_is_no_target(request_: ActionRequest, answer: object) -> None:
    """An answer about another account or region is not believed, however it came about."""
    facts = read(request_, answer)
    assert isinstance(facts.tags, Unknown)
    assert "the answer is about one of its name in" in facts.tags.unknown
    assert isinstance(facts.state, Unknown)


@pytest.mark.parametrize(
    ("request_", "answer", "why"),
    [
        (GROUP, {"AutoScalingGroups": []}, "there is no such group"),
        (GROUP, group(Status="Delete in progress"), "Delete in progress"),
        (DATABASE, {"DBInstances": []}, "there is no such database"),
        (INSTANCE, {"Reservations": []}, "there is no such instance"),
        (INSTANCE, instance(state="terminated"), "the instance is terminated"),
        (INSTANCE, instance(state="shutting-down"), "the instance is shutting-down"),
    ],
)
def test_what_is_gone_or_going_is_no_target(request_: ActionRequest, answer: object, why: str) -> None:
    """Nothing is done to what somebody deletes."""
    facts = read(request_, answer)
    assert isinstance(facts.tags, Unknown)
    assert why in facts.tags.unknown
