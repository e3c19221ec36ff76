"""Clients for the account and region of a target: its own account as itself, any other by an assumed role."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from aiobotocore.config import AioConfig
from aiobotocore.credentials import AioRefreshableCredentials
from aiobotocore.session import AioSession

from autocloudops import aws
from autocloudops.clock import Clock
from autocloudops.errors import AccessDenied, AccountUnread

T = TypeVar("T")
ASSUME = "sts:AssumeRole"
SESSION_NAME = "autocloudops"
RENEWED_BEFORE_SECONDS = 300
REFUSED_SECONDS = 30.0
READ_TIMEOUT_SECONDS = 10.0
"""The longest silence between two bytes of an answer."""


@dataclass(frozen=True, slots=True)
class AccountRole:
    """The role that is assumed in any other account.

    Args:
        name: of the role, the same in every account, with its path and without a leading slash.
        external_id: what its trust policy asks for; empty where it asks for nothing.
    """

    name: str
    external_id: str = ""


class Once(Generic[T]):
    """Makes each thing once: whoever wants it meanwhile waits for the same making, and may give up waiting.

    Args:
        clock: time.
        failed_seconds: how long a failure is told again before it is tried again.
    """

    def __init__(self, clock: Clock, failed_seconds: float = 0.0) -> None:
        self._clock = clock
        self._failed_seconds = failed_seconds
        self._made: dict[Hashable, asyncio.Task[T]] = {}
        self._failed_at: dict[Hashable, float] = {}

    async def get(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """Return what `make` made for `key`; raises what it raised."""
        task = self._made.get(key)
        if task is None or self._tried_again(key, task):
            task = self._made[key] = asyncio.create_task(self._make(key, make))
            task.add_done_callback(_heard)
        return await asyncio.shield(task)

    async def _make(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        try:
            return await make()
        except BaseException:
            self._failed_at[key] = self._clock.monotonic()
            raise

    def _tried_again(self, key: Hashable, task: "asyncio.Task[T]") -> bool:
        failed = task.done() and (task.cancelled() or task.exception() is not None)
        return failed and self._clock.monotonic() - self._failed_at.get(key, 0.0) >= self._failed_seconds


def _said(error: BaseException | None) -> str:
    return f"{aws.error_code(error)}: {aws.error_message(error)}" if isinstance(error, Exception) else ""


def _heard(task: "asyncio.Task[T]") -> None:
    """Take note of a failure whose waiters have all given up, which asyncio would log as an error."""
    if not task.cancelled():
        task.exception()


class _Provider:
    """Where a session gets its credentials from."""

    def __init__(self, credentials: AioRefreshableCredentials) -> None:
        self._credentials = credentials

    async def load_credentials(self) -> AioRefreshableCredentials:
        return self._credentials


class ActionClients:
    """Opens a client for each service, account and region once, and keeps it.

    An assumed role's credentials are renewed five minutes before they expire, by one call at a time for each account.
    One that could not be assumed is not asked for again for 30 s. The SDK retries nothing; whoever calls bounds a call.

    Args:
        stack: closes the clients.
        clock: time.
        own_account: the account of the worker's own role.
        role: is assumed in any other account; None where the worker keeps to its own.
    """

    def __init__(
        self,
        stack: AsyncExitStack,
        clock: Clock,
        own_account: str,
        role: AccountRole | None = None,
    ) -> None:
        self._stack = stack
        self._clock = clock
        self._own_account = own_account
        self._role = role
        self._own = aws.session()
        self._sessions = Once[AioSession](clock, REFUSED_SECONDS)
        self._clients = Once[Any](clock)

    async def client(self, service: str, account: str, region: str) -> Any:  # noqa: ANN401 - of any service
        """Return the client of `service`, as the SDK names it, that speaks for `account` in `region`.

        Raises:
            AccountUnread: it is another account, and no role is set.
            AccessDenied: the role there may not be assumed.
            ServiceFailed: STS gave no answer, or the client could not be opened.
            SettingsInvalid: there are no credentials.
        """
        session = await self._session(account, region)

        async def opened() -> Any:  # noqa: ANN401 - likewise
            made = session.create_client(service, region_name=region, config=_config())
            with aws.translated("opening a client", service):
                return await self._stack.enter_async_context(made)

        return await self._clients.get((service, account, region), opened)

    async def _session(self, account: str, region: str) -> AioSession:
        if account == self._own_account:
            return self._own
        if self._role is None:
            message = f"no role to act in account {account}, this worker's is {self._own_account}"
            raise AccountUnread(ASSUME, f"account {account}", message, "name the role that is to be assumed there")
        role = self._role
        return await self._sessions.get(account, lambda: self._assumed(role, account, region))

    async def _assumed(self, role: AccountRole, account: str, region: str) -> AioSession:
        with aws.translated(ASSUME, f"account {account}"):
            partition = self._own.get_partition_for_region(region)
        arn = f"arn:{partition}:iam::{account}:role/{role.name}"

        async def renewed() -> dict[str, str]:
            return await self._credentials(arn, role.external_id)

        first = await renewed()
        credentials = AioRefreshableCredentials(
            first["access_key"],
            first["secret_key"],
            first["token"],
            datetime.fromisoformat(first["expiry_time"]),
            refresh_using=renewed,
            method="sts-assume-role",
            time_fetcher=self._clock.now,
            advisory_timeout=RENEWED_BEFORE_SECONDS,
            mandatory_timeout=RENEWED_BEFORE_SECONDS,
        )
        session = aws.session()
        session.register_component("credential_provider", _Provider(credentials))
        return session

    async def _credentials(self, arn: str, external_id: str) -> dict[str, str]:
        asked = {"RoleArn": arn, "RoleSessionName": SESSION_NAME} | ({"ExternalId": external_id} if external_id else {})
        try:
            with aws.translated(ASSUME, arn):
                async with self._own.create_client("sts", config=_config()) as sts:
                    answer = (await sts.assume_role(**asked))["Credentials"]
        except AccessDenied as error:
            advice = f"allow {ASSUME} on it for this worker's role, and let it trust that role"
            raise AccessDenied(ASSUME, arn, _said(error.__cause__), advice) from error
        return {
            "access_key": answer["AccessKeyId"],
            "secret_key": answer["SecretAccessKey"],
            "token": answer["SessionToken"],
            "expiry_time": answer["Expiration"].isoformat(),
        }


def _config() -> AioConfig:
    return aws.config(read_timeout_seconds=READ_TIMEOUT_SECONDS, connections=20, attempts=1)
