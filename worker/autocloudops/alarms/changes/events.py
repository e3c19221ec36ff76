"""The table of service events: which of them are changes, and what they touch.

A new kind of event is one row and, where no reader fits, one reader. Shapes: the EventBridge events reference
(https://docs.aws.amazon.com/eventbridge/latest/ref/) and the SNS notices that `alarms/wire` reads.
"""

from collections.abc import Callable, Mapping

from autocloudops.alarms.changes.model import ACCOUNT_WIDE, NAMED, Told, arn_key, arn_keys, service_key
from autocloudops.alarms.changes.put import SOURCE, read_put
from autocloudops.alarms.changes.words import identifier, joined, last, listed, said
from autocloudops.alarms.model import AwsEvent

STEADY = "STEADY_STATE"
_STACK = "AWS::CloudFormation::Stack"
_STACK_RESOURCES: Mapping[str, str] = {
    "AWS::AutoScaling::AutoScalingGroup": "autoscaling-group",
    "AWS::DynamoDB::Table": "dynamodb-table",
    "AWS::EC2::Instance": "ec2-instance",
    "AWS::Lambda::Function": "lambda-function",
    "AWS::RDS::DBCluster": "rds-db-cluster",
    "AWS::RDS::DBInstance": "rds-db-instance",
}
"""Resource types whose physical id is the name that the service uses; others are known by ARN or not at all."""
_DELIBERATE = frozenset({"configuration change", "deletion", "failover", "maintenance", "failure", "restoration"})


def _ecs_deployment(event: AwsEvent) -> Told:
    detail = event.detail
    what = joined(said(detail, "eventName"), said(detail, "reason") or said(detail, "deploymentId"))
    return Told(keys=arn_keys(event.resources), kind="ecs:deployment", what=what)


def _ecs_action(event: AwsEvent) -> Told | None:
    name = said(event.detail, "eventName")
    if name.endswith(STEADY):
        return None
    cluster = said(event.detail, "clusterArn")
    keys = tuple(service_key(cluster, arn) for arn in event.resources)
    return Told(keys=keys, kind="ecs:service-action", what=joined(name, said(event.detail, "reason")), routine=True)


def _ecs_task(event: AwsEvent) -> Told | None:
    detail = event.detail
    status = said(detail, "lastStatus")
    if status not in {"RUNNING", "STOPPED"} or status != said(detail, "desiredStatus"):
        return None
    group, cluster = said(detail, "group"), said(detail, "clusterArn")
    service = service_key(cluster, group.removeprefix("service:")) if group.startswith("service:") else ""
    revision = last(said(detail, "taskDefinitionArn"), "/")
    reason = joined(said(detail, "stopCode"), said(detail, "stoppedReason")) if status == "STOPPED" else ""
    zone = said(detail, "availabilityZone")
    what = joined(f"task definition {revision}" if revision else "", zone, reason)
    kind = "ecs:task-stopped" if status == "STOPPED" else "ecs:task-started"
    return Told(keys=(service or arn_key(cluster),), kind=kind, what=what, routine=True)


def _ecs_instance(event: AwsEvent) -> Told | None:
    detail = event.detail
    status, connected = said(detail, "status"), said(detail, "agentConnected")
    if status in {"", "ACTIVE"} and connected != "false":
        return None
    keys = (arn_key(said(detail, "clusterArn")), _keyed("ec2-instance", said(detail, "ec2InstanceId")))
    return Told(
        keys=keys, kind="ecs:container-instance", what=joined(status, f"agent connected {connected}"), routine=True
    )


def _codedeploy(event: AwsEvent) -> Told:
    detail = event.detail
    application = said(detail, "application") or said(detail, "applicationName")
    group = said(detail, "deploymentGroup") or said(detail, "deploymentGroupName")
    state = said(detail, "state") or said(detail, "status") or said(detail, "instanceStatus")
    named = f"{application}/{group}" if application and group else ""
    keys = (
        _keyed("codedeploy-deployment-group", named),
        _keyed(NAMED.rstrip("/"), application),
        *arn_keys(event.resources),
        ACCOUNT_WIDE,
    )
    error = said(detail, "errorInformation", "ErrorMessage")
    what = joined(state, said(detail, "deploymentId"), error)
    return Told(keys=keys, kind="codedeploy:deployment", what=what)


def _stack(event: AwsEvent) -> Told:
    detail = event.detail
    arn = said(detail, "stack-id") or next(iter(event.resources), "")
    stack = said(detail, "StackName") or arn_key(arn).partition("/")[2]
    status = said(detail, "status-details", "status") or said(detail, "ResourceStatus")
    reason = said(detail, "status-details", "status-reason") or said(detail, "ResourceStatusReason")
    kind = said(detail, "resource-type") or said(detail, "ResourceType") or _STACK
    if kind != _STACK:
        return _in_stack(event, stack, kind, joined(status, reason))
    keys = (_keyed("cloudformation-stack", stack), f"{NAMED}{stack}", ACCOUNT_WIDE)
    return Told(keys=keys if stack else (), kind="cloudformation:stack", what=joined(status, reason))


def _in_stack(event: AwsEvent, stack: str, kind: str, what: str) -> Told:
    physical = said(event.detail, "physical-resource-id") or said(event.detail, "PhysicalResourceId")
    key = arn_key(physical) or _keyed(_STACK_RESOURCES.get(kind, ""), physical)
    about = f"{kind} in stack {stack}"
    return Told(keys=(key,) if key else (), kind="cloudformation:resource", what=joined(about, what))


