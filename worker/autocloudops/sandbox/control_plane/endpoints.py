"""The operations on endpoints of the simulated control plane."""

import math
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from autocloudops.sandbox.control_plane import endpoint_timeline as timeline
from autocloudops.sandbox.control_plane import instances
from autocloudops.sandbox.control_plane.faults import DeploymentFault
from autocloudops.sandbox.control_plane.listing import listed
from autocloudops.sandbox.control_plane.resources import fleet_of, image_of
from autocloudops.sandbox.control_plane.values import (
    Created,
    Document,
    Endpoint,
    EndpointStatus,
    Fleet,
    Phase,
    Scalable,
    Variant,
)
from autocloudops.sandbox.control_plane.wire import Refusal, Row, invalid
from autocloudops.sandbox.control_plane.world import Handler, World, require_quota

VARIANT_DIMENSION = "sagemaker:variant:DesiredInstanceCount"
RETAINABLE = frozenset({"DesiredInstanceCount", "DesiredWeight"})


def create_endpoint(world: World, request: Document, now: datetime) -> Row:
    """CreateEndpoint: Creating, then InService or Failed."""
    name = request["EndpointName"]
    arn = world.new_arn("endpoint", "endpoint", name, world.endpoints)
    fleet = fleet_of(_visible_config(world, request["EndpointConfigName"], now))
    require_quota(world, instances.held(world, now), fleet.instances())
    fault = _fault(world, "CreateEndpoint", fleet)
    phases = timeline.started(fleet, now, world.durations, reason=fault.reason if fault else None)
    deployment = request.get("DeploymentConfig")
    made = Endpoint(name=name, arn=arn, created_at=now, phases=phases, deployment=deployment)
    world.endpoints[name.lower()] = made
    world.tag(arn, request)
    return {"EndpointArn": arn}


def describe_endpoint(world: World, request: Document, now: datetime) -> Row:
    """DescribeEndpoint: the old configuration until a change is complete, the new one as pending."""
    endpoint = world.endpoint(request["EndpointName"])
    phase = timeline.phase(endpoint, now)
    shown = phase.serving or phase.starting
    return {
        **_summary(endpoint, now),
        "EndpointConfigName": shown.config_name if shown else None,
        "ProductionVariants": _variants(world, endpoint, phase, now) or None,
        "FailureReason": phase.reason,
        "LastDeploymentConfig": endpoint.deployment,
        "PendingDeploymentSummary": _pending(phase),
    }


def list_endpoints(world: World, request: Document, now: datetime) -> Row:
    """ListEndpoints."""
    return listed((_summary(each, now) for each in world.endpoints.values()), request, "Endpoint")


def update_endpoint(world: World, request: Document, now: datetime) -> Row:
    """UpdateEndpoint: a second fleet starts beside the first, so that both count against the quota until it is done."""
    endpoint = _changeable(world, request["EndpointName"], now)
    serving = _serving(endpoint, now)
    new = fleet_of(_visible_config(world, request["EndpointConfigName"], now))
    world.config(serving.config_name)
    _check_scalable_targets(world, endpoint, serving, new)
    fleet = _retaining(serving, new, request)
    kept = endpoint.deployment if request.get("RetainDeploymentConfig") else None
    deployment = request.get("DeploymentConfig", kept)
    extra = _batch(deployment, serving.instances(), fleet.instances())
    require_quota(world, instances.held(world, now), extra)
    change = timeline.Change(
        fleet=fleet,
        extra=extra,
        seconds=world.durations.update_endpoint_seconds,
        roll_back_seconds=world.durations.roll_back_seconds,
        fault=_fault(world, "UpdateEndpoint", fleet),
        deployment=deployment,
    )
    world.endpoints[endpoint.name.lower()] = timeline.changed(endpoint, change, now)
    return {"EndpointArn": endpoint.arn}


def update_endpoint_weights_and_capacities(world: World, request: Document, now: datetime) -> Row:
    """UpdateEndpointWeightsAndCapacities: more or fewer instances, or other weights, of the same configuration."""
    wanted = {each["VariantName"]: each for each in request["DesiredWeightsAndCapacities"]}
    resize(world, request["EndpointName"], wanted, now)
    return {"EndpointArn": world.endpoint(request["EndpointName"]).arn}


