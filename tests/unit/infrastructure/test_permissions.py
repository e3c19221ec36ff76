"""Nobody is allowed more than is needed, and it stands there why."""

import re
from collections.abc import Mapping
from typing import Any

import pytest
from called_in_code import actions_of
from templates import ACCOUNT, PARTITION, REGION, TEMPLATES, allowed, evaluated, load, names

from autocloudops.actions.policy import ActingPlace
from autocloudops.actions.policy import document as acting
from autocloudops.audit.keys import ACTIONS, DECISIONS
from autocloudops.cli.evidence import needs
from autocloudops.entrypoints.preflight.audit import MARKER
from autocloudops.knowledge.policy import Place
from autocloudops.knowledge.policy import document as evidence

EVERYTHING = re.compile(r'^ *Resource: "\*"$')
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1"
ROLES = {"DataKeyArn": KEY, "EndpointName": "nim"}


def _listed(value: object) -> list[str]:
    return [value] if isinstance(value, str) else list(value) if isinstance(value, list) else []


def _normal(statements: object) -> list[Mapping[str, Any]]:
    """Return statements with actions and resources as lists."""
    assert isinstance(statements, list)
    return [{**each, "Action": _listed(each["Action"]), "Resource": _listed(each["Resource"])} for each in statements]


@pytest.mark.parametrize("name", names())
def test_no_action_is_granted_by_a_pattern(name: str) -> None:
    """Every action in every policy is written out."""
    granted = [action for _, statement in allowed(load(name)) for action in _listed(statement["Action"])]
    assert not [action for action in granted if "*" in action]


@pytest.mark.parametrize("name", names())
def test_a_grant_on_everything_is_explained(name: str) -> None:
    """Where a statement names no resource, a comment in it, or right before it, says why."""
    lines = (TEMPLATES / f"{name}.yaml").read_text().splitlines()
    for number, line in enumerate(lines):
        if EVERYTHING.match(line):
            first = max(index for index in range(number) if "- Sid:" in lines[index])
            said = lines[first - 1 : number]
            denied = any("Effect: Deny" in each for each in said)
            assert denied or any(each.lstrip().startswith("#") for each in said), f"{name}.yaml:{number + 1}"


def test_evidence_is_read_with_the_permissions_that_its_sources_name() -> None:
    """The template's policy is what `autocloudops evidence policy` prints."""
    made = evaluated(load("roles"), ROLES)["EvidencePolicy"]["PolicyDocument"]
    wanted = evidence(needs(), Place(partition=PARTITION, region=REGION, account=ACCOUNT))
    assert _normal(made["Statement"]) == _normal(wanted["Statement"])


def test_acting_is_allowed_as_the_worker_says() -> None:
    """The template's policy is that of the room that acts, and it can be detached by a parameter."""
    wanted = acting(ActingPlace(partition=PARTITION, region=REGION, account=ACCOUNT))
    made = evaluated(load("roles"), ROLES)
    assert _normal(made["ActingPolicy"]["PolicyDocument"]["Statement"]) == _normal(wanted["Statement"])
    assert "<ActingPolicy>" in made["WorkerRole"]["ManagedPolicyArns"]
    stopped = evaluated(load("roles"), {**ROLES, "MayAct": "false"})
    assert stopped["WorkerRole"]["ManagedPolicyArns"] == ["<WorkPolicy>", "<EvidencePolicy>"]


def _granted(name: str, resource: str) -> set[str]:
    return {
        action
        for owner, statement in allowed(load(name))
        if owner == resource
        for action in _listed(statement["Action"])
    }


THROUGH_OTHERS = {"kms:Decrypt", "kms:GenerateDataKey"}
"""What S3, Secrets Manager and SNS ask KMS for in the caller's name."""
LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}
"""What Lambda does in the name of a function's role."""
WORK = ("queue", "state", "audit/objects.py", "notify", "inference", "authenticity", "knowledge/files.py")


def test_the_worker_may_do_what_its_code_calls_and_no_more() -> None:
    """Beside evidence and actions, the role's actions are those of the operations in the code, by their IAM names."""
    called = actions_of(*WORK, "entrypoints/preflight", "entrypoints/policies.py")
    assert len(called) > 20
    assert _granted("roles", "WorkPolicy") == called | THROUGH_OTHERS | LOGS


