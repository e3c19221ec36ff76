"""Everything that the simulated control plane remembers, and how it is looked up."""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from autocloudops.errors import SandboxFailed
from autocloudops.sandbox.control_plane import component_timeline, endpoint_timeline
from autocloudops.sandbox.control_plane.faults import DEPLOYMENT_FAULTS, DeploymentFault, faults_of
from autocloudops.sandbox.control_plane.values import (
    Activity,
    Component,
    Created,
    Document,
    Durations,
    Endpoint,
    Place,
    Policy,
    Scalable,
    Target,
)
from autocloudops.sandbox.control_plane.wire import Refusal, Row, invalid

Handler = Callable[["World", Document, datetime], Row]


@dataclass(slots=True)
class World:
    """The state of one account in one region. Names are unique without regard to case, as in SageMaker.

    Attributes:
        quotas: how many instances of each type may be held for endpoints.
        packages: the model packages that the account may use: ARN and the instance types that each supports.
        prices: dollars an hour of each instance type.
        hazards: what the service accepted although its documentation forbids it.
    """

    place: Place
    durations: Durations
    quotas: dict[str, int]
    packages: Mapping[str, tuple[str, ...]]
    prices: Mapping[str, float]
    models: dict[str, Created] = field(default_factory=dict)
    configs: dict[str, Created] = field(default_factory=dict)
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    components: dict[str, Component] = field(default_factory=dict)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    targets: dict[Scalable, Target] = field(default_factory=dict)
    policies: dict[tuple[Scalable, str], Policy] = field(default_factory=dict)
    activities: list[Activity] = field(default_factory=list)
    hazards: list[str] = field(default_factory=list)
    faults: defaultdict[str, deque[str]] = field(default_factory=lambda: defaultdict(deque))

    def fail_next(self, operation: str, fault: str) -> None:
        """Let the next call of `operation` meet `fault`; several are met one after the other.

        Raises:
            SandboxFailed: the operation meets no such fault.
        """
        known = faults_of(operation)
        if fault not in known:
            raise SandboxFailed(f"{operation} meets no fault {fault}", f"it meets {', '.join(sorted(known))}")
        self.faults[operation].append(fault)

    def next_fault(self, operation: str, among: Iterable[str]) -> str | None:
        """Return and forget the next fault of `operation` when it is one of `among`."""
        waiting = self.faults[operation]
        return waiting.popleft() if waiting and waiting[0] in among else None

    def next_deployment_fault(self, operation: str, *, variant: str, image: str) -> DeploymentFault | None:
        """Return and forget why the deployment that `operation` starts will fail, or None where it will not."""
        name = self.next_fault(operation, DEPLOYMENT_FAULTS)
        if name is None:
            return None
        fault = DEPLOYMENT_FAULTS[name]
        return fault.model_copy(update={"reason": fault.reason.format(variant=variant, image=image)})

    def forget_deleted(self, now: datetime) -> None:
        """Drop what is deleted by `now`, with its tags."""
        gone = [each for each in self.endpoints.values() if endpoint_timeline.is_gone(each, now)]
        for endpoint in gone:
            del self.endpoints[endpoint.name.lower()], self.tags[endpoint.arn]
        absent = [each for each in self.components.values() if component_timeline.is_gone(each, now)]
        for component in absent:
            del self.components[component.name.lower()], self.tags[component.arn]

    def model(self, name: str) -> Created:
        """Return the model of that name, or refuse."""
        return self._found(self.models, "model", "model", name)

    def config(self, name: str) -> Created:
        """Return the endpoint configuration of that name, or refuse."""
        return self._found(self.configs, "endpoint configuration", "endpoint-config", name)

    def endpoint(self, name: str) -> Endpoint:
        """Return the endpoint of that name, or refuse."""
        found = self.endpoints.get(name.lower())
        if found is None:
            raise self._missing("endpoint", "endpoint", name)
        return found

    def component(self, name: str) -> Component:
        """Return the inference component of that name, or refuse."""
        found = self.components.get(name.lower())
        if found is None:
            raise self._missing("inference component", "inference-component", name)
        return found

    def components_of(self, endpoint: Endpoint) -> list[Component]:
        """Return the inference components on `endpoint`."""
        return [each for each in self.components.values() if each.endpoint_name.lower() == endpoint.name.lower()]

    def new_arn(self, kind: str, resource: str, name: str, taken: Iterable[str]) -> str:
        """Return the ARN for a new resource, or refuse a name that is taken."""
        arn = self.place.arn(f"{resource}/{name.lower()}")
        if name.lower() in taken:
            raise invalid(f'Cannot create already existing {kind} "{arn}".')
        return arn

    def tag(self, arn: str, request: Document) -> None:
        """Keep the tags of a request that creates `arn`."""
        self.tags[arn] = {each["Key"]: each["Value"] for each in request.get("Tags", [])}

    def quota(self, instance_type: str) -> int:
        """Return how many instances of the type may be held; none where nothing is set, as in a new account."""
        return self.quotas.get(instance_type, 0)

    def _found(self, known: Mapping[str, Created], kind: str, resource: str, name: str) -> Created:
        found = known.get(name.lower())
        if found is None:
            raise self._missing(kind, resource, name)
        return found

    def _missing(self, kind: str, resource: str, name: str) -> Refusal:
        return invalid(f'Could not find {kind} "{self.place.arn(f"{resource}/{name.lower()}")}".')


def require_quota(world: World, held: Counter[str], delta: Mapping[str, int]) -> None:
    """Refuse a change that takes more instances of a type than the quota leaves.

    Raises:
        Refusal: `ResourceLimitExceeded`.
    """
    if excess := beyond_quota(world, held, delta):
        raise Refusal("ResourceLimitExceeded", excess)


def beyond_quota(world: World, held: Counter[str], delta: Mapping[str, int]) -> str | None:
    """Return AWS's words for the first type of which a change takes more instances than the quota leaves, or None."""
    for instance_type, more in delta.items():
        if more > 0 and held[instance_type] + more > world.quota(instance_type):
            return (
                f"The account-level service limit '{instance_type} for endpoint usage' is {world.quota(instance_type)} "
                f"Instances, with current utilization of {held[instance_type]} Instances and a request delta of {more} "
                "Instances. Please use AWS Service Quotas to request an increase for this quota. If AWS Service Quotas "
                "is not available, contact AWS support to request an increase for this quota."
            )
    return None