def delete_endpoint(world: World, request: Document, now: datetime) -> Row:
    """DeleteEndpoint: Deleting, then not found. Its scalable targets go; its inference components stay."""
    endpoint = world.endpoint(request["EndpointName"])
    if not timeline.may_delete(endpoint, now):
        raise _in_progress(endpoint)
    _forget_targets(world, endpoint)
    world.endpoints[endpoint.name.lower()] = timeline.deleted(endpoint, now, world.durations)
    return {}


OPERATIONS: Mapping[str, Handler] = MappingProxyType(
    {
        "CreateEndpoint": create_endpoint,
        "DescribeEndpoint": describe_endpoint,
        "ListEndpoints": list_endpoints,
        "UpdateEndpoint": update_endpoint,
        "UpdateEndpointWeightsAndCapacities": update_endpoint_weights_and_capacities,
        "DeleteEndpoint": delete_endpoint,
    }
)


def resize(world: World, endpoint_name: str, wanted: Mapping[str, Mapping[str, Any]], now: datetime) -> None:
    """Start the change of instance counts or weights, by variant name, within the quota."""
    endpoint = _changeable(world, endpoint_name, now)
    serving = _serving(endpoint, now)
    if unknown := sorted(wanted.keys() - {each.name for each in serving.variants}):
        config = world.place.arn(f"endpoint-config/{serving.config_name.lower()}")
        raise invalid(f'The variant name(s) {unknown} is/are not present within endpoint configuration "{config}".')
    variants = tuple(_resized(each, wanted.get(each.name, {})) for each in serving.variants)
    fleet = serving.model_copy(update={"variants": variants})
    more = fleet.instances() - serving.instances()
    require_quota(world, instances.held(world, now), more)
    change = timeline.Change(
        fleet=fleet,
        extra=more,
        seconds=world.durations.rescale_endpoint_seconds,
        roll_back_seconds=world.durations.roll_back_seconds,
        fault=_fault(world, "UpdateEndpointWeightsAndCapacities", fleet),
    )
    world.endpoints[endpoint.name.lower()] = timeline.changed(endpoint, change, now)


def scalable(endpoint: Endpoint, variant_name: str) -> Scalable:
    """Return the variant as Application Auto Scaling names it."""
    return Scalable(resource_id=f"endpoint/{endpoint.name}/variant/{variant_name}", dimension=VARIANT_DIMENSION)


def _visible_config(world: World, name: str, now: datetime) -> Created:
    config = world.config(name)
    if now < config.created_at + timedelta(seconds=world.durations.config_visible_seconds):
        raise invalid(f'Could not find endpoint configuration "{config.arn}".')
    return config


def _changeable(world: World, name: str, now: datetime) -> Endpoint:
    endpoint = world.endpoint(name)
    if not timeline.may_change(endpoint, now):
        raise _in_progress(endpoint)
    return endpoint


def _in_progress(endpoint: Endpoint) -> Refusal:
    return invalid(f'Cannot update in-progress endpoint "{endpoint.arn}".')


def _serving(endpoint: Endpoint, now: datetime) -> Fleet:
    fleet = timeline.phase(endpoint, now).serving
    if fleet is None:
        raise _in_progress(endpoint)
    return fleet


def _fault(world: World, operation: str, fleet: Fleet) -> DeploymentFault | None:
    first = fleet.variants[0]
    return world.next_deployment_fault(operation, variant=first.name, image=image_of(world, first.model_name))


def _retaining(serving: Fleet, new: Fleet, request: Document) -> Fleet:
    """Return the new fleet with what the old one keeps when `RetainAllVariantProperties` is asked for."""
    if not request.get("RetainAllVariantProperties"):
        return new
    excluded = {each["VariantPropertyType"] for each in request.get("ExcludeRetainedVariantProperties", [])}
    kept = {each.name: _kept(each, RETAINABLE - excluded) for each in serving.variants}
    variants = tuple(each.model_copy(update=kept.get(each.name, {})) for each in new.variants)
    return new.model_copy(update={"variants": variants})


