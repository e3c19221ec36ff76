"""`silence`: tell the worker that an owner's alarms are known about, for a while."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import typer
from pydantic import ValidationError

from autocloudops.cli.output import Output, note, print_rows
from autocloudops.cli.program import ExitCode
from autocloudops.clock import SystemClock
from autocloudops.entrypoints import wiring
from autocloudops.environment import read
from autocloudops.incidents.silence import LONGEST, Silence
from autocloudops.incidents.store import IncidentStore
from autocloudops.settings import StateSettings
from autocloudops.state.dynamodb import DynamoIncidents

COLUMNS = ("owner", "until", "by", "reason")
SPAN = re.compile(r"(\d{1,5})([smh])")
SECONDS = {"s": 1, "m": 60, "h": 3600}
OWNER = re.compile(r"[^/\s]+/[^/\s]+/[^/\s]+/.+")


def add_silence(owner: str, span: str, reason: str, by: str) -> None:
    """Silence an owner from now on; an earlier silence of the same owner is replaced.

    Args:
        owner: account, region and owner as `audit show` writes them: `111122223333/eu-west-1/sqs-queue/orders`.
        span: how long, as `90s`, `30m` or `2h`.
        reason: why, for whoever reads the audit.
        by: who says so.

    Raises:
        typer.BadParameter: the owner, the span or the reason cannot be.
        ServiceFailed: the state table cannot be written.
    """
    if not OWNER.fullmatch(owner):
        raise typer.BadParameter(f"'{owner}' is no owner: write ACCOUNT/REGION/KIND/ID, as `audit show` does")
    now = SystemClock().now()
    try:
        silence = Silence(owner_key=owner, since=now, until=now + _span(span), reason=reason, by=by)
    except ValidationError as error:
        raise typer.BadParameter(str(error.errors()[0]["msg"]).removeprefix("Value error, ")) from error
    asyncio.run(_kept(silence))
    note(f"{owner} is silenced until {silence.until:%Y-%m-%d %H:%M:%SZ}; its alarms are still grouped and audited")


def list_silences(output: Output) -> None:
    """Print the silences that hold now.

    Raises:
        ServiceFailed: the state table cannot be read.
    """
    rows = [
        {
            "owner": each.owner_key,
            "until": each.until.isoformat(timespec="seconds"),
            "by": each.by,
            "reason": each.reason,
        }
        for each in asyncio.run(_listed())
    ]
    print_rows(output, rows, COLUMNS)


def lift_silence(owner: str) -> ExitCode:
    """End the silence of an owner now.

    Returns:
        CHECK_FAILED where there was none.

    Raises:
        ServiceFailed: the state table cannot be written.
    """
    if asyncio.run(_lifted(owner)):
        note(f"{owner} is no longer silenced")
        return ExitCode.OK
    note(f"{owner} was not silenced: see `autocloudops silence list`")
    return ExitCode.CHECK_FAILED


def _span(said: str) -> timedelta:
    match = SPAN.fullmatch(said.strip().lower())
    if match is None:
        raise typer.BadParameter(f"'{said}' is no span of time: write 90s, 30m or 2h, at most {LONGEST}")
    return timedelta(seconds=int(match[1]) * SECONDS[match[2]])


@asynccontextmanager
async def _store() -> AsyncIterator[IncidentStore]:
    async with AsyncExitStack() as stack:
        client = await wiring.open_table(stack)
        yield DynamoIncidents(client, read(StateSettings).table, SystemClock())


async def _kept(silence: Silence) -> None:
    async with _store() as store:
        await store.silence(silence)


async def _listed() -> list[Silence]:
    async with _store() as store:
        return sorted(await store.silences(SystemClock().now()), key=lambda silence: silence.until)


async def _lifted(owner: str) -> bool:
    async with _store() as store:
        return await store.lift(owner)
