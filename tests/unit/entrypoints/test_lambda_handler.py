import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from database_alarms import event, sns
from lambda_worlds import ColdModel
from memory_queue import MemoryQueue
from virtual_time import VirtualClock, VirtualTimeLoop
from worlds import Model, World

from autocloudops.audit.reader import Found, records
from autocloudops.audit.record import Outcome
from autocloudops.audit.writer import AuditWriter
from autocloudops.decisions.model import Policy, Verdict
from autocloudops.entrypoints.invocation import times
from autocloudops.entrypoints.lambda_handler import SWEEP, Environment, FollowUps, Function
from autocloudops.entrypoints.late import Late
from autocloudops.entrypoints.service import Service
from autocloudops.entrypoints.wiring import gatekeeper_of
from autocloudops.environment import read
from autocloudops.errors import AuditConflict, InputUnreadable, ServiceUnavailable, SettingsInvalid
from autocloudops.incidents.model import Incident, IncidentStatus
from autocloudops.investigation import UNAVAILABLE, Investigator
from autocloudops.pipeline import Rooms
from autocloudops.queue.client import QueueClient
from autocloudops.settings import LambdaSettings, SnsSettings

FUNCTION_SECONDS = 60.0
MARGIN_SECONDS = 15.0
PATIENCE = timedelta(seconds=60)


@dataclass
class Context:
    """An invocation that Lambda ends after a while."""

    loop: asyncio.AbstractEventLoop
    seconds: float = FUNCTION_SECONDS
    log_stream_name: str = "2026/03/01/[$LATEST]abc"
    begun: float = field(init=False)

    def __post_init__(self) -> None:
        self.begun = self.loop.time()

    def get_remaining_time_in_millis(self) -> int:
        return int((self.seconds - (self.loop.time() - self.begun)) * 1000)


class Queue(MemoryQueue):
    """A queue of which the function sees only what it hands back or parks."""

    def __init__(self) -> None:
        super().__init__()
        self.released: dict[str, int] = {}

    async def release(self, deliveries: Sequence[Any], after_seconds: int) -> Sequence[Any]:
        self.released |= {each.message_id: after_seconds for each in deliveries}
        return await super().release(deliveries, after_seconds)


class Site:
    """One Lambda environment in virtual time, over a world in memory."""

    def __init__(self, model: Model | None = None) -> None:
        self.world = World(model=model or Model())
        self.queue = Queue()
        self.follow_ups: Queue | None = None
        self.loops: list[asyncio.AbstractEventLoop] = []
        self.runner = asyncio.Runner(loop_factory=VirtualTimeLoop)
        self.function = Function(self._open, self.runner)

    async def _open(self, stack: AsyncExitStack) -> Environment:
        self.loops.append(asyncio.get_running_loop())
        clock = VirtualClock()
        rooms = Rooms(self.world.store(), AuditWriter(self.world.objects, clock), self.world.told, clock)
        service = Service(
            rooms, Investigator(self.world.model, Policy(), clock, PATIENCE), gatekeeper_of(SnsSettings(), clock)
        )
        commits = asyncio.create_task(rooms.audit.run())
        stack.callback(commits.cancel)
        follow_ups = FollowUps("follow-ups", Late(stack, self._follow_ups))
        return Environment(service, self.queue, LambdaSettings(), commits, follow_ups)

    async def _follow_ups(self, _: AsyncExitStack) -> QueueClient:
        self.follow_ups = Queue()
        return self.follow_ups

    def invoke(
        self, *bodies: str, received: int = 1, seconds: float = FUNCTION_SECONDS, queue: str = "alarms"
    ) -> dict[str, Any]:
        """Call the function with a batch of a queue: message ids are m0, m1 and so on."""
        sent = [
            {
                "messageId": f"m{number}",
                "receiptHandle": f"r{number}",
                "body": body,
                "attributes": {"ApproximateReceiveCount": str(received), "SentTimestamp": "1772366400000"},
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:eu-west-1:111122223333:{queue}",
            }
            for number, body in enumerate(bodies)
        ]
        return self.function({"Records": sent}, Context(self.loop, seconds))

    def sweep(self, after_seconds: float = 0) -> None:
        """Let time pass between invocations, then let the schedule call."""
        self.runner.run(asyncio.sleep(after_seconds))
        assert self.function(SWEEP, Context(self.loop)) == {}

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        return self.runner.get_loop()

    @property
    def kept(self) -> list[Found]:
        """Every durable line."""

        async def read_all() -> list[Found]:
            return [found async for found in records(self.world.objects)]

        return self.runner.run(read_all())

    @property
    def outcomes(self) -> list[Outcome]:
        return [found.record.outcome for found in self.kept]

    @property
    def incident(self) -> Incident:
        """The one incident."""

        async def look() -> Sequence[Incident]:
            return await self.world.store().unfinished()

        (incident,) = self.runner.run(look())
        return incident

    def claimed_again(self) -> bool:
        """Return whether somebody else may ask about the one incident now."""

        async def claim() -> bool:
            store, now = self.world.store(), VirtualClock().now()
            (incident,) = await store.unfinished()
            return await store.claim(incident.incident_id, "another", timedelta(minutes=5), now) is not None

        return self.runner.run(claim())


