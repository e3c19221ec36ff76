"""What the actions ask of an alarm: its one metric, the direction it crossed, and the resource to act on."""

import re
from collections.abc import Mapping

from autocloudops.alarms.model import Alarm, Metric, ResourceRef
from autocloudops.catalogue.model import Binding

_RISING = {"GreaterThanThreshold", "GreaterThanOrEqualToThreshold", "GreaterThanUpperThreshold"}
_FALLING = {"LessThanThreshold", "LessThanOrEqualToThreshold", "LessThanLowerThreshold"}

# What the ECS API allows in names, what RDS and EC2 allow in ids, and a careful part of what Auto Scaling allows: no
# spaces (a sentence is no name), no quotes, no braces (SSM resolves `{{ }}` inside parameter values).
_NAMES = {
    "ecs:service": re.compile(r"[A-Za-z0-9_-]{1,255}/[A-Za-z0-9_-]{1,255}"),
    "autoscaling:group": re.compile(r"[A-Za-z0-9_.:/@+=#-]{1,255}"),
    "rds:db-instance": re.compile(r"[A-Za-z][A-Za-z0-9-]{0,62}"),
    "ec2:instance": re.compile(r"i-[0-9a-f]{8,17}"),
}
KINDS: Mapping[str, str] = {
    "ecs:service": "ecs-service",
    "autoscaling:group": "auto-scaling-group",
    "rds:db-instance": "db-instance",
    "ec2:instance": "instance",
}
"""What a runbook that serves several types of resource is told about its target's type."""
_WORDS = {"autoscaling:group": "Auto Scaling group", "rds:db-instance": "RDS instance", "ec2:instance": "EC2 instance"}
_RESOURCE = r"[A-Za-z0-9_.:/@+=#-]{3,512}"
_ACCOUNT = r"[0-9]{12}"
_REGION = r"[a-z]{2,4}(?:-[a-z]{1,12}){1,3}-[0-9]{1,2}"


def sole_metric(alarm: Alarm) -> Metric | None:
    """Return the metric that `alarm` watches, or None where it watches none or computes with several."""
    computed = [query for query in alarm.queries if query.metric]
    return alarm.metric if len(computed) <= 1 else None


def watches(alarm: Alarm, metrics: frozenset[tuple[str, str]]) -> bool:
    """Tell whether `alarm` watches exactly one metric and it is one of `metrics`: pairs of namespace and name."""
    metric = sole_metric(alarm)
    return metric is not None and (metric.namespace, metric.name) in metrics


def rises(alarm: Alarm) -> bool:
    """Tell whether `alarm` fires because its metric is too high, and for no other reason."""
    return alarm.condition.operator in _RISING


def falls(alarm: Alarm) -> bool:
    """Tell whether `alarm` fires because its metric is too low, and for no other reason."""
    return alarm.condition.operator in _FALLING


def target_of(alarm: Alarm, kind: str) -> ResourceRef | None:
    """Return the resource of type `kind` that `alarm` is about, else its owner of that type, else None.

    None also where account, region or name are not what AWS gives such a resource: they become a runbook's parameters.
    """
    resource = alarm.resource
    if not (re.fullmatch(_ACCOUNT, resource.account) and re.fullmatch(_REGION, resource.region)):
        return None
    if resource.type == kind:
        return resource if _NAMES[kind].fullmatch(resource.id) else None
    prefix = f"{kind.replace(':', '-')}/"
    name = resource.owner.removeprefix(prefix)
    if name == resource.owner or not _NAMES[kind].fullmatch(name):
        return None
    return ResourceRef(type=kind, id=name, account=resource.account, region=resource.region, owner=resource.owner)


def bind_service(alarm: Alarm) -> Binding | None:
    """Bind to the ECS service that `alarm` is about, or None."""
    service = target_of(alarm, "ecs:service")
    if service is None:
        return None
    cluster, _, name = service.id.partition("/")
    return Binding(target=service, parameters={"Cluster": cluster, "Service": name})


def bind_database(alarm: Alarm) -> Binding | None:
    """Bind to the RDS instance that `alarm` is about, or None."""
    database = target_of(alarm, "rds:db-instance")
    if database is None:
        return None
    return Binding(target=database, parameters={"DBInstanceIdentifier": database.id})


def bind_group(alarm: Alarm) -> Binding | None:
    """Bind to the Auto Scaling group that `alarm` is about, or None."""
    group = target_of(alarm, "autoscaling:group")
    return Binding(target=group, parameters={"Group": group.id}) if group else None


def bind_anything(alarm: Alarm) -> Binding | None:
    """Bind to whatever `alarm` is about, or None where its name is not one that a runbook may be given."""
    resource = alarm.resource
    named = f"{resource.type}/{resource.id}"
    return Binding(target=resource, parameters={"Resource": named}) if re.fullmatch(_RESOURCE, named) else None


def of_kind(binding: Binding | None) -> Binding | None:
    """Return a binding with the parameter `Kind`, for a runbook that serves several types of resource."""
    if binding is None:
        return None
    return Binding(target=binding.target, parameters={"Kind": KINDS[binding.target.type], **binding.parameters})


def in_words(target: ResourceRef) -> str:
    """Return what a target is and where, in words."""
    what = f"{_WORDS.get(target.type, target.type)} {target.id}"
    if target.type == "ecs:service":
        cluster, _, name = target.id.partition("/")
        what = f"ECS service {name} in cluster {cluster}"
    return f"{what} ({target.region}, account {target.account})"
