"""ECS services."""

from collections.abc import Iterable, Mapping

from autocloudops.actions.facts.reading import Answer, Place, Reads, belongs, together
from autocloudops.actions.facts.targets.model import Described, Kind, Limits
from autocloudops.alarms.model import ResourceRef
from autocloudops.errors import TargetMissing

_SERVICES = "ecs:DescribeServices"
_TARGETS = "application-autoscaling:DescribeScalableTargets"
_POLICIES = "application-autoscaling:DescribeScalingPolicies"
_DIMENSION = {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount"}


async def _describe(reads: Reads, target: ResourceRef) -> Described:
    cluster, _, name = target.id.partition("/")
    answer = await reads.ask(_SERVICES, Place.of(target), target.id, cluster=cluster, services=[name], include=["TAGS"])
    found = next(iter(answer.get("services", ())), None)
    if found is None:
        raise TargetMissing(_SERVICES, target.id, "there is no such service")
    belongs(found["serviceArn"], target, _SERVICES)
    if found["status"] != "ACTIVE":
        raise TargetMissing(_SERVICES, target.id, f"the service is {found['status']}")
    return Described(
        tags={str(tag["key"]): str(tag.get("value", "")) for tag in found.get("tags", ())},
        state=_state(found),
        desired=int(found["desiredCount"]),
        running=int(found["runningCount"]),
    )


def _state(found: Answer) -> Mapping[str, str]:
    deployments = found.get("deployments", ())
    newest: Answer = next((each for each in deployments if each.get("status") == "PRIMARY"), {})
    state = {
        "DesiredCount": str(found["desiredCount"]),
        "TaskDefinition": str(found.get("taskDefinition", "")),
        "Deployment": str(newest.get("id", "")),
        "DeploymentStatus": str(newest.get("rolloutState", "")),
        "Deployments": str(len(deployments)),
    }
    return {name: value for name, value in state.items() if value}


async def _limits(reads: Reads, target: ResourceRef) -> Limits:
    resource = f"service/{target.id}"
    targets, policies = await together(
        (
            reads.ask(_TARGETS, Place.of(target), target.id, ResourceIds=[resource], **_DIMENSION),
            reads.ask(_POLICIES, Place.of(target), target.id, ResourceId=resource, **_DIMENSION),
        )
    )
    found: Iterable[Answer] = targets.get("ScalableTargets", ())
    bounds: Answer = next((each for each in found if each["ResourceId"] == resource), {})
    names = tuple(sorted(each["PolicyName"] for each in policies.get("ScalingPolicies", ())))
    return Limits(bounds.get("MinCapacity"), bounds.get("MaxCapacity"), names)


SERVICE = Kind("ecs:service", (_SERVICES, _TARGETS, _POLICIES), _describe, _limits)
