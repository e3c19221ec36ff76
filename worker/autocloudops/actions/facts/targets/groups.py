"""EC2 Auto Scaling groups."""

from autocloudops.actions.facts.reading import Place, Reads, belongs, tags_of
from autocloudops.actions.facts.targets.model import Described, Kind, Limits
from autocloudops.alarms.model import ResourceRef
from autocloudops.errors import TargetMissing

_GROUPS = "autoscaling:DescribeAutoScalingGroups"
_POLICIES = "autoscaling:DescribePolicies"
_MOST_POLICIES = 100


async def _describe(reads: Reads, target: ResourceRef) -> Described:
    answer = await reads.ask(_GROUPS, Place.of(target), target.id, AutoScalingGroupNames=[target.id])
    found = next(iter(answer.get("AutoScalingGroups", ())), None)
    if found is None:
        raise TargetMissing(_GROUPS, target.id, "there is no such group")
    belongs(found["AutoScalingGroupARN"], target, _GROUPS)
    if found.get("Status"):
        raise TargetMissing(_GROUPS, target.id, f"the group has the status {found['Status']}")
    desired, least, most = found["DesiredCapacity"], found["MinSize"], found["MaxSize"]
    suspended = ",".join(sorted(each["ProcessName"] for each in found.get("SuspendedProcesses", ())))
    state = {"DesiredCount": str(desired), "MinSize": str(least), "MaxSize": str(most)}
    return Described(
        tags=tags_of(found.get("Tags", ())),
        state=state | ({"SuspendedProcesses": suspended} if suspended else {}),
        desired=desired,
        running=sum(each.get("LifecycleState") == "InService" for each in found.get("Instances", ())),
        limits=Limits(least, most),
    )


async def _limits(reads: Reads, target: ResourceRef) -> Limits:
    answer = await reads.ask(
        _POLICIES, Place.of(target), target.id, AutoScalingGroupName=target.id, MaxRecords=_MOST_POLICIES
    )
    enabled = (each for each in answer.get("ScalingPolicies", ()) if each.get("Enabled", True))
    return Limits(scaled_by=tuple(sorted(each["PolicyName"] for each in enabled)))


GROUP = Kind("autoscaling:group", (_GROUPS, _POLICIES), _describe, _limits)
