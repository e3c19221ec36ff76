"""`decide`: one message through the pure rooms and the model. No queue, no audit, no state, and nothing is done."""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from autocloudops.alarms.model import Alarm, AwsEvent, Parsed, Unparseable
from autocloudops.alarms.parse import parse
from autocloudops.cli.output import Output, note, print_json, print_lines
from autocloudops.cli.program import ExitCode
from autocloudops.clock import SystemClock
from autocloudops.decisions.model import Mode
from autocloudops.decisions.story import Story, lines
from autocloudops.diagnosis.endpoint import ModelEndpoint
from autocloudops.entrypoints import wiring
from autocloudops.errors import InputUnreadable
from autocloudops.incidents.grouping import place
from autocloudops.incidents.model import Clears, Joins, Notes, Opens, Placement, Repeats, Windows
from autocloudops.investigation import Investigator
from autocloudops.redaction import clean
from autocloudops.settings import ModelSettings, SafetySettings, read
from autocloudops.state.memory import MemoryIncidents

STANDARD_INPUT = "-"
REMARK_LIMIT = 220
SIMULATED_PATIENCE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Answer:
    """What one body came to: the stories of its incidents, and a line for everything that opened none."""

    stories: Sequence[Story]
    remarks: Sequence[str]


def decide_file(file: str, *, simulated: bool, output: Output) -> ExitCode:
    """Print what would be decided about the message in `file`.

    Args:
        file: a path, or `-` for standard input.
        simulated: ask the simulated endpoint of the sandbox instead of the one that is configured.
        output: how to print it.

    Returns:
        CHECK_FAILED where a part of the message cannot be read, SERVICE where the model gave no answer.

    Raises:
        InputUnreadable: the file cannot be read.
        SettingsInvalid: no model endpoint is configured.
    """
    parts = parse(_body(file))
    answer = asyncio.run(_answer(parts, simulated=simulated))
    _print(answer, output)
    return _exit_code(parts, answer)


def _body(file: str) -> bytes:
    if file == STANDARD_INPUT:
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise InputUnreadable(
            f"{file}: {error.strerror}", "name a file that holds one message, or - for standard input"
        ) from error


async def _answer(parts: Sequence[Parsed], *, simulated: bool) -> Answer:
    incidents = MemoryIncidents()
    placed = [await _placed(part, incidents) if isinstance(part, Alarm) else None for part in parts]
    opened = [placement for placement in placed if isinstance(placement, Opens)]
    remarks = [_remark(part, placement) for part, placement in zip(parts, placed, strict=True)]
    stories: list[Story] = []
    async with AsyncExitStack() as stack:
        if opened:
            investigator = await _investigator(stack, simulated=simulated)
            stories = await asyncio.gather(*(_story(investigator, incidents, each) for each in opened))
    return Answer(stories, [remark for remark in remarks if remark])


async def _placed(alarm: Alarm, incidents: MemoryIncidents) -> Placement:
    """Place one alarm as the worker would."""
    now = SystemClock().now()
    history, current = await incidents.history(alarm.key), await incidents.current(alarm.resource.owner_key)
    placement = place(alarm, history, current, Windows(), now)
    await incidents.record(alarm, placement, now)
    return placement


async def _story(investigator: Investigator, incidents: MemoryIncidents, opened: Opens) -> Story:
    incident = await incidents.incident(opened.incident.incident_id) or opened.incident
    return (await investigator.investigate(incident, await incidents.members(incident))).story


async def _investigator(stack: AsyncExitStack, *, simulated: bool) -> Investigator:
    policy = wiring.policy_of(read(SafetySettings)).model_copy(update={"mode": Mode.DRY_RUN})
    endpoint, patience = await (_simulated(stack) if simulated else _configured(stack))
    return Investigator(endpoint, policy, SystemClock(), patience)


async def _configured(stack: AsyncExitStack) -> tuple[ModelEndpoint, timedelta]:
    model = read(ModelSettings)
    return await wiring.open_model(stack, model, SystemClock()), timedelta(seconds=model.decide_within_seconds)


async def _simulated(stack: AsyncExitStack) -> tuple[ModelEndpoint, timedelta]:
    from autocloudops.cli.simulated import open_simulated_model  # noqa: PLC0415 - images without a sandbox decide too

    note("The model is simulated/rules: a stand-in that follows rules. No real model is asked.")
    return await open_simulated_model(stack, SystemClock()), SIMULATED_PATIENCE


def _remark(part: Parsed, placement: Placement | None) -> str:
    """Return what a part is, where it opens no incident; nothing where it opens or joins one."""
    match part:
        case Alarm():
            said = _remark_on_alarm(part, placement)
        case AwsEvent():
            said = f"EVENT {part.source} {part.detail_type} of {part.account} {part.region}: context, nothing to decide"
        case _:
            said = f"UNREADABLE ({part.code}): {part.reason}; the worker would park it on the dead-letter queue"
    return clean(" ".join(said.split()), REMARK_LIMIT)


def _remark_on_alarm(alarm: Alarm, placement: Placement | None) -> str:
    what = f"{alarm.state} {alarm.key.name} at {alarm.at:%Y-%m-%d %H:%M:%SZ}"
    match placement:
        case Clears():
            return f"{what}: returned to OK, nothing to decide"
        case Notes():
            return f"{what}: no data is no alarm, nothing to decide"
        case Joins(late=True):
            return f"{what}: over already, its OK is in the same message"
        case Repeats():
            return f"{what}: the same state change again"
        case _:
            return ""


def _print(answer: Answer, output: Output) -> None:
    if output is Output.JSON:
        stories = [story.model_dump(mode="json") for story in answer.stories]
        print_json({"decisions": stories, "remarks": answer.remarks})
        return
    for story in answer.stories:
        print_lines(output, [*lines(story), ""])
    for remark in answer.remarks:
        print_lines(Output.TEXT, [remark])


def _exit_code(parts: Sequence[Parsed], answer: Answer) -> ExitCode:
    if any(isinstance(part, Unparseable) for part in parts):
        return ExitCode.CHECK_FAILED
    unanswered = next((story.use.error for story in answer.stories if story.use.error), None)
    if unanswered:
        note(f"autocloudops: the model gave no answer: {' '.join(unanswered.split())}")
        return ExitCode.SERVICE
    return ExitCode.OK
