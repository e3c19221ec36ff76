"""Which source made how many calls: everything that a source starts runs in its context."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from contextvars import ContextVar
from typing import Any, TypeVar

from autocloudops.clock import Clock
from autocloudops.diagnosis.gathering import Piece, Source, Subject
from autocloudops.knowledge.calls import Calls

T = TypeVar("T")
PLENTY = 1e9
_READING: ContextVar[str] = ContextVar("reading", default="none")


class Ledger:
    """Counts calls by the source that made them."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()

    def note(self, **_: object) -> None:
        """Count one call; botocore's events call it with what they are about."""
        self.calls[_READING.get()] += 1

    def watch(self, client: Any) -> None:  # noqa: ANN401 - a client of any service
        """Count every request of a client from now on."""
        client.meta.events.register("before-call", self.note)


class CountedCalls(Calls):
    """Real calls without a share of a quota: each incident is alone here, and they follow at once.

    Args:
        stack: closes the clients.
        clock: time.
        ledger: counts.
    """

    def __init__(self, stack: AsyncExitStack, clock: Clock, ledger: Ledger) -> None:
        super().__init__(stack, clock, _Plenty())
        self._ledger = ledger

    async def make(
        self,
        action: str,
        account: str,
        region: str,
        call: Callable[[Any], Awaitable[T]],
        target: str = "",
        service: str = "",
    ) -> T:
        """Count a call, and make it."""
        self._ledger.note()
        return await super().make(action, account, region, call, target, service)


class Counted:
    """A source whose calls are counted under its kind.

    Args:
        source: the source.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self.kind = source.kind
        self.essential = source.essential
        self.permissions = source.permissions

    async def read(self, subject: Subject) -> Sequence[Piece]:
        """Read in a context that is marked; each source is read in a task of its own."""
        _READING.set(self.kind)
        return await self._source.read(subject)


class _Plenty(dict[str, float]):
    def get(self, key: str, default: Any = None) -> float:  # noqa: ANN401, ARG002 - as the method that it replaces
        return PLENTY
