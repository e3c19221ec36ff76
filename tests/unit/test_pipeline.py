import asyncio
import gzip
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chat_only import ChatOnly
from memory_audit import MemoryObjects
from memory_queue import MemoryQueue
from virtual_time import START, VirtualClock, run

from autocloudops.alarms.model import Alarm
from autocloudops.audit.reader import records
from autocloudops.audit.record import Outcome, StoredRecord
from autocloudops.audit.writer import AuditWriter
from autocloudops.decisions.model import Policy, Verdict
from autocloudops.diagnosis.endpoint import Completion, CompletionRequest
from autocloudops.entrypoints.wiring import gatekeeper_of
from autocloudops.errors import ModelUnavailable, ServiceUnavailable
from autocloudops.incidents.model import History, Incident, Placement
from autocloudops.investigation import Investigator
from autocloudops.metrics import readings_of
from autocloudops.notify.sns import Notification
from autocloudops.pipeline import Asking, Pipeline, Rooms
from autocloudops.pipeline.delivery import PLACE_ATTEMPTS
from autocloudops.queue.consumer import Consumer, Limits
from autocloudops.settings import SnsSettings
from autocloudops.state.memory import MemoryIncidents

DOWN = ServiceUnavailable("dynamodb:Query", "state", "down")


class Model(ChatOnly):
    """An endpoint that answers every question the same way, after a while."""

    name = "test://model"

    def __init__(self, seconds: float = 2, reply: str | None = None, error: Exception | None = None) -> None:
        self.requests: list[CompletionRequest] = []
        self._seconds = seconds
        self._error = error
        self._reply = reply

    async def complete(self, request: CompletionRequest) -> Completion:
        self.requests.append(request)
        await asyncio.sleep(self._seconds)
        if self._error:
            raise self._error
        reply = {
            "action": "investigate",
            "confidence": 8,
            "evidence_for": ["E1"],
            "evidence_against": [],
            "gaps": [],
            "root_cause": "The service is short of CPU.",
        }
        return Completion(
            content=self._reply or json.dumps(reply),
            finish_reason="stop",
            model="test",
            prompt_tokens=10,
            completion_tokens=5,
            latency_seconds=self._seconds,
        )


class Told:
    """A notifier that remembers, and fails where told to."""

    def __init__(self, *, fails: bool = False) -> None:
        self.notifications: list[Notification] = []
        self.attempts = 0
        self._fails = fails

    async def tell(self, notification: Notification) -> None:
        self.attempts += 1
        if self._fails:
            raise ServiceUnavailable("sns:Publish", "topic", "down")
        self.notifications.append(notification)


@dataclass
class World:
    """A worker with everything around it in memory, in virtual time."""

    model: Model = field(default_factory=Model)
    told: Told = field(default_factory=Told)
    objects: MemoryObjects = field(default_factory=MemoryObjects)
    incidents: MemoryIncidents = field(default_factory=MemoryIncidents)
    policy: Policy = field(default_factory=Policy)
    kept: list[StoredRecord] = field(default_factory=list)
    left: int = 0

    async def serve(self, bodies: tuple[str, ...], seconds: float, watch: Callable[[MemoryQueue], None]) -> None:
        queue, clock = MemoryQueue(), VirtualClock()
        writer = AuditWriter(self.objects, clock)
        investigator = Investigator(self.model, self.policy, clock, timedelta(seconds=60))
        rooms = Rooms(incidents=self.incidents, audit=writer, notifier=self.told, clock=clock)
        gatekeeper = gatekeeper_of(SnsSettings(), clock)
        pipeline = Pipeline(rooms, Asking(rooms, investigator, name="worker"), gatekeeper)
        stop = asyncio.Event()
        commits = asyncio.create_task(writer.run())
        consuming = asyncio.create_task(Consumer(queue, pipeline.handle, clock, Limits()).run(stop))
        queue.send(*bodies)
        for _ in range(int(seconds)):
            watch(queue)
            await asyncio.sleep(1)
        stop.set()
        await consuming
        commits.cancel()
        self.kept = [found.record async for found in records(self.objects)]
        self.left = len(queue.messages)

    def run(self, *bodies: str, seconds: float = 120, watch: Callable[[MemoryQueue], None] = lambda _: None) -> "World":
        run(self.serve(bodies, seconds, watch))
        return self

    def outcomes(self) -> list[Outcome]:
        return sorted(record.outcome for record in self.kept)

    def decided(self) -> StoredRecord:
        (record,) = (record for record in self.kept if record.outcome is Outcome.DECIDED and record.decision)
        return record


