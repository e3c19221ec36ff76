"""The course of the demo, from an empty sandbox to a checked summary."""

import asyncio
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from autocloudops.audit.objects import FolderObjects, S3Objects
from autocloudops.audit.reader import records
from autocloudops.cli.demo.check import Course, differences
from autocloudops.cli.demo.child import WorkerProcess, running_worker
from autocloudops.cli.demo.outside import Observer, View, observing
from autocloudops.cli.demo.progress import Progress, progress_on
from autocloudops.cli.demo.sending import send
from autocloudops.cli.demo.summary import Summary, example, lines, proposal, summarise
from autocloudops.cli.engines import EngineName, described
from autocloudops.cli.output import Output, note, print_json, print_lines
from autocloudops.cli.program import ExitCode
from autocloudops.cli.sandbox import exports, sandbox_with, until_stopped
from autocloudops.errors import InputUnreadable
from autocloudops.sandbox import Sandbox
from autocloudops.sandbox.foundation import client
from autocloudops.sandbox.samples import Sample, load
from autocloudops.sandbox.seeding import seed

AUDIT = "audit/"
WORKER_LOG = "worker.log"
OURS = frozenset({"audit", WORKER_LOG})
BRISK = {
    "AUTOCLOUDOPS_QUEUE_WAIT_SECONDS": "1",
    "AUTOCLOUDOPS_INCIDENT_QUIET_SECONDS": "2",
    "AUTOCLOUDOPS_EVIDENCE_CALL_SECONDS": "10",
    "AUTOCLOUDOPS_EVIDENCE_WALL_SECONDS": "20",
    "AUTOCLOUDOPS_ACTION_CALL_SECONDS": "10",
    "AUTOCLOUDOPS_ACTION_FACTS_SECONDS": "20",
}
"""How the demo's worker differs from a default one: it stops sooner, and waits for an emulator slower than AWS."""
GENERATING = {"AUTOCLOUDOPS_MODEL_DECIDE_WITHIN_SECONDS": "140"}
"""The questions of the demo come at once and are answered one by one, on a processor that others use as well."""
TO_GENERATE = frozenset({"context", "database", "malformed", "ok"})
"""The scenarios that a real model on a processor answers in time."""
DEADLINE_SECONDS = {EngineName.RULES: 90.0, EngineName.LLAMA: 140.0}
LOOK_SECONDS = 0.2
CALM_LOOKS = 5
"""How often in a row the queue must be seen idle: SNS and EventBridge deliver a little later than they accept."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be run.

    Attributes:
        engine: what answers as the model.
        folder: where the audit and the worker's log go; the last demo's are replaced.
        keep: leave the sandbox running until Ctrl-C.
    """

    engine: EngineName
    folder: Path
    keep: bool = False


def run_demo(wanted: Wanted, output: Output) -> ExitCode:
    """Run the demo, print what it came to, and return CHECK_FAILED where that is not as it should be.

    Args:
        wanted: what is to be run.
        output: how to print the summary.

    Raises:
        InputUnreadable: the folder holds something that no demo wrote.
        SandboxFailed: a stand-in or the worker did not start or ended by itself.
    """
    _clear(wanted.folder)
    summary = asyncio.run(_demo(wanted, output))
    return ExitCode.CHECK_FAILED if summary.differences else ExitCode.OK


