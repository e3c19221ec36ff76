"""What a change is, and the keys under which alarms find it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from autocloudops.alarms.changes.words import last
from autocloudops.values import Value

KIND_CHARACTERS = 80
MOST_KEYS = 20
ACCOUNT_WIDE = "account"
"""The key of what may touch anything in its account and region: a health event, a security group, a secret."""
NAMED = "name/"
"""What stands before a bare name, as CI knows a service: it is found by every owner whose last part it is."""


class ResourceChange(Value):
    """Something that changed, and what it may touch.

    `keys` are resources and owners as `ResourceRef.owner` writes them, `kind/id`, the one that changed first. `kind` is
    ours, or a service and the name of its call. `what` and `by` are the sender's words, cleaned and bounded: data,
    never instructions. `routine` marks what happens often by itself (a task starts, an instance ends), so that it can
    be kept apart from what somebody decided.
    """

    event_id: UUID
    at: datetime
    account: str
    region: str
    keys: tuple[str, ...]
    kind: str
    what: str = ""
    by: str = ""
    url: str | None = None
    routine: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one event says of a change, uncut.

    Args:
        keys: as in `ResourceChange`; empty ones are left out.
        kind: likewise.
        what: likewise.
        by: who did it.
        routine: likewise.
        account: the account that changed, where it is not the event's.
        region: likewise.
        url: where a person may read more.
    """

    keys: tuple[str, ...]
    kind: str
    what: str = ""
    by: str = ""
    routine: bool = False
    account: str = ""
    region: str = ""
    url: str | None = None


_ARN = re.compile(r"arn:aws[a-z-]*:(?P<service>[a-z0-9-]+):[a-z0-9-]*:\d*:(?P<resource>.+)", re.ASCII)
_ARN_KEYS: tuple[tuple[str, str, str], ...] = (
    ("ecs", r"service/(.+/.+)", "ecs-service"),
    ("ecs", r"cluster/(.+)", "ecs-cluster"),
    ("rds", r"db:(.+)", "rds-db-instance"),
    ("rds", r"cluster:(.+)", "rds-db-cluster"),
    ("lambda", r"function:([^:]+).*", "lambda-function"),
    ("autoscaling", r".*autoScalingGroupName/(.+)", "autoscaling-group"),
    ("ec2", r"instance/(.+)", "ec2-instance"),
    ("cloudformation", r"stack/([^/]+)(?:/.*)?", "cloudformation-stack"),
    ("dynamodb", r"table/([^/]+).*", "dynamodb-table"),
    ("elasticloadbalancing", r"(targetgroup/.+)", "elb-target-group"),
    ("elasticloadbalancing", r"loadbalancer/((?:app|net|gwy)/.+)", "elb-load-balancer"),
    ("sqs", r"([^:/]+)", "sqs-queue"),
    ("sns", r"([^:/]+).*", "sns-topic"),
    ("kinesis", r"stream/([^/]+)", "kinesis-stream"),
    ("elasticache", r"replicationgroup:(.+)", "elasticache-replication-group"),
    ("sagemaker", r"endpoint/(.+)", "sagemaker-endpoint"),
    ("eks", r"cluster/(.+)", "eks-cluster"),
)
"""Service, resource part, and the kind of the key; ARN forms are those of the Service Authorization Reference."""


def arn_key(arn: str) -> str:
    """Return the key of what an ARN names, the empty text where the table does not know it."""
    parts = _ARN.fullmatch(arn)
    if parts is None:
        return ""
    for service, form, kind in _ARN_KEYS:
        found = re.fullmatch(form, parts["resource"]) if service == parts["service"] else None
        if found:
            return f"{kind}/{found[1]}"
    return ""


def arn_keys(arns: Iterable[str]) -> tuple[str, ...]:
    """Return the keys of those ARNs that the table knows."""
    return tuple(key for key in map(arn_key, arns) if key)


def service_key(cluster: str, service: str) -> str:
    """Return the key of an ECS service, by names or ARNs; the empty text where its cluster or name is not known."""
    if key := arn_key(service):
        return key
    name, group = last(service), last(cluster)
    return f"ecs-service/{group}/{name}" if name and group else ""
