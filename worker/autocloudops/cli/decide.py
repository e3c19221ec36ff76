"""`decide`: one message through the pipeline and the model. No queue, no audit, no state stays, and nothing is done."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from autocloudops.alarms.model import Alarm, AlarmState, AwsEvent, Parsed, Unparseable
from autocloudops.alarms.parse import parse
from autocloudops.audit.objects import FolderObjects
from autocloudops.audit.reader import Found, records
from autocloudops.audit.writer import AuditWriter
from autocloudops.authenticity.gatekeeper import SignatureCheck
from autocloudops.cli.message import read_body
from autocloudops.cli.output import Output, note, print_json, print_lines
from autocloudops.cli.program import ExitCode
from autocloudops.cli.records import decided, story_of
from autocloudops.clock import SystemClock
from autocloudops.decisions.modes import Mode
from autocloudops.decisions.story import Story, lines
from autocloudops.diagnosis.endpoint import ModelEndpoint
from autocloudops.entrypoints import wiring
from autocloudops.entrypoints.models import open_model
from autocloudops.entrypoints.policies import policy_of
from autocloudops.environment import read
from autocloudops.incidents.model import Windows
from autocloudops.inference.dialects import MemoryDialects
from autocloudops.investigation import Investigator
from autocloudops.notify.sns import Notification
from autocloudops.pipeline import Asking, Pipeline, Rooms
from autocloudops.queue.client import Delivery
from autocloudops.redaction import clean
from autocloudops.settings import ModelSettings, SafetySettings, SnsSettings
from autocloudops.state.memory import MemoryIncidents

REMARK_LIMIT = 220
SIMULATED_PATIENCE = timedelta(seconds=60)
WINDOWS = Windows(quiet=timedelta(milliseconds=10))
"""An alarm gets no other company than what is in its own message."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one message came to: the stories of its incidents, and a line for everything that is no reason to ask."""

    stories: Sequence[Story]
    remarks: Sequence[str]


class Nobody:
    """A notifier without people."""

    async def tell(self, notification: Notification) -> None:
        """Tell nobody."""


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
    body = read_body(file)
    parts = parse(body)
    found = asyncio.run(_decided(body, simulated=simulated)) if any(map(_is_asked_about, parts)) else []
    answer = Answer(_stories(found), [*map(_remark, parts), *map(_remark_on_late, found)])
    _print(answer, output)
    return _exit_code(parts, answer)


def _is_asked_about(part: Parsed) -> bool:
    return isinstance(part, Alarm) and part.state is AlarmState.ALARM


async def _decided(body: str, *, simulated: bool) -> list[Found]:
    """Take a message through the pipeline as a worker would, and return what that recorded."""
    with TemporaryDirectory(prefix="autocloudops-") as folder:
        objects = FolderObjects(Path(folder))
        async with AsyncExitStack() as stack:
            investigator = await _investigator(stack, simulated=simulated)
            audit = await stack.enter_async_context(_writing(objects))
            rooms = Rooms(MemoryIncidents(), audit, Nobody(), SystemClock(), WINDOWS)
            anybody = wiring.gatekeeper_of(SnsSettings(signatures=SignatureCheck.OFF, topics=()), SystemClock())
            pipeline = Pipeline(rooms, Asking(rooms, investigator, name="decide"), anybody)
            await pipeline.handle(Delivery(message_id="none", receipt="none", body=body))
        return [found async for found in records(objects)]


@asynccontextmanager
async def _writing(objects: FolderObjects) -> AsyncIterator[AuditWriter]:
    writer = AuditWriter(objects, SystemClock())
    commits = asyncio.create_task(writer.run())
    try:
        yield writer
    finally:
        commits.cancel()


async def _investigator(stack: AsyncExitStack, *, simulated: bool) -> Investigator:
    policy = (await policy_of(read(SafetySettings))).model_copy(update={"mode": Mode.DRY_RUN})
    endpoint, patience = await (_simulated(stack) if simulated else _configured(stack))
    return Investigator(endpoint, policy, SystemClock(), patience)


async def _configured(stack: AsyncExitStack) -> tuple[ModelEndpoint, timedelta]:
    model = read(ModelSettings)
    endpoint = await open_model(stack, model, SystemClock(), MemoryDialects())
    return endpoint, timedelta(seconds=model.decide_within_seconds)


async def _simulated(stack: AsyncExitStack) -> tuple[ModelEndpoint, timedelta]:
    from autocloudops.cli.simulated import open_simulated_model  # noqa: PLC0415 - images without a sandbox decide too

    note("The model is simulated/rules: a stand-in that follows rules. No real model is asked.")
    return await open_simulated_model(stack, SystemClock()), SIMULATED_PATIENCE


def _stories(found: Sequence[Found]) -> list[Story]:
    return [story_of(each, each.alarm.resource) for each in map(decided, found) if each]


def _remark(part: Parsed) -> str:
    """Return what a part is that nobody is asked about; nothing for an alarm that fires."""
    match part:
        case AwsEvent():
            said = f"EVENT {part.source} {part.detail_type} of {part.account} {part.region}: context, nothing to decide"
        case Unparseable():
            said = f"UNREADABLE ({part.code}): {part.reason}; the worker would park it on the dead-letter queue"
        case Alarm(state=AlarmState.ALARM):
            said = ""
        case Alarm(state=AlarmState.OK):
            said = f"{_change(part)}: nothing is wrong any more, nothing to decide"
        case _:
            said = f"{_change(part)}: no data is no alarm, nothing to decide"
    return clean(" ".join(said.split()), REMARK_LIMIT)


def _remark_on_late(found: Found) -> str:
    record = found.record
    return clean(f"{_change(record.alarm)}: over already", REMARK_LIMIT) if record.late and record.alarm else ""


def _change(alarm: Alarm) -> str:
    return f"{alarm.state} {alarm.key.name} at {alarm.at:%Y-%m-%d %H:%M:%SZ}"


def _print(answer: Answer, output: Output) -> None:
    remarks = [remark for remark in answer.remarks if remark]
    if output is Output.JSON:
        print_json({"decisions": [story.model_dump(mode="json") for story in answer.stories], "remarks": remarks})
        return
    for story in answer.stories:
        print_lines(output, [*lines(story), ""])
    print_lines(Output.TEXT, remarks)


def _exit_code(parts: Sequence[Parsed], answer: Answer) -> ExitCode:
    if any(isinstance(part, Unparseable) for part in parts):
        return ExitCode.CHECK_FAILED
    unanswered = next((story.use.error for story in answer.stories if story.use.error), None)
    if unanswered:
        note(f"autocloudops: the model gave no answer: {' '.join(unanswered.split())}")
        return ExitCode.SERVICE
    return ExitCode.OK
