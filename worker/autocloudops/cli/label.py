"""`label`: say afterwards whether a decision was right; later decisions of the same owner are shown it."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import UUID

import typer
from pydantic import ValidationError

from autocloudops.cli.output import note
from autocloudops.clock import SystemClock
from autocloudops.decisions.story import short_id
from autocloudops.entrypoints import wiring
from autocloudops.errors import InputUnreadable
from autocloudops.incidents.past import Judgement, Label, PastIncident
from autocloudops.settings import StateSettings, read
from autocloudops.state.past import DynamoPast

ID = re.compile(r"(?:inc-)?(?P<id>[0-9a-f]{8}[0-9a-f-]{0,28})", re.IGNORECASE)


def add_label(wanted: str, judgement: str, said: str, by: str) -> None:
    """Keep what a person says of the last decision about an incident.

    Args:
        wanted: an incident's id or its first eight characters or more, with or without `inc-`.
        judgement: one of `Judgement`.
        said: a note, which may be empty.
        by: who says so.

    Raises:
        typer.BadParameter: the id or the judgement is none, or the note is too long.
        InputUnreadable: no remembered incident or several have this id.
        ServiceFailed: the state table cannot be read or written.
    """
    match = ID.fullmatch(wanted)
    if match is None:
        raise typer.BadParameter(f"'{wanted}' is no incident id: its first eight hexadecimal digits or more")
    past = asyncio.run(_labelled(match["id"].lower(), _judgement(judgement), said, by))
    note(f"{short_id(past.incident_id)} ({past.resource}, {past.alarm}) is labelled {judgement}")


def _judgement(said: str) -> Judgement:
    try:
        return Judgement(said.lower())
    except ValueError as error:
        raise typer.BadParameter(f"'{said}' is no label; there are {', '.join(Judgement)}") from error


async def _labelled(start: str, judgement: Judgement, said: str, by: str) -> PastIncident:
    async with _store() as store:
        past = _only(start, await store.named(start))
        label = _label(judgement, said, by, past.decision_id)
        if not await store.label(past.incident_id, label):
            raise _unknown(start)
        return past


def _label(judgement: Judgement, said: str, by: str, decision_id: UUID) -> Label:
    now = SystemClock().now()
    try:
        return Label(judgement=judgement, by=by, at=now, decision_id=decision_id, note=" ".join(said.split()))
    except ValidationError as error:
        problem = error.errors()[0]
        raise typer.BadParameter(f"{problem['loc'][0]}: {problem['msg'].lower()}") from error


def _only(start: str, found: Sequence[PastIncident]) -> PastIncident:
    if not found:
        raise _unknown(start)
    if len(found) > 1:
        ids = ", ".join(str(each.incident_id) for each in found)
        raise InputUnreadable(f"{len(found)} incidents start with {start}", f"type more of one of them: {ids}")
    return found[0]


def _unknown(start: str) -> InputUnreadable:
    return InputUnreadable(
        f"no decided incident starts with {start}",
        "list them with `autocloudops audit ls`; decisions are remembered for 400 days",
    )


@asynccontextmanager
async def _store() -> AsyncIterator[DynamoPast]:
    async with AsyncExitStack() as stack:
        client = await wiring.open_table(stack)
        yield DynamoPast(client, read(StateSettings).table, SystemClock())
