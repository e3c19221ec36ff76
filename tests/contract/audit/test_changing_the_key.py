"""The audit's stack in CloudFormation of the emulator, whose signing key is changed as docs/audit.md says."""

from collections.abc import Callable, Mapping
from typing import Any

import boto3
import pytest
from templates import TEMPLATES

STACK = "shop-audit"
QUICKLY = {"Delay": 1, "MaxAttempts": 60}


def _client(service: str) -> Any:  # noqa: ANN401 - clients of services without stubs
    return boto3.client(service, region_name="eu-west-1")


def _request(parameters: Mapping[str, str]) -> dict[str, object]:
    return {
        "StackName": STACK,
        "TemplateBody": (TEMPLATES / "audit.yaml").read_text(),
        "Parameters": [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
    }


def _behind_the_alias() -> str:
    arn: str = _client("kms").describe_key(KeyId="alias/shop-audit")["KeyMetadata"]["Arn"]
    return arn


def _policy(name: str, statement: str) -> tuple[object, object]:
    """Return the actions and the resources of a statement in a policy of the role that signs."""
    document = _client("iam").get_role_policy(RoleName="shop-digest", PolicyName=name)["PolicyDocument"]
    (said,) = [each for each in document["Statement"] if each["Sid"] == statement]
    return said["Action"], said["Resource"]


@pytest.fixture
def key(ministack: str, point_at: Callable[[str], None]) -> str:
    """A key that somebody made."""
    point_at(ministack)
    arn: str = _client("kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    return arn


def test_the_stack_gets_across_a_change_of_the_signing_key(key: str) -> None:
    """One update moves alias and right to sign to the new key, and leaves the public half of the old one readable."""
    stacks, parameters = _client("cloudformation"), {"Prefix": "shop", "DataKeyArn": key}
    stacks.create_stack(**_request(parameters))
    stacks.get_waiter("stack_create_complete").wait(StackName=STACK, WaiterConfig=QUICKLY)
    former = _behind_the_alias()
    assert _policy("digest", "Sign") == (["kms:GetPublicKey", "kms:Sign"], former)
    stacks.update_stack(**_request({**parameters, "SigningKeyArn": key, "FormerKeyArns": former}))
    stacks.get_waiter("stack_update_complete").wait(StackName=STACK, WaiterConfig=QUICKLY)
    assert _behind_the_alias() == key
    assert _policy("digest", "Sign") == (["kms:GetPublicKey", "kms:Sign"], key)
    assert _policy("former-keys", "KnowWhatSignedBefore") == ("kms:GetPublicKey", [former])