@pytest.fixture
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """An environment before the model that the test names, or one that answers."""
    made = Site(getattr(request, "param", None))
    yield made
    made.function.close()


def failed(answer: dict[str, Any]) -> list[str]:
    """Return the ids of the messages that come again."""
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def test_a_batch_is_answered_and_nothing_in_it_comes_again(site: Site) -> None:
    """An alarm is decided and told, a joiner recorded, and a body that nobody can read is parked with its reason."""
    answer = site.invoke(sns("reads"), sns("writes", seconds=0.1, metric="WriteLatency"), "{")
    assert answer == {"batchItemFailures": []}
    assert sorted(site.outcomes) == [Outcome.DECIDED, Outcome.JOINED, Outcome.PARKED]
    assert len(site.world.told.notifications) == 1
    assert [body for body, _ in site.queue.parked] == ["{"]


def test_an_environment_keeps_one_loop_one_client_of_each_and_one_chain(site: Site) -> None:
    """Bug 17: a second invocation runs on the first one's event loop, opens nothing, and goes on with its chain."""
    site.invoke(sns("reads"))
    site.invoke(event("reads"))
    assert site.loops == [site.loop]
    assert len({found.record.writer for found in site.kept}) == 1
    assert [found.record.number for found in site.kept] == [0, 1]
    assert [found.record.repeated for found in site.kept] == [False, True]


@pytest.mark.parametrize("site", [ColdModel(awake_at=50)], indirect=True)
def test_an_endpoint_that_sleeps_is_not_waited_for(site: Site) -> None:
    """The message is acknowledged within seconds, and from then on the incident itself stands for its question."""
    before = site.loop.time()
    assert site.invoke(sns("reads")) == {"batchItemFailures": []}
    assert site.loop.time() - before < 5
    assert site.outcomes == [Outcome.DEFERRED]
    assert site.incident.retry_at is not None
    assert site.incident.lease_until is None


@pytest.mark.parametrize("site", [ColdModel(awake_at=50)], indirect=True)
def test_a_sweep_asks_what_was_deferred_and_not_before_its_time(site: Site) -> None:
    """Nobody asks before `retry_at`; the first sweep after it gets the answer, and people are told."""
    site.invoke(sns("reads"))
    site.sweep(after_seconds=20)
    assert site.outcomes == [Outcome.DEFERRED]
    site.sweep(after_seconds=40)
    assert site.outcomes == [Outcome.DEFERRED, Outcome.DECIDED]
    assert site.incident.retry_at is None
    assert len(site.world.told.notifications) == 1


@pytest.mark.parametrize("site", [ColdModel(awake_at=10_000)], indirect=True)
def test_an_endpoint_that_never_wakes_is_decided_by_a_person(site: Site) -> None:
    """Once the time to decide is over, a sweep decides `manual` with the reason, and defers no more."""
    site.invoke(sns("reads"))
    site.sweep(after_seconds=120)
    decision = site.kept[-1].record.decision
    assert decision
    assert decision.verdict is Verdict.MANUAL
    assert UNAVAILABLE in {gate.reason for gate in decision.gates}
    assert len(site.world.told.notifications) == 1