def test_a_worker_writes_where_its_code_does() -> None:
    """Of the audit it may create decisions, actions and the mark of its preflight, and no digest."""
    statements = evaluated(load("roles"), ROLES)["WorkPolicy"]["PolicyDocument"]["Statement"]
    (writes,) = [each for each in statements if "s3:PutObject" in _listed(each["Action"])]
    bucket = f"arn:aws:s3:::autocloudops-audit-{ACCOUNT}-{REGION}"
    assert writes["Resource"] == [f"{bucket}/{where}" for where in (f"{ACTIONS}*", f"{DECISIONS}*", MARKER)]


def test_digests_are_signed_with_what_their_code_calls_and_no_more() -> None:
    """The role that signs reads the audit and the registry, writes digests, and has the key; it puts no item."""
    called = actions_of("audit/objects.py", "audit/signing.py") | {"dynamodb:Query"}
    assert _granted("audit", "DigestRole") == called | THROUGH_OTHERS | LOGS


def _of_keys(given: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return what the role that signs may do with which key, but through S3."""
    made = evaluated(load("audit"), {"DataKeyArn": KEY, **given})
    documents = [each["PolicyDocument"] for each in made["DigestRole"]["Policies"]]
    if "FormerKeys" in made:
        assert made["FormerKeys"]["Roles"] == ["<DigestRole>"]
        documents.append(made["FormerKeys"]["PolicyDocument"])
    return [
        (action, key)
        for each in _normal([statement for document in documents for statement in document["Statement"]])
        for action in each["Action"]
        for key in each["Resource"]
        if action.startswith("kms:") and action not in THROUGH_OTHERS
    ]


def test_of_keys_that_signed_before_only_the_public_half_is_asked_for() -> None:
    """The role that signs uses one key, the one behind the alias; former keys tell it what they signed with."""
    first = "<AuditSigningKey.Arn>"
    assert _of_keys({}) == [("kms:GetPublicKey", first), ("kms:Sign", first)]
    new, former = (f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{name}" for name in ("new", "former"))
    given = {"SigningKeyArn": new, "FormerKeyArns": f"{former},{KEY}"}
    known = [("kms:GetPublicKey", former), ("kms:GetPublicKey", KEY)]
    assert _of_keys(given) == [("kms:GetPublicKey", new), ("kms:Sign", new), *known]
    alias = evaluated(load("audit"), given)["AuditSigningKeyAlias"]
    assert alias == {"AliasName": "alias/autocloudops-audit", "TargetKeyId": new}


def test_the_worker_asks_one_endpoint() -> None:
    """The model is invoked on the named endpoint, and on the named component of it."""
    given = {**ROLES, "ComponentName": "llm"}
    statements = evaluated(load("roles"), given)["WorkPolicy"]["PolicyDocument"]["Statement"]
    (asks,) = [each for each in statements if each["Sid"] == "AskTheModel"]
    where = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
    assert asks["Resource"] == [f"{where}:endpoint/nim", f"{where}:inference-component/llm"]


@pytest.mark.parametrize("action", ["s3:DeleteObject", "s3:BypassGovernanceRetention", "s3:PutObjectRetention"])
def test_workers_cannot_take_a_record_back(action: str) -> None:
    """The bucket denies it to every role whose name begins as the worker's."""
    statements = evaluated(load("audit"), {"DataKeyArn": KEY})["AuditBucketPolicy"]["PolicyDocument"]["Statement"]
    denial = next(each for each in statements if each["Sid"] == "WorkersNeitherDeleteNorUnlock")
    assert action in denial["Action"]
    role = f"arn:aws:iam::{ACCOUNT}:role/autocloudops-worker*"
    assert denial["Condition"] == {"ArnLike": {"aws:PrincipalArn": role}}


def test_records_are_created_and_never_replaced() -> None:
    """A write without If-None-Match is denied to everybody, as are other keys and connections without encryption."""
    statements = evaluated(load("audit"), {"DataKeyArn": KEY})["AuditBucketPolicy"]["PolicyDocument"]["Statement"]
    conditions = {each["Sid"]: each["Condition"] for each in statements}
    assert {each["Effect"] for each in statements} == {"Deny"}
    assert conditions["RecordsAreOnlyCreated"]["Null"] == {"s3:if-none-match": "true"}
    assert conditions["OnlyEncryptedConnections"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert conditions["NoOldTls"] == {"NumericLessThan": {"s3:TlsVersion": "1.2"}}
    assert conditions["NoOtherKey"]["ArnNotEqualsIfExists"] == {"s3:x-amz-server-side-encryption-aws-kms-key-id": KEY}
