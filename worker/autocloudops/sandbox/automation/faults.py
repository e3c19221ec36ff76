"""What can go wrong with a call on demand: one row of a table each."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from autocloudops.sandbox.control_plane.wire import Refusal
from autocloudops.values import Value

FaultName = Literal[
    "throttled", "internal", "unavailable", "access_denied", "limit_exceeded", "lost_request", "lost_reply", "slow"
]
# Codes and statuses of the errors that every AWS service shares, and of the limit that Automation has of its own.
REFUSALS: Mapping[str, tuple[str, int, str]] = MappingProxyType(
    {
        "throttled": ("ThrottlingException", 400, "Rate exceeded"),
        "internal": ("InternalServerError", 500, "An error occurred on the server side."),
        "unavailable": ("ServiceUnavailable", 503, "The service is temporarily unavailable."),
        "access_denied": ("AccessDeniedException", 400, "The caller is not authorized to perform this operation."),
        "limit_exceeded": (
            "AutomationExecutionLimitExceededException",
            400,
            "The number of simultaneously running Automation executions exceeded the allowable limit.",
        ),
    }
)


class Fault(Value):
    """What happens to one call.

    `lost_request` drops the connection before anything is done, `lost_reply` when all is done; `slow` does it at once
    and answers after `seconds`. All others are refusals.
    """

    name: FaultName
    seconds: float = 0.0

    def require_answer(self) -> None:
        """Raise the refusal that the fault stands for, if it is one."""
        if self.name in REFUSALS:
            code, status, message = REFUSALS[self.name]
            raise Refusal(code, message, status=status)
