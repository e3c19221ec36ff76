"""A worker that decides and acts, with everything around it in memory, in virtual time."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast
from unittest.mock import AsyncMock
from uuid import UUID

from acting import ActingWorld, Reading
from alarm_bodies import sns_alarm
from attacked_world import POLICY, Obedient
from database_alarms import arn_of, moment
from deciding import KnownTarget
from fake_automation import Interruptions
from memory_audit import MemoryObjects
from triage import reply
from virtual_time import VirtualClock, run

from autocloudops.actions.followups import FollowUpWork
from autocloudops.actions.judging import Patience
from autocloudops.actions.verification import Reach, Verifier
from autocloudops.alarms.model import AlarmState
from autocloudops.alarms.standing import AlarmStanding
from autocloudops.audit.reader import records
from autocloudops.audit.record import Outcome, StoredRecord
from autocloudops.audit.writer import AuditWriter
from autocloudops.decisions.claims import Claim
from autocloudops.decisions.model import Policy
from autocloudops.decisions.modes import Mode
from autocloudops.diagnosis.gathering import Gatherer, Piece, Subject
from autocloudops.entrypoints.service import Service
from autocloudops.entrypoints.wiring import gatekeeper_of
from autocloudops.errors import ServiceFailed
from autocloudops.incidents.model import Incident
from autocloudops.investigation import Bounds, Investigator
from autocloudops.notify.sns import Notification
from autocloudops.pipeline import Asking, Pipeline, Rooms
from autocloudops.pipeline.acting import Acting, Hands, ToldPeople, Witnesses
from autocloudops.queue.client import Delivery
from autocloudops.queue.endings import Ending
from autocloudops.settings import SnsSettings
from autocloudops.state.memory import MemoryIncidents

PATIENCE = Patience()


def service_alarm(
    name: str = "orders-cpu",
    value: str = "ALARM",
    seconds: float = 0,
    metric: str = "CPUUtilization",
    service: str = "orders-api",
) -> str:
    """Return a change of an alarm on an ECS service, `seconds` after the tests' beginning, as SNS delivers it raw."""
    trigger = {
        "MetricName": metric,
        "Namespace": "AWS/ECS",
        "StatisticType": "Statistic",
        "Statistic": "AVERAGE",
        "Unit": None,
        "Dimensions": [{"name": "ClusterName", "value": "shop"}, {"name": "ServiceName", "value": service}],
        "Period": 60,
        "EvaluationPeriods": 1,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 80.0,
        "TreatMissingData": "missing",
    }
    body = sns_alarm(
        AlarmName=name,
        AlarmArn=arn_of(name),
        AlarmDescription=None,
        AlarmActions=[],
        NewStateValue=value,
        NewStateReason="Threshold Crossed: 1 datapoint [93.0] was greater than the threshold (80.0).",
        StateChangeTime=moment(seconds),
        Trigger=trigger,
    )
    return json.dumps(body)


class Firing:
    """A source that reads every alarm as still in ALARM."""

    kind = "alarm-now"
    essential = False
    permissions: frozenset[str] = frozenset()

    async def read(self, subject: Subject) -> Sequence[Piece]:
        standing = AlarmStanding(state=AlarmState.ALARM, since=subject.alarm.at, read_at=subject.at)
        return [Piece(kind=self.kind, source="a test", text="still in ALARM", worth=85, standing=standing)]


@dataclass
class Reminders:
    """Follow-ups as they were sent, until the queue is `down`."""

    sent: list[tuple[UUID, timedelta]] = field(default_factory=list)
    down: ServiceFailed | None = None

    async def send(self, claim_id: UUID, after: timedelta) -> None:
        if self.down:
            raise self.down
        self.sent.append((claim_id, after))


@dataclass
class Topic:
    """Notifications as they were told, until the topic is `down`."""

    told: list[Notification] = field(default_factory=list)
    down: ServiceFailed | None = None

    async def tell(self, notification: Notification) -> None:
        if self.down:
            raise self.down
        self.told.append(notification)

    @property
    def actions(self) -> list[str]:
        """What the messages say came of actions, each without its label."""
        lines = [line for each in self.told for line in each.text.splitlines()]
        return [line[9:] for line in lines if line.startswith("ACTION")]


class WatchedIncidents(MemoryIncidents):
    """Incidents that remember what was kept with each decision, and when."""

    def __init__(self) -> None:
        super().__init__()
        self.settled: list[tuple[UUID, str | None]] = []
        self.on_settled: Callable[[], Awaitable[None]] | None = None

    async def settle(self, asked: Incident, decision_id: UUID, *rest: Any) -> bool:  # noqa: ANN401 - passed on
        self.settled.append((decision_id, rest[2]))
        if self.on_settled:
            await self.on_settled()
        return await super().settle(asked, decision_id, *rest)


