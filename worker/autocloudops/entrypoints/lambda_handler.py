"""The Lambda function: batches of the alarm queue, and the sweep of a schedule, behind one handler.

    {"Records": [...]}           from an event source mapping with ReportBatchItemFailures
    {"autocloudops": "sweep"}    from a schedule, every minute

An environment keeps one event loop, its clients and its audit writer for as long as it lives: a loop of each
invocation's own would leave clients behind that are bound to one that is gone.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from logging import getLogger
from typing import Any, NamedTuple, Protocol

from autocloudops.entrypoints.collecting import uncollected

with uncollected():
    from autocloudops.clock import SystemClock
    from autocloudops.entrypoints import wiring
    from autocloudops.entrypoints.invocation import Invocation, times
    from autocloudops.entrypoints.late import Late
    from autocloudops.entrypoints.service import Opening, Service, open_service
    from autocloudops.environment import read
    from autocloudops.errors import InputUnreadable
    from autocloudops.queue.client import Delivery, QueueClient
    from autocloudops.settings import ActionSettings, LambdaSettings, LogSettings, QueueSettings
    from autocloudops.telemetry import configure_logging

log = getLogger(__name__)

Event = Mapping[str, Any]
SWEEP = {"autocloudops": "sweep"}
LOG_STREAM = "AWS_LAMBDA_LOG_STREAM_NAME"


class Context(Protocol):
    """What Lambda says of an invocation; only what is used of it."""

    log_stream_name: str

    def get_remaining_time_in_millis(self) -> int:
        """Return how long until Lambda ends the invocation."""
        ...


class FollowUps(NamedTuple):
    """The queue of follow-ups, by its name; it is opened when it first brings something."""

    name: str
    queue: Late[QueueClient]


class Environment(NamedTuple):
    """What one Lambda environment keeps between invocations; `commits` is its audit writer at work."""

    service: Service
    queue: QueueClient
    settings: LambdaSettings
    commits: asyncio.Task[None]
    follow_ups: FollowUps | None = None


async def open_environment(stack: AsyncExitStack) -> Environment:
    """Open everything that the settings name.

    Raises:
        SettingsInvalid: a setting is missing or wrong.
    """
    with uncollected():
        configure_logging(read(LogSettings).level)
        settings = read(LambdaSettings)
        name = os.environ.get(LOG_STREAM, LOG_STREAM)
        service = await open_service(Opening(stack, SystemClock(), name, settings.share, late=True))
        queue = await wiring.open_queue(stack, read(QueueSettings))
        follow_ups = _follow_ups(stack)
    commits = asyncio.create_task(service.rooms.audit.run(), name="audit")
    stack.push_async_callback(_ended, commits)
    return Environment(service, queue, settings, commits, follow_ups)


def _follow_ups(stack: AsyncExitStack) -> FollowUps | None:
    settings = wiring.follow_up_queue(read(QueueSettings), read(ActionSettings))
    if settings is None:
        return None
    return FollowUps(settings.url.rpartition("/")[2], Late(stack, lambda own: wiring.open_queue(own, settings)))


Opener = Callable[[AsyncExitStack], Awaitable[Environment]]


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


class Function:
    """The handler that Lambda calls, once at a time in each environment.

    Args:
        opened: opens what outlives an invocation.
        runner: holds the event loop.
    """

    def __init__(self, opened: Opener = open_environment, runner: asyncio.Runner | None = None) -> None:
        self._open = opened
        self._runner = runner or asyncio.Runner()
        self._stack = AsyncExitStack()
        self._environment: Environment | None = None

    def __call__(self, event: Event, context: Context) -> dict[str, Any]:
        """Return which messages of a batch failed, or nothing after a sweep.

        Raises:
            InputUnreadable: the event is neither.
            AutoCloudOpsError: a setting is wrong, or the audit holds somebody else's bytes; every message comes back.
        """
        return self._runner.run(self._invoked(event, context))

    def close(self) -> None:
        """Close the environment and its event loop."""
        self._runner.run(self._drop())
        self._runner.close()

    async def _invoked(self, event: Event, context: Context) -> dict[str, Any]:
        now, left_seconds = asyncio.get_running_loop().time(), context.get_remaining_time_in_millis() / 1000
        kept = await self._kept()
        ends = times(now, left_seconds, kept.settings.margin_seconds)
        retry = timedelta(seconds=kept.settings.retry_seconds)
        follow_ups = kept.follow_ups if kept.follow_ups and kept.follow_ups.name == queue_of(event) else None
        queue = await follow_ups.queue() if follow_ups else kept.queue
        invocation = Invocation(kept.service, queue, context.log_stream_name, ends, retry)
        try:
            if event == SWEEP:
                await invocation.sweep()
                return {}
            answered = invocation.follow if follow_ups else invocation.answer
            back = await answered(deliveries_in(event))
        finally:
            if kept.commits.done():
                await self._drop()
        return {"batchItemFailures": [{"itemIdentifier": each.message_id} for each in back]}

    async def _kept(self) -> Environment:
        """Return what earlier invocations left open, or open it."""
        if self._environment is None:
            try:
                self._environment = await self._open(self._stack)
            except BaseException:
                await self._drop()
                raise
        return self._environment

    async def _drop(self) -> None:
        """Close what is open: the next invocation begins anew, with an audit writer of its own."""
        self._environment = None
        await self._stack.aclose()


def queue_of(event: Event) -> str:
    """Return the name of the queue that an event's messages come from; empty where it does not say."""
    records = _records(event)
    return str(records[0].get("eventSourceARN", "")).rpartition(":")[2] if records else ""


def deliveries_in(event: Event) -> Sequence[Delivery]:
    """Return the messages that an event source mapping hands over.

    Raises:
        InputUnreadable: the event is of another kind.
    """
    records = _records(event)
    if records is None:
        raise InputUnreadable(
            f"an event with {', '.join(sorted(event)) or 'nothing'} in it is neither a batch of SQS nor a sweep",
            f"let an event source mapping of the alarm queue call this function, or a schedule with {SWEEP}",
        )
    return [_delivery(record) for record in records]


def _records(event: Event) -> Sequence[Mapping[str, Any]] | None:
    """Return what an event of SQS carries, None for an event of another kind."""
    records = event.get("Records")
    if not isinstance(records, list):
        return None
    from_sqs = all(isinstance(each, Mapping) and each.get("eventSource") == "aws:sqs" for each in records)
    return records if from_sqs else None


def _delivery(record: Mapping[str, Any]) -> Delivery:
    attributes = record["attributes"]
    return Delivery(
        message_id=record["messageId"],
        receipt=record["receiptHandle"],
        body=record["body"],
        receive_count=int(attributes["ApproximateReceiveCount"]),
        sent_at=datetime.fromtimestamp(int(attributes["SentTimestamp"]) / 1000, UTC),
    )


handler = Function()
