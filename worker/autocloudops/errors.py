"""Every error that AutoCloudOps raises on purpose.

    AutoCloudOpsError
    ├── SettingsInvalid            a setting is missing or wrong
    ├── InputUnreadable            a file or a record that a person named cannot be read
    ├── ServiceFailed              an AWS call failed; carries the operation and its target
    │   ├── AccessDenied           the role lacks a permission
    │   ├── AccountUnread          what it is about is in an account that the role does not read
    │   ├── TargetMissing          the queue, bucket, table, topic or endpoint is not there
    │   ├── TokenTaken             the client token was used before, for something else
    │   ├── Throttled              the service asked us to slow down
    │   └── ServiceUnavailable     timeout, connection or server error: may pass by itself
    ├── ModelError                 the model endpoint gave no answer
    │   ├── ModelRefused           it will refuse the same request again
    │   │   ├── ContextTooLong         … but a shorter one may pass
    │   │   └── EndpointMisconfigured  … until somebody changes a permission, a name or a key
    │   └── ModelUnavailable       it may answer later
    │       ├── ModelThrottled         it asks for fewer requests
    │       ├── ModelAsleep            it has no instance now, and needs minutes to get one
    │       ├── ModelBrokeOff          it failed over this request, or in the middle of its answer
    │       └── ModelTimedOut          no answer in time; the request may still run on the GPU
    ├── ApprovalRefused            what was to be approved or rejected is not, or no longer, what may be done
    ├── AuditConflict              an audit key holds somebody else's bytes
    ├── WorkerStuck                the receive loop no longer turns
    └── SandboxFailed              a local stand-in did not start or does not answer

Each carries what it happened to and says what to do next, on one line.
"""


class AutoCloudOpsError(Exception):
    """The base of the tree: `message` says what happened, `advice` what to do next."""

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(f"{message}: {advice}" if advice else message)
        self.message = message
        self.advice = advice


class SettingsInvalid(AutoCloudOpsError):
    """A setting is missing or wrong."""


class InputUnreadable(AutoCloudOpsError):
    """A file or record that a person named cannot be read."""


class ServiceFailed(AutoCloudOpsError):
    """An AWS call failed.

    Args:
        operation: the call, as `sqs:ReceiveMessage`.
        target: the queue, bucket, table, topic or endpoint that it was for.
        message: what the service or the connection said.
        advice: what to do next.
    """

    def __init__(self, operation: str, target: str, message: str, advice: str = "") -> None:
        super().__init__(f"{operation} on {target} failed: {message}", advice)
        self.operation = operation
        self.target = target


class AccessDenied(ServiceFailed):
    """The role lacks a permission."""


class AccountUnread(ServiceFailed):
    """What the call is about is in an account that the role does not read: its own would answer for the wrong thing."""


class TargetMissing(ServiceFailed):
    """The target of the call does not exist."""


class TokenTaken(ServiceFailed):
    """The client token was used before, for something else: what it began may run."""


class Throttled(ServiceFailed):
    """The service asked us to slow down."""


class ServiceUnavailable(ServiceFailed):
    """A timeout, connection or server error that may pass by itself."""


class ModelError(AutoCloudOpsError):
    """The model endpoint gave no answer. Carries the endpoint's URL, and how many requests were sent for it."""

    attempts = 1

    def __init__(self, endpoint: str, message: str, advice: str = "") -> None:
        super().__init__(f"{endpoint}: {message}", advice)
        self.endpoint = endpoint


class ModelRefused(ModelError):
    """The endpoint will refuse the same request again."""


class ContextTooLong(ModelRefused):
    """The question is longer than the model reads: a shorter one may pass."""


class EndpointMisconfigured(ModelRefused):
    """A permission, a name or a key is wrong: nothing passes until somebody changes it."""


class ModelUnavailable(ModelError):
    """The endpoint may answer later."""


class ModelThrottled(ModelUnavailable):
    """The endpoint asks for fewer requests."""


class ModelAsleep(ModelUnavailable):
    """The endpoint has no instance that could answer, and needs minutes to get one."""


class ModelBrokeOff(ModelUnavailable):
    """The endpoint failed over this request, or in the middle of its answer: once more is worth it, not often."""


class ModelTimedOut(ModelUnavailable):
    """No answer in time; the request may still run on the GPU."""


class ApprovalRefused(AutoCloudOpsError):
    """What was to be approved or rejected is not, or no longer, what may be done."""


class AuditConflict(AutoCloudOpsError):
    """An audit key already holds bytes that this writer did not write."""


class WorkerStuck(AutoCloudOpsError):
    """The receive loop no longer turns: only a new process can help."""


class SandboxFailed(AutoCloudOpsError):
    """A local stand-in did not start or does not answer."""


def cause_of(error: Exception) -> Exception:
    """Return what happened first, where a task group wrapped it."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
