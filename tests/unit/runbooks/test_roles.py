import re
from typing import Any

import pytest

from autocloudops.catalogue import ACTIONS
from autocloudops.cli.runbooks.documents import document_of, folder, infrastructure, texts
from autocloudops.cli.runbooks.roles import statements_of, template

TEXTS = texts(folder())
NAMES = [action.runbook for action in ACTIONS.values() if action.executes]
TEMPLATE = (infrastructure() / "cloudformation" / "runbooks.yaml").read_text(encoding="utf-8")


def resources(kind: str) -> list[dict[str, Any]]:
    """Return the properties of every resource of a type in the template."""
    return [each["Properties"] for each in template()["Resources"].values() if each["Type"] == kind]


def test_template_has_every_document_from_its_file() -> None:
    """Each document is included from its own file under its own name, so that there is one source of it."""
    included = {
        each["Name"]: each["Content"]["Fn::Transform"]["Parameters"]["Location"]
        for each in resources("AWS::SSM::Document")
    }
    assert included == {name: f"../runbooks/{name}.yaml" for name in TEXTS}
    for location in included.values():
        assert (infrastructure() / "cloudformation" / location).resolve().is_file()


def test_documents_can_be_included() -> None:
    """CloudFormation includes a mapping without its own short functions, of at most 64 KB as SSM takes it."""
    for text in TEXTS.values():
        assert len(text.encode()) < 64 * 1024
        assert not re.search(r"!(Sub|Ref|GetAtt|If)\b", text)
    assert {each["DocumentType"] for each in resources("AWS::SSM::Document")} == {"Automation"}


def test_each_runbook_has_a_role_of_its_own() -> None:
    """One role for each document, named like it, that Automation of this account alone may assume."""
    roles = resources("AWS::IAM::Role")
    assert sorted(role["RoleName"] for role in roles) == sorted(NAMES)
    for role in roles:
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Service": "ssm.amazonaws.com"}
        assert "aws:SourceAccount" in str(trust["Condition"])


@pytest.mark.parametrize("name", NAMES)
def test_role_may_do_what_its_document_calls_and_no_more(name: str) -> None:
    """Every AWS call of a document is allowed to its role, and nothing is that it does not call."""
    called = {
        f"{step.inputs['Service']}:{step.inputs['Api']}"
        for step in document_of(name, TEXTS[name]).main_steps
        if step.asks
    }
    granted = {action for statement in statements_of(name) for action in statement.actions}
    assert granted == called | {"sns:Publish"} | (
        {"iam:PassRole"} if name == "AutoCloudOps-RollBackDeployment" else set()
    )


def test_roles_are_passed_to_tasks_alone() -> None:
    """A service gets another task definition with the roles that stand in it; nothing else gets a role."""
    written = [
        statement
        for role in resources("AWS::IAM::Role")
        for policy in role.get("Policies", ())
        for statement in policy["PolicyDocument"]["Statement"]
        if "iam:PassRole" in statement["Action"]
    ]
    assert [each["Condition"] for each in written] == [
        {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
    ]


@pytest.mark.parametrize("name", NAMES)
def test_role_changes_only_what_carries_the_tag(name: str) -> None:
    """A call that changes a resource is allowed where that is tagged; what has no tag yet is named here."""
    untagged = {
        action
        for statement in statements_of(name)
        if not statement.tagged
        for action in statement.actions
        if not action.partition(":")[2].startswith(("Describe", "Get", "List"))
    }
    # SendCommand needs the shared script beside the tagged instance; an OpsItem and a message are new; IAM advises
    # against tags as a condition of passing a role.
    assert untagged <= {"sns:Publish", "ssm:SendCommand", "ssm:CreateOpsItem", "iam:PassRole"}
    commands = [each for each in statements_of(name) if "ssm:SendCommand" in each.actions and not each.tagged]
    assert all(each.resource.endswith("::document/AWS-RunShellScript") for each in commands)


def test_no_action_is_a_pattern_and_each_open_resource_is_explained() -> None:
    """No statement allows `*` or a part of a service, and where a resource cannot be named a comment says why."""
    assert not [each for name in NAMES for each in statements_of(name) if any("*" in action for action in each.actions)]
    lines = TEMPLATE.splitlines()
    wide = [number for number, line in enumerate(lines) if line.strip() == 'Resource: "*"']
    assert wide
    assert all(lines[number - 1].strip().startswith("# ") for number in wide)


def test_unknown_runbook_has_no_role() -> None:
    """What the template does not make may do nothing."""
    assert statements_of("AutoCloudOps-Terminate") == ()
