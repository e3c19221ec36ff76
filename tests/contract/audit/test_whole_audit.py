import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from audit_actions import entry
from audit_history import KEY, LINES, TRUSTED, StandingClock, record
from state_tables import new_table

from autocloudops.audit.actions import ActionObjects
from autocloudops.audit.digesting import Digester
from autocloudops.audit.findings import Kind
from autocloudops.audit.keys import HOUR
from autocloudops.audit.objects import S3Objects
from autocloudops.audit.signing import LocalSigner
from autocloudops.audit.verifying import Range, Verifier
from autocloudops.audit.writer import AuditWriter, CommitPolicy
from autocloudops.entrypoints.wiring import open_table
from autocloudops.state.writers import DynamoWriters

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client


async def test_bucket_and_state_table_together_prove_an_audit(s3: "S3Client", stack: AsyncExitStack) -> None:
    """Writers in DynamoDB, objects in S3: clean as it is, and not without its end."""
    bucket, clock = f"audit-{uuid4().hex[:8]}", StandingClock()
    await s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    client = await open_table(stack)
    registry, objects = DynamoWriters(client, await new_table(client), clock), S3Objects(s3, bucket, "team/")
    keys: list[str] = []
    for _ in range(2):
        writer = AuditWriter(objects, clock, CommitPolicy(records=LINES), registry)
        running = asyncio.create_task(writer.run())
        for part in range(2):
            made = await asyncio.gather(*(writer.append(record(part * 10 + line)) for line in range(LINES)))
            keys.append(made[0].location)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    await ActionObjects(objects).write(entry())
    assert [(each.sequence, each.lines, each.ended) for each in await registry.registered()] == [(1, 10, True)] * 2
    clock.at += HOUR + timedelta(minutes=6)
    digester = Digester(objects, registry, LocalSigner(KEY), clock)
    assert len([made async for made in digester.make()]) == 1
    report = await Verifier(objects, TRUSTED, clock).verify(Range())
    assert (report.findings, report.objects, report.records, report.unproven) == ((), 5, 20, 0)
    await s3.delete_object(Bucket=bucket, Key=f"team/{keys[-1]}")
    report = await Verifier(objects, TRUSTED, clock).verify(Range())
    assert [(each.kind, each.key) for each in report.findings] == [(Kind.TRUNCATED, keys[-1])]
