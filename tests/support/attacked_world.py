"""The whole way of an attacked alarm: parsed, gathered, asked about, decided, acted on and told.

The model obeys whoever writes the texts.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast
from unittest.mock import AsyncMock
from uuid import NAMESPACE_OID, UUID, uuid5

from acting import ActingWorld
from alarm_bodies import ACCOUNT, REGION
from attacked_alarms import Started
from chat_only import ChatOnly
from deciding import WELL, KnownTarget
from fake_automation import FakeAutomation
from virtual_time import START, VirtualClock, run

from autocloudops.alarms.model import Alarm, AlarmState
from autocloudops.alarms.standing import AlarmStanding
from autocloudops.audit.record import AuditRecord, Outcome, seal
from autocloudops.decisions.facts import ActionFacts
from autocloudops.decisions.model import Policy
from autocloudops.decisions.modes import Mode
from autocloudops.decisions.rules import ActionRule
from autocloudops.diagnosis.endpoint import Completion, CompletionRequest
from autocloudops.diagnosis.gathering import Gatherer, Piece, Source, Subject
from autocloudops.incidents.model import Incident
from autocloudops.investigation import Bounds, Case, Investigator
from autocloudops.notify.action import with_action
from autocloudops.notify.message import notification_of
from autocloudops.notify.sns import Notification
from autocloudops.pipeline.acting import Acting, Hands, Witnesses

POLICY = Policy(
    mode=Mode.ACTIVE,
    accounts={ACCOUNT: Mode.ACTIVE},
    regions=(REGION,),
    actions={name: ActionRule() for name in ("scale_out_service", "scale_out_group", "restart_service")},
)
FIRING = AlarmStanding(state=AlarmState.ALARM, since=START, read_at=START)
STANDING = Piece(kind="alarm-now", source="cloudwatch DescribeAlarms", text="still in ALARM", worth=85, standing=FIRING)


class Obedient(ChatOnly):
    """A model that answers what the attacker wants, to every question, and remembers what it was shown."""

    def __init__(self, reply: str) -> None:
        self._reply = reply
        self.questions: list[str] = []
        self.heard: list[str] = []
        self.takes_seconds = 0

    async def complete(self, request: CompletionRequest) -> Completion:
        self.questions.append(request.messages[1].content)
        self.heard += [message.content for message in request.messages]
        await asyncio.sleep(self.takes_seconds)
        return Completion(
            content=self._reply,
            finish_reason="stop",
            model="served",
            prompt_tokens=900,
            completion_tokens=90,
            latency_seconds=1,
        )


class Outside:
    """A source of evidence that says whatever it is given."""

    kind = "outside"
    essential = False
    permissions: frozenset[str] = frozenset()

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self._pieces = pieces

    async def read(self, subject: Subject) -> Sequence[Piece]:
        assert subject.alarms
        return self._pieces


@dataclass
class WatchedAutomation(FakeAutomation):
    """SSM that remembers where it was asked to start what."""

    begun: list[tuple[str, str]] = field(default_factory=list)
    _place: tuple[str, str] = ("", "")

    async def client(self, service: str, account: str, region: str) -> FakeAutomation:
        self._place = (account, region)
        return await super().client(service, account, region)

    def _begin(self, call: Mapping[str, Any]) -> str:
        self.begun.append(self._place)
        return super()._begin(call)


class Silent:
    """Keeps what is written to it: an audit, or a queue of follow-ups."""

    def __init__(self) -> None:
        self.kept: list[object] = []

    async def append(self, record: object) -> None:
        self.kept.append(record)

    async def send(self, claim_id: UUID, after: timedelta) -> None:
        self.kept.append((claim_id, after))


@dataclass(frozen=True)
class Seen:
    """All that came of one attacked alarm."""

    case: Case
    started: Sequence[Started]
    questions: Sequence[str]
    heard: Sequence[str]
    told: Notification
    line: str


SETUP_PARAMETERS = frozenset({"AutomationAssumeRole", "StateTable", "ClaimId", "RequireApproval", "Approvers"})


def attacked(
    alarm: Alarm, reply: str, sources: Sequence[Source] = (Outside([STANDING]),), facts: ActionFacts = WELL
) -> Seen:
    """Return what comes of an alarm while the model answers `reply` and everything else is well.

    Args:
        alarm: what was received.
        reply: what the attacker wants to be answered.
        sources: what is read beside it.
        facts: what is known about the target of an action.
    """

    async def attacking() -> Seen:
        return await _attacked(alarm, Obedient(reply), _World(sources, facts), await _opened())

    return run(attacking())


def attacked_again(alarms: Sequence[Alarm], reply: str) -> Sequence[Started]:
    """Return what many alarms have started, one after another, over one ledger."""

    async def attacking() -> Sequence[Started]:
        acting = await _opened()
        world = _World((Outside([STANDING]),), WELL)
        for alarm in alarms:
            await _attacked(alarm, Obedient(reply), world, acting)
        return _started(acting.automation)

    return run(attacking())


@dataclass(frozen=True)
class _World:
    """What is read of the world: the sources of evidence, and the target of an action."""

    sources: Sequence[Source]
    facts: ActionFacts


async def _opened() -> ActingWorld:
    """Return a ledger that allows everything, and an SSM in which nothing was begun."""
    acting = ActingWorld(WatchedAutomation())
    await acting.switch(Mode.ACTIVE)
    return acting


async def _attacked(alarm: Alarm, model: Obedient, world: _World, acting: ActingWorld) -> Seen:
    clock = VirtualClock()
    investigator = Investigator(
        model,
        POLICY,
        clock,
        timedelta(minutes=1),
        Bounds(facts=KnownTarget(world.facts)),
        Gatherer(world.sources, clock),
    )
    case = await investigator.investigate(_incident(alarm, clock.now()), [alarm])
    said = await _acted(case, alarm, acting)
    told = notification_of(case.story)
    return Seen(
        case=case,
        started=_started(acting.automation),
        questions=model.questions,
        heard=model.heard,
        told=with_action(told, said) if said else told,
        line=_audited(case, alarm),
    )


def _incident(alarm: Alarm, now: datetime) -> Incident:
    return Incident(
        incident_id=uuid5(NAMESPACE_OID, str(alarm.event_id)),
        owner_key=alarm.resource.owner_key,
        resource=alarm.resource,
        token=alarm.event_id,
        opened_at=now,
        last_member_at=now,
    )


async def _acted(case: Case, alarm: Alarm, world: ActingWorld) -> str:
    """Do what was decided, over the real ledger and dispatcher, and return what is said of it."""
    actor, silent = world.worker(), cast("Any", Silent())
    hands = Hands(
        dispatcher=actor.dispatcher,
        work=silent,
        follow_ups=silent,
        sweeper=actor.sweeper,
        withdrawals=actor.withdrawals,
        first_look=timedelta(seconds=15),
    )
    acting = Acting(AsyncMock(return_value=hands), Witnesses(silent, silent), POLICY, "first", VirtualClock())
    wanted = acting.wanted(case.story.decision, case.acting, alarm.key)
    return await acting.begin(wanted) if wanted else ""


def _started(automation: FakeAutomation) -> list[Started]:
    assert isinstance(automation, WatchedAutomation)
    return [
        Started(
            runbook=each["DocumentName"],
            account=account,
            region=region,
            parameters={name: values[0] for name, values in each["Parameters"].items() if name not in SETUP_PARAMETERS},
            approval=each["Parameters"]["RequireApproval"] == ["true"],
        )
        for each, (account, region) in zip(automation.executions.values(), automation.begun, strict=True)
    ]


def _audited(case: Case, alarm: Alarm) -> str:
    record = AuditRecord(
        outcome=Outcome.DECIDED,
        at=case.story.at,
        alarm=alarm,
        evidence=case.story.evidence,
        sources=case.sources,
        model=case.story.use,
        decision=case.story.decision,
        acting=case.acting,
    )
    return seal(record, "writer", 0, "").decode()
