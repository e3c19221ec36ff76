import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
import virtual_time
from consuming import consuming, lasting, passing
from memory_queue import MemoryQueue
from virtual_time import VirtualClock

from autocloudops.clock import SystemClock
from autocloudops.entrypoints.health import Health, Report, Stage, Troubles, WatchedNotifier, serving
from autocloudops.entrypoints.preflight import Check, Weight
from autocloudops.errors import ServiceUnavailable, SettingsInvalid
from autocloudops.notify.sns import Notification
from autocloudops.queue.consumer import Consumer, ConsumerFacts, Limits
from autocloudops.settings import HealthSettings

WELL = ConsumerFacts(
    turned_seconds_ago=1.0,
    unanswered_seconds=2.0,
    receiving_fails=None,
    held=3,
    running=3,
    oldest_seconds=4.0,
    lost_leases=0,
    failing_deletes=0,
    failed_deletes=0,
)
DOWN = ServiceUnavailable("dynamodb:UpdateItem", "autocloudops-state", "connection refused")


@dataclass
class Worker:
    """A worker as far as its health goes."""

    facts: ConsumerFacts = WELL
    follow_ups: ConsumerFacts = WELL
    audit: str | None = None
    model: Exception | None = None
    troubles: Troubles = field(default_factory=Troubles)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    looks: int = 0

    def health(self, *, started: bool = True) -> Health:
        """Return what is said of it."""

        async def look() -> str:
            self.looks += 1
            if self.model:
                raise self.model
            return "it answers"

        models = [Check("ask the model", "sagemaker://nim", Weight.WATCHED, look)]
        health = Health(VirtualClock(), self.troubles, models, self.stop)
        if started:
            facts = {"queue": lambda: self.facts, "queue of follow-ups": lambda: self.follow_ups}
            consumers = {name: cast("Consumer", _Consumer(each)) for name, each in facts.items()}
            health.runs(consumers, lambda: self.audit)
        return health


@dataclass
class _Consumer:
    facts: Callable[[], ConsumerFacts]


def reports(worker: Worker, *, started: bool = True) -> tuple[Report, Report]:
    """Return whether a worker is alive and whether it is ready."""

    async def both() -> tuple[Report, Report]:
        health = worker.health(started=started)
        return await health.live(), await health.ready()

    return virtual_time.run(both())


def changed(**facts: Any) -> ConsumerFacts:  # noqa: ANN401 - any fact
    """Return the facts of a consumer that is well but for these."""
    return WELL.model_copy(update=facts)


def test_a_worker_that_is_well_says_so() -> None:
    """Alive, ready, running, and nothing is down."""
    for report in reports(Worker()):
        assert report == Report(well=True, stage=Stage.RUNNING, down={})


@pytest.mark.parametrize(
    ("worker", "dependency", "said"),
    [
        (Worker(facts=changed(receiving_fails="sqs:ReceiveMessage on q failed: down")), "queue", "down"),
        (Worker(facts=changed(unanswered_seconds=46.0)), "queue", "no answer for 46 s"),
        (Worker(facts=changed(failing_deletes=4)), "queue", "4 deletions fail"),
        (Worker(facts=changed(oldest_seconds=1_801.0)), "queue", "a message has been in hand for 1801 s"),
        (Worker(follow_ups=changed(unanswered_seconds=46.0)), "queue of follow-ups", "no answer for 46 s"),
        (Worker(audit="s3:PutObject on records failed: down"), "audit", "s3:PutObject"),
        (Worker(model=ServiceUnavailable("sagemaker:InvokeEndpoint", "nim", "cold")), "sagemaker://nim", "cold"),
    ],
)
def test_what_is_down_is_named_and_does_not_end_the_worker(worker: Worker, dependency: str, said: str) -> None:
    """A restart mends no dependency: the worker is alive, not ready, and says which one and why."""
    alive, ready = reports(worker)
    assert (alive.well, ready.well) == (True, False)
    assert list(ready.down) == [dependency]
    assert said in ready.down[dependency]


def test_a_worker_that_was_busy_has_not_been_left_without_an_answer() -> None:
    """While there is no room nothing is asked: afterwards silence counts from the next poll, not from before that."""

    async def busy() -> list[Report]:
        queue = MemoryQueue()
        queue.send("one")
        found: list[Report] = []
        async with consuming(queue, lasting(300), Limits(concurrency=1)) as consumer:
            health = Health(VirtualClock(), Troubles(), [], asyncio.Event())
            health.runs({"queue": consumer}, lambda: None)
            await passing(299)
            for _ in range(20):
                found.append(await health.ready())
                await passing(1)
        return found

    assert all(report.well for report in virtual_time.run(busy()))


STANDING = WELL.model_copy(update={"turned_seconds_ago": 91.0})


