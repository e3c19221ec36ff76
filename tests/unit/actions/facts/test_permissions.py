import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from botocore import xform_name
from fact_sources import SETUP, ScriptedClients, clients_that, request_about
from virtual_time import VirtualClock, run

from autocloudops.actions.executions import METHODS
from autocloudops.actions.facts.reader import ActionFactReader
from autocloudops.actions.facts.targets import KINDS
from autocloudops.actions.policy import ActingPlace, document, grants
from autocloudops.catalogue import ACTIONS
from autocloudops.decisions.model import Policy
from autocloudops.state.memory_claims import MemoryLedger

PLACE = ActingPlace(region="eu-west-1", account="111122223333", other_role="autocloudops-actor")
TARGETS = {
    "ecs:service": "shop/orders",
    "autoscaling:group": "web",
    "rds:db-instance": "orders",
    "ec2:instance": "i-0123456789abcdef0",
}
TEMPLATE = Path(__file__).parents[4] / "infrastructure" / "cloudformation" / "runbooks.yaml"
CHANGES = ("Add", "Create", "Pass", "Send", "Start", "Stop", "Assume")


def granted(place: ActingPlace = PLACE) -> Mapping[str, tuple[str, ...]]:
    """Return the resources of each granted action."""
    return {action: grant.resources for grant in grants(place) for action in grant.actions}


def called(type_: str) -> set[str]:
    """Return the calls that reading one kind of target makes."""

    async def reading(clients: ScriptedClients) -> None:
        policy = Policy(calendars=("freeze",), guards=("deploying",))
        reader = ActionFactReader(clients, MemoryLedger(), SETUP, VirtualClock())
        await reader.read(request_about(type_, TARGETS[type_]), policy)

    clients = clients_that()
    run(reading(clients))
    return set(clients.calls())


@pytest.mark.parametrize("type_", sorted(KINDS))
def test_reading_a_kind_of_target_calls_what_it_declares(type_: str) -> None:
    """A kind names exactly the permissions of its calls."""
    around = {"ssm:describe_document", "ssm:get_calendar_state", "cloudwatch:describe_alarms"}
    assert called(type_) - around == {_call(action) for action in KINDS[type_].actions}


def test_every_call_is_granted_and_nothing_else() -> None:
    """Facts, runbooks and verification call what the policy grants; the rest is what IAM itself asks for.

    An approval is answered by people with their own credentials: a worker that could would approve for itself.
    """
    facts = {call for type_ in KINDS for call in called(type_)}
    runs = {f"ssm:{method}" for method in METHODS.values()} - {"ssm:send_automation_signal"}
    verification = {"cloudwatch:describe_alarm_history", "ssm:create_ops_item"}
    iam = {"iam:pass_role", "ssm:add_tags_to_resource", "sts:assume_role"}
    assert {_call(action) for action in granted()} == facts | runs | verification | iam


def test_no_action_is_granted_twice() -> None:
    """Each statement says one thing."""
    listed = [action for grant in grants(PLACE) for action in grant.actions]
    assert len(listed) == len(set(listed))


def test_nothing_that_changes_is_granted_on_everything() -> None:
    """Only reading, and opening an OpsItem, which is no resource yet, cannot be scoped."""
    open_ended = {action for action, resources in granted().items() if "*" in resources}
    assert {action for action in open_ended if action.partition(":")[2].startswith(CHANGES)} == {"ssm:CreateOpsItem"}


def test_only_our_runbooks_can_be_started_and_only_their_roles_passed() -> None:
    """Every runbook of the catalogue is covered, and no other document is."""
    documents = [each for each in granted()["ssm:StartAutomationExecution"] if ":document/" in each]
    runbooks = {action.runbook for action in ACTIONS.values() if action.runbook}
    prefix = "arn:aws:ssm:eu-west-1:111122223333:document/"
    assert all(any(fnmatchcase(f"{prefix}{name}", each) for each in documents) for name in runbooks)
    assert not any(fnmatchcase(f"{prefix}AWS-RunShellScript", each) for each in documents)
    (passing,) = (grant for grant in grants(PLACE) if "iam:PassRole" in grant.actions)
    assert passing.condition == {"StringEquals": {"iam:PassedToService": "ssm.amazonaws.com"}}


def test_the_roles_that_the_stack_makes_may_be_passed() -> None:
    """What runbooks run as is what the template names."""
    names = re.findall(r"RoleName: ([A-Za-z-]+)", TEMPLATE.read_text())
    (pattern,) = granted()["iam:PassRole"]
    assert names
    assert all(fnmatchcase(f"arn:aws:iam::111122223333:role/{name}", pattern) for name in names)


def test_a_role_elsewhere_is_assumed_only_where_it_is_named() -> None:
    """Without one the worker cannot leave its account."""
    assert granted()["sts:AssumeRole"] == ("arn:aws:iam::*:role/autocloudops-actor",)
    assert "sts:AssumeRole" not in granted(ActingPlace())


def test_the_document_is_what_iam_takes() -> None:
    """Version, and for each statement an effect, sorted actions, resources of the place, and a condition if any."""
    made = document(ActingPlace(partition="aws-cn", region="cn-north-1", account="111122223333"))
    assert made["Version"] == "2012-10-17"
    statements = made["Statement"]
    assert isinstance(statements, list)
    sids = [each["Sid"] for each in statements]
    assert len(sids) == len(set(sids))
    assert all(sid.isalnum() for sid in sids)
    assert all(each["Effect"] == "Allow" and each["Action"] == sorted(each["Action"]) for each in statements)
    arns = [arn for each in statements for arn in each["Resource"] if arn != "*"]
    assert all(arn.startswith("arn:aws-cn:") for arn in arns)
    assert [each["Sid"] for each in statements if "Condition" in each] == ["RunAs"]


def _call(action: str) -> str:
    service, _, name = action.partition(":")
    return f"{service}:{xform_name(name)}"