def _scaling(event: AwsEvent) -> Told | None:
    kind = _scaling_kind(event.detail_type)
    if kind is None:
        return None
    detail = event.detail
    group, instance = said(detail, "AutoScalingGroupName"), said(detail, "EC2InstanceId")
    zone = said(detail, "Details", "Availability Zone")
    said_why = said(detail, "StatusMessage") or said(detail, "Cause")
    keys = (_keyed("autoscaling-group", group), _keyed("ec2-instance", instance))
    return Told(keys=keys, kind=f"autoscaling:{kind}", what=joined(instance, zone, said_why), routine=True)


def _scaling_kind(detail_type: str) -> str | None:
    said_so = detail_type.lower()
    verb = next((verb for verb in ("launch", "terminate") if verb in said_so), None)
    if verb is None or "lifecycle" in said_so:
        return None
    return f"{verb}-failed" if "unsuccessful" in said_so or "error" in said_so else verb


def _refresh(event: AwsEvent) -> Told:
    group = said(event.detail, "AutoScalingGroupName")
    what = event.detail_type.removeprefix("EC2 Auto Scaling ")
    return Told(keys=(_keyed("autoscaling-group", group),), kind="autoscaling:instance-refresh", what=what)


def _scaled_to_max(event: AwsEvent) -> Told:
    detail = event.detail
    target = said(detail, "resourceId")
    before, after = said(detail, "oldDesiredCapacity"), said(detail, "newDesiredCapacity")
    what = joined(f"capacity {before} -> {after}", f"at most {said(detail, 'maxCapacity')}")
    return Told(keys=(scalable_key(target),), kind="application-autoscaling:scaled-to-max", what=what)


def scalable_key(target: str) -> str:
    """Return the key of a scalable target, which Application Auto Scaling writes `service/<cluster>/<service>`."""
    kind, _, name = target.partition("/")
    return _keyed(
        {"service": "ecs-service", "table": "dynamodb-table", "cluster": "rds-db-cluster"}.get(kind, ""), name
    )


def _database(event: AwsEvent) -> Told:
    detail = event.detail
    name = said(detail, "SourceIdentifier") or said(detail, "Source ID")
    kind = (said(detail, "SourceType") or said(detail, "Event Source")).lower().replace("_", "-")
    key = {"db-instance": "rds-db-instance", "cluster": "rds-db-cluster", "db-cluster": "rds-db-cluster"}.get(kind, "")
    arns = (said(detail, "SourceArn"), *event.resources)
    categories = [text for each in listed(detail, "EventCategories") if (text := said(each))]
    categories.append(said(detail, "Tags", "category"))
    what = joined(said(detail, "Message") or said(detail, "Event Message"))
    routine = _DELIBERATE.isdisjoint(categories)
    return Told(keys=(_keyed(key, name), *arn_keys(arns)), kind="rds:event", what=what, routine=routine)


def _instance(event: AwsEvent) -> Told | None:
    instance = said(event.detail, "instance-id") or said(event.detail, "instance_id")
    state = said(event.detail, "state") or said(event.detail, "instance-action")
    if state == "pending":
        return None
    warning = "" if said(event.detail, "state") else event.detail_type
    return Told(
        keys=(_keyed("ec2-instance", instance),), kind="ec2:instance", what=joined(state, warning), routine=True
    )


def _health(event: AwsEvent) -> Told:
    detail = event.detail
    named = [text for each in listed(detail, "affectedEntities") if (text := said(each, "entityValue"))]
    touched = (_entity_key(name) for name in dict.fromkeys((*named, *event.resources)))
    description = next((said(each, "latestDescription") for each in listed(detail, "eventDescription")), "")
    category = identifier(said(detail, "eventTypeCategory")) or "event"
    what = joined(said(detail, "eventTypeCode"), said(detail, "statusCode"), description)
    return Told(keys=(ACCOUNT_WIDE, *touched), kind=f"health:{category}", what=what)


def _entity_key(name: str) -> str:
    return f"ec2-instance/{name}" if name.startswith("i-") else arn_key(name)


def _keyed(kind: str, name: str) -> str:
    return f"{kind}/{name}" if kind and name else ""


READERS: tuple[tuple[str, str, Callable[[AwsEvent], Told | None]], ...] = (
    ("aws.ecs", "ECS Deployment State Change", _ecs_deployment),
    ("aws.ecs", "ECS Service Action", _ecs_action),
    ("aws.ecs", "ECS Task State Change", _ecs_task),
    ("aws.ecs", "ECS Container Instance State Change", _ecs_instance),
    ("aws.codedeploy", "CodeDeploy ", _codedeploy),
    ("aws.cloudformation", "CloudFormation Stack Status Change", _stack),
    ("aws.cloudformation", "CloudFormation Resource Status Change", _stack),
    ("aws.cloudformation", "CloudFormation CREATE_", _stack),
    ("aws.cloudformation", "CloudFormation UPDATE_", _stack),
    ("aws.cloudformation", "CloudFormation DELETE_", _stack),
    ("aws.cloudformation", "CloudFormation ROLLBACK_", _stack),
    ("aws.cloudformation", "CloudFormation IMPORT_", _stack),
    ("aws.autoscaling", "EC2 Auto Scaling Instance Refresh", _refresh),
    ("aws.autoscaling", "EC2 Instance", _scaling),
    ("aws.autoscaling", "autoscaling:EC2_INSTANCE", _scaling),
    ("aws.application-autoscaling", "Application Auto Scaling Scaling Activity", _scaled_to_max),
    ("aws.rds", "RDS ", _database),
    ("aws.ec2", "EC2 Instance State-change", _instance),
    ("aws.ec2", "EC2 Spot Instance Interruption", _instance),
    ("aws.health", "AWS Health Event", _health),
    (SOURCE, "", read_put),
)
"""Source, how the detail type begins, and what reads it: the first row that fits."""
