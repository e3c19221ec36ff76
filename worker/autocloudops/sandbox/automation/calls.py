"""The AWS calls of a runbook: real ones, over HTTP, as the role that the document assumes."""

import base64
import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import cache
from typing import Any, Protocol

import aiohttp
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession
from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError

from autocloudops import aws
from autocloudops.sandbox.automation.references import StepFailed
from autocloudops.sandbox.foundation import DUMMY_CREDENTIAL
from autocloudops.values import Value

CALL_SECONDS = 30.0
SESSION_NAME = "Automation-{}"


class Calls(Protocol):
    """How the steps of one execution call AWS."""

    async def __call__(self, service: str, api: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Make one call and return its answer, or raise `StepFailed`."""
        ...


class Endpoints(Value):
    """Where each service is: `url` for all but those that `special` names, as `ssm`."""

    url: str
    region: str
    special: Mapping[str, str]

    def of(self, service: str) -> str:
        """Return the address of the service."""
        return self.special.get(service, self.url)


class Credentials(Value):
    """What a call is signed with."""

    access_key: str = DUMMY_CREDENTIAL
    secret_key: str = DUMMY_CREDENTIAL
    token: str | None = None


class AwsCalls:
    """`Calls` with one client for each service, kept until the stack is closed.

    Args:
        endpoints: where the services are.
        credentials: what calls are signed with.
        opened: closes the clients.
    """

    def __init__(self, endpoints: Endpoints, credentials: Credentials, opened: AsyncExitStack) -> None:
        self._endpoints = endpoints
        self._credentials = credentials
        self._opened = opened
        self._clients: dict[str, Any] = {}

    async def __call__(self, service: str, api: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Make one call and return its answer as JSON has it.

        Raises:
            StepFailed: the call does not exist, its inputs do not fit, or it was refused or not answered.
        """
        try:
            client = await self._client(service)
            if api not in client.meta.service_model.operation_names:
                raise StepFailed(f"The service {service} has no API {api}.")
            answer = await getattr(client, xform_name(api))(**inputs)
        except ClientError as error:
            raise StepFailed(_refused(service, api, error)) from error
        except (BotoCoreError, aiohttp.ClientError, TimeoutError, ValueError) as error:
            said = " ".join(str(error).split())
            raise StepFailed(f"Step fails when it is Execute/Cancelling action. {service}:{api}: {said}") from error
        answer.pop("ResponseMetadata", None)
        plain: dict[str, Any] = json.loads(json.dumps(answer, default=_plain))
        return plain

    async def _client(self, service: str) -> Any:  # noqa: ANN401 - aiobotocore's clients are made at run time
        if service not in self._clients:
            self._clients[service] = await self._opened.enter_async_context(
                _session().create_client(
                    service,
                    region_name=self._endpoints.region,
                    endpoint_url=self._endpoints.of(service),
                    aws_access_key_id=self._credentials.access_key,
                    aws_secret_access_key=self._credentials.secret_key,
                    aws_session_token=self._credentials.token,
                    config=aws.config(read_timeout_seconds=CALL_SECONDS).merge(AioConfig(proxies={})),
                )
            )
        return self._clients[service]


async def assumed(calls: Calls, role_arn: str, execution_id: str) -> Credentials:
    """Return credentials of the role that a document assumes.

    Raises:
        StepFailed: the role cannot be assumed.
    """
    session = {"RoleArn": role_arn, "RoleSessionName": SESSION_NAME.format(execution_id)}
    try:
        given = (await calls("sts", "AssumeRole", session))["Credentials"]
    except StepFailed as refused:
        raise StepFailed(f"The defined assume role is unable to be assumed: {refused.message}") from refused
    return Credentials(
        access_key=given["AccessKeyId"], secret_key=given["SecretAccessKey"], token=given["SessionToken"]
    )


async def identity(endpoints: Endpoints, access_key: str) -> str:
    """Return the ARN that the embedded AWS knows the holder of an access key by.

    Raises:
        StepFailed: it did not say.
    """
    async with AsyncExitStack() as opened:
        calls = AwsCalls(endpoints, Credentials(access_key=access_key), opened)
        return str((await calls("sts", "GetCallerIdentity", {}))["Arn"])


@cache
def _session() -> AioSession:
    """Return one session for all clients, without the caller's profile."""
    made = aws.session()
    made.get_component("config_store").set_config_variable("profile", None)
    return made


def _refused(service: str, api: str, error: ClientError) -> str:
    return (
        f"Step fails when it is Execute/Cancelling action. {service}:{api} was refused: "
        f"{aws.error_code(error)}: {aws.error_message(error)}. "
        "Please refer to Automation Service Troubleshooting Guide for more diagnosis details."
    )


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise ValueError(f"the answer holds a {type(value).__name__}, which has no JSON")
