"""Group commit: many records, one object, and nobody told `durable` before it is."""

import asyncio
import gzip
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from logging import getLogger
from typing import NamedTuple
from uuid import uuid4

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from autocloudops.audit.keys import decisions_key
from autocloudops.audit.objects import AuditObjects
from autocloudops.audit.record import AuditRecord, Receipt, digest, seal
from autocloudops.audit.writers import Registration, WriterRegistry
from autocloudops.clock import Clock
from autocloudops.errors import ServiceFailed
from autocloudops.values import Value

log = getLogger(__name__)


class CommitPolicy(Value):
    """When waiting records become an object: at `records`, after `seconds`, or once nobody else could add one.

    An object holds `object_bytes` before compression, or one record more. At most `waiting` records wait to be written
    while S3 is slow or down: whoever has another waits for room.
    """

    records: int = 500
    seconds: float = 2.0
    longest_wait_seconds: float = 10.0
    object_bytes: int = 8_000_000
    waiting: int = 2_000


class Waiting(NamedTuple):
    """A record and whoever waits for it to be durable, since a time of the monotonic clock."""

    record: AuditRecord
    done: asyncio.Future[Receipt]
    since: float


class AuditWriter:
    """The only writer of one chain of audit records.

    The sequence number and the chain advance only when an object is durable: a failed write is repeated with the same
    key and the same bytes until it succeeds, and meanwhile everybody who appended waits.

    Args:
        objects: where to write.
        clock: time, for object keys and the group commit.
        policy: when to commit.
        registry: where the writer is registered before its first object, and ended when `run` is.
        kept: hears of each record that became durable, and after how many seconds.
    """

    def __init__(
        self,
        objects: AuditObjects,
        clock: Clock,
        policy: CommitPolicy | None = None,
        registry: WriterRegistry | None = None,
        kept: Callable[[AuditRecord, float], None] | None = None,
    ) -> None:
        self._kept = kept
        self.writer_id = str(uuid4())
        self._registration = Registration(registry, self.writer_id, clock)
        self._objects = objects
        self._clock = clock
        self._policy = policy or CommitPolicy()
        self._waiting: deque[Waiting] = deque()
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._writing = False
        self._in_flight = 0
        self._appended = 0
        self._durable = 0
        self._committed = asyncio.Event()
        self._fault: Exception | None = None
        self._sequence = 0
        self._number = 0
        self._prev = ""
        self.unwell: str | None = None

    @property
    def waiting(self) -> int:
        """How many records wait to become durable."""
        return len(self._waiting)

    @property
    def oldest_seconds(self) -> float:
        """How long the oldest of them has waited, 0 where none does."""
        return self._clock.monotonic() - self._waiting[0].since if self._waiting else 0.0

    @contextmanager
    def in_flight(self) -> Iterator[None]:
        """Announce somebody who may append soon, so that a commit waits for company only while there can be any."""
        self._in_flight += 1
        self._changed.set()
        try:
            yield
        finally:
            self._in_flight -= 1
            self._changed.set()

    async def append(self, record: AuditRecord) -> Receipt:
        """Return where `record` is, once it is durable.

        Raises:
            AuditConflict, SettingsInvalid: what `run` ended with; nothing is written any more.
        """
        while len(self._waiting) >= self._policy.waiting and not self._fault:
            self._room.clear()
            await self._room.wait()
        if self._fault:
            raise self._fault
        waiting = Waiting(record, asyncio.get_running_loop().create_future(), self._clock.monotonic())
        self._waiting.append(waiting)
        self._appended += 1
        self._changed.set()
        receipt = await waiting.done
        if self._kept:
            self._kept(record, self._clock.monotonic() - waiting.since)
        return receipt

    async def flush(self) -> None:
        """Return once everything that was appended before is durable, also what nobody waits for any more.

        It commits nothing: somebody must be in `run`, and once nobody is in flight that commits at once.

        Raises:
            AuditConflict, SettingsInvalid: what `run` ended with, so that it never will be.
        """
        appended = self._appended
        while self._durable < appended:
            if self._fault:
                raise self._fault
            self._committed.clear()
            await self._committed.wait()

    async def run(self) -> None:
        """Commit until cancelled, which whoever runs it does once nobody appends any more.

        Raises:
            AuditConflict: a key holds somebody else's bytes.
            SettingsInvalid: there are no credentials any more. Whoever waits hears of either.
        """
        try:
            async with self._registration.followed():
                await self._wanted()
                await self._until_done(self._registration.begin)
                await self._commit_for_ever()
        except Exception as error:
            self._refuse(error)
            raise
        finally:
            if not self._writing:
                await self._registration.end()

    async def _wanted(self) -> None:
        """Wait for whoever may append first, so that registration costs no record any time."""
        while not self._in_flight and not self._waiting:
            self._changed.clear()
            await self._changed.wait()

    async def _commit_for_ever(self) -> None:
        while True:
            await self._until_due()
            self._writing = True
            await self._commit()
            self._writing = False

    def _refuse(self, error: Exception) -> None:
        """Tell everybody who waits that nothing is written any more."""
        self._fault = error
        self._committed.set()
        self._room.set()
        for each in self._waiting:
            if not each.done.done():
                each.done.set_exception(error)

    async def _until_due(self) -> None:
        while not self._waiting:
            self._changed.clear()
            await self._changed.wait()
        due = asyncio.create_task(self._clock.sleep(self._policy.seconds))
        try:
            while not self._full() and not due.done():
                self._changed.clear()
                changed = asyncio.create_task(self._changed.wait())
                await asyncio.wait({due, changed}, return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
        finally:
            due.cancel()

    def _full(self) -> bool:
        nobody_else = len(self._waiting) >= self._in_flight
        return nobody_else or len(self._waiting) >= self._policy.records

    async def _commit(self) -> None:
        key = self._key(self._clock.now())
        lines = self._sealed()
        body = gzip.compress(b"".join(line + b"\n" for line in lines), compresslevel=6, mtime=0)
        await self._until_done(lambda: self._objects.create(key, body))
        self._number, self._prev = self._number + len(lines), digest(lines[-1])
        self._registration.reached(self._sequence, self._number, self._prev)
        self._sequence += 1
        self._durable += len(lines)
        for number, line in enumerate(lines):
            waiting = self._waiting.popleft()
            if not waiting.done.done():
                waiting.done.set_result(Receipt(location=key, line=number, sha256=digest(line)))
        self._committed.set()
        self._room.set()

    def _sealed(self) -> list[bytes]:
        """Return the lines of the records that come next, as many as one object takes."""
        lines: list[bytes] = []
        prev, left = self._prev, self._policy.object_bytes
        for waiting in islice(self._waiting, self._policy.records):
            lines.append(seal(waiting.record, self.writer_id, self._number + len(lines), prev))
            prev, left = digest(lines[-1]), left - len(lines[-1])
            if left <= 0:
                break
        return lines

    def _key(self, now: datetime) -> str:
        return decisions_key(self.writer_id, self._sequence, now)

    async def _until_done(self, call: Callable[[], Awaitable[None]]) -> None:
        patience = wait_random_exponential(multiplier=0.2, max=self._policy.longest_wait_seconds)
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(ServiceFailed),
            wait=patience,
            sleep=self._clock.sleep,
            before_sleep=self._say_unwell,
        )
        async for attempt in retrying:
            with attempt:
                await call()
        if self.unwell:
            log.warning("audit writes succeed again: %s", self._objects.location)
        self.unwell = None

    def _say_unwell(self, state: RetryCallState) -> None:
        error = str(state.outcome.exception()) if state.outcome else ""
        if self.unwell is None:
            log.error("audit is not durable, so no message is acknowledged: %s", error)
        self.unwell = error