def alarm(name: str = "checkout-cpu", state: str = "ALARM", seconds: int = -30, cluster: str = "shop") -> str:
    """Return an alarm of one ECS service, as SNS delivers it raw."""
    at = START + timedelta(seconds=seconds)
    return json.dumps(
        {
            "AlarmName": name,
            "AlarmDescription": None,
            "AWSAccountId": "111122223333",
            "NewStateValue": state,
            "NewStateReason": "Threshold Crossed: 3 datapoints were greater than the threshold (80.0).",
            "StateChangeTime": at.strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
            "Region": "EU (Ireland)",
            "AlarmArn": f"arn:aws:cloudwatch:eu-west-1:111122223333:alarm:{name}",
            "OldStateValue": "OK",
            "Trigger": {
                "MetricName": "CPUUtilization",
                "Namespace": "AWS/ECS",
                "StatisticType": "Statistic",
                "Statistic": "AVERAGE",
                "Unit": None,
                "Dimensions": [
                    {"name": "ServiceName", "value": "checkout"},
                    {"name": "ClusterName", "value": cluster},
                ],
                "Period": 60,
                "EvaluationPeriods": 3,
                "ComparisonOperator": "GreaterThanThreshold",
                "Threshold": 80.0,
                "TreatMissingData": "missing",
            },
        }
    )


def test_one_alarm_is_asked_decided_told_kept_and_deleted() -> None:
    """One alarm becomes one question, one dry-run decision, one notification, one record and an empty queue."""
    world = World().run(alarm())
    assert len(world.model.requests) == 1
    assert world.outcomes() == [Outcome.DECIDED]
    assert len(world.told.notifications) == 1
    assert world.left == 0


def test_alarms_of_one_owner_are_one_question() -> None:
    """A storm of one service is asked about once, and every member ends in the audit."""
    world = World().run(*(alarm(f"checkout-{n}") for n in range(24)))
    assert len(world.model.requests) == 1
    assert world.outcomes() == [Outcome.DECIDED] + [Outcome.JOINED] * 23
    assert len(world.told.notifications) == 1
    assert len({record.incident_id for record in world.kept}) == 1
    assert world.left == 0


def test_two_owners_are_two_questions() -> None:
    """Services of equal name in two clusters are never merged."""
    world = World().run(alarm("a", cluster="shop"), alarm("b", cluster="test"))
    assert len(world.model.requests) == 2
    assert world.outcomes() == [Outcome.DECIDED] * 2


