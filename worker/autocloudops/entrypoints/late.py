"""What not every process needs, imported and opened when it is first wanted."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Generic, TypeVar

from autocloudops.alarms.model import Alarm
from autocloudops.incidents.circumstances import Circumstances
from autocloudops.incidents.model import Incident

if TYPE_CHECKING:
    from autocloudops.investigation import Case, Investigator

T = TypeVar("T")


class Late(Generic[T]):
    """Something that is opened by whoever wants it first; if that fails, by whoever wants it next.

    Args:
        stack: closes it.
        opener: opens it on a stack of its own, which is closed at once where it fails.
    """

    def __init__(self, stack: AsyncExitStack, opener: Callable[[AsyncExitStack], Awaitable[T]]) -> None:
        self._stack = stack
        self._opener = opener
        self._opening = asyncio.Lock()
        self._opened: tuple[T] | None = None

    async def __call__(self) -> T:
        """Return what is open."""
        async with self._opening:
            if self._opened is None:
                async with AsyncExitStack() as own:
                    self._opened = (await self._opener(own),)
                    self._stack.push_async_exit(own.pop_all())
        return self._opened[0]


class LateInvestigator:
    """An `Investigator` that is opened when it is first asked.

    Args:
        patience: how long after an incident's opener attempts to get an answer may start.
        investigator: opens it.
    """

    def __init__(self, patience: timedelta, investigator: "Late[Investigator]") -> None:
        self.patience = patience
        self._investigator = investigator

    async def investigate(
        self,
        incident: Incident,
        alarms: Sequence[Alarm],
        known: Circumstances | None = None,
        due_at: datetime | None = None,
        ends_at: datetime | None = None,
    ) -> "Case":
        """Return the decision about `alarms`, with everything that led to it."""
        return await (await self._investigator()).investigate(incident, alarms, known, due_at, ends_at)
