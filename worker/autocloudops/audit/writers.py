"""Who writes the audit: a writer is registered before its first object, so that a stranger's object is found."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from logging import getLogger
from typing import Protocol

from autocloudops.cancelling import cancel
from autocloudops.clock import Clock
from autocloudops.errors import AutoCloudOpsError
from autocloudops.registered_writer import RegisteredWriter

log = getLogger(__name__)

END_SECONDS = 1.0
RETRY_SECONDS = 5.0


class WriterRegistry(Protocol):
    """Keeps writers outside the bucket. Every method raises `ServiceFailed` where it cannot be reached."""

    async def keep(self, writer: RegisteredWriter) -> None:
        """Keep a writer in place of what was kept of it before."""
        ...

    async def registered(self) -> Sequence[RegisteredWriter]:
        """Return every writer that is still remembered, which is for months."""
        ...


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
        await self._registry.keep(RegisteredWriter(self._writer_id, self._seen, self._seen))
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

    def _state(self, started: datetime, *, ended: bool) -> RegisteredWriter:
        reached = (self._seen, self._sequence, self._lines, self._head)
        return RegisteredWriter(self._writer_id, started, *reached, ended=ended)
