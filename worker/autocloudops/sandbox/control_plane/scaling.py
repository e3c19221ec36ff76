"""What Application Auto Scaling does to a registered target: brings it to a capacity, and keeps a record."""

import uuid
from datetime import datetime

from autocloudops.sandbox.control_plane import component_timeline, components, endpoint_timeline, endpoints
from autocloudops.sandbox.control_plane.values import Activity, Endpoint, Fleet, Scalable, Target
from autocloudops.sandbox.control_plane.wire import Refusal, invalid
from autocloudops.sandbox.control_plane.world import World

NAMESPACE = "sagemaker"
COMPONENT_DIMENSION = "sagemaker:inference-component:DesiredCopyCount"
COMPONENT_PREFIX = "inference-component/"
VARIANT_ID_PARTS = 4


def scale(world: World, resource_id: str, capacity: int, cause: str, now: datetime) -> int:
    """Bring a registered target to `capacity`, within its bounds, and record the activity.

    Returns:
        The capacity that is asked for.

    Raises:
        Refusal: nothing is registered under that id, or a change of the resource is under way.
    """
    is_component = resource_id.startswith(COMPONENT_PREFIX)
    dimension = COMPONENT_DIMENSION if is_component else endpoints.VARIANT_DIMENSION
    target = registered(world, Scalable(resource_id=resource_id, dimension=dimension))
    wanted = min(max(capacity, target.minimum), target.maximum)
    if wanted == capacity_of(world, target.scalable, now):
        return wanted
    ends_at, succeeds = (_scale_component if is_component else _scale_variant)(world, resource_id, wanted, now)
    world.activities.append(
        Activity(
            id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{resource_id}/{now.isoformat()}")),
            scalable=target.scalable,
            capacity=wanted,
            cause=cause,
            started_at=now,
            ends_at=ends_at,
            succeeds=succeeds,
        )
    )
    return wanted


def registered(world: World, what: Scalable) -> Target:
    """Return the target that is registered for `what`, or refuse."""
    found = world.targets.get(what)
    if found is None:
        raise not_found("scalable target", "", what)
    return found


def not_found(kind: str, detail: str, what: Scalable) -> Refusal:
    """Return the refusal of a target or policy that is not registered."""
    return Refusal(
        "ObjectNotFoundException",
        f"No {kind} found for service namespace: {NAMESPACE}, {detail}resource ID: {what.resource_id}, "
        f"scalable dimension: {what.dimension}",
    )


def capacity_of(world: World, what: Scalable, now: datetime) -> int:
    """Return how many copies or instances `what` has or is about to have.

    Raises:
        Refusal: the resource does not exist.
    """
    if what.dimension == COMPONENT_DIMENSION:
        component = world.component(_component_name(what.resource_id))
        return component_timeline.phase(component, now).desired
    endpoint, variant_name = _endpoint_and_variant(world, what.resource_id)
    phase = endpoint_timeline.phase(endpoint, now)
    counts = _counts(phase.starting or phase.serving)
    if variant_name not in counts:
        raise invalid(f"The variant {variant_name} of {endpoint.arn} does not exist.")
    return counts[variant_name]


def _scale_component(world: World, resource_id: str, copies: int, now: datetime) -> tuple[datetime, bool]:
    name = _component_name(resource_id)
    components.rescale(world, components.changeable(world, name, now), copies, now)
    phases = world.component(name).phases
    reached = (each.at for each in phases if each.current == copies and each.desired == copies)
    return next(reached, phases[-1].at), phases[-1].desired == copies


def _scale_variant(world: World, resource_id: str, count: int, now: datetime) -> tuple[datetime, bool]:
    endpoint, variant_name = _endpoint_and_variant(world, resource_id)
    endpoints.resize(world, endpoint.name, {variant_name: {"DesiredInstanceCount": count}}, now)
    last = world.endpoint(endpoint.name).phases[-1]
    return last.at, _counts(last.serving).get(variant_name) == count


def _component_name(resource_id: str) -> str:
    if not resource_id.startswith(COMPONENT_PREFIX):
        raise invalid(f"The resource ID {resource_id} does not fit the scalable dimension.")
    return resource_id.removeprefix(COMPONENT_PREFIX)


def _endpoint_and_variant(world: World, resource_id: str) -> tuple[Endpoint, str]:
    parts = resource_id.split("/")
    if len(parts) != VARIANT_ID_PARTS or (parts[0], parts[2]) != ("endpoint", "variant"):
        raise invalid(f"The resource ID {resource_id} does not fit the scalable dimension.")
    return world.endpoint(parts[1]), parts[3]


def _counts(fleet: Fleet | None) -> dict[str, int]:
    return {each.name: each.instances for each in fleet.variants} if fleet else {}
