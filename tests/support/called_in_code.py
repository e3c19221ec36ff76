"""Which AWS operations the worker's modules call, read from their source, and which IAM actions allow them."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import botocore.session
from botocore import xform_name

WORKER = Path(__file__).parents[2] / "worker" / "autocloudops"
SERVICES = ("dynamodb", "kms", "s3", "sagemaker-runtime", "secretsmanager", "sns", "sqs", "sts")
RECEIVERS = frozenset({"_client", "_sns", "client", "dynamodb", "kms", "runtime", "s3", "sns", "sqs", "sts"})
"""What clients of AWS are called in the worker's modules."""
ACTIONS: Mapping[str, tuple[str, ...]] = {
    "dynamodb:TransactWriteItems": (
        "dynamodb:ConditionCheckItem",
        "dynamodb:DeleteItem",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
    ),
    "s3:GetObjectLockConfiguration": ("s3:GetBucketObjectLockConfiguration",),
    "s3:HeadBucket": ("s3:ListBucket",),
    "s3:ListObjectsV2": ("s3:ListBucket",),
    "sqs:ChangeMessageVisibilityBatch": ("sqs:ChangeMessageVisibility",),
    "sqs:DeleteMessageBatch": ("sqs:DeleteMessage",),
    "sqs:SendMessageBatch": ("sqs:SendMessage",),
    "sns:ConfirmSubscription": (),
    "sts:GetCallerIdentity": (),
}
"""Operations that are allowed by actions of other names, or that need none.

Sources: DynamoDB developer guide, "Using IAM with DynamoDB transactions"; S3 API reference, "Permissions" of each
operation; SQS developer guide, "Amazon SQS API permissions"; SNS API reference, "ConfirmSubscription"; STS API
reference, "GetCallerIdentity".
"""
PREFIXES = {"sagemaker-runtime": "sagemaker"}


def actions_of(*places: str) -> frozenset[str]:
    """Return the IAM actions that modules need.

    Args:
        places: modules, or folders of them, below the worker's package.
    """
    operations = _operations()
    found = {operations[name] for place in places for name in _called(place) if name in operations}
    return frozenset(action for each in found for action in ACTIONS.get(each, (each,)))


def _operations() -> Mapping[str, str]:
    """Return `service:Operation` by the name of a client's method."""
    session = botocore.session.Session()
    return {
        xform_name(operation): f"{PREFIXES.get(service, service)}:{operation}"
        for service in SERVICES
        for operation in session.get_service_model(service).operation_names
    }


def _called(place: str) -> Iterator[str]:
    path = WORKER / place
    for module in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Attribute) and _name(node.value) in RECEIVERS:
                yield node.attr
            if isinstance(node, ast.Call) and _name(node.func) == "get_paginator":
                yield from (xform_name(str(each.value)) for each in node.args if isinstance(each, ast.Constant))


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