def _clear(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    strangers = sorted(entry.name for entry in folder.iterdir() if entry.name not in OURS)
    if strangers:
        raise InputUnreadable(f"{folder} holds {strangers[0]}, which no demo wrote", "name another --folder")
    shutil.rmtree(folder / AUDIT, ignore_errors=True)
    (folder / WORKER_LOG).unlink(missing_ok=True)


async def _demo(wanted: Wanted, output: Output) -> Summary:
    started = time.monotonic()
    note(f"Starting stand-ins for AWS and for the model: {described(wanted.engine)}.")
    async with sandbox_with(wanted.engine) as local:
        course, faults = await _course(local, wanted, output)
        summary = summarise(course, wanted.folder, time.monotonic() - started, [*faults, *differences(course)])
        _print(summary, course, output)
        if wanted.keep:
            for line in [*exports(local), "The sandbox runs until Ctrl-C."]:
                note(line)
            await until_stopped()
    return summary


async def _course(local: Sandbox, wanted: Wanted, output: Output) -> tuple[Course, list[str]]:
    """Put the samples' alarms where they can be read, send the samples, and gather what comes of it.

    The worker is stopped once it has answered.
    """
    samples = _samples(wanted.engine)
    log = wanted.folder / WORKER_LOG
    await seed(local.resources, samples)
    environment = local.environment() | BRISK | (GENERATING if wanted.engine is EngineName.LLAMA else {})
    async with observing(local) as observer, running_worker(environment, log) as worker:
        with progress_on(output, local.endpoint.model) as progress:
            faults = await _answered(_Demo(local, observer, worker, progress, DEADLINE_SECONDS[wanted.engine]), samples)
        exit_code = await worker.stop()
        if exit_code:
            faults.append(f"the worker ended with exit code {exit_code}: read {log}")
        await observer.look(len(samples))
        objects = await _copy(local, wanted.folder)
        found = [each async for each in records(objects)]
        parked = await observer.parked()
    return Course(wanted.engine, samples, found, parked, observer.told, local.endpoint.stats.requests), faults


def _samples(engine: EngineName) -> tuple[Sample, ...]:
    samples = load(datetime.now(UTC))
    if engine is EngineName.RULES:
        return samples
    return tuple(sample for sample in samples if sample.scenario in TO_GENERATE)


@dataclass(slots=True)
class _Demo:
    """What runs while the samples are on their way; `sent` counts those that left."""

    local: Sandbox
    observer: Observer
    worker: WorkerProcess
    progress: Progress
    deadline_seconds: float
    sent: int = 0


async def _answered(demo: _Demo, samples: Sequence[Sample]) -> list[str]:
    """Send the samples and return once the queue stays idle; a line for each thing that went wrong."""
    sending = asyncio.create_task(_send(demo, samples))
    try:
        async with asyncio.timeout(demo.deadline_seconds):
            calm = 0
            while calm < CALM_LOOKS:
                demo.worker.require_alive()
                view = await _shown(demo)
                calm = calm + 1 if sending.done() and view.idle else 0
                await asyncio.sleep(LOOK_SECONDS)
            await sending
    except TimeoutError:
        return [f"the queue was not empty after {demo.deadline_seconds:.0f} s"]
    finally:
        sending.cancel()
    return []


async def _send(demo: _Demo, samples: Sequence[Sample]) -> None:
    async for _ in send(samples, demo.local.resources):
        demo.sent += 1


async def _shown(demo: _Demo) -> View:
    """Look once, and show what is new."""
    before = len(demo.observer.told)
    view = await demo.observer.look(demo.sent)
    for told in demo.observer.told[before:]:
        demo.progress.say(f"told: {told.subject}")
    demo.progress.show(view)
    return view


async def _copy(local: Sandbox, folder: Path) -> FolderObjects:
    """Copy the audit out of the sandbox, which ends with this process."""
    copies = FolderObjects(folder)
    async with client("s3", local.resources.endpoint_url) as s3:
        objects = S3Objects(s3, local.resources.audit_bucket)
        async for key in objects.keys(AUDIT):
            await copies.create(key, await objects.read(key))
    return copies


def _print(summary: Summary, course: Course, output: Output) -> None:
    if output is Output.JSON:
        print_json(summary.model_dump())
        return
    for what, told in (("The storm", example(course)), ("An action that it would take", proposal(course))):
        if told:
            print_lines(output, [f"{what}, as it reaches a phone:", "", *told.text.splitlines(), ""])
    print_lines(output, list(lines(summary)))
