"""`alarms inventory`: what alarms there are, what is wrong with them, and what asking about them would come to."""

import asyncio
import re
import sys
from collections import defaultdict
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import typer

from autocloudops import aws
from autocloudops.alarms.inventory import Entry
from autocloudops.cli.costs import ASSUMPTIONS, Scenario, scenarios
from autocloudops.cli.inventory_text import lines_of
from autocloudops.cli.output import Output, note, print_json
from autocloudops.cli.program import ExitCode
from autocloudops.clock import SystemClock
from autocloudops.entrypoints import wiring
from autocloudops.environment import read
from autocloudops.errors import AccessDenied, ServiceFailed, SettingsInvalid
from autocloudops.incidents.forecast import Forecast, forecast
from autocloudops.incidents.replay import Transition
from autocloudops.knowledge.calls import Calls
from autocloudops.knowledge.inventory import HISTORY, AlarmReader, Span
from autocloudops.knowledge.quotas import BY_ACTION
from autocloudops.redaction import visible
from autocloudops.settings import IncidentSettings, StateSettings
from autocloudops.state.inventory import DynamoInventory

LONGEST = timedelta(days=30)
SPAN = re.compile(r"(\d{1,3})([hd])")
HOURS = {"h": 1, "d": 24}
CALL_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks for.

    Args:
        history: how much history is read, as `30d` or `12h`; None for none.
        regions: where the alarms are; empty for the region that the AWS CLI would use.
        save: whether the inventory is kept in the state table.
    """

    history: str | None
    regions: Sequence[str]
    save: bool


@dataclass(slots=True)
class Survey:
    """What was found: entries of all regions, the history that was read, and what could not be."""

    regions: Sequence[str]
    read_at: datetime
    entries: list[Entry] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def list_inventory(wanted: Wanted, output: Output) -> ExitCode:
    """Print the inventory of the caller's account, read with the caller's credentials; nothing is changed in it.

    Returns:
        CHECK_FAILED where history was asked for and could not be read whole.

    Raises:
        typer.BadParameter: the span of history cannot be.
        ServiceFailed: alarms cannot be described, or the state table cannot be written.
        SettingsInvalid: there is no region, or there are no credentials.
    """
    span = _span(wanted.history) if wanted.history else None
    survey = asyncio.run(_surveyed(wanted, span))
    expected = _forecast(survey) if survey.spans else None
    costs = _costs(expected, survey) if expected else ()
    if output is Output.JSON:
        print_json(
            {
                "regions": survey.regions,
                "read_at": survey.read_at.isoformat(),
                "alarms": [_shown(entry) for entry in survey.entries],
                "history": _history(expected) if expected else None,
                "costs": {"assumptions": ASSUMPTIONS, "scenarios": [each.model_dump(mode="json") for each in costs]},
                "missing": survey.missing,
            }
        )
    else:
        for line in lines_of(survey.entries, f"{', '.join(survey.regions)}, {survey.read_at:%H:%MZ}", expected, costs):
            typer.echo(visible(line))
        for line in survey.missing:
            note(f"missing: {line}")
    return ExitCode.CHECK_FAILED if survey.missing else ExitCode.OK


def _span(said: str) -> timedelta:
    match = SPAN.fullmatch(said.strip().lower())
    span = timedelta(hours=int(match[1]) * HOURS[match[2]]) if match else timedelta()
    if not timedelta() < span <= LONGEST:
        raise typer.BadParameter(
            f"'{said}' is no span of history: write 12h or 30d; CloudWatch keeps {LONGEST.days} days"
        )
    return span


def _regions(wanted: Sequence[str]) -> list[str]:
    here = aws.session().get_config_variable("region")
    regions = list(dict.fromkeys(wanted)) or ([str(here)] if here else [])
    if not regions:
        raise SettingsInvalid("no region is chosen", "give --region, or set AWS_REGION")
    return regions


async def _surveyed(wanted: Wanted, history: timedelta | None) -> Survey:
    clock = SystemClock()
    survey = Survey(_regions(wanted.regions), clock.now())
    async with AsyncExitStack() as stack:
        calls = Calls(stack, clock, BY_ACTION, CALL_SECONDS)
        for region in survey.regions:
            reader = AlarmReader(calls, clock, region)
            found = await _entries(reader, region)
            survey.entries += found
            if history and found:
                await _read_history(reader, region, found, Span(survey.read_at - history, survey.read_at), survey)
        if wanted.save:
            await _save(stack, survey.entries)
    return survey


async def _entries(reader: AlarmReader, region: str) -> list[Entry]:
    found: list[Entry] = []
    async for page in reader.entries():
        found += page
        _progress(f"{region}: {len(found):,} alarms")
    _progress("")
    return found


async def _read_history(reader: AlarmReader, region: str, entries: Sequence[Entry], span: Span, survey: Survey) -> None:
    """Read the history of one region; what fails is said, and what was read until then counts."""
    reached: dict[str, datetime] = {}
    count = 0
    try:
        async for page in reader.history(entries, span):
            survey.transitions += page.changes
            count += len(page.changes)
            reached[page.kind] = page.up_to
            _progress(f"{region}: {count:,} changes of state, {page.kind} up to {page.up_to:%Y-%m-%d %H:%MZ}")
    except ServiceFailed as error:
        survey.missing.append(_missing(region, error, reached))
    _progress("")
    if reached:
        survey.spans.append(Span(span.since, min(reached.values())))


def _missing(region: str, error: ServiceFailed, reached: dict[str, datetime]) -> str:
    read_so_far = "; ".join(f"{kind} was read up to {up_to:%Y-%m-%d %H:%MZ}" for kind, up_to in reached.items())
    what = f"alarm history of {region}" + (f" ({read_so_far})" if read_so_far else "")
    if isinstance(error, AccessDenied):
        return f"{what}: {error.message}: allow {HISTORY} on *, as composite alarms need it"
    return f"{what}: {error}"


def _forecast(survey: Survey) -> Forecast:
    since, until = min(span.since for span in survey.spans), max(span.until for span in survey.spans)
    settings = read(IncidentSettings)
    windows, waits = wiring.windows_of(settings), settings.self_clearing
    return forecast(survey.entries, survey.transitions, (since, until), windows, waits=waits)


def _costs(expected: Forecast, survey: Survey) -> Sequence[Scenario]:
    try:
        return scenarios(expected)
    except ImportError:
        survey.missing.append("costs: the table of GPUs is not installed: pip install '.[local]'")
        return ()


async def _save(stack: AsyncExitStack, entries: Sequence[Entry]) -> None:
    table = read(StateSettings).table
    inventory = DynamoInventory(await wiring.open_table(stack), table, SystemClock())
    by_place: defaultdict[tuple[str, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        by_place[entry.key.account, entry.key.region].append(entry)
    for (account, region), own in by_place.items():
        gone = await inventory.replace(account, region, own)
        note(f"{len(own):,} alarms of {account} {region} are kept in {table}, {gone:,} are gone")


def _shown(entry: Entry) -> dict[str, object]:
    derived = {"excluded": entry.excluded, "ownerless": entry.ownerless, "wrong": entry.wrong}
    return {**entry.model_dump(mode="json"), **derived}


def _history(expected: Forecast) -> dict[str, object]:
    derived = {"days": expected.days, "questions": expected.questions, "questions_a_day": expected.questions_a_day}
    return {**expected.model_dump(mode="json"), **derived}


def _progress(line: str) -> None:
    """Show how far a reading is, on a terminal only; the empty line ends it."""
    if sys.stderr.isatty():
        typer.echo(f"\r\x1b[K{line}", err=True, nl=False)
