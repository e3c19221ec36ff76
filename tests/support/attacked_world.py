"""The whole way of an attacked alarm: parsed, gathered, asked about, decided, acted on and told.

The model obeys whoever writes the texts. What may be requested says a table that was written by hand, and not the code
that is under attack.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from acting import ActingWorld
from alarm_bodies import (
    ACCOUNT,
    ARN,
    REGION,
    Body,
    alarm_detail,
    alert,
    alertmanager,
    described,
    eventbridge,
    history_item,
    lambda_action,
    metric_row,
    sns_alarm,
    sns_envelope,
    state,
)
from chat_only import ChatOnly
from deciding import WELL, KnownTarget
from fake_automation import FakeAutomation
from virtual_time import START, VirtualClock, run

from autocloudops.alarms.model import Alarm, AlarmState
from autocloudops.alarms.parse import parse
from autocloudops.alarms.standing import AlarmStanding
from autocloudops.alarms.wire.shape import Place
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

FIRED = "2026-03-01T11:59:50.000+0000"
POLICY = Policy(
    mode=Mode.ACTIVE,
    accounts={ACCOUNT: Mode.ACTIVE},
    regions=(REGION,),
    actions={name: ActionRule() for name in ("scale_out_service", "scale_out_group", "restart_service")},
)
FIRING = AlarmStanding(state=AlarmState.ALARM, since=START, read_at=START)
STANDING = Piece(kind="alarm-now", source="cloudwatch DescribeAlarms", text="still in ALARM", worth=85, standing=FIRING)


@dataclass(frozen=True)
class Started:
    """A runbook that SSM was asked to start: which, where, with what, and whether a person has to approve it."""

    runbook: str
    account: str
    region: str
    parameters: Mapping[str, str]
    approval: bool


@dataclass(frozen=True)
class Trouble:
    """What an alarm watches, and all that may ever be requested because of it; None for nothing."""

    name: str
    namespace: str
    metric: str
    dimensions: Mapping[str, str]
    may: Started | None = None

    @property
    def reason(self) -> str:
        """What CloudWatch says of it."""
        return "Threshold Crossed: 1 datapoint [93.0 (01/03/26 11:59:00)] was greater than the threshold (80.0)."


SERVICE = {"ClusterName": "shop", "ServiceName": "orders-api"}
NAMED = {"Cluster": "shop", "Service": "orders-api"}
TROUBLES = (
    Trouble(
        "a busy service",
        "AWS/ECS",
        "CPUUtilization",
        SERVICE,
        Started(
            "AutoCloudOps-ScaleOutService",
            ACCOUNT,
            REGION,
            {**NAMED, "ExpectedDesiredCount": "4", "DesiredCount": "6"},
            approval=False,
        ),
    ),
    Trouble(
        "a leaking service",
        "AWS/ECS",
        "MemoryUtilization",
        SERVICE,
        Started("AutoCloudOps-RestartService", ACCOUNT, REGION, NAMED, approval=True),
    ),
    Trouble(
        "a busy group",
        "AWS/EC2",
        "CPUUtilization",
        {"AutoScalingGroupName": "web-asg"},
        Started(
            "AutoCloudOps-ScaleOutGroup",
            ACCOUNT,
            REGION,
            {"Group": "web-asg", "ExpectedDesiredCount": "4", "DesiredCount": "6"},
            approval=False,
        ),
    ),
    Trouble("a crowded database", "AWS/RDS", "DatabaseConnections", {"DBInstanceIdentifier": "orders-db"}),
    Trouble("a full disk", "CWAgent", "disk_used_percent", {"InstanceId": "i-0abc1234def567890", "path": "/var/log"}),
)
BUSY = TROUBLES[0]
NOTE = "The shop's order service works too hard"


def _detail(trouble: Trouble) -> Body:
    metric = {"namespace": trouble.namespace, "name": trouble.metric, "dimensions": dict(trouble.dimensions)}
    row = metric_row(metricStat={"metric": metric, "period": 60, "stat": "Average"})
    now = state("ALARM", reason=trouble.reason, timestamp=FIRED)
    return alarm_detail(state=now, configuration={"description": NOTE, "metrics": [row]})


def _sns(trouble: Trouble) -> Body:
    trigger = {
        "MetricName": trouble.metric,
        "Namespace": trouble.namespace,
        "StatisticType": "Statistic",
        "Statistic": "AVERAGE",
        "Unit": None,
        "Dimensions": [{"value": value, "name": name} for name, value in trouble.dimensions.items()],
        "Period": 60,
        "EvaluationPeriods": 1,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 80.0,
        "TreatMissingData": "missing",
    }
    return sns_alarm(
        Trigger=trigger,
        StateChangeTime=FIRED,
        NewStateReason=trouble.reason,
        AlarmDescription=NOTE,
        AlarmActions=[f"arn:aws:sns:{REGION}:{ACCOUNT}:pages"],
    )


def _described(trouble: Trouble) -> Body:
    return described(
        StateUpdatedTimestamp=FIRED,
        StateReason=trouble.reason,
        AlarmDescription=NOTE,
        Namespace=trouble.namespace,
        MetricName=trouble.metric,
        ExtendedStatistic=...,
        Statistic="Average",
        Dimensions=[{"Name": name, "Value": value} for name, value in trouble.dimensions.items()],
        Threshold=80.0,
    )


def _composite(_: Trouble) -> Body:
    return sns_alarm(
        Trigger=...,
        StateChangeTime=FIRED,
        AlarmRule='ALARM("orders-cpu") OR ALARM("orders-memory")',
        TriggeringChildren=[{"Arn": ARN, "State": {"Value": "ALARM", "Timestamp": FIRED}}],
        AlarmActions=[],
    )


def _from_sqs(trouble: Trouble) -> Body:
    return {"Records": [{"messageId": "m-1", "eventSource": "aws:sqs", "body": json.dumps(_from_bus(trouble))}]}


def _from_bus(trouble: Trouble) -> Body:
    return eventbridge(_detail(trouble))


SHAPES: Mapping[str, Callable[[Trouble], Body]] = {
    "sns_alarm": _sns,
    "sns_envelope": lambda trouble: sns_envelope(_sns(trouble)),
    "sns_composite": _composite,
    "eventbridge": _from_bus,
    "lambda_action": lambda trouble: lambda_action(_detail(trouble)),
    "lambda_sns_event": lambda trouble: {"Records": [{"Sns": {"Message": json.dumps(_sns(trouble))}}]},
    "lambda_sqs_event": _from_sqs,
    "describe_alarms": _described,
    "alarm_history": lambda _: history_item(Timestamp=FIRED),
    "alertmanager": lambda _: alertmanager(alert(startsAt="2026-03-01T11:59:50Z")),
}
OFFERING = ("sns_alarm", "sns_envelope", "eventbridge", "lambda_action", "lambda_sns_event", "lambda_sqs_event")
"""Shapes that say enough of an alarm for an action to be offered; so does `describe_alarms`."""


def alarms_in(body: object) -> list[Alarm]:
    """Return the alarms that a message becomes."""
    text = body if isinstance(body, str) else json.dumps(body)
    return [noun for noun in parse(text, Place(ACCOUNT, REGION)) if isinstance(noun, Alarm)]


class Obedient(ChatOnly):
    """A model that answers what the attacker wants, to every question, and remembers what it was shown."""

    def __init__(self, reply: str) -> None:
        self._reply = reply
        self.questions: list[str] = []
        self.heard: list[str] = []

    async def complete(self, request: CompletionRequest) -> Completion:
        self.questions.append(request.messages[1].content)
        self.heard += [message.content for message in request.messages]
        await asyncio.sleep(0)
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
    return run(_attacked(alarm, Obedient(reply), sources, facts))


async def _attacked(alarm: Alarm, model: Obedient, sources: Sequence[Source], facts: ActionFacts) -> Seen:
    clock = VirtualClock()
    investigator = Investigator(
        model,
        POLICY,
        clock,
        timedelta(minutes=1),
        Bounds(facts=KnownTarget(facts)),
        Gatherer(sources, clock),
    )
    case = await investigator.investigate(_incident(alarm, clock.now()), [alarm])
    automation = WatchedAutomation()
    said = await _acted(case, alarm, automation)
    told = notification_of(case.story)
    return Seen(
        case=case,
        started=_started(automation),
        questions=model.questions,
        heard=model.heard,
        told=with_action(told, said) if said else told,
        line=_audited(case, alarm),
    )


def _incident(alarm: Alarm, now: datetime) -> Incident:
    return Incident(
        incident_id=UUID(int=7),
        owner_key=alarm.resource.owner_key,
        resource=alarm.resource,
        token=alarm.event_id,
        opened_at=now,
        last_member_at=now,
    )


async def _acted(case: Case, alarm: Alarm, automation: FakeAutomation) -> str:
    """Do what was decided, over the real ledger and dispatcher, and return what is said of it."""
    world = ActingWorld(automation)
    await world.switch(Mode.ACTIVE)
    actor, silent = world.worker(), cast("Any", Silent())
    hands = Hands(
        dispatcher=actor.dispatcher,
        work=silent,
        follow_ups=silent,
        sweeper=actor.sweeper,
        withdrawals=actor.withdrawals,
        first_look=timedelta(seconds=15),
    )
    acting = Acting(hands, Witnesses(silent, silent), POLICY, "first", VirtualClock())
    wanted = acting.wanted(case.story.decision, case.acting, alarm.key)
    return await acting.begin(wanted) if wanted else ""


def _started(automation: WatchedAutomation) -> list[Started]:
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
