"""`label`: say afterwards whether a decision was right; later decisions of the same owner are shown it."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import typer
from pydantic import ValidationError

from autocloudops.audit.record import AuditRecord, Outcome
from autocloudops.cli.noting import noted
from autocloudops.cli.output import note
from autocloudops.clock import SystemClock
from autocloudops.decisions.story import short_id
from autocloudops.entrypoints import wiring
from autocloudops.environment import read
from autocloudops.errors import InputUnreadable
from autocloudops.incidents.past import Judgement, Label, PastIncident
from autocloudops.settings import StateSettings
from autocloudops.state.past import DynamoPast

ID = re.compile(r"(?:inc-)?(?P<id>[0-9a-f]{8}[0-9a-f-]{0,28})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Said:
    """What a person says of a decision.

    Args:
        judgement: one of `Judgement`.
        by: who says so.
        note: what to know about it; may be empty.
        cause: what it really was, where the cause was wrong; may be empty.
    """

    judgement: str
    by: str
    note: str = ""
    cause: str = ""


def add_label(wanted: str, said: Said) -> None:
    """Keep what a person says of the last decision about an incident: in the audit first, then beside the incident.

    Args:
        wanted: an incident's id or its first eight characters or more, with or without `inc-`.
        said: what is said.

    Raises:
        typer.BadParameter: the id or the judgement is none, a text is too long, or a cause corrects nothing.
        InputUnreadable: no remembered incident or several have this id.
        ServiceFailed: the audit or the state table cannot be read or written.
    """
    match = ID.fullmatch(wanted)
    if match is None:
        raise typer.BadParameter(f"'{wanted}' is no incident id: its first eight hexadecimal digits or more")
    judgement = _judgement(said.judgement)
    past = asyncio.run(_labelled(match["id"].lower(), judgement, said))
    note(f"{short_id(past.incident_id)} ({past.resource}, {past.alarm}) is labelled {judgement}")


def _judgement(said: str) -> Judgement:
    try:
        return Judgement(said.lower())
    except ValueError as error:
        raise typer.BadParameter(f"'{said}' is no label; there are {', '.join(Judgement)}") from error


async def _labelled(start: str, judgement: Judgement, said: Said) -> PastIncident:
    async with _store() as store:
        past = _only(start, await store.named(start))
        label = _label(judgement, said, past.decision_id)
        await noted(_record(past, label))
        if not await store.label(past.incident_id, label):
            raise _unknown(start)
        return past


def _label(judgement: Judgement, said: Said, decision_id: UUID) -> Label:
    now = SystemClock().now()
    words = {"note": " ".join(said.note.split()), "cause": " ".join(said.cause.split())}
    try:
        return Label(judgement=judgement, by=said.by, at=now, decision_id=decision_id, **words)
    except ValidationError as error:
        problem = error.errors()[0]
        where = problem["loc"][0] if problem["loc"] else "--cause"
        raise typer.BadParameter(f"{where}: {problem['msg'].removeprefix('Value error, ').lower()}") from error


def _record(past: PastIncident, label: Label) -> AuditRecord:
    """Return the line of the audit: what was said, and of which decision."""
    words = "; ".join(each for each in (label.cause, label.note) if each)
    text = f"{label.by} says {label.judgement}{f': {words}' if words else ''}"
    return AuditRecord(outcome=Outcome.NOTE, at=label.at, incident_id=past.incident_id, note=text, label=label)


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
