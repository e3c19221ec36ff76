"""The values of the simulated control plane. What they say depends only on when they are read.

Endpoint and inference-component states are timelines: a value holds what it is and what it will become, so that no
background task is needed and a test reads any moment at once.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from autocloudops.values import Value

Document = Mapping[str, Any]


class EndpointStatus(StrEnum):
    """Every value of `EndpointStatus` in the SageMaker API."""

    OUT_OF_SERVICE = "OutOfService"
    CREATING = "Creating"
    UPDATING = "Updating"
    SYSTEM_UPDATING = "SystemUpdating"
    ROLLING_BACK = "RollingBack"
    IN_SERVICE = "InService"
    DELETING = "Deleting"
    FAILED = "Failed"
    UPDATE_ROLLBACK_FAILED = "UpdateRollbackFailed"


class ComponentStatus(StrEnum):
    """Every value of `InferenceComponentStatus` in the SageMaker API."""

    IN_SERVICE = "InService"
    CREATING = "Creating"
    UPDATING = "Updating"
    FAILED = "Failed"
    DELETING = "Deleting"


class Durations(Value):
    """How long each change takes.

    The defaults are those that a user of `ml.g5.xlarge` reported in July 2026: 4 minutes for an endpoint, 6 for a
    component on it, 12 from the last copy to the last instance. `config_visible_seconds` is how long an endpoint
    configuration stays unknown to CreateEndpoint and UpdateEndpoint after it was created.
    """

    create_endpoint_seconds: float = 240.0
    update_endpoint_seconds: float = 300.0
    rescale_endpoint_seconds: float = 240.0
    roll_back_seconds: float = 120.0
    delete_endpoint_seconds: float = 60.0
    create_component_seconds: float = 360.0
    update_component_seconds: float = 360.0
    delete_component_seconds: float = 60.0
    start_instance_seconds: float = 140.0
    release_instance_seconds: float = 720.0
    config_visible_seconds: float = 0.0


class Place(Value):
    """The account and region in which everything lives."""

    account: str
    region: str

    def arn(self, resource: str, *, service: str = "sagemaker") -> str:
        """Return the ARN of `resource`, as `endpoint/nim`."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"


class Created(Value):
    """A model or an endpoint configuration: what was asked for, and when."""

    name: str
    arn: str
    created_at: datetime
    request: Document


class Variant(Value):
    """One production variant: how many instances of which type. Without a model it hosts inference components.

    `managed` is the lowest and highest instance count of managed instance scaling.
    """

    name: str
    instance_type: str
    instances: int
    weight: float = 1.0
    model_name: str | None = None
    managed: tuple[int, int] | None = None


class Fleet(Value):
    """The variants that one endpoint configuration asks for."""

    config_name: str
    variants: tuple[Variant, ...]

    def instances(self) -> Counter[str]:
        """Return how many instances of each type the variants ask for."""
        return sum((Counter({each.instance_type: each.instances}) for each in self.variants), Counter())


class Phase(Value):
    """What an endpoint is from `at` on: its status, what serves, and what is (or failed) to serve next.

    `extra` is how many instances of each type it holds beside those that serve.
    """

    at: datetime
    status: EndpointStatus
    serving: Fleet | None
    starting: Fleet | None = None
    extra: Mapping[str, int] = {}
    reason: str | None = None


class ComponentPhase(Value):
    """What an inference component is from `at` on.

    Attributes:
        desired: how many copies were asked for.
        current: how many of them serve.
        held: how many have a place on an instance that runs, also before and after they serve.
        reserved: how many have such a place or will have it when the change under way is complete.
        request: what was asked for.
    """

    at: datetime
    status: ComponentStatus
    desired: int
    current: int
    held: int
    reserved: int
    request: Document
    reason: str | None = None


class Endpoint(Value):
    """An endpoint and its timeline, oldest phase first."""

    name: str
    arn: str
    created_at: datetime
    phases: tuple[Phase, ...]
    gone_at: datetime | None = None
    deployment: Document | None = None


class Component(Value):
    """An inference component and its timeline, oldest phase first."""

    name: str
    arn: str
    created_at: datetime
    endpoint_name: str
    variant_name: str
    phases: tuple[ComponentPhase, ...]
    gone_at: datetime | None = None


class Scalable(Value):
    """What Application Auto Scaling may scale: the resource and its dimension."""

    resource_id: str
    dimension: str


class Target(Value):
    """A registered scalable target."""

    scalable: Scalable
    arn: str
    created_at: datetime
    minimum: int
    maximum: int
    role_arn: str
    suspended: Document


class Policy(Value):
    """A scaling policy of a registered target."""

    name: str
    arn: str
    scalable: Scalable
    created_at: datetime
    request: Document


class Activity(Value):
    """One change that Application Auto Scaling made; it is in progress until `ends_at`."""

    id: str
    scalable: Scalable
    capacity: int
    cause: str
    started_at: datetime
    ends_at: datetime
    succeeds: bool


class _Moment(Protocol):
    @property
    def at(self) -> datetime: ...


AnyPhase = TypeVar("AnyPhase", bound=_Moment)


def current(phases: Sequence[AnyPhase], now: datetime) -> AnyPhase:
    """Return the phase that holds at `now`."""
    return next(phase for phase in reversed(phases) if phase.at <= now)
