"""`change put`: say that something changed, so that an incident which begins soon after knows of it."""

import asyncio
import json
import re
from contextlib import AsyncExitStack
from typing import Any

import typer
from botocore.exceptions import ClientError

from autocloudops import aws
from autocloudops.alarms.changes.put import DETAIL_TYPE, SOURCE, SaidChange
from autocloudops.cli.output import note
from autocloudops.entrypoints import wiring

SERVICE = re.compile(r"[^\s/]+(?:/[^/]+)*")
CALL_SECONDS = 10
CALL_ATTEMPTS = 3
PUT = "events:PutEvents"


def put_change(change: SaidChange, bus: str) -> None:
    """Put a change on an event bus, from where the rule of AutoCloudOps takes it to the queue.

    Args:
        change: what changed.
        bus: the bus: a name, or an ARN in another account.

    Raises:
        typer.BadParameter: the service has no form that an owner has.
        ServiceFailed: EventBridge did not take it.
    """
    if not SERVICE.fullmatch(change.service):
        raise typer.BadParameter(f"'{change.service}' is no owner: write ACCOUNT/REGION/KIND/ID, KIND/ID or a name")
    asyncio.run(_put(change, bus))
    note(f"{change.service}: the change is on event bus {bus}")


async def _put(change: SaidChange, bus: str) -> None:
    async with AsyncExitStack() as stack:
        calls = aws.config(read_timeout_seconds=CALL_SECONDS, attempts=CALL_ATTEMPTS)
        client: Any = await wiring.open_client(stack, "events", calls)
        detail = json.dumps(change.detail, ensure_ascii=False)
        with aws.translated(PUT, bus):
            answer = await client.put_events(
                Entries=[{"Source": SOURCE, "DetailType": DETAIL_TYPE, "Detail": detail, "EventBusName": bus}]
            )
            for entry in answer["Entries"]:
                _raise_refused(entry.get("ErrorCode"), entry.get("ErrorMessage", ""))


def _raise_refused(code: str | None, message: str) -> None:
    """Raise the error of one entry, which PutEvents reports in an answer that succeeded."""
    if code:
        raise ClientError({"Error": {"Code": code, "Message": message}}, "PutEvents")
