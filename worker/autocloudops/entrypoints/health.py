"""How a worker is, for ECS and for people: two small pages over HTTP.

    /live    200 while the receive loop turns; 503 once only a restart can help
    /ready   200 while everything that it needs answers; 503 names what does not

A dependency that is down makes a worker not ready, but leaves it alive: a restart would mend nothing.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from http import HTTPStatus
from logging import getLogger

from autocloudops.clock import Clock
from autocloudops.entrypoints.preflight import Check, Finding, State, examine
from autocloudops.errors import AutoCloudOpsError, ServiceFailed, SettingsInvalid
from autocloudops.notify.sns import Notification, Notifier
from autocloudops.queue.consumer import Consumer, ConsumerFacts
from autocloudops.redaction import clean
from autocloudops.settings import HealthSettings
from autocloudops.values import Value

log = getLogger(__name__)

LONGEST_TURN_SECONDS = 90.0
"""A receive loop that has not turned for longer hangs: it turns at least every 30 s, the longest pause."""

LONGEST_SILENCE_SECONDS = 45.0
"""A long poll takes 20 s, and 10 s later its connection is given up: what is silent for longer is down."""

LONGEST_IN_HAND_SECONDS = 1_800.0
"""An answer is waited for ten minutes at most: what is in hand for so long hangs, whatever its lease says."""

MODEL_SECONDS = 60.0
"""The model is looked at this often at most, and only when somebody wants to know."""

REQUEST_SECONDS = 5.0
SAID_CHARACTERS = 400
DEPENDENCIES = {"dynamodb": "state table", "s3": "audit", "sns": "topic", "sqs": "queue"}


class Stage(StrEnum):
    """Where in its life a worker is."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"


class Report(Value):
    """What a page says: whether all is well, and what is not, by the name of the dependency."""

    well: bool
    stage: Stage
    down: Mapping[str, str]


