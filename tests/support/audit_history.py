"""An audit of several hours, as workers, action logs and digests leave it, and what may be done to it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from audit_actions import entry
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from virtual_time import START

from autocloudops.alarms.model import Unparseable
from autocloudops.audit.actions import ActionObjects
from autocloudops.audit.digesting import Digester
from autocloudops.audit.findings import Kind, Report
from autocloudops.audit.keys import HOUR, hour_of
from autocloudops.audit.objects import AuditObjects
from autocloudops.audit.record import AuditRecord, Outcome
from autocloudops.audit.signing import LocalSigner, TrustedKeys
from autocloudops.audit.verifying import Range, Verifier
from autocloudops.audit.writer import AuditWriter, CommitPolicy
from autocloudops.clock import SystemClock
from autocloudops.decisions.claims import Step
from autocloudops.errors import ServiceUnavailable
from autocloudops.registered_writer import RegisteredWriter

KEY = generate_private_key(SECP256R1())
OTHER_KEY = generate_private_key(SECP256R1())
TRUSTED = TrustedKeys([KEY.public_key()])
LINES = 5


class MemoryRegistry:
    """A `WriterRegistry` in memory, which fails as often as told."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.writers: dict[str, RegisteredWriter] = {}
        self.kept: list[RegisteredWriter] = []

    async def keep(self, writer: RegisteredWriter) -> None:
        await asyncio.sleep(0)
        if self.failures:
            self.failures -= 1
            raise ServiceUnavailable("dynamodb:PutItem", "memory", "no answer")
        self.writers[writer.writer_id] = writer
        self.kept.append(writer)

    async def registered(self) -> Sequence[RegisteredWriter]:
        return list(self.writers.values())


def record(number: int = 0) -> AuditRecord:
    """Return a record unlike those of other numbers."""
    lost = Unparseable(code="not_json", reason=f"no JSON {number}", raw_sha256=f"{number:064x}")
    return AuditRecord(outcome=Outcome.PARKED, at=START, unparseable=lost)


class StandingClock(SystemClock):
    """A clock that a test moves; sleeping on it takes one turn of the event loop."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        await asyncio.sleep(0)


@dataclass
class History:
    """An audit, the registry beside it, and the keys of the first writer's objects by hour."""

    objects: AuditObjects
    registry: MemoryRegistry = field(default_factory=MemoryRegistry)
    clock: StandingClock = field(default_factory=StandingClock)
    keys: list[list[str]] = field(default_factory=list)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AuditWriter]:
        """Run a writer, and end it in good order."""
        writer = AuditWriter(self.objects, self.clock, CommitPolicy(records=LINES), self.registry)
        running = asyncio.create_task(writer.run())
        yield writer
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    async def write_object(self, writer: AuditWriter, first: int = 0) -> str:
        """Write one object of `LINES` records, and return its key."""
        receipts = await asyncio.gather(*(writer.append(record(first + number)) for number in range(LINES)))
        await settled()
        return receipts[0].location

    async def write_hour(self, first: AuditWriter, second: AuditWriter, number: int) -> None:
        """Write two objects of one writer, one of another and an action, and let the hour pass."""
        self.keys.append([await self.write_object(first, number * 100 + part * 10) for part in range(2)])
        await self.write_object(second, number * 100 + 50)
        await ActionObjects(self.objects).write(entry(Step.INTENT, number))
        self.pass_hour()

    def pass_hour(self) -> None:
        """Let the hour pass, and the time in which what is under way settles."""
        self.clock.at = hour_of(self.clock.at) + HOUR + timedelta(minutes=6)

    async def digest(self, key: EllipticCurvePrivateKey = KEY, former: TrustedKeys | None = None) -> list[str]:
        """Write the digests that are due, and return their keys."""
        digester = Digester(self.objects, self.registry, LocalSigner(key), self.clock, former)
        return [made.key async for made in digester.make()]

    async def verified(self, wanted: Range | None = None, trusted: TrustedKeys = TRUSTED) -> Report:
        """Return what verification comes to."""
        return await Verifier(self.objects, trusted, self.clock).verify(wanted or Range())

    async def kinds(self, trusted: TrustedKeys = TRUSTED) -> list[Kind]:
        """Return what kinds of damage verification finds."""
        return [finding.kind for finding in (await self.verified(trusted=trusted)).findings]


async def settled() -> None:
    """Let what follows a commit happen."""
    for _ in range(5):
        await asyncio.sleep(0)


async def write_history(history: History, hours: int = 3) -> None:
    """Write as many hours, each with its digest; the writers end in good order after the last."""
    async with history.writing() as first, history.writing() as second:
        for number in range(hours):
            await history.write_hour(first, second, number)
            if number < hours - 1:
                await history.digest()
    await history.digest()