class Overtaken(MemoryIncidents):
    """A store in which others are faster, so many times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self._times = times

    async def record(self, alarm: Alarm, placement: Placement, seen: History, now: datetime) -> bool:
        self._times -= 1
        return self._times < 0 and await super().record(alarm, placement, seen, now)


def test_an_alarm_that_lost_every_race_comes_back_soon() -> None:
    """Losing is no failure: however often an alarm was received before, it waits ten seconds, and no other does."""
    world = World(incidents=Overtaken(times=3 * PLACE_ATTEMPTS)).run(
        alarm(), alarm("other", cluster="test"), seconds=50
    )
    assert world.outcomes() == [Outcome.DECIDED] * 2
    assert world.left == 0


def test_a_copy_asks_nothing_and_is_kept_as_a_repeat() -> None:
    """The same change delivered again is answered from what stands, and marked."""
    world = World().run(alarm(), alarm(), alarm())
    assert len(world.model.requests) == 1
    assert len(world.told.notifications) == 1
    assert world.left == 0
    assert sorted(record.repeated for record in world.kept) == [False, True, True]
    assert len({record.event_id for record in world.kept}) == 1


def test_nothing_is_deleted_before_its_record_is_durable() -> None:
    """While S3 fails no message leaves the queue; when it works again everything is kept exactly once."""
    world = World(objects=MemoryObjects(failures=12))
    early: list[int] = []

    def watch(queue: MemoryQueue) -> None:
        if world.objects.failures:
            early.append(len(queue.messages))

    world.run(*(alarm(f"checkout-{n}") for n in range(5)), "no JSON", seconds=170, watch=watch)
    assert early
    assert set(early) == {6}
    assert world.left == 0
    assert world.outcomes() == [Outcome.DECIDED] + [Outcome.JOINED] * 4 + [Outcome.PARKED]


def test_an_unreadable_body_is_audited_and_parked() -> None:
    """A body that no shape accepts leaves with its reason and stops nobody."""
    parked: list[tuple[str, str]] = []
    world = World().run("{", alarm(), watch=lambda queue: parked.extend(set(queue.parked) - set(parked)))
    assert [body for body, _ in parked] == ["{"]
    assert world.outcomes() == [Outcome.DECIDED, Outcome.PARKED]
    (record,) = (record for record in world.kept if record.unparseable)
    assert record.unparseable
    assert record.unparseable.code == parked[0][1]


def test_ok_and_insufficient_data_ask_nothing() -> None:
    """Only ALARM is worth a question."""
    world = World().run(alarm(state="OK"), alarm("other", state="INSUFFICIENT_DATA"))
    assert not world.model.requests
    assert world.outcomes() == [Outcome.CONTEXT, Outcome.OK]


def test_a_model_outage_is_a_decision() -> None:
    """With no model the incident is decided `manual`, people are told why, and no message fails."""
    world = World(model=Model(error=ModelUnavailable("test://model", "no capacity"))).run(alarm())
    decision = world.decided().decision
    assert decision is not None
    assert decision.verdict is Verdict.MANUAL
    assert "no capacity" in world.told.notifications[0].text
    assert world.left == 0


def test_a_model_that_never_answers_is_given_up() -> None:
    """An incident is decided when its time is up, not when the model feels like it."""
    world = World(model=Model(seconds=10_000)).run(alarm(), seconds=900)
    record = world.decided()
    assert record.model
    assert record.model.error
    assert record.model.error.endswith("no answer within 599 s")
    assert world.left == 0


def test_a_reply_that_stays_bad_is_manual_after_one_repair() -> None:
    """A reply that is no JSON is repaired once; then a person looks."""
    world = World(model=Model(reply="I think it is DNS.")).run(alarm())
    record = world.decided()
    assert record.decision
    assert record.decision.verdict is Verdict.MANUAL
    assert record.model
    assert record.model.requests == 2
    assert len(record.model.faults) == 2


def test_a_notification_that_fails_undoes_nothing() -> None:
    """The decision stands and its message is deleted even if nobody could be told, and that is kept as a note."""
    world = World(told=Told(fails=True)).run(alarm())
    assert world.outcomes() == [Outcome.DECIDED, Outcome.NOTE]
    (note,) = (record.note for record in world.kept if record.note)
    assert note.startswith("nobody was told: ")
    counted = Counter(reading.name for record in world.kept for reading in readings_of(record, record.at))
    assert (counted["ModelRequests"], counted["MessagesReceived"]) == (1, 1)
    assert world.told.attempts == 5
    assert world.left == 0


def test_an_outage_of_s3_asks_no_question_twice() -> None:
    """While records cannot be kept no further incident is asked about, however long that lasts."""
    world = World(objects=MemoryObjects(failures=60))
    world.run(alarm("a", cluster="one"), alarm("b", cluster="two"), seconds=3600)
    assert world.outcomes() == [Outcome.DECIDED] * 2
    assert len(world.model.requests) == 2
    assert world.left == 0


def test_secrets_in_an_alarm_stay_out_of_prompt_audit_and_message() -> None:
    """A password in the text of an alarm is replaced before anything is asked, told or kept."""
    secret = "correct-horse-" + "battery"
    body = json.loads(alarm())
    body["AlarmDescription"] = "x" * 370 + f" postgresql://ledger:{secret}@db.internal/ledger"
    body["NewStateReason"] = f"password={secret}"
    world = World().run(json.dumps(body))
    asked = " ".join(message.content for request in world.model.requests for message in request.messages)
    kept = b"".join(gzip.decompress(each) for each in world.objects.objects.values()).decode()
    assert "correct-horse" not in asked + kept + world.told.notifications[0].text


def test_a_worker_that_stops_gives_its_question_back() -> None:
    """A question that draining cuts short is asked again at once by whoever takes the message next."""
    world = World(model=Model(seconds=55))
    world.run(alarm(), seconds=5)
    assert world.left == 1
    assert world.outcomes() == []
    (incident,) = asyncio.run(world.incidents.unfinished())
    assert incident.lease_until is not None
    assert incident.lease_until <= START + timedelta(seconds=5 + 26)


class Unreadable(MemoryIncidents):
    """A store whose members cannot be read for a while, and that may not take a lease back either."""

    def __init__(self, fails: int, *, takes_back: bool = True) -> None:
        super().__init__()
        self._fails = fails
        self._takes_back = takes_back

    async def members(self, incident: Incident) -> Sequence[Alarm]:
        self._fails -= 1
        if self._fails >= 0:
            raise DOWN
        return await super().members(incident)

    async def release(self, asked: Incident, until: datetime) -> None:
        if not self._takes_back:
            raise DOWN
        await super().release(asked, until)


def test_a_question_that_fails_is_asked_again_soon_but_not_at_once() -> None:
    """One failed read costs a question half a minute, not the length of a lease, and no sweeper asks every second."""
    world = World(incidents=Unreadable(fails=1))
    world.run(alarm())
    assert world.decided().at <= START + timedelta(seconds=45)
    failing = World(incidents=Unreadable(fails=1000))
    failing.run(alarm(), seconds=5)
    (incident,) = asyncio.run(failing.incidents.unfinished())
    assert incident.lease_until is not None
    assert timedelta(seconds=20) <= incident.lease_until - START <= timedelta(seconds=25 + 26)


def test_a_lease_that_cannot_be_given_back_lapses() -> None:
    """What made a question fail is what its worker says, also where the store takes nothing back."""
    world = World(incidents=Unreadable(fails=1, takes_back=False))
    world.run(alarm(), seconds=300)
    assert world.outcomes() == [Outcome.DECIDED]
    assert world.left == 0
