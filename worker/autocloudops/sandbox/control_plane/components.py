"""The operations on inference components of the simulated control plane."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from autocloudops.sandbox.control_plane import component_timeline as timeline
from autocloudops.sandbox.control_plane import endpoint_timeline, instances
from autocloudops.sandbox.control_plane.listing import listed
from autocloudops.sandbox.control_plane.resources import image_of
from autocloudops.sandbox.control_plane.values import (
    Component,
    Document,
    Endpoint,
    EndpointStatus,
    Variant,
)
from autocloudops.sandbox.control_plane.wire import Row, invalid
from autocloudops.sandbox.control_plane.world import Handler, World, beyond_quota

NOT_SUPPORTED = (
    "Inference Components are not supported in this Endpoint. Please make sure this endpoint can deploy inference "
    "components."
)
NO_ROOM = (
    "The endpoint has not enough hardware resources for {copies} copies on {kind}: its {gpus} GPU(s) on each of at "
    "most {most} instance(s) do not hold {each} GPU(s) per copy."
)


def create_inference_component(world: World, request: Document, now: datetime) -> Row:
    """CreateInferenceComponent: Creating, then InService, or Failed where its copies have no room."""
    name = request["InferenceComponentName"]
    arn = world.new_arn("inference component", "inference-component", name, world.components)
    endpoint = world.endpoint(request["EndpointName"])
    variant = _host(endpoint, request, now)
    copies = _first_copies(world, request)
    made = Component(
        name=name,
        arn=arn,
        created_at=now,
        endpoint_name=endpoint.name,
        variant_name=variant.name,
        phases=timeline.started(
            request, copies, now, start_seconds=0.0, seconds=world.durations.create_component_seconds
        ),
    )
    start, reason = _placed(world, "CreateInferenceComponent", made, variant, now)
    seconds = world.durations.create_component_seconds
    phases = timeline.started(request, copies, now, start_seconds=start, seconds=seconds, reason=reason)
    world.components[name.lower()] = made.model_copy(update={"phases": phases})
    world.tag(arn, request)
    return {"InferenceComponentArn": arn}


def describe_inference_component(world: World, request: Document, now: datetime) -> Row:
    """DescribeInferenceComponent."""
    component = world.component(request["InferenceComponentName"])
    phase = timeline.phase(component, now)
    return {
        **_summary(world, component, now),
        "FailureReason": phase.reason,
        "Specification": phase.request["Specification"],
        "RuntimeConfig": {"DesiredCopyCount": phase.desired, "CurrentCopyCount": phase.current},
    }


def list_inference_components(world: World, request: Document, now: datetime) -> Row:
    """ListInferenceComponents."""
    rows = (_summary(world, each, now) for each in world.components.values())
    return listed(rows, request, "InferenceComponent")


def update_inference_component(world: World, request: Document, now: datetime) -> Row:
    """UpdateInferenceComponent: another specification, or number of copies."""
    component = changeable(world, request["InferenceComponentName"], now)
    before = timeline.phase(component, now)
    copies = request.get("RuntimeConfig", {}).get("CopyCount", before.desired)
    asked = {**before.request, "Specification": request.get("Specification", before.request["Specification"])}
    _change(world, component, asked, copies, now, operation="UpdateInferenceComponent")
    return {"InferenceComponentArn": component.arn}


def update_runtime_config(world: World, request: Document, now: datetime) -> Row:
    """UpdateInferenceComponentRuntimeConfig: more or fewer copies, down to none."""
    component = changeable(world, request["InferenceComponentName"], now)
    rescale(world, component, request["DesiredRuntimeConfig"]["CopyCount"], now)
    return {"InferenceComponentArn": component.arn}


def delete_inference_component(world: World, request: Document, now: datetime) -> Row:
    """DeleteInferenceComponent: Deleting, then not found."""
    component = changeable(world, request["InferenceComponentName"], now)
    world.components[component.name.lower()] = timeline.deleted(component, now, world.durations)
    return {}


OPERATIONS: Mapping[str, Handler] = MappingProxyType(
    {
        "CreateInferenceComponent": create_inference_component,
        "DescribeInferenceComponent": describe_inference_component,
        "ListInferenceComponents": list_inference_components,
        "UpdateInferenceComponent": update_inference_component,
        "UpdateInferenceComponentRuntimeConfig": update_runtime_config,
        "DeleteInferenceComponent": delete_inference_component,
    }
)


def changeable(world: World, name: str, now: datetime) -> Component:
    """Return the component of that name, or refuse while a change of it is under way."""
    component = world.component(name)
    if timeline.is_busy(component, now):
        raise invalid(f'Cannot update in-progress inference component "{component.arn}".')
    return component


def rescale(world: World, component: Component, copies: int, now: datetime) -> None:
    """Start the change to `copies`."""
    asked = timeline.phase(component, now).request
    _change(world, component, asked, copies, now, operation="UpdateInferenceComponentRuntimeConfig")


def _change(world: World, component: Component, asked: Document, copies: int, now: datetime, *, operation: str) -> None:
    endpoint = world.endpoint(component.endpoint_name)
    variant = _host(endpoint, {"VariantName": component.variant_name}, now)
    before = timeline.phase(component, now)
    fullest = before.model_copy(update={"desired": copies, "request": asked, "reserved": max(before.reserved, copies)})
    planned = component.model_copy(update={"phases": (fullest,)})
    start, reason = _placed(world, operation, planned, variant, now)
    change = timeline.Change(request=asked, copies=copies, start_seconds=start, reason=reason)
    world.components[component.name.lower()] = timeline.changed(component, change, now, world.durations)


def _placed(
    world: World, operation: str, planned: Component, variant: Variant, now: datetime
) -> tuple[float, str | None]:
    """Return how long instances take to start for the planned component, and why it will fail, if it will."""
    endpoint = world.endpoint(planned.endpoint_name)
    others = [each for each in world.components_of(endpoint) if each.name != planned.name]
    needs = instances.for_components([*others, planned], variant.instance_type, now, instances.reserved_copies)
    more = needs - instances.of_variant(world, endpoint, variant, now, instances.reserved_copies)
    excess = beyond_quota(world, instances.held(world, now), {variant.instance_type: more})
    is_there = needs <= instances.of_variant(world, endpoint, variant, now)
    start = 0.0 if is_there else world.durations.start_instance_seconds
    return start, _no_room(planned, variant, needs, now) or excess or _fault(world, operation, planned, variant, now)


def _no_room(planned: Component, variant: Variant, needs: int, now: datetime) -> str | None:
    most = variant.managed[1] if variant.managed else variant.instances
    each, has = instances.gpus_per_copy(planned, now), instances.gpus(variant.instance_type)
    if needs <= most and each <= has:
        return None
    copies = timeline.phase(planned, now).desired
    return NO_ROOM.format(copies=copies, kind=variant.instance_type, gpus=has, most=most, each=each)


def _fault(world: World, operation: str, planned: Component, variant: Variant, now: datetime) -> str | None:
    specification = timeline.phase(planned, now).request["Specification"]
    image = image_of(world, specification.get("ModelName"))
    fault = world.next_deployment_fault(operation, variant=variant.name, image=image)
    return fault.reason if fault else None


def _host(endpoint: Endpoint, request: Document, now: datetime) -> Variant:
    """Return the variant that may host a component: without a model, on an endpoint in service."""
    phase = endpoint_timeline.phase(endpoint, now)
    if phase.serving is None or phase.status is not EndpointStatus.IN_SERVICE:
        raise invalid(f'The endpoint "{endpoint.arn}" is {phase.status}; it must be InService.')
    named = {each.name: each for each in phase.serving.variants}
    variant = named.get(request.get("VariantName", next(iter(named))))
    if variant is None:
        raise invalid(f'Could not find variant "{request["VariantName"]}" for endpoint "{endpoint.arn}".')
    if variant.model_name is not None:
        raise invalid(NOT_SUPPORTED)
    return variant


def _first_copies(world: World, request: Document) -> int:
    specification = request.get("Specification")
    if specification is None or "RuntimeConfig" not in request:
        raise invalid("Specification and RuntimeConfig are required to create an inference component.")
    if "ModelName" in specification:
        world.model(specification["ModelName"])
    copies = int(request["RuntimeConfig"]["CopyCount"])
    if copies < 1:
        raise invalid("Inference components copy count must be an integer larger than 0.")
    return copies


def _summary(world: World, component: Component, now: datetime) -> Row:
    phase = timeline.phase(component, now)
    return {
        "InferenceComponentName": component.name,
        "InferenceComponentArn": component.arn,
        "EndpointName": component.endpoint_name,
        "EndpointArn": world.place.arn(f"endpoint/{component.endpoint_name.lower()}"),
        "VariantName": component.variant_name,
        "InferenceComponentStatus": phase.status,
        "CreationTime": component.created_at,
        "LastModifiedTime": phase.at,
    }
