import json
import re

import pytest

from autocloudops.errors import SettingsInvalid
from autocloudops.knowledge.alarm_now import AlarmNow
from autocloudops.knowledge.calls import DEFAULT_QUOTA
from autocloudops.knowledge.configuration import Configuration
from autocloudops.knowledge.policy import Place, document, statements
from autocloudops.knowledge.quotas import BY_ACTION, QUOTAS

NEEDS = {source.kind: source.permissions for source in (AlarmNow, Configuration)}
HERE = Place("aws", "eu-west-1", "111122223333")
MANAGED_POLICY_CHARACTERS = 6144
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""


def test_the_policy_grants_what_the_sources_call_and_nothing_else() -> None:
    """Every permission is granted exactly once, whole, and no other is."""
    granted = [action for each in statements(NEEDS, HERE) for action in each.actions]
    assert sorted(granted) == sorted(set().union(*NEEDS.values()))
    assert not [action for action in granted if "*" in action]
    assert not [action for action in granted if re.match(r"logs:|s3:|secretsmanager:|ssm:|kms:|iam:", action)]


def test_the_policy_is_one_that_iam_takes() -> None:
    """Sids are alphanumeric and unique, and the document fits into a managed policy."""
    text = json.dumps(document(NEEDS, HERE), separators=(",", ":"))
    sids = [each.sid for each in statements(NEEDS, HERE)]
    assert len(text) <= MANAGED_POLICY_CHARACTERS
    assert len(set(sids)) == len(sids)
    assert all(sid.isalnum() and sid.isascii() for sid in sids)


def test_an_action_is_granted_on_resources_of_its_own_kind() -> None:
    """What can be scoped is scoped to the account and region, and only what cannot stands under `*`."""
    by_sid = {each.sid: each for each in statements(NEEDS, HERE)}
    assert by_sid["AlarmNow"].resources == ("*",), "composite alarms are described only under *"
    assert by_sid["ConfigurationRds"].resources == (
        "arn:aws:rds:eu-west-1:111122223333:cluster:*",
        "arn:aws:rds:eu-west-1:111122223333:db:*",
        "arn:aws:rds:eu-west-1:111122223333:pg:*",
    )
    assert by_sid["Configuration"].resources == ("*",)
    assert {action.partition(":")[0] for action in by_sid["Configuration"].actions} == {
        "autoscaling",
        "ec2",
        "ecs",
        "elasticloadbalancing",
    }
    assert by_sid["Configuration"].actions.count("ecs:DescribeTaskDefinition") == 1


def test_an_action_that_two_sources_need_is_granted_once() -> None:
    """It stands under the source that is named first."""
    twice = {"alarm-now": {"cloudwatch:DescribeAlarms"}, "inventory": {"cloudwatch:DescribeAlarms"}}
    assert [each.sid for each in statements(twice, HERE)] == ["AlarmNow"]


@pytest.mark.parametrize(
    "action",
    ["logs:GetLogEvents", "s3:GetObject", "secretsmanager:GetSecretValue", "rds:*", "*", "rds:RebootDBInstance", "rds"],
)
def test_an_action_that_is_more_than_reading_configuration_is_refused(action: str) -> None:
    """Nobody gets such a permission by adding a source that asks for it."""
    with pytest.raises(SettingsInvalid, match="more than reading configuration"):
        statements({"odd": {action}}, HERE)


def test_quotas_are_positive_and_said_once_with_their_page() -> None:
    """An action has one row, and each row the page of AWS that it is from."""
    actions = [action for quota in QUOTAS for action in quota.actions]
    assert len(set(actions)) == len(actions) == len(BY_ACTION)
    assert all(quota.per_second > 0 and quota.source.startswith("https://docs.aws.amazon.com/") for quota in QUOTAS)
    assert DEFAULT_QUOTA <= 10
