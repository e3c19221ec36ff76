"""The IAM policy of a worker that reads evidence: exactly what its sources call, and nothing else."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from autocloudops.errors import SettingsInvalid

EVERYTHING = "*"
_READING = re.compile(r"[a-z0-9-]{2,32}:(?:Describe|Get|List|Lookup)[A-Za-z]{2,64}|apigateway:GET", re.ASCII)
_NEVER = ("iam:", "kms:", "logs:", "s3:", "secretsmanager:", "ssm:")
"""Services whose read actions return content or secrets, never configuration alone."""

_RESOURCES: Mapping[str, tuple[str, ...]] = {
    "apigateway:GET": (
        "arn:{partition}:apigateway:{region}::/restapis",
        "arn:{partition}:apigateway:{region}::/restapis/*/stages/*",
        "arn:{partition}:apigateway:{region}::/apis/*/stages/*",
    ),
    "cloudfront:GetDistribution": ("arn:{partition}:cloudfront::{account}:distribution/*",),
    "dynamodb:DescribeTable": ("arn:{partition}:dynamodb:{region}:{account}:table/*",),
    "ecs:DescribeClusters": ("arn:{partition}:ecs:{region}:{account}:cluster/*",),
    "ecs:DescribeServices": ("arn:{partition}:ecs:{region}:{account}:service/*",),
    "eks:DescribeCluster": ("arn:{partition}:eks:{region}:{account}:cluster/*",),
    "eks:DescribeNodegroup": ("arn:{partition}:eks:{region}:{account}:nodegroup/*",),
    "eks:ListNodegroups": ("arn:{partition}:eks:{region}:{account}:cluster/*",),
    "elasticache:DescribeCacheClusters": ("arn:{partition}:elasticache:{region}:{account}:cluster:*",),
    "elasticache:DescribeReplicationGroups": ("arn:{partition}:elasticache:{region}:{account}:replicationgroup:*",),
    "elasticfilesystem:DescribeFileSystems": ("arn:{partition}:elasticfilesystem:{region}:{account}:file-system/*",),
    "es:DescribeDomain": ("arn:{partition}:es:{region}:{account}:domain/*",),
    "kinesis:DescribeStreamSummary": ("arn:{partition}:kinesis:{region}:{account}:stream/*",),
    "lambda:GetFunctionConcurrency": ("arn:{partition}:lambda:{region}:{account}:function:*",),
    "lambda:GetFunctionConfiguration": ("arn:{partition}:lambda:{region}:{account}:function:*",),
    "rds:DescribeDBClusters": ("arn:{partition}:rds:{region}:{account}:cluster:*",),
    "rds:DescribeDBInstances": ("arn:{partition}:rds:{region}:{account}:db:*",),
    "rds:DescribeDBParameters": ("arn:{partition}:rds:{region}:{account}:pg:*",),
    "sns:GetTopicAttributes": ("arn:{partition}:sns:{region}:{account}:*",),
    "sqs:GetQueueAttributes": ("arn:{partition}:sqs:{region}:{account}:*",),
    "sqs:GetQueueUrl": ("arn:{partition}:sqs:{region}:{account}:*",),
    "states:DescribeStateMachine": ("arn:{partition}:states:{region}:{account}:stateMachine:*",),
}
"""Which resources an action is granted on, where the Service Authorization Reference has resource types for it.

cloudwatch:DescribeAlarms has one too, but tells of composite alarms only where it is granted on `*` (CloudWatch API
Reference, DescribeAlarms).
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the worker reads: `*` leaves a part of the ARNs open."""

    partition: str = "aws"
    region: str = EVERYTHING
    account: str = EVERYTHING


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of the policy: what some actions are needed for, and on which resources."""

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]


def statements(needs: Mapping[str, Iterable[str]], place: Place) -> Sequence[Statement]:
    """Return the statements that grant `needs`: for each purpose one a service, and one for what cannot be scoped.

    Args:
        needs: IAM actions by what they are needed for, as `alarm-now`; an action needed twice is granted once.
        place: where.

    Raises:
        SettingsInvalid: an action is more than reading configuration.
    """
    purposes = {action: purpose for purpose, actions in reversed(list(needs.items())) for action in actions}
    grouped: dict[str, list[str]] = defaultdict(list)
    for action, purpose in sorted(purposes.items()):
        service = action.partition(":")[0] if _checked(action) in _RESOURCES else ""
        grouped[f"{_word(purpose)}{_word(service)}"].append(action)
    return [_statement(sid, actions, place) for sid, actions in sorted(grouped.items())]


def document(needs: Mapping[str, Iterable[str]], place: Place) -> Mapping[str, object]:
    """Return the policy as IAM takes it; see `statements`."""
    made = [
        {"Sid": each.sid, "Effect": "Allow", "Action": list(each.actions), "Resource": list(each.resources)}
        for each in statements(needs, place)
    ]
    return {"Version": "2012-10-17", "Statement": made}


def _statement(sid: str, actions: Sequence[str], place: Place) -> Statement:
    resources = {resource for action in actions for resource in _resources(action, place)}
    return Statement(sid, tuple(actions), tuple(sorted(resources)))


def _resources(action: str, place: Place) -> tuple[str, ...]:
    forms = _RESOURCES.get(action, (EVERYTHING,))
    return tuple(form.format(partition=place.partition, region=place.region, account=place.account) for form in forms)


def _checked(action: str) -> str:
    if _READING.fullmatch(action) and not action.startswith(_NEVER):
        return action
    raise SettingsInvalid(f"{action} is more than reading configuration", "take it from the source's permissions")


def _word(name: str) -> str:
    return "".join(part.capitalize() for part in re.split(r"[^A-Za-z0-9]+", name))
