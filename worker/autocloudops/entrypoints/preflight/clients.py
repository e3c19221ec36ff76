"""The AWS clients of the checks."""

from contextlib import AsyncExitStack
from typing import Any

from autocloudops import aws
from autocloudops.errors import SettingsInvalid

CALL_SECONDS = 10
Key = tuple[str, str | None]


class Clients:
    """Opens clients, and closes them with the stack.

    Reading a service's model keeps the event loop for up to a second, so that calls which are under way meanwhile
    would time out: whatever is needed is opened before the first call.

    Args:
        stack: what closes them.
    """

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self._session = aws.session()
        self._needed: set[Key] = set()
        self._open: dict[Key, Any] = {}

    def needs(self, service: str, region: str | None = None) -> None:
        """Note that a check will call a service."""
        self._needed.add((service, region))

    async def open(self) -> None:
        """Open what is needed; what cannot be opened is said by the check that needs it."""
        for key in sorted(self._needed, key=str):
            try:
                await self.get(*key)
            except SettingsInvalid:
                continue

    async def get(self, service: str, region: str | None = None) -> Any:  # noqa: ANN401 - one for every service
        """Return the client of a service.

        Raises:
            SettingsInvalid: the AWS configuration lacks a part.
        """
        key = service, region
        if key not in self._open:
            calls = aws.config(read_timeout_seconds=CALL_SECONDS, attempts=1)
            with aws.translated("opening a client", service):
                context = self._session.create_client(service, region_name=region, config=calls)
                self._open[key] = await self._stack.enter_async_context(context)
        return self._open[key]
