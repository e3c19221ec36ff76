"""What keeps the audit honest, from settings to adapters: signing digests, and comparing the audit with them."""

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from typing import TextIO

from autocloudops.audit.digesting import Digester, Made
from autocloudops.audit.findings import Report
from autocloudops.audit.keys import DIGESTS, HOUR, day_of, digest_hour
from autocloudops.audit.objects import AuditObjects
from autocloudops.audit.verifying import Progress, Range, Verifier
from autocloudops.clock import SystemClock
from autocloudops.entrypoints import wiring
from autocloudops.entrypoints.audit_keys import open_signer, open_trusted
from autocloudops.entrypoints.measuring import measuring_of
from autocloudops.environment import read
from autocloudops.settings import StateSettings
from autocloudops.state.writers import DynamoWriters
from autocloudops.values import Value


class Keys(Value):
    """What signs, as `open_signer` reads it, and what signed before, as `open_trusted` does."""

    key: str
    former: tuple[str, ...] = ()


async def sign(
    objects: AuditObjects, keys: Keys, through: datetime | None = None, stream: TextIO | None = None
) -> Sequence[Made]:
    """Write every digest that is due, measure how old the newest is, and return them.

    Args:
        objects: where the audit is.
        keys: what signs, and what signed before.
        through: no hour after this one.
        stream: where metrics go; standard output by default.

    Raises:
        ServiceFailed: the bucket, the state table or the key does not answer.
        SettingsInvalid: a key is none, or the digests that are there were signed by others.
    """
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        registry = DynamoWriters(await wiring.open_table(stack), read(StateSettings).table, clock)
        signer, former = await open_signer(stack, keys.key), await open_trusted(stack, keys.former)
        made = [each async for each in Digester(objects, registry, signer, clock, former).make(through)]
    if measuring := measuring_of(clock, stream):
        measuring.signed(len(made), await _age_seconds(objects, clock.now()))
    return made


async def check(
    objects: AuditObjects,
    keys: Sequence[str],
    wanted: Range,
    told: Callable[[Progress], None] = lambda _: None,
    stream: TextIO | None = None,
) -> Report:
    """Return what is wrong with an audit, and measure how much.

    Args:
        objects: where the audit is.
        keys: whose signatures count, as `open_trusted` reads them.
        wanted: which hours.
        told: hears how far it is.
        stream: where metrics go; standard output by default.

    Raises:
        ServiceFailed: the bucket cannot be read, or KMS does not answer.
        SettingsInvalid: a key is none.
    """
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        report = await Verifier(objects, await open_trusted(stack, keys), clock, told).verify(wanted)
    if measuring := measuring_of(clock, stream):
        measuring.verified(len(report.findings))
    return report


def last_days(days: int) -> Range:
    """Return today (UTC) and so many days before it."""
    return Range(day_of(SystemClock().now()) - timedelta(days=days), None)


async def _age_seconds(objects: AuditObjects, now: datetime) -> float:
    """Return how long ago the last hour ended that has a digest; 0 where nothing is to be signed for yet."""
    hours = [hour async for key in objects.keys(DIGESTS) if (hour := digest_hour(key))]
    return (now - max(hours) - HOUR).total_seconds() if hours else 0.0
