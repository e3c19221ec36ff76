"""How many instances an endpoint has at a moment."""

import math
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from autocloudops.sandbox.control_plane import component_timeline, endpoint_timeline
from autocloudops.sandbox.control_plane.values import Component, Document, Endpoint, Fleet, Variant
from autocloudops.sandbox.control_plane.world import World

Count = Callable[[Component, datetime], int]
ACCELERATED_FAMILIES = ("ml.g", "ml.p")
# AWS's tables of instance types: these sizes of the G and P families have several GPUs, all others one.
GPUS_BY_SIZE = {"12xlarge": 4, "24xlarge": 4, "48xlarge": 8}
GPUS_BY_TYPE = {"ml.p4d.24xlarge": 8, "ml.p4de.24xlarge": 8, "ml.p3.8xlarge": 4, "ml.p3.16xlarge": 8}


def gpus(instance_type: str) -> int:
    """Return how many GPUs one instance of the type has."""
    if not instance_type.startswith(ACCELERATED_FAMILIES):
        return 0
    return GPUS_BY_TYPE.get(instance_type) or GPUS_BY_SIZE.get(instance_type.rpartition(".")[2], 1)


def gpus_per_copy(component: Component, now: datetime) -> int:
    """Return how many GPUs each copy of the component reserves."""
    specification = component_timeline.phase(component, now).request["Specification"]
    needs: Document = specification.get("ComputeResourceRequirements", {})
    devices: float = needs.get("NumberOfAcceleratorDevicesRequired", 0)
    return math.ceil(devices)


def for_components(components: Iterable[Component], instance_type: str, now: datetime, count: Count) -> int:
    """Return how many instances of the type the components need for the copies that `count` finds in each."""
    copies = Counter[int]()
    for component in components:
        copies[gpus_per_copy(component, now)] += count(component, now)
    return sum(_needed_for(number, each, instance_type) for each, number in copies.items())


def held_copies(component: Component, now: datetime) -> int:
    """Return how many copies have a place on an instance that runs."""
    return component_timeline.phase(component, now).held


def reserved_copies(component: Component, now: datetime) -> int:
    """Return how many copies have a place, or will have one when the change under way is complete."""
    return component_timeline.phase(component, now).reserved


def of_variant(world: World, endpoint: Endpoint, variant: Variant, now: datetime, count: Count = held_copies) -> int:
    """Return how many instances serve for `variant`.

    With managed instance scaling they follow the copies of the inference components, within its bounds; the initial
    instances are kept until they could have been idle for a while.
    """
    if variant.managed is None:
        return variant.instances
    low, high = variant.managed
    wanted = for_components(world.components_of(endpoint), variant.instance_type, now, count)
    age = now - endpoint_timeline.phase(endpoint, now).at
    initial = variant.instances if age < timedelta(seconds=world.durations.release_instance_seconds) else 0
    return min(max(wanted, initial, low), high)


def serving(world: World, endpoint: Endpoint, now: datetime) -> Counter[str]:
    """Return how many instances of each type serve at `now`."""
    phase = endpoint_timeline.phase(endpoint, now)
    fleet = phase.serving if phase.status in endpoint_timeline.SERVING else None
    return _counted(world, endpoint, fleet, now, held_copies)


def held(world: World, now: datetime) -> Counter[str]:
    """Return how many instances of each type count against the quotas at `now`, with those that are about to start."""
    total: Counter[str] = Counter()
    for endpoint in world.endpoints.values():
        phase = endpoint_timeline.phase(endpoint, now)
        total += _counted(world, endpoint, phase.serving, now, reserved_copies) + Counter(phase.extra)
    return total


def _needed_for(copies: int, each_gpus: int, instance_type: str) -> int:
    """Return how many instances hold that many copies when nothing else is on them; copies without GPU share one."""
    if not each_gpus:
        return 1 if copies else 0
    return math.ceil(copies / max(1, gpus(instance_type) // each_gpus))


def _counted(world: World, endpoint: Endpoint, fleet: Fleet | None, now: datetime, count: Count) -> Counter[str]:
    total: Counter[str] = Counter()
    for variant in fleet.variants if fleet else ():
        total[variant.instance_type] += of_variant(world, endpoint, variant, now, count)
    return total
