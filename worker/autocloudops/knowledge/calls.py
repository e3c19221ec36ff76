"""Read-only AWS calls under a bound of time and a share of the account's quota."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from logging import getLogger
from typing import Any, TypeVar

from aiobotocore.config import AioConfig
from botocore.exceptions import NoCredentialsError, ParamValidationError

from autocloudops import aws
from autocloudops.clock import Clock
from autocloudops.errors import (
    AccountUnread,
    AutoCloudOpsError,
    ServiceFailed,
    ServiceUnavailable,
    SettingsInvalid,
    Throttled,
)

log = getLogger(__name__)

T = TypeVar("T")
CALL_SECONDS = 0.7
QUOTA_SHARE = 0.25
DEFAULT_QUOTA = 10.0
"""Calls a second that AWS allows where no page says more."""


class Bucket:
    """A token bucket: `rate` tokens a second, and as many at once.

    Args:
        rate: tokens a second.
        clock: time.
    """

    def __init__(self, rate: float, clock: Clock) -> None:
        self._rate = rate
        self._most = max(1.0, rate)
        self._tokens = self._most
        self._clock = clock
        self._filled_at = clock.monotonic()

    def taken(self) -> bool:
        """Return whether there was a token, and take it."""
        now = self._clock.monotonic()
        self._tokens = min(self._most, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Calls:
    """Makes read-only calls with lazily opened clients, one for each service and region.

    Args:
        stack: closes the clients.
        clock: time.
        quotas: calls a second that AWS allows, by IAM action; a quarter of it is used.
        call_seconds: how long one call may take.
        own_account: the account of the role, which answers for no other: an alarm or a resource of the same name there
            is another one. Empty where every call is about it anyway.
    """

    def __init__(
        self,
        stack: AsyncExitStack,
        clock: Clock,
        quotas: Mapping[str, float],
        call_seconds: float = CALL_SECONDS,
        own_account: str = "",
    ) -> None:
        self._stack = stack
        self._clock = clock
        self._quotas = quotas
        self._call_seconds = call_seconds
        self._own_account = own_account
        self._session = aws.session()
        self._clients: dict[tuple[str, str], asyncio.Task[Any]] = {}
        self._buckets: dict[tuple[str, str, str], Bucket] = {}

    async def make(
        self,
        action: str,
        account: str,
        region: str,
        call: Callable[[Any], Awaitable[T]],
        target: str = "",
        service: str = "",
    ) -> T:
        """Return the answer of one call.

        Args:
            action: the IAM action, as `rds:DescribeDBInstances`; what stands before the colon names the client.
            account: what it is about is there; empty for the account of the role, whose quota it uses.
            region: where it goes.
            call: makes the call on the client.
            target: what the call is about, for the error.
            service: the client, where several share the IAM prefix.

        Raises:
            AccountUnread: it is about another account than that of the role.
            ServiceFailed: no answer in time, no permission, nothing there, throttled by AWS or by our own share.
            SettingsInvalid: there are no credentials, or no region.
        """
        if self._own_account and account not in {"", self._own_account}:
            raise AccountUnread(action, target, f"it is in account {account}, the role is in {self._own_account}")
        if not self._bucket(action, account, region).taken():
            raise Throttled(action, target, f"its share of {QUOTA_SHARE:.0%} of the quota is used up")
        try:
            with aws.translated(action, target):
                client = await self._client(service or action.partition(":")[0], region)
                return await self._in_time(call(client), action, target)
        except SettingsInvalid as error:
            if isinstance(error.__cause__, ParamValidationError):  # what an alarm says is nobody's setting
                raise ServiceFailed(action, target, "it names what the service does not allow") from error
            raise

    async def _in_time(self, answer: Awaitable[T], action: str, target: str) -> T:
        try:
            async with asyncio.timeout(self._call_seconds):
                return await answer
        except TimeoutError as error:
            raise ServiceUnavailable(action, target, f"no answer within {self._call_seconds:g} s") from error

    async def warm(self, actions: Iterable[str], region: str) -> None:
        """Open the clients of some IAM actions before anybody needs them, one after the other.

        A client costs up to 0.3 s of CPU, more than one call may take: the first incident would miss its facts. What
        cannot be opened is left to whoever needs it.

        Args:
            actions: the IAM actions, those that are needed first in front.
            region: where.
        """
        for service in dict.fromkeys(action.partition(":")[0] for action in actions):
            try:
                with aws.translated("opening a client", service):
                    await self._client(service, region)
            except AutoCloudOpsError as error:
                log.info("the client of %s is not open yet: %s", service, error)
            await self._clock.sleep(0)

    def _bucket(self, action: str, account: str, region: str) -> Bucket:
        key = (action, account, region)
        if key not in self._buckets:
            rate = self._quotas.get(action, DEFAULT_QUOTA) * QUOTA_SHARE
            self._buckets[key] = Bucket(rate, self._clock)
        return self._buckets[key]

    async def _client(self, service: str, region: str) -> Any:  # noqa: ANN401 - one method serves the clients of every service
        key = (service, region)
        opening = self._clients.get(key)
        if opening is None or (opening.done() and (opening.cancelled() or opening.exception())):
            opening = self._clients[key] = asyncio.create_task(self._open(service, region))
        return await asyncio.shield(opening)

    async def _open(self, service: str, region: str) -> Any:  # noqa: ANN401 - likewise
        if await self._session.get_credentials() is None:
            raise NoCredentialsError  # a client that is opened without any never looks for them again
        return await self._stack.enter_async_context(
            self._session.create_client(CLIENTS.get(service, service), region_name=region, config=self._config())
        )

    def _config(self) -> AioConfig:
        return aws.config(read_timeout_seconds=self._call_seconds, connections=20, attempts=1)


CLIENTS: Mapping[str, str] = {
    "elasticfilesystem": "efs",
    "elasticloadbalancing": "elbv2",
    "es": "opensearch",
    "states": "stepfunctions",
}
"""Names of SDK clients that differ from the IAM prefix."""
