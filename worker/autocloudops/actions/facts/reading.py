"""Calls about a target and what is beside it, each made once and under a bound of time.

Place   an account and a region
Reads   makes the calls
"""

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from botocore import xform_name

from autocloudops import aws
from autocloudops.alarms.model import ResourceRef
from autocloudops.cancelling import cancel
from autocloudops.errors import AccountUnread, ServiceUnavailable

Answer = Mapping[str, Any]
T = TypeVar("T")
CANCEL_SECONDS = 0.2


class Clients(Protocol):
    """Opens clients; see `accounts.ActionClients`."""

    async def client(self, service: str, account: str, region: str) -> Any:  # noqa: ANN401 - of any service
        """Return the client of one service in one account and region."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """An account and a region."""

    account: str
    region: str

    @classmethod
    def of(cls, target: ResourceRef) -> "Place":
        """Return where a resource is."""
        return cls(target.account, target.region)


class Reads:
    """Makes calls.

    Args:
        clients: opens clients.
        call_seconds: how long one call may take.
    """

    def __init__(self, clients: Clients, call_seconds: float) -> None:
        self._clients = clients
        self._call_seconds = call_seconds

    async def open(self, service: str, place: Place) -> Any:  # noqa: ANN401 - of any service
        """Return the client of a service; raises as `accounts.ActionClients.client` does."""
        return await self._clients.client(service, place.account, place.region)

    async def ask(self, action: str, place: Place, about: str, **arguments: object) -> Answer:
        """Return the answer of one call.

        Args:
            action: the IAM action, which names client and call: `ecs:DescribeServices`.
            place: where the call goes.
            about: what it is about, for the error.
            arguments: of the call.

        Raises:
            ServiceFailed: there is no answer, or none in time.
            SettingsInvalid: the call cannot be sent.
        """
        service, _, operation = action.partition(":")
        client = await self.open(service, place)
        with aws.translated(action, about):
            try:
                async with asyncio.timeout(self._call_seconds):
                    answer: Answer = await getattr(client, xform_name(operation))(**arguments)
            except TimeoutError as error:
                raise ServiceUnavailable(action, about, f"no answer within {self._call_seconds:g} s") from error
        return answer


async def together(reading: Iterable[Coroutine[Any, Any, T]]) -> Sequence[T]:
    """Return all answers; once one of them fails, the rest is given up, and its error is raised."""
    tasks = [asyncio.create_task(each) for each in reading]
    try:
        return await asyncio.gather(*tasks)
    finally:
        await cancel(tasks, CANCEL_SECONDS)


def belongs(arn: str, target: ResourceRef, action: str) -> None:
    """Make sure that an answer is about the target and not about a namesake elsewhere.

    Args:
        arn: of what the answer is about.
        target: what was asked about.
        action: the IAM action of the call.

    Raises:
        AccountUnread: it is in another account or region.
    """
    parts = arn.split(":", 5)
    found = ":".join(parts[3:5])
    if found != f"{target.region}:{target.account}":
        raise AccountUnread(action, target.id, f"the answer is about one of its name in {found or 'no account'}")


def tags_of(tags: Iterable[Mapping[str, object]]) -> Mapping[str, str]:
    """Return tags that an answer lists by `Key` and `Value`."""
    return {str(tag["Key"]): str(tag.get("Value", "")) for tag in tags}