@pytest.mark.parametrize("site", [ColdModel(awake_at=50)], indirect=True)
def test_a_copy_of_a_deferred_message_is_acknowledged(site: Site) -> None:
    """A redelivery finds the incident deferred: it is kept as such, and asks nobody."""
    site.invoke(sns("reads"))
    assert site.invoke(sns("reads"), received=2) == {"batchItemFailures": []}
    assert [(found.record.outcome, found.record.repeated) for found in site.kept] == [
        (Outcome.DEFERRED, False),
        (Outcome.DEFERRED, True),
    ]


@pytest.mark.parametrize("site", [Model(seconds=300)], indirect=True)
def test_an_answer_that_outlasts_the_invocation_is_left_to_a_sweep(site: Site) -> None:
    """A reply is waited for until the margin, not longer; the question is deferred, and its message acknowledged."""
    before = site.loop.time()
    assert site.invoke(sns("reads")) == {"batchItemFailures": []}
    assert FUNCTION_SECONDS - MARGIN_SECONDS <= site.loop.time() - before < FUNCTION_SECONDS - MARGIN_SECONDS / 2
    assert site.outcomes == [Outcome.DEFERRED]


@pytest.mark.parametrize(("received", "after_seconds"), [(1, 30), (2, 60), (4, 240), (5, 300), (50, 300)])
def test_what_meets_an_outage_comes_back_later_each_time(
    site: Site, monkeypatch: pytest.MonkeyPatch, received: int, after_seconds: int
) -> None:
    """A message whose state cannot be reached fails alone, and is hidden the longer the more often it came."""

    async def down(*_: object) -> None:
        raise ServiceUnavailable("dynamodb:Query", "state", "no answer")

    monkeypatch.setattr(site.world.memory, "history", down)
    assert failed(site.invoke(sns("reads"), "{", received=received)) == ["m0"]
    assert site.queue.released == {"m0": after_seconds}
    assert site.outcomes == [Outcome.PARKED]


