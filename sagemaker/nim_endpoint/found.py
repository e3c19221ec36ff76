"""What is there: an endpoint, its components, and who uses it."""

from collections.abc import Mapping
from enum import StrEnum

from autocloudops.values import Value


class Status(StrEnum):
    """Every value of `EndpointStatus` and of `InferenceComponentStatus` in the SageMaker API."""

    OUT_OF_SERVICE = "OutOfService"
    CREATING = "Creating"
    UPDATING = "Updating"
    SYSTEM_UPDATING = "SystemUpdating"
    ROLLING_BACK = "RollingBack"
    IN_SERVICE = "InService"
    DELETING = "Deleting"
    FAILED = "Failed"
    UPDATE_ROLLBACK_FAILED = "UpdateRollbackFailed"

    @property
    def is_passing(self) -> bool:
        """Whether it becomes another status by itself."""
        return self in PASSING


NOT_LOOKED_UP = {"has_model", "has_config", "left_models", "left_configs", "quota", "package"}
"""What `Found` says of an endpoint only where something is planned for it."""
PASSING = frozenset(
    {Status.CREATING, Status.UPDATING, Status.SYSTEM_UPDATING, Status.ROLLING_BACK, Status.DELETING},
)


class FoundComponent(Value):
    """An inference component: its endpoint, the model that it serves, its copies, and whether it was made here."""

    name: str
    endpoint: str
    status: Status
    owned: bool
    model_name: str | None = None
    reason: str | None = None
    copies: int = 0


class Package(Value):
    """A Marketplace model package, as the account sees it.

    Attributes:
        types: the instance types that it is listed for; none where it does not say.
        problem: why the account may not use it.
    """

    types: tuple[str, ...] = ()
    problem: str | None = None


class Found(Value):
    """What is there under the name of an endpoint.

    Attributes:
        status: None where there is no endpoint of that name.
        name: how its name is written, which may differ in case from what was asked for.
        owned: whether it carries our tag.
        is_config_lost: its configuration was deleted, so that it cannot be updated.
        reason: SageMaker's `FailureReason`; also of an update that was rolled back.
        instances: how many it has now, of `instance_type`.
        leases: consumer to the day since when it uses the endpoint.
        is_marked: somebody is about to delete it.
        targets: ids of its variants that are scaled automatically.
        components: those on the endpoint, and the wanted one wherever it is.
        has_model: whether the wanted model is there.
        has_config: whether the wanted configuration is there.
        left_models: models made here for it, looked up where it is to be deleted.
        left_configs: configurations made here for it, likewise.
        quota: how many instances of the wanted type may be held for endpoints; None where that is not known.
        package: the wanted model package, where there is one and the role may read it.
    """

    status: Status | None
    name: str = ""
    arn: str = ""
    owned: bool = False
    config_name: str | None = None
    is_config_lost: bool = False
    reason: str | None = None
    instance_type: str | None = None
    instances: int = 0
    leases: Mapping[str, str] = {}
    is_marked: bool = False
    targets: tuple[str, ...] = ()
    components: tuple[FoundComponent, ...] = ()
    has_model: bool = False
    has_config: bool = False
    left_models: tuple[str, ...] = ()
    left_configs: tuple[str, ...] = ()
    quota: int | None = None
    package: Package | None = None

    def component(self, name: str | None) -> FoundComponent | None:
        """Return the component of that name, if it is there; names are unique without regard to case."""
        wanted = (name or "").lower()
        return next((each for each in self.components if each.name.lower() == wanted), None)

    def hosted(self, endpoint: str) -> list[FoundComponent]:
        """Return the components that are on the endpoint of that name."""
        return [each for each in self.components if each.endpoint.lower() == endpoint.lower()]

    def misnamed(self, name: str) -> str:
        """Return what is wrong with `name` where the endpoint writes its own otherwise; empty where nothing is."""
        if self.status is None or self.name == name:
            return ""
        return f"the endpoint is called {self.name}, and not {name}: it is invoked by its name as that is written"

    def others(self, consumer: str | None) -> list[str]:
        """Return who else holds a lease."""
        return sorted(each for each in self.leases if each != consumer)
