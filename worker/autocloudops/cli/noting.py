"""A line of the audit that a command writes: by a writer of its own, durable when the command goes on."""

import asyncio
from contextlib import AsyncExitStack

from autocloudops.audit.record import AuditRecord, Receipt
from autocloudops.audit.writer import AuditWriter, CommitPolicy
from autocloudops.cancelling import cancel
from autocloudops.clock import SystemClock
from autocloudops.entrypoints import wiring
from autocloudops.environment import read
from autocloudops.errors import ServiceUnavailable
from autocloudops.settings import AuditSettings, StateSettings
from autocloudops.state.writers import DynamoWriters

DURABLE_SECONDS = 30.0
CLOSE_SECONDS = 5.0


async def noted(record: AuditRecord) -> Receipt:
    """Append one record to the audit of the settings, and return where it is.

    Raises:
        SettingsInvalid: no audit is set.
        AuditConflict: its key holds somebody else's bytes.
        ServiceUnavailable: it is not known to be durable after 30 s.
    """
    async with AsyncExitStack() as stack:
        location, clock = read(AuditSettings).location, SystemClock()
        writers = DynamoWriters(await wiring.open_table(stack), read(StateSettings).table, clock)
        objects = await wiring.open_audit(stack, location)
        writer = AuditWriter(objects, clock, CommitPolicy(records=1), writers)
        committing = asyncio.create_task(writer.run(), name="audit commits")
        appending = asyncio.create_task(writer.append(record), name="audit line")
        try:
            await asyncio.wait({committing, appending}, timeout=DURABLE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if appending.done():
                return appending.result()
            if committing.done():
                committing.result()
            said = writer.unwell or f"not durable after {DURABLE_SECONDS:g} s"
            raise ServiceUnavailable("writing the audit", location, said)
        finally:
            await cancel([appending, committing], CLOSE_SECONDS)