@pytest.mark.parametrize("worker", [Worker(facts=STANDING), Worker(follow_ups=STANDING)])
def test_a_loop_that_does_not_turn_is_dead(worker: Worker) -> None:
    """Bug 11: a worker that runs and consumes nothing, of alarms or of follow-ups, is not healthy."""
    alive, ready = reports(worker)
    assert (alive.well, ready.well) == (False, False)
    assert alive.down == {"receive loop": "it has not turned for 91 s"}


def test_a_worker_that_starts_or_stops_is_alive_and_not_ready() -> None:
    """ECS leaves a worker alone that waits for its bucket, and one that drains for as long as it may."""
    starting, stopping = Worker(), Worker(facts=changed(turned_seconds_ago=500.0))
    stopping.stop.set()
    for worker, started, stage in ((starting, False, Stage.STARTING), (stopping, True, Stage.STOPPING)):
        alive, ready = reports(worker, started=started)
        assert (alive.well, ready.well, alive.stage) == (True, False, stage)


async def test_what_fails_is_down_until_it_succeeds() -> None:
    """The last attempt counts: a table that answered the next alarm is up again, whoever else failed on it."""
    troubles = Troubles()
    with pytest.raises(ServiceUnavailable), troubles.watching("handling"):
        raise DOWN
    assert troubles.down() == {"state table": str(DOWN)}
    with troubles.watching("handling"):
        await asyncio.sleep(0)
    assert troubles.down() == {}


async def test_a_topic_that_is_down_is_known() -> None:
    """Decisions that reach nobody show in the worker's health."""

    class Broken:
        async def tell(self, notification: Notification) -> None:
            raise ServiceUnavailable("sns:Publish", notification.subject, "down")

    troubles = Troubles()
    with pytest.raises(ServiceUnavailable):
        await WatchedNotifier(Broken(), troubles).tell(Notification(subject="s", text="t", attributes={}))
    assert list(troubles.down()) == ["topic"]


def test_the_model_is_looked_at_once_a_minute_at_most() -> None:
    """A page that is asked for every second costs the endpoint one empty question a minute."""
    worker = Worker()

    async def ask() -> None:
        health = worker.health()
        for _ in range(121):
            await health.ready()
            await asyncio.sleep(1)

    virtual_time.run(ask())
    assert worker.looks == 3


def test_several_who_ask_at_once_share_one_look() -> None:
    """A model that is slow to refuse is asked by one page, and the others wait for what it finds."""
    worker = Worker()

    async def ask() -> None:
        health = worker.health()
        await asyncio.gather(*(health.ready() for _ in range(5)))

    virtual_time.run(ask())
    assert worker.looks == 1


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """The port of a worker's pages."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = int(free.getsockname()[1])
    worker = Worker(audit="s3 is down")
    health = worker.health()
    health._clock = SystemClock()
    async with serving(health, HealthSettings(port=number)):
        yield number


async def said(port: int, request: bytes) -> bytes:
    """Return what a worker answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/live", b"200 OK", {"well": True, "stage": "running", "down": {}}),
        ("/ready", b"503 Service Unavailable", {"well": False, "stage": "running", "down": {"audit": "s3 is down"}}),
        ("/", b"404 Not Found", {"pages": ["/live", "/ready"]}),
    ],
)
async def test_a_page_is_http_and_json(port: int, path: str, status: bytes, body: dict[str, Any]) -> None:
    """Any HTTP client can ask, and a status alone tells a health check what it needs."""
    answer = await said(port, f"GET {path} HTTP/1.1\r\nHost: worker\r\n\r\n".encode())
    head, _, text = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 " + status)
    assert json.loads(text) == body


@pytest.mark.parametrize("request_line", [b"POST /live HTTP/1.1\r\n", b"\r\n", b"\x16\x03\x01\xff\n"])
async def test_anything_else_is_not_found(port: int, request_line: bytes) -> None:
    """What is no request of ours gets an answer, and changes nothing."""
    assert (await said(port, request_line)).startswith(b"HTTP/1.1 404")


async def test_a_request_that_is_too_long_ends_nobody(port: int) -> None:
    """A line without an end costs its own connection only."""
    assert await said(port, b"GET /" + b"x" * 100_000) == b""
    assert (await said(port, b"GET /live HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 200")


async def test_a_port_that_is_taken_is_named(port: int) -> None:
    """Two workers on one machine need two ports, and the second one says so."""
    with pytest.raises(SettingsInvalid, match=f"AUTOCLOUDOPS_HEALTH_PORT: 127.0.0.1:{port}"):
        async with serving(Worker().health(), HealthSettings(port=port)):
            raise AssertionError


async def test_without_a_port_nothing_listens() -> None:
    """Port 0 is none, and not one that the system picks."""
    async with serving(Worker().health(), HealthSettings()):
        assert HealthSettings().port == 0
