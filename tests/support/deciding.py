"""Values that the tests of decisions start from: a diagnosis, facts, a policy in mode active."""

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from triage import (
    AT,
    GOOD_REPLY,
    cpu_alarm,
    database_alarm,
    disk_alarm,
    error_alarm,
    group_alarm,
    memory_alarm,
)

from autocloudops.alarms.model import AlarmState
from autocloudops.alarms.standing import AlarmStanding
from autocloudops.catalogue import Offer, offers
from autocloudops.catalogue.model import ActionRequest, Capacity
from autocloudops.decisions.facts import ActionFacts
from autocloudops.decisions.model import Decision, Facts, GateResult, Policy
from autocloudops.decisions.modes import Mode
from autocloudops.diagnosis.model import Diagnosis

INCIDENT = UUID("7f3a0000-0000-4000-8000-000000000001")
ACTIVE = Policy(mode=Mode.ACTIVE)
WELL = ActionFacts(
    tags={"autocloudops:allow": "true", "team": "shop"},
    calendars={},
    guards=(),
    capacity=Capacity(desired=4, running=4, least=2, most=20),
    state={
        "DesiredCount": "4",
        "TaskDefinition": "arn:aws:ecs:eu-west-1:111122223333:task-definition/orders:7",
    },
    control=Mode.ACTIVE,
    breaker="",
    missing=(),
)
"""What is known about a target that nothing speaks against."""
FIRING = AlarmStanding(state=AlarmState.ALARM, since=AT, read_at=AT)
FACTS = Facts(
    incident_id=INCIDENT,
    offers=offers(cpu_alarm()),
    evidence_ids=("E1", "E2"),
    standing=FIRING,
    age=timedelta(seconds=14),
    acting=WELL,
)
EVERYTHING: Mapping[str, Offer] = {
    offer.action: offer
    for alarm in (cpu_alarm(), database_alarm(), disk_alarm(), group_alarm(), memory_alarm(), error_alarm())
    for offer in offers(alarm)
}


class KnownTarget:
    """A reader of facts that reads the same of every target."""

    def __init__(self, facts: ActionFacts = WELL) -> None:
        self._facts = facts
        self.asked: list[ActionRequest] = []

    async def read(self, request: ActionRequest, policy: Policy) -> ActionFacts:  # noqa: ARG002 - the port's name
        """Return the facts, and keep for whom."""
        self.asked.append(request)
        return self._facts


def proposal(**changes: object) -> Diagnosis:
    """Return a diagnosis that passes every gate, with some fields changed."""
    return Diagnosis.model_validate({**GOOD_REPLY, **changes})


def said(decision: Decision, gate: str) -> GateResult:
    """Return what one gate said."""
    (found,) = [result for result in decision.gates if result.name == gate]
    return found
