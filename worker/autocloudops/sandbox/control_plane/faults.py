"""What can go wrong on demand: one row of a table each."""

from collections.abc import Mapping
from types import MappingProxyType

from autocloudops.sandbox.control_plane.values import EndpointStatus
from autocloudops.sandbox.control_plane.wire import Refusal
from autocloudops.values import Value

ACCESS_DENIED = "User: arn:aws:sts::{account}:assumed-role/deployer/session is not authorized to perform: {operation}"
LOST_REPLY = "lost_reply"


class DeploymentFault(Value):
    """Why a change that was accepted does not work out.

    Args:
        reason: the `FailureReason`, with `{variant}` and `{image}` to be filled in. The wording of `health_check`,
            `start_failed` and `insufficient_capacity` is SageMaker's; that of the others is like it.
        after_update: what becomes of an endpoint that was served well before. A new one is always Failed.
    """

    reason: str
    after_update: EndpointStatus = EndpointStatus.IN_SERVICE


DEPLOYMENT_FAULTS: Mapping[str, DeploymentFault] = MappingProxyType(
    {
        "health_check": DeploymentFault(
            reason="The primary container for production variant {variant} did not pass the ping health check. "
            "Please check CloudWatch logs for this endpoint."
        ),
        "start_failed": DeploymentFault(
            reason="CannotStartContainerError. Please ensure the model container for variant {variant} starts "
            "correctly when invoked with 'docker run <image> serve'"
        ),
        "image_missing": DeploymentFault(
            reason="The image '{image}' does not exist or the execution role has no permission to pull it."
        ),
        "insufficient_capacity": DeploymentFault(
            reason="Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error. "
            "Please retry using a different ML instance type or after some time."
        ),
        "rollback_failed": DeploymentFault(
            reason="The deployment failed, and so did the automatic rollback. The endpoint serves a mix of the old and "
            "the new configuration.",
            after_update=EndpointStatus.UPDATE_ROLLBACK_FAILED,
        ),
    }
)

# Codes and statuses of the errors that every AWS service shares.
REFUSALS: Mapping[str, tuple[str, int, str]] = MappingProxyType(
    {
        "throttled": ("ThrottlingException", 400, "Rate exceeded"),
        "internal": ("InternalFailure", 500, "The request processing has failed because of an internal error."),
        "unavailable": ("ServiceUnavailable", 503, "The service is temporarily unavailable. Please try again later."),
        "access_denied": ("AccessDeniedException", 400, ACCESS_DENIED),
    }
)
# The operations that start a deployment, which can fail later.
DEPLOYMENTS = frozenset(
    {
        "CreateEndpoint",
        "UpdateEndpoint",
        "UpdateEndpointWeightsAndCapacities",
        "CreateInferenceComponent",
        "UpdateInferenceComponent",
        "UpdateInferenceComponentRuntimeConfig",
    }
)


def faults_of(operation: str) -> frozenset[str]:
    """Return the names of the faults that `operation` can meet."""
    of_every_call = frozenset({*REFUSALS, LOST_REPLY})
    return of_every_call | DEPLOYMENT_FAULTS.keys() if operation in DEPLOYMENTS else of_every_call


def refusal(fault: str, *, account: str, operation: str) -> Refusal:
    """Return the refusal that `fault`, a key of `REFUSALS`, stands for."""
    code, status, message = REFUSALS[fault]
    return Refusal(code, message.format(account=account, operation=operation), status=status)
