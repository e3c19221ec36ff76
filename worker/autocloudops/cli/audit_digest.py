"""`audit digest`: sign for the hours that are over; a schedule runs it under a role that the worker does not have."""

import asyncio
import sys
from collections.abc import Sequence
from datetime import datetime

from autocloudops.audit.digesting import Made
from autocloudops.cli.output import Output, Row, note, print_rows
from autocloudops.cli.records import opened
from autocloudops.entrypoints.proving import Keys, sign

COLUMNS = ("hour", "objects", "late", "writers", "unclosed", "key")


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
    if not made:
        note("No hour is due: each has its digest from five minutes after its end on.")


async def _made(location: str | None, keys: Keys, through: datetime | None) -> Sequence[Made]:
    async with opened(location) as objects:
        return await sign(objects, keys, through, sys.stderr)


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