def test_what_others_ask_about_comes_back_when_it_says(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message whose incident is being asked about elsewhere is handed back for the seconds that its ending names."""

    async def taken(*_: object) -> None:
        return None

    monkeypatch.setattr(site.world.memory, "claim", taken)
    assert failed(site.invoke(sns("reads"))) == ["m0"]
    assert site.queue.released == {"m0": 10}


def test_an_audit_that_hangs_never_outlasts_the_invocation(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """While S3 does not answer, nothing is acknowledged: every message is handed back before Lambda ends the call."""

    async def hang(*_: object) -> None:
        await asyncio.sleep(10_000)

    monkeypatch.setattr(site.world.objects, "create", hang)
    before = site.loop.time()
    assert failed(site.invoke(sns("reads"), "{")) == ["m0", "m1"]
    assert site.loop.time() - before < FUNCTION_SECONDS
    assert site.queue.released == {"m0": 0, "m1": 0}
    assert site.incident.status is IncidentStatus.ASKING
    assert site.claimed_again(), "its lease is given back"


def test_bytes_of_somebody_else_end_the_environment(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """An audit conflict fails the invocation by name, and the next one begins anew, with a writer of its own."""
    real = site.world.objects.create

    async def conflict(*_: object) -> None:
        raise AuditConflict("other bytes")

    monkeypatch.setattr(site.world.objects, "create", conflict)
    with pytest.raises(AuditConflict):
        site.invoke("{")
    monkeypatch.setattr(site.world.objects, "create", real)
    assert site.invoke("{") == {"batchItemFailures": []}
    assert len(site.loops) == 2
    assert len(set(site.loops)) == 1


@pytest.mark.parametrize("seconds", [0, 0.5, MARGIN_SECONDS])
def test_an_invocation_without_time_is_refused_by_name(site: Site, seconds: float) -> None:
    """Bug 19: no time left is no time, not an endless one; whoever set it reads what to raise."""
    with pytest.raises(SettingsInvalid, match="raise the function's timeout"):
        site.invoke("{", seconds=seconds)
    assert site.outcomes == []


@pytest.mark.parametrize("seconds", [MARGIN_SECONDS + 0.01, MARGIN_SECONDS + 5])
def test_an_invocation_with_little_time_hands_questions_back(site: Site, seconds: float) -> None:
    """What needs no answer is finished in it; a question that would hardly have time to be answered is not begun."""
    assert failed(site.invoke(sns("reads"), "{", seconds=seconds)) == ["m0"]
    assert site.outcomes == [Outcome.PARKED]
    assert site.incident.attempt == 0


def test_the_ends_of_an_invocation_are_in_order() -> None:
    """Answers end before handlers, these before what hands back, and all of it before Lambda ends the call."""
    ends = times(1_000.0, 90.0, 15.0)
    assert (ends.answers, ends.handlers, ends.handing_back, ends.all) == (1_075.0, 1_082.5, 1_085.5, 1_088.5)


def test_each_message_goes_back_to_the_queue_that_it_came_from(site: Site) -> None:
    """A receipt is of one queue: handed to another, a message would wait for its visibility timeout."""
    site.invoke("{")
    assert site.follow_ups is None, "what brings nothing is not opened"
    answer = site.invoke(str(uuid4()), queue="follow-ups")
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    assert [body for body, _ in site.queue.parked] == ["{"]
    assert site.follow_ups
    assert site.follow_ups.parked == []


OTHERS: list[Any] = [[{"eventSource": "aws:sns"}], {"eventSource": "aws:sqs"}, ["aws:sqs"], "aws:sqs", 1]


@pytest.mark.parametrize("event", [{}, {"autocloudops": "swoop"}, *({"Records": each} for each in OTHERS)])
def test_an_event_of_another_kind_is_refused_by_name(site: Site, event: dict[str, Any]) -> None:
    """Whoever wired the function wrongly reads what it takes."""
    with pytest.raises(InputUnreadable, match="event source mapping"):
        site.function(event, Context(site.loop))


def test_every_environment_has_its_share_of_the_endpoint() -> None:
    """The endpoint's limit is shared by all environments, the sweep's too, rounded down; each has one at least."""
    assert LambdaSettings(endpoint_limit=32, maximum_concurrency=8).share == 3
    assert LambdaSettings(endpoint_limit=33, maximum_concurrency=10).share == 3
    assert LambdaSettings(endpoint_limit=2, maximum_concurrency=2).share == 1


def test_more_environments_than_the_endpoint_takes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A share of less than one request does not exist."""
    monkeypatch.setenv("AUTOCLOUDOPS_LAMBDA_ENDPOINT_LIMIT", "4")
    monkeypatch.setenv("AUTOCLOUDOPS_LAMBDA_MAXIMUM_CONCURRENCY", "5")
    with pytest.raises(SettingsInvalid, match=r"^AUTOCLOUDOPS_LAMBDA_MAXIMUM_CONCURRENCY: "):
        read(LambdaSettings)


def test_a_batch_of_nothing_is_answered(site: Site) -> None:
    """Somebody who tries the function with an empty batch is told that nothing failed."""
    assert site.invoke() == {"batchItemFailures": []}


@pytest.mark.parametrize("site", [Model(seconds=300)], indirect=True)
def test_nothing_runs_on_into_the_next_invocation(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A handler that hangs while it gives its lease back is ended before the function returns."""

    async def hang(*_: object) -> None:
        await asyncio.sleep(10_000)

    monkeypatch.setattr(site.world.memory, "release", hang)
    monkeypatch.setattr(site.world.objects, "create", hang)
    before = site.loop.time()
    assert failed(site.invoke(sns("reads"))) == ["m0"]
    assert site.loop.time() - before < FUNCTION_SECONDS
    assert not [task for task in asyncio.all_tasks(site.loop) if task.get_name().startswith("message")]
    assert "does not end" not in caplog.text


def test_what_is_cancelled_by_somebody_else_comes_back_later(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler whose own call was cancelled has failed: handed back at once, it would fail in a tight loop."""

    async def cancelled(*_: object) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr(site.world.memory, "history", cancelled)
    assert failed(site.invoke(sns("reads"))) == ["m0"]
    assert site.queue.released == {"m0": 30}


def test_what_cannot_be_handed_back_is_told(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """SQS refuses an entry in an answer that succeeds: whoever looks for the message reads why it waits."""

    async def taken(*_: object) -> None:
        return None

    monkeypatch.setattr(site.world.memory, "claim", taken)
    assert failed(site.invoke(sns("reads"))) == ["m0"]
    assert "message m0, receive 1, waits for its visibility timeout: MessageNotInflight" in caplog.text
