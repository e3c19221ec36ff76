"""What every AWS adapter shares: how a client is made, and how its errors become ours."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

import aiohttp
from aiobotocore.config import AioConfig
from aiobotocore.hooks import AioHierarchicalEmitter
from aiobotocore.session import AioSession
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
)
from botocore.loaders import Loader
from botocore.parsers import ResponseParserError

from autocloudops import __version__, service_models
from autocloudops.errors import (
    AccessDenied,
    ServiceFailed,
    ServiceUnavailable,
    SettingsInvalid,
    TargetMissing,
    Throttled,
)
from autocloudops.tls import SharedTls

CONNECT_TIMEOUT_SECONDS = 5
USER_AGENT = f"autocloudops/{__version__}"

DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "KMS.AccessDeniedException",
        "UnauthorizedOperation",
        "UnrecognizedClientException",
    }
)
MISSING = frozenset(
    {
        "AWS.SimpleQueueService.NonExistentQueue",
        "ClusterNotFoundException",
        "InvalidDocument",
        "InvalidInstanceID.NotFound",
        "InvalidVolume.NotFound",
        "LoadBalancerNotFound",
        "NatGatewayNotFound",
        "NoSuchBucket",
        "NotFound",
        "QueueDoesNotExist",
        "ResourceNotFoundException",
        "StateMachineDoesNotExist",
        "TargetGroupNotFound",
    }
)
THROTTLED = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)

# A transaction needs what each of its parts needs (Amazon DynamoDB Developer Guide, "DynamoDB transactions and IAM").
PERMISSIONS = {
    "dynamodb:TransactWriteItems": "dynamodb:ConditionCheckItem, DeleteItem, PutItem and UpdateItem",
}

MISCONFIGURED = (NoCredentialsError, NoRegionError, PartialCredentialsError, ProfileNotFound, ParamValidationError)
UNANSWERED = (
    BotoCoreError,
    HTTPClientError,
    ResponseParserError,
    aiohttp.ClientError,
    TimeoutError,
    UnicodeDecodeError,
)


def session() -> AioSession:
    """Return a session that reads credentials, region and endpoints where the AWS CLI does.

    botocore itself knows AWS_DEFAULT_REGION only (1.43). Sessions share what they read of botocore's own data files and
    of the certificates that they trust.
    """
    made = AioSession(event_hooks=copy(_hooks()), include_builtin_handlers=False)
    made.register_component("data_loader", _loader(made.get_config_variable("data_path")))
    made.set_default_client_config(AioConfig(http_session_cls=SharedTls))
    if region := os.environ.get("AWS_REGION"):
        made.set_config_variable("region", region)
    return made


def shared_session() -> AioSession:
    """Return the session of this event loop: its clients fetch and renew credentials once, and not each for itself."""
    loop = asyncio.get_running_loop()
    if loop not in _shared:
        _shared[loop] = session()
    return _shared[loop]


_shared: WeakKeyDictionary[asyncio.AbstractEventLoop, AioSession] = WeakKeyDictionary()


@cache
def _hooks() -> AioHierarchicalEmitter:
    """Return botocore's own handlers, registered once: for a session that is most of its making."""
    hooks = AioHierarchicalEmitter()
    AioSession(event_hooks=hooks)
    return hooks


@cache
def _loader(data_path: str | None) -> Loader:
    """Return what reads the models of services and endpoints, each once: for a client that is most of its opening."""
    return service_models.loader(data_path)


def config(*, read_timeout_seconds: float, connections: int = 50, attempts: int = 1) -> AioConfig:
    """Return a client configuration with a bound on every wait, and our name in the records of AWS.

    botocore 1.43 writes a user agent of its own anew for each call: 6 % of the CPU time of a worker under load.

    Args:
        read_timeout_seconds: the longest silence between two bytes of an answer.
        connections: how many calls may be under way at once.
        attempts: how often the SDK sends a call; 1 wherever a layer of ours retries.
    """
    return AioConfig(
        user_agent=USER_AGENT,
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=read_timeout_seconds,
        max_pool_connections=connections,
        retries={"mode": "standard", "total_max_attempts": attempts},
    )


def error_code(error: Exception) -> str:
    """Return the service's error code, or the empty string for an error that never reached a service.

    aiobotocore sets `response` to None on time-outs (measured with 3.10).
    """
    response: dict[str, Any] = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))


def error_message(error: Exception) -> str:
    """Return what the service said, on one line."""
    response: dict[str, Any] = getattr(error, "response", None) or {}
    said = response.get("Error", {}).get("Message") or str(error) or type(error).__name__
    return " ".join(str(said).split())


@contextmanager
def translated(operation: str, target: str) -> Iterator[None]:
    """Raise what an AWS call raises as one of `ServiceFailed`.

    Args:
        operation: the call, as `sqs:ReceiveMessage`; IAM writes permissions the same way, except `PERMISSIONS`.
        target: the queue, bucket, table, topic or endpoint that the call is for.
    """
    try:
        yield
    except MISCONFIGURED as error:
        raise SettingsInvalid(
            f"{operation} on {target}: {error_message(error).rstrip('.')}",
            "set AWS_REGION, check AWS_PROFILE and the name, or give the task a role",
        ) from error
    except ClientError as error:
        raise _service_error(operation, target, error) from error
    except UNANSWERED as error:
        raise ServiceUnavailable(operation, target, error_message(error)) from error


def _service_error(operation: str, target: str, error: ClientError) -> ServiceFailed:
    code, message = error_code(error), error_message(error)
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    said = f"{code}: {message}" if code else message
    if code in DENIED:
        permission = PERMISSIONS.get(operation, operation)
        return AccessDenied(operation, target, said, f"allow {permission} on it for this role")
    if code in MISSING or status == 404:  # noqa: PLR2004 - HTTP's own number
        return TargetMissing(operation, target, said, "check its name, account and region")
    if code in THROTTLED or status in {429, 503}:
        return Throttled(operation, target, said)
    if status >= 500 or not status:  # noqa: PLR2004 - HTTP's own number
        return ServiceUnavailable(operation, target, said)
    return ServiceFailed(operation, target, said)
