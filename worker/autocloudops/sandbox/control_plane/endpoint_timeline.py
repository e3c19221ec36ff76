"""The state machine of an endpoint, pure: each change takes the endpoint and the time, and returns its new timeline.

Source: the API reference of `EndpointStatus`, and the SageMaker guide on updating endpoints.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from autocloudops.sandbox.control_plane.faults import DeploymentFault
from autocloudops.sandbox.control_plane.values import (
    Document,
    Durations,
    Endpoint,
    EndpointStatus,
    Fleet,
    Phase,
    current,
)
from autocloudops.values import Value

UNCHANGEABLE = frozenset(
    {
        EndpointStatus.CREATING,
        EndpointStatus.UPDATING,
        EndpointStatus.SYSTEM_UPDATING,
        EndpointStatus.ROLLING_BACK,
        EndpointStatus.DELETING,
    }
)
SERVING = frozenset(
    {
        EndpointStatus.IN_SERVICE,
        EndpointStatus.UPDATING,
        EndpointStatus.SYSTEM_UPDATING,
        EndpointStatus.ROLLING_BACK,
        EndpointStatus.UPDATE_ROLLBACK_FAILED,
    }
)


class Change(Value):
    """What an update does to an endpoint.

    Attributes:
        fleet: what it becomes; a new configuration starts as a second fleet beside the first.
        extra: how many instances of each type it holds meanwhile beside those that serve.
        seconds: how long it is Updating.
        roll_back_seconds: how long it is RollingBack when it fails.
        fault: why it fails, if it does.
        deployment: the deployment configuration of the call.
    """

    fleet: Fleet
    extra: Mapping[str, int]
    seconds: float
    roll_back_seconds: float
    fault: DeploymentFault | None
    deployment: Document | None = None


def phase(endpoint: Endpoint, now: datetime) -> Phase:
    """Return what the endpoint is at `now`."""
    return current(endpoint.phases, now)


def is_gone(endpoint: Endpoint, now: datetime) -> bool:
    """Say whether its deletion is complete."""
    return endpoint.gone_at is not None and endpoint.gone_at <= now


def may_change(endpoint: Endpoint, now: datetime) -> bool:
    """Say whether UpdateEndpoint and UpdateEndpointWeightsAndCapacities are legal: only while it is in service."""
    return phase(endpoint, now).status is EndpointStatus.IN_SERVICE


def may_delete(endpoint: Endpoint, now: datetime) -> bool:
    """Say whether DeleteEndpoint is legal: not while another change is under way."""
    return phase(endpoint, now).status not in UNCHANGEABLE


def started(fleet: Fleet, now: datetime, durations: Durations, *, reason: str | None = None) -> tuple[Phase, ...]:
    """Return the timeline of a new endpoint: Creating, then InService, or Failed where there is a `reason`."""
    end = now + timedelta(seconds=durations.create_endpoint_seconds)
    extra = fleet.instances()
    creating = Phase(at=now, status=EndpointStatus.CREATING, serving=None, starting=fleet, extra=extra)
    if reason:
        return creating, Phase(at=end, status=EndpointStatus.FAILED, serving=None, starting=fleet, reason=reason)
    return creating, Phase(at=end, status=EndpointStatus.IN_SERVICE, serving=fleet)


def changed(endpoint: Endpoint, change: Change, now: datetime) -> Endpoint:
    """Return the endpoint, which is in service, on its way to another fleet: Updating, then InService.

    With a fault it is Updating, then RollingBack, and ends with what it served before.
    """
    before = phase(endpoint, now)
    end = now + timedelta(seconds=change.seconds)
    updating = {"at": now, "status": EndpointStatus.UPDATING, "starting": change.fleet, "extra": change.extra}
    phases = [before, before.model_copy(update={**updating, "reason": None})]
    if change.fault is None:
        phases.append(Phase(at=end, status=EndpointStatus.IN_SERVICE, serving=change.fleet))
    else:
        back = end + timedelta(seconds=change.roll_back_seconds)
        failing = {"at": end, "status": EndpointStatus.ROLLING_BACK, "reason": change.fault.reason}
        phases.append(before.model_copy(update=failing))
        phases.append(phases[-1].model_copy(update={"at": back, "status": change.fault.after_update}))
    deployment = change.deployment or endpoint.deployment
    return endpoint.model_copy(update={"phases": tuple(phases), "deployment": deployment})


def interrupted(
    endpoint: Endpoint, status: EndpointStatus, now: datetime, *, seconds: float | None, reason: str | None
) -> Endpoint:
    """Return the endpoint in `status` from `now` on, as AWS may put it; after `seconds` it is what it was before."""
    before = phase(endpoint, now)
    phases = [before, before.model_copy(update={"at": now, "status": status, "reason": reason})]
    if seconds is not None:
        phases.append(before.model_copy(update={"at": now + timedelta(seconds=seconds)}))
    return endpoint.model_copy(update={"phases": tuple(phases)})


def deleted(endpoint: Endpoint, now: datetime, durations: Durations) -> Endpoint:
    """Return the endpoint on its way out: Deleting, then not found."""
    before = phase(endpoint, now)
    gone_at = now + timedelta(seconds=durations.delete_endpoint_seconds)
    deleting = {"at": now, "status": EndpointStatus.DELETING, "reason": None}
    phases = (before, before.model_copy(update=deleting))
    return endpoint.model_copy(update={"phases": phases, "gone_at": gone_at})