@dataclass(frozen=True)
class Worker:
    """One worker's own objects."""

    service: Service
    asking: Asking
    pipeline: Pipeline
    acting: Acting

    async def receive(self, body: str, times: int = 1) -> Ending:
        """Handle a message that came for the given time."""
        return await self.pipeline.handle(delivery_of(body, times))


def delivery_of(body: str, times: int = 1) -> Delivery:
    """Return a message as it comes from a queue for the given time."""
    return Delivery(message_id="m0", receipt=f"m0/{times}", body=body, receive_count=times)


@dataclass
class Site:
    """What workers share: the state, the ledger, SSM, the audit, the topic and the queue of follow-ups."""

    policy: Policy = POLICY
    says: str = field(default_factory=reply)
    world: ActingWorld = field(default_factory=ActingWorld)
    incidents: WatchedIncidents = field(default_factory=WatchedIncidents)
    objects: MemoryObjects = field(default_factory=MemoryObjects)
    reminders: Reminders = field(default_factory=Reminders)
    topic: Topic = field(default_factory=Topic)
    target: KnownTarget = field(default_factory=KnownTarget)
    model: Obedient = field(init=False)

    def __post_init__(self) -> None:
        self.model = Obedient(self.says)

    @asynccontextmanager
    async def working(self, name: str = "first", interruptions: Interruptions | None = None) -> AsyncIterator[Worker]:
        """Let a worker work whose audit commits, and which may be gone at any call that acting makes."""
        clock = VirtualClock()
        writer = AuditWriter(self.objects, clock)
        acting = self._acting(name, writer, interruptions)
        rooms = Rooms(self.incidents, writer, self.topic, clock, acting=acting)
        bounds, gatherer = Bounds(facts=self.target), Gatherer((Firing(),), clock)
        investigator = Investigator(self.model, self.policy, clock, timedelta(seconds=60), bounds, gatherer)
        service = Service(rooms, investigator, gatekeeper_of(SnsSettings(), clock))
        asking = Asking(rooms, investigator, name)
        commits = asyncio.create_task(writer.run())
        try:
            yield Worker(service, asking, Pipeline(rooms, asking, service.gatekeeper), acting)
            await writer.flush()
        finally:
            commits.cancel()
            await asyncio.gather(commits, return_exceptions=True)

    @property
    def reading(self) -> Reading:
        """How the alarm is, for who acts and for who verifies."""
        return self.world.reading

    def _acting(self, name: str, writer: AuditWriter, interruptions: Interruptions | None) -> Acting:
        actor, clock = self.world.worker(name, interruptions), VirtualClock()
        reach = Reach(
            alarms=self.reading,
            guards=self.reading,
            rollbacks=actor.rollbacks,
            ops_items=cast("Any", None),
            people=ToldPeople(self.topic),
        )
        verifier = Verifier(self.world.ledger, self.world.log, reach, self.policy, PATIENCE)
        hands = Hands(
            dispatcher=actor.dispatcher,
            work=FollowUpWork(self.world.ledger, actor.dispatcher, verifier, self.reminders, clock, PATIENCE),
            follow_ups=self.reminders,
            sweeper=actor.sweeper,
            withdrawals=actor.withdrawals,
            first_look=PATIENCE.first,
        )
        return Acting(AsyncMock(return_value=hands), Witnesses(writer, self.topic), self.policy, name, clock)

    async def lines(self) -> list[StoredRecord]:
        """Return what the audit keeps."""
        return [found.record async for found in records(self.objects)]

    async def notes(self) -> list[str]:
        """Return the notes that the audit keeps."""
        return [line.note or "" for line in await self.lines() if line.outcome is Outcome.NOTE]

    async def claims(self) -> list[Claim]:
        """Return every claim of every incident that was decided."""
        incidents = {line.incident_id for line in await self.lines() if line.incident_id}
        return [claim for each in incidents for claim in await self.world.ledger.of_incident(each)]

    @property
    def effects(self) -> int:
        """How often the target was changed."""
        return len(self.world.automation.effects)


def served(test: Callable[[Site, Worker], Awaitable[None]], site: Site | None = None, mode: Mode = Mode.ACTIVE) -> Site:
    """Run a test with one worker, under a control item that allows `mode`, and return the site as it is then."""
    site = site or Site()

    async def body(site: Site) -> None:
        await site.world.switch(mode)
        async with site.working() as worker:
            await test(site, worker)

    run(body(site))
    return site
