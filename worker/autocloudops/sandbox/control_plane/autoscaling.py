"""Application Auto Scaling of the simulated control plane: scalable targets, scaling policies and scaling activities.

No metric is read and no alarm is evaluated here: a test, or a simulation, says when a policy fires. What the service
does by itself is done: a target that is out of its bounds when it is registered is brought inside.
"""

import uuid
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from autocloudops.sandbox.control_plane.endpoints import VARIANT_DIMENSION
from autocloudops.sandbox.control_plane.scaling import (
    COMPONENT_DIMENSION,
    NAMESPACE,
    capacity_of,
    not_found,
    registered,
    scale,
)
from autocloudops.sandbox.control_plane.values import Activity, Document, Policy, Scalable, Target
from autocloudops.sandbox.control_plane.wire import Refusal, Row, invalid, page
from autocloudops.sandbox.control_plane.world import Handler, World

SERVICE = "application-autoscaling"
PAGE_SIZE = 50
ROLE = "aws-service-role/sagemaker.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_"
ROLE_SUFFIXES = {VARIANT_DIMENSION: "SageMakerEndpoint", COMPONENT_DIMENSION: "SageMakerInferenceComponent"}
CONFIGURATIONS = ("StepScalingPolicyConfiguration", "TargetTrackingScalingPolicyConfiguration")
# What a request may hold -> the key of a row that must then be equal to it, or among it.
ONE_OF = {"ResourceIds": "ResourceId", "PolicyNames": "PolicyName"}
EQUAL = ("ResourceId", "ScalableDimension", "ServiceNamespace")
NOTHING_SUSPENDED = {
    "DynamicScalingInSuspended": False,
    "DynamicScalingOutSuspended": False,
    "ScheduledScalingSuspended": False,
}


def register_scalable_target(world: World, request: Document, now: datetime) -> Row:
    """RegisterScalableTarget: a new target, or new bounds of an old one."""
    what = _scalable(request)
    old = world.targets.get(what)
    capacity = capacity_of(world, what, now)
    low, high = _bounds(request, old)
    if what.dimension == VARIANT_DIMENSION and low < 1:
        raise invalid(f"Minimum capacity must be at least 1 for {what.resource_id}.")
    identity = uuid.uuid5(uuid.NAMESPACE_URL, what.resource_id).hex
    arn = old.arn if old else world.place.arn(f"scalable-target/{identity}", service=SERVICE)
    world.targets[what] = Target(
        scalable=what,
        arn=arn,
        created_at=old.created_at if old else now,
        minimum=low,
        maximum=high,
        role_arn=request.get("RoleARN") or _service_role(world, what),
        suspended=request.get("SuspendedState") or (old.suspended if old else NOTHING_SUSPENDED),
    )
    if not low <= capacity <= high:
        scale(world, what.resource_id, capacity, "the capacity is outside of the minimum and maximum", now)
    return {"ScalableTargetARN": arn}


def describe_scalable_targets(world: World, request: Document, _: datetime) -> Row:
    """DescribeScalableTargets."""
    return _rows([_target_row(each) for each in world.targets.values()], request, "ScalableTargets")


def deregister_scalable_target(world: World, request: Document, _: datetime) -> Row:
    """DeregisterScalableTarget: its policies go with it."""
    what = _scalable(request)
    registered(world, what)
    del world.targets[what]
    for key in [key for key in world.policies if key[0] == what]:
        del world.policies[key]
    return {}


def put_scaling_policy(world: World, request: Document, now: datetime) -> Row:
    """PutScalingPolicy: target tracking brings its two alarms; a step policy is fired by an alarm of the caller's."""
    what = _scalable(request)
    registered(world, what)
    if not any(each in request for each in CONFIGURATIONS):
        raise invalid(f"One of {', '.join(CONFIGURATIONS)} is required.")
    name = request["PolicyName"]
    identity = uuid.uuid5(uuid.NAMESPACE_URL, f"{what.resource_id}/{name}")
    arn = world.place.arn(
        f"scalingPolicy:{identity}:resource/sagemaker/{what.resource_id}:policyName/{name}", service="autoscaling"
    )
    old = world.policies.get((what, name))
    created_at = old.created_at if old else now
    made = Policy(name=name, arn=arn, scalable=what, created_at=created_at, request=request)
    world.policies[what, name] = made
    return {"PolicyARN": arn, "Alarms": _alarms(world, made)}


def describe_scaling_policies(world: World, request: Document, _: datetime) -> Row:
    """DescribeScalingPolicies."""
    return _rows([_policy_row(world, each) for each in world.policies.values()], request, "ScalingPolicies")


