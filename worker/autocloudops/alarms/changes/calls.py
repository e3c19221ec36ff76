"""API calls from CloudTrail: which of them are changes, and of what.

Nothing of a call is kept but its name, who made it, the parameters that name a resource, and those of `SHOWN`: numbers
and names that a fixed list allows. A call that failed, that only reads, or that moves data changes nothing.
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
"""

import re
from collections.abc import Iterator, Mapping

from autocloudops.alarms.changes.events import scalable_key
from autocloudops.alarms.changes.model import ACCOUNT_WIDE, NAMED, Told, arn_key, service_key
from autocloudops.alarms.changes.words import at, identifier, joined, last, listed, said
from autocloudops.alarms.model import AwsEvent

CALL = "AWS API Call via CloudTrail"
SHOWN = (
    "taskDefinition",
    "desiredCount",
    "forceNewDeployment",
    "dBInstanceClass",
    "dBParameterGroupName",
    "engineVersion",
    "allocatedStorage",
    "applyImmediately",
    "memorySize",
    "timeout",
    "runtime",
    "reservedConcurrentExecutions",
    "minSize",
    "maxSize",
    "desiredCapacity",
    "minCapacity",
    "maxCapacity",
    "instanceType",
    "cacheNodeType",
    "targetShardCount",
    "groupId",
    "routeTableId",
    "hostedZoneId",
    "roleName",
    "keyId",
    "secretId",
)
"""Parameters that are shown, where they hold one name or number."""
_VERBS = re.compile(
    r"(?:Accept|Add|Associate|Attach|Authorize|Cancel|Change|Create|Decrease|Delete|Deregister|Detach|Disable|"
    r"Disassociate|Enable|Execute|Failover|Increase|Modify|Promote|Put|Reboot|Register|Remove|Replace|Reset|Restore|"
    r"Resume|Revoke|Rollback|Rotate|Run|Schedule|Set|Start|Stop|Suspend|Switchover|Terminate|Update)[A-Z]"
)
_API_VERSION = re.compile(r"\d{8}(?:v\d+)?$")
_WIDE: Mapping[str, re.Pattern[str]] = {
    "ec2": re.compile(r".*(?:SecurityGroup|Route|NetworkAcl|NatGateway|InternetGateway|VpcEndpoint|VpcPeering).*"),
    "iam": re.compile(r".*(?:RolePolicy|AssumeRolePolicy)"),
    "kms": re.compile(r"DisableKey|EnableKey|ScheduleKeyDeletion|PutKeyPolicy"),
    "rds": re.compile(r"(?:Modify|Reset)DB(?:Cluster)?ParameterGroup"),
    "route53": re.compile(r"ChangeResourceRecordSets"),
    "secretsmanager": re.compile(r"PutSecretValue|UpdateSecret|RotateSecret|DeleteSecret"),
}
"""Calls that name nothing that alarms, and may break anything in their account."""
_ROUTINE = frozenset(
    {"DeregisterTargets", "RegisterTargets", "SetDesiredCapacity", "TerminateInstanceInAutoScalingGroup"}
)
_NAMING: tuple[tuple[str, str, str], ...] = (
    ("autoscaling", "autoScalingGroupName", "autoscaling-group"),
    ("cloudformation", "stackName", "cloudformation-stack"),
    ("codedeploy", "applicationName", NAMED.rstrip("/")),
    ("dynamodb", "tableName", "dynamodb-table"),
    ("ec2", "instanceId", "ec2-instance"),
    ("eks", "name", "eks-cluster"),
    ("elasticache", "replicationGroupId", "elasticache-replication-group"),
    ("elasticloadbalancing", "loadBalancerArn", ""),
    ("elasticloadbalancing", "targetGroupArn", ""),
    ("kinesis", "streamName", "kinesis-stream"),
    ("lambda", "functionName", "lambda-function"),
    ("monitoring", "alarmName", "alarm"),
    ("rds", "dBClusterIdentifier", "rds-db-cluster"),
    ("rds", "dBInstanceIdentifier", "rds-db-instance"),
    ("sagemaker", "endpointName", "sagemaker-endpoint"),
    ("sns", "topicArn", "sns-topic"),
    ("sqs", "queueUrl", "sqs-queue"),
)
"""Service, the parameter that names a resource, and the kind of its key; none where the parameter is an ARN."""


def read_call(event: AwsEvent) -> Told | None:
    """Return the change that an API call made, None where it made none or touched nothing that has a key."""
    detail = event.detail
    service = said(detail, "eventSource").partition(".")[0]
    name = _API_VERSION.sub("", said(detail, "eventName"))
    if not _changes(event, name) or not identifier(service) or not identifier(name):
        return None
    parameters = at(detail, "requestParameters")
    keys = tuple(filter(None, _keys(service, parameters, at(detail, "responseElements"))))
    wide = _WIDE.get(service)
    if not keys and wide and wide.fullmatch(name):
        keys = (ACCOUNT_WIDE,)
    told = joined(_revisions(service, detail), *_shown(parameters)) if keys else ""
    by_service = said(detail, "userIdentity", "invokedBy").endswith(".amazonaws.com")
    return Told(
        keys=keys, kind=f"{service}:{name}", what=told, by=_caller(event), routine=by_service or name in _ROUTINE
    )


def _changes(event: AwsEvent, name: str) -> bool:
    detail = event.detail
    data = said(detail, "managementEvent") == "false" or said(detail, "eventCategory") == "Data"
    reads = said(detail, "readOnly") == "true" or not _VERBS.match(name)
    return not (data or reads or said(detail, "errorCode"))


def _caller(event: AwsEvent) -> str:
    identity = at(event.detail, "userIdentity")
    return last(said(identity, "arn")) or said(identity, "userName") or said(identity, "invokedBy")


def _keys(service: str, parameters: object, answer: object) -> Iterator[str]:
    if service == "ecs":
        yield from _service_keys(parameters, answer)
    if service == "application-autoscaling":
        yield scalable_key(said(parameters, "resourceId"))
    for each in listed(parameters, "instancesSet", "items"):
        yield f"ec2-instance/{said(each, 'instanceId')}"
    for owner, parameter, kind in _NAMING:
        value = said(parameters, parameter) if owner == service else ""
        if value:
            yield arn_key(value) or (f"{kind}/{_name(value)}" if kind else "")


def _name(value: str) -> str:
    """Return the name in what may be a URL, or a name with a qualifier."""
    return value.rpartition("/")[2].partition(":")[0]


def _service_keys(parameters: object, answer: object) -> Iterator[str]:
    """Yield an ECS service, and the target groups that are tied to it: their alarms find its changes."""
    name = said(parameters, "service") or said(parameters, "serviceName")
    if not name:
        return
    yield arn_key(said(answer, "service", "serviceArn")) or service_key(said(parameters, "cluster") or "default", name)
    for each in listed(answer, "service", "loadBalancers"):
        yield arn_key(said(each, "targetGroupArn"))


def _revisions(service: str, detail: object) -> str:
    """Return from which task definition to which an ECS service goes, as the answer lists its deployments."""
    if service != "ecs":
        return ""
    found: dict[str, str] = {}
    for each in listed(detail, "responseElements", "service", "deployments"):
        found.setdefault(said(each, "status"), identifier(last(said(each, "taskDefinition"), "/")))
    before, after = found.get("ACTIVE", ""), found.get("PRIMARY", "")
    return f"td {before} -> {after}" if before and after and before != after else ""


def _shown(parameters: object) -> Iterator[str]:
    for name in SHOWN:
        value = identifier(last(said(parameters, name), "/"))
        if value:
            yield f"{name}={value}"