class Troubles:
    """What failed last, and has not succeeded since, by whoever tried it."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[str, str]] = {}

    @contextmanager
    def watching(self, who: str) -> Iterator[None]:
        """Note how the block ends; what is raised is passed on."""
        try:
            yield
        except AutoCloudOpsError as error:
            self._last[who] = (_dependency(error), clean(str(error), SAID_CHARACTERS))
            raise
        self._last.pop(who, None)

    def down(self) -> dict[str, str]:
        """Return the dependencies that failed, and what they said."""
        return dict(self._last.values())


class WatchedNotifier:
    """A `Notifier` of which the last failure is known.

    Args:
        notifier: what tells people.
        troubles: where failures are noted.
    """

    def __init__(self, notifier: Notifier, troubles: Troubles) -> None:
        self._notifier = notifier
        self._troubles = troubles

    async def tell(self, notification: Notification) -> None:
        """Pass a notification on."""
        with self._troubles.watching("telling"):
            await self._notifier.tell(notification)


class Health:
    """How this worker is. It knows what the worker itself met, and asks only the model, with an empty question.

    Args:
        clock: how old what is known may be.
        troubles: what failed last.
        models: checks of the model endpoints.
        stop: is set once the worker is to stop.
    """

    def __init__(self, clock: Clock, troubles: Troubles, models: Sequence[Check], stop: asyncio.Event) -> None:
        self._clock = clock
        self._stop = stop
        self._troubles = troubles
        self._models = models
        self._looking = asyncio.Lock()
        self._looked: tuple[float, Mapping[str, str]] | None = None
        self._consumers: Mapping[str, Consumer] = {}
        self._audit: Callable[[], str | None] = lambda: None

    def runs(self, consumers: Mapping[str, Consumer], audit: Callable[[], str | None]) -> None:
        """Say that the worker receives now, and where to look at it.

        Args:
            consumers: what receives, by the name of its queue.
            audit: says why the audit cannot be written, None while it can.
        """
        self._consumers, self._audit = consumers, audit

    @property
    def stage(self) -> Stage:
        """Where in its life the worker is."""
        if self._stop.is_set():
            return Stage.STOPPING
        return Stage.RUNNING if self._consumers else Stage.STARTING

    async def live(self) -> Report:
        """Say whether every receive loop turns, as far as there should be one."""
        turned = max((each.facts().turned_seconds_ago for each in self._consumers.values()), default=0.0)
        hangs = self.stage is Stage.RUNNING and turned > LONGEST_TURN_SECONDS
        down = {"receive loop": f"it has not turned for {turned:.0f} s"} if hangs else {}
        return Report(well=not hangs, stage=self.stage, down=down)

    async def ready(self) -> Report:
        """Say whether everything answers that this worker needs."""
        alive = await self.live()
        down = {**self._troubles.down(), **alive.down, **self._queues(), **self._unwritten(), **await self._model()}
        return Report(well=self.stage is Stage.RUNNING and not down, stage=self.stage, down=down)

    def _queues(self) -> Mapping[str, str]:
        said = {name: _trouble(consumer.facts()) for name, consumer in self._consumers.items()}
        return {name: clean(trouble, SAID_CHARACTERS) for name, trouble in said.items() if trouble}

    def _unwritten(self) -> Mapping[str, str]:
        said = self._audit()
        return {"audit": clean(said, SAID_CHARACTERS)} if said else {}

    async def _model(self) -> Mapping[str, str]:
        async with self._looking:
            now = self._clock.monotonic()
            if self._looked is None or now - self._looked[0] >= MODEL_SECONDS:
                found = await examine(self._models, _nobody)
                self._looked = now, {each.check.target: each.said for each in found if each.state is not State.OK}
            return self._looked[1]


@dataclass(frozen=True, slots=True)
class Page:
    """An answer over HTTP."""

    status: HTTPStatus
    body: bytes

    def encoded(self) -> bytes:
        """Return the bytes of the response."""
        head = (
            f"HTTP/1.1 {self.status.value} {self.status.phrase}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(self.body)}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
        )
        return head.encode() + self.body


@asynccontextmanager
async def serving(health: Health, settings: HealthSettings) -> AsyncIterator[None]:
    """Answer on the port that the settings name, for the block; on none where that is 0.

    Raises:
        SettingsInvalid: the port cannot be had.
    """
    if not settings.port:
        yield
        return
    try:
        server = await asyncio.start_server(partial(_answer, health), settings.host, settings.port)
    except OSError as error:
        raise SettingsInvalid(
            f"AUTOCLOUDOPS_HEALTH_PORT: {settings.host}:{settings.port}: {error.strerror}", "choose a free port"
        ) from error
    async with server:
        yield


async def _answer(health: Health, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        async with asyncio.timeout(REQUEST_SECONDS):
            line = await reader.readline()
        writer.write((await _page(health, line)).encoded())
        await writer.drain()
    except (OSError, TimeoutError, ValueError):
        log.debug("a health request was not finished")
    finally:
        writer.close()


async def _page(health: Health, line: bytes) -> Page:
    pages: Mapping[bytes, Callable[[], Awaitable[Report]]] = {b"/live": health.live, b"/ready": health.ready}
    method, _, rest = line.partition(b" ")
    asked = pages.get(rest.partition(b" ")[0])
    if method != b"GET" or asked is None:
        return Page(HTTPStatus.NOT_FOUND, json.dumps({"pages": sorted(map(bytes.decode, pages))}).encode())
    report = await asked()
    status = HTTPStatus.OK if report.well else HTTPStatus.SERVICE_UNAVAILABLE
    return Page(status, report.model_dump_json().encode())


def _trouble(facts: ConsumerFacts) -> str | None:
    """Return what is wrong with receiving and deleting, if anything."""
    silence = facts.unanswered_seconds
    silent = f"no answer for {silence:.0f} s" if silence > LONGEST_SILENCE_SECONDS else None
    deletes = f"{facts.failing_deletes} deletions fail" if facts.failing_deletes else None
    oldest = facts.oldest_seconds
    hangs = f"a message has been in hand for {oldest:.0f} s" if oldest > LONGEST_IN_HAND_SECONDS else None
    return facts.receiving_fails or silent or deletes or hangs


def _dependency(error: AutoCloudOpsError) -> str:
    if isinstance(error, ServiceFailed):
        return DEPENDENCIES.get(error.operation.partition(":")[0], error.operation)
    return type(error).__name__


def _nobody(finding: Finding) -> None:
    log.debug("%s: %s", finding.check.name, finding.said)
