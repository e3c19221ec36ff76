"""`audit digest`: sign for the hours that are over; a schedule runs it under a role that the worker does not have."""

import asyncio
from contextlib import AsyncExitStack
from datetime import datetime

from autocloudops.audit.digesting import Digester, Made
from autocloudops.cli.audit_keys import open_signer, open_trusted
from autocloudops.cli.output import Output, Row, note, print_rows
from autocloudops.cli.records import opened
from autocloudops.clock import SystemClock
from autocloudops.entrypoints import wiring
from autocloudops.entrypoints.measuring import measuring_of
from autocloudops.settings import StateSettings, read
from autocloudops.state.writers import DynamoWriters
from autocloudops.values import Value

COLUMNS = ("hour", "objects", "late", "writers", "unclosed", "key")


class Keys(Value):
    """What signs, as `open_signer` reads it, and what signed before, as `open_trusted` does."""

    key: str
    former: tuple[str, ...] = ()


def make_digests(location: str | None, keys: Keys, through: datetime | None, output: Output) -> None:
    """Write every digest that is due, and print them.

    Args:
        location: `s3://BUCKET[/PREFIX]` or a folder; the setting where it is None.
        keys: what signs, and what signed before.
        through: no hour after this one.
        output: how to print them.

    Raises:
        ServiceFailed: the bucket, the state table or the key does not answer.
        SettingsInvalid: a key is none, or the digests that are there were signed by others.
    """
    made = asyncio.run(_made(location, keys, through))
    print_rows(output, [_row(each) for each in made], COLUMNS)
    if measuring := measuring_of(SystemClock()):
        measuring.signed(len(made))
    if not made:
        note("No hour is due: each has its digest from five minutes after its end on.")


async def _made(location: str | None, keys: Keys, through: datetime | None) -> list[Made]:
    clock = SystemClock()
    async with AsyncExitStack() as stack, opened(location) as objects:
        registry = DynamoWriters(await wiring.open_table(stack), read(StateSettings).table, clock)
        signer, former = await open_signer(stack, keys.key), await open_trusted(stack, keys.former)
        digester = Digester(objects, registry, signer, clock, former)
        return [made async for made in digester.make(through)]


def _row(made: Made) -> Row:
    digest = made.digest
    return {
        "hour": f"{digest.hour:%Y-%m-%d %H:00Z}",
        "objects": len(digest.objects),
        "late": sum(each.late for each in digest.objects),
        "writers": len(digest.writers),
        "unclosed": sum(not each.ended for each in digest.writers),
        "key": made.key,
        "root": digest.root,
        "signed_by": digest.key_name,
    }
