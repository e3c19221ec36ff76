"""Who writes the audit: a writer is registered before its first object, so that a stranger's object is found."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from logging import getLogger
from typing import NamedTuple, Protocol

from autocloudops.cancelling import cancel
from autocloudops.clock import Clock
from autocloudops.errors import AutoCloudOpsError

log = getLogger(__name__)

END_SECONDS = 1.0
RETRY_SECONDS = 5.0


class Registered(Protocol):
    """What is known of a writer.

    `sequence` is the number of its last durable object, counted from 0; None where it has none yet. `lines` and `head`
    are how many lines it had written with that, and the digest of the last. `seen` is when that was known, or when it
    started. `ended` says that it writes no more; a writer that died stays unclosed.
    """

    @property
    def writer_id(self) -> str:
        """The id that its keys and lines carry."""
        ...

    @property
    def started(self) -> datetime:
        """When it was registered."""
        ...

    @property
    def seen(self) -> datetime:
        """When its last object was durable."""
        ...

    @property
    def sequence(self) -> int | None:
        """The number of its last durable object."""
        ...

    @property
    def lines(self) -> int:
        """How many lines it had written with that."""
        ...

    @property
    def head(self) -> str:
        """The digest of the last of them."""
        ...

    @property
    def ended(self) -> bool:
        """Whether it writes no more."""
        ...


class WriterRegistry(Protocol):
    """Keeps writers outside the bucket. Every method raises `ServiceFailed` where it cannot be reached."""

    async def keep(self, writer: Registered) -> None:
        """Keep a writer in place of what was kept of it before."""
        ...

    async def registered(self) -> Sequence[Registered]:
        """Return every writer that is still remembered: those that ended for some days, the others for months."""
        ...


class WriterState(NamedTuple):
    """A writer as it registers itself; the fields are those of `Registered`."""

    writer_id: str
    started: datetime
    seen: datetime
    sequence: int | None = None
    lines: int = 0
    head: str = ""
    ended: bool = False


class Registration:
    """One writer's place in the registry: first there, then as far as its objects are durable, then ended.

    Only the first step has to succeed. The others lag behind where the registry fails, which hides nothing that a
    digest lists.

    Args:
        registry: where to register; nowhere where it is None.
        writer_id: the writer.
        clock: time.
    """

    def __init__(self, registry: WriterRegistry | None, writer_id: str, clock: Clock) -> None:
        self._registry = registry
        self._writer_id = writer_id
        self._clock = clock
        self._started: datetime | None = None
        self._seen = clock.now()
        self._sequence: int | None = None
        self._lines, self._head = 0, ""
        self._news = asyncio.Event()

    async def begin(self) -> None:
        """Register the writer, unless it is.

        Raises:
            ServiceFailed: it is not registered, and must not write.
        """
        if self._registry is None or self._started is not None:
            return
        self._seen = self._clock.now()
        await self._registry.keep(WriterState(self._writer_id, self._seen, self._seen))
        self._started = self._seen

    def reached(self, sequence: int, lines: int, head: str) -> None:
        """Say that the object with this number is durable, how many lines there are with it, and the last's digest."""
        self._sequence, self._lines, self._head, self._seen = sequence, lines, head, self._clock.now()
        self._news.set()

    @asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        """Keep the registry up to date beside whatever runs inside."""
        following = asyncio.create_task(self._follow(), name="audit registration")
        try:
            yield
        finally:
            await cancel([following], END_SECONDS)

    async def end(self) -> None:
        """Say that the writer writes no more; it stays unclosed where the registry does not answer in time."""
        if self._registry is None or self._started is None:
            return
        try:
            async with asyncio.timeout(END_SECONDS):
                await self._registry.keep(self._state(self._started, ended=True))
        except (TimeoutError, AutoCloudOpsError) as error:
            log.warning("audit writer %s stays unclosed: %s", self._writer_id, error)

    async def _follow(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self._note()
            except AutoCloudOpsError as error:
                log.warning("audit writer %s: the registry lags behind: %s", self._writer_id, error)
                self._news.set()
                await self._clock.sleep(RETRY_SECONDS)

    async def _note(self) -> None:
        if self._registry is not None and self._started is not None:
            await self._registry.keep(self._state(self._started, ended=False))

    def _state(self, started: datetime, *, ended: bool) -> WriterState:
        return WriterState(self._writer_id, started, self._seen, self._sequence, self._lines, self._head, ended=ended)