def _kept(variant: Variant, properties: frozenset[str]) -> dict[str, object]:
    every = {"DesiredInstanceCount": ("instances", variant.instances), "DesiredWeight": ("weight", variant.weight)}
    return dict(every[each] for each in properties)


def _batch(deployment: Document | None, old: Counter[str], new: Counter[str]) -> Counter[str]:
    """Return how many instances a change holds beside the old ones: a whole fleet, or a batch of a rolling update."""
    size = (deployment or {}).get("RollingUpdatePolicy", {}).get("MaximumBatchSize")
    if not size:
        return new
    share = size["Value"] / 100 if size["Type"] == "CAPACITY_PERCENT" else None
    batch = {kind: math.ceil(count * share) if share else size["Value"] for kind, count in new.items()}
    return Counter(batch) | (new - old)


def _check_scalable_targets(world: World, endpoint: Endpoint, serving: Fleet, new: Fleet) -> None:
    """Refuse a change of the instance type of a variant that is scaled automatically, as the scaling guide says."""
    types = {each.name: each.instance_type for each in new.variants}
    for variant in serving.variants:
        is_target = scalable(endpoint, variant.name) in world.targets
        if is_target and types.get(variant.name) != variant.instance_type:
            raise invalid(
                f"The variant {variant.name} is a target of automatic scaling: its instance type cannot change. "
                "Deregister the scalable target first."
            )


def _resized(variant: Variant, wanted: Mapping[str, Any]) -> Variant:
    count = wanted.get("DesiredInstanceCount", variant.instances)
    return variant.model_copy(update={"instances": count, "weight": wanted.get("DesiredWeight", variant.weight)})


def _forget_targets(world: World, endpoint: Endpoint) -> None:
    prefix = f"endpoint/{endpoint.name}/variant/"
    for each in [each for each in world.targets if each.resource_id.startswith(prefix)]:
        del world.targets[each]
    for key in [key for key in world.policies if key[0].resource_id.startswith(prefix)]:
        del world.policies[key]


def _summary(endpoint: Endpoint, now: datetime) -> Row:
    phase = timeline.phase(endpoint, now)
    return {
        "EndpointName": endpoint.name,
        "EndpointArn": endpoint.arn,
        "EndpointStatus": phase.status,
        "CreationTime": endpoint.created_at,
        "LastModifiedTime": phase.at,
    }


def _variants(world: World, endpoint: Endpoint, phase: Phase, now: datetime) -> list[Row]:
    if phase.serving is None:
        return []
    goal = phase.starting if _is_rescale(phase) else phase.serving
    desired = {each.name: each for each in goal.variants} if goal else {}
    return [_variant_row(world, endpoint, each, desired[each.name], now) for each in phase.serving.variants]


def _is_rescale(phase: Phase) -> bool:
    names = {fleet.config_name for fleet in (phase.serving, phase.starting) if fleet}
    return phase.starting is not None and len(names) == 1


def _variant_row(world: World, endpoint: Endpoint, now_serves: Variant, desired: Variant, now: datetime) -> Row:
    count = instances.of_variant(world, endpoint, now_serves, now)
    bounds = now_serves.managed
    return {
        "VariantName": now_serves.name,
        "DeployedImages": _images(world, now_serves),
        "CurrentWeight": now_serves.weight,
        "DesiredWeight": desired.weight,
        "CurrentInstanceCount": count,
        "DesiredInstanceCount": count if bounds else desired.instances,
        "ManagedInstanceScaling": bounds
        and {"Status": "ENABLED", "MinInstanceCount": bounds[0], "MaxInstanceCount": bounds[1]},
    }


def _images(world: World, variant: Variant) -> list[Row] | None:
    image = image_of(world, variant.model_name)
    return [{"SpecifiedImage": image, "ResolvedImage": image}] if image else None


def _pending(phase: Phase) -> Row | None:
    if phase.starting is None or phase.status not in {EndpointStatus.CREATING, EndpointStatus.UPDATING}:
        return None
    variants = [
        {"VariantName": each.name, "InstanceType": each.instance_type, "DesiredInstanceCount": each.instances}
        for each in phase.starting.variants
    ]
    return {"EndpointConfigName": phase.starting.config_name, "ProductionVariants": variants, "StartTime": phase.at}