def delete_scaling_policy(world: World, request: Document, _: datetime) -> Row:
    """DeleteScalingPolicy."""
    key = (_scalable(request), request["PolicyName"])
    if key not in world.policies:
        raise not_found("scaling policy", f"policy name: {request['PolicyName']}, ", key[0])
    del world.policies[key]
    return {}


def describe_scaling_activities(world: World, request: Document, now: datetime) -> Row:
    """DescribeScalingActivities, newest first."""
    return _rows([_activity_row(each, now) for each in reversed(world.activities)], request, "ScalingActivities")


OPERATIONS: Mapping[str, Handler] = MappingProxyType(
    {
        "RegisterScalableTarget": register_scalable_target,
        "DescribeScalableTargets": describe_scalable_targets,
        "DeregisterScalableTarget": deregister_scalable_target,
        "PutScalingPolicy": put_scaling_policy,
        "DescribeScalingPolicies": describe_scaling_policies,
        "DeleteScalingPolicy": delete_scaling_policy,
        "DescribeScalingActivities": describe_scaling_activities,
    }
)


def _scalable(request: Document) -> Scalable:
    if request["ServiceNamespace"] != NAMESPACE or request["ScalableDimension"] not in ROLE_SUFFIXES:
        raise invalid(f"Unsupported service namespace or scalable dimension: {request['ScalableDimension']}")
    return Scalable(resource_id=request["ResourceId"], dimension=request["ScalableDimension"])


def _bounds(request: Document, old: Target | None) -> tuple[int, int]:
    low = request.get("MinCapacity", old.minimum if old else None)
    high = request.get("MaxCapacity", old.maximum if old else None)
    if low is None or high is None:
        raise invalid("Both minimum and maximum capacity must be specified for a new scalable target.")
    if low > high:
        raise invalid("Maximum capacity cannot be less than minimum capacity.")
    return int(low), int(high)


def _service_role(world: World, what: Scalable) -> str:
    return f"arn:aws:iam::{world.place.account}:role/{ROLE}{ROLE_SUFFIXES[what.dimension]}"


def _alarms(world: World, policy: Policy) -> list[Row]:
    if "TargetTrackingScalingPolicyConfiguration" not in policy.request:
        return []
    identity = policy.arn.split(":")[6]
    names = [f"TargetTracking-{policy.scalable.resource_id}-Alarm{each}-{identity}" for each in ("High", "Low")]
    return [{"AlarmName": each, "AlarmARN": world.place.arn(f"alarm:{each}", service="cloudwatch")} for each in names]


def _common(what: Scalable) -> Row:
    return {"ServiceNamespace": NAMESPACE, "ResourceId": what.resource_id, "ScalableDimension": what.dimension}


def _target_row(target: Target) -> Row:
    return {
        **_common(target.scalable),
        "ScalableTargetARN": target.arn,
        "MinCapacity": target.minimum,
        "MaxCapacity": target.maximum,
        "RoleARN": target.role_arn,
        "CreationTime": target.created_at,
        "SuspendedState": target.suspended,
    }


def _policy_row(world: World, policy: Policy) -> Row:
    tracking = "TargetTrackingScalingPolicyConfiguration" in policy.request
    said = {key: policy.request[key] for key in CONFIGURATIONS if key in policy.request}
    return {
        **_common(policy.scalable),
        **said,
        "PolicyARN": policy.arn,
        "PolicyName": policy.name,
        "PolicyType": "TargetTrackingScaling" if tracking else "StepScaling",
        "Alarms": _alarms(world, policy),
        "CreationTime": policy.created_at,
    }


def _activity_row(activity: Activity, now: datetime) -> Row:
    done = activity.ends_at <= now
    ending = "Successful" if activity.succeeds else "Failed"
    unit = "desired copy count" if activity.scalable.dimension == COMPONENT_DIMENSION else "desired instance count"
    return {
        **_common(activity.scalable),
        "ActivityId": activity.id,
        "Description": f"Setting {unit} to {activity.capacity}.",
        "Cause": activity.cause,
        "StartTime": activity.started_at,
        "EndTime": activity.ends_at if done else None,
        "StatusCode": ending if done else "InProgress",
    }


def _rows(rows: list[Row], request: Document, member: str) -> Row:
    chosen = [
        row
        for row in rows
        if all(row[key] == request[key] for key in EQUAL if key in request)
        and all(row[key] in request[name] for name, key in ONE_OF.items() if name in request)
    ]
    return page(chosen, request, member=member, size=PAGE_SIZE, invalid_token=_invalid_token)


def _invalid_token(message: str) -> Refusal:
    return Refusal("InvalidNextTokenException", message)
