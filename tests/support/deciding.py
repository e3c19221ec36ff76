"""Values that the tests of decisions start from: a diagnosis, facts, a policy in mode active."""

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from triage import AT, GOOD_REPLY, cpu_alarm, database_alarm, disk_alarm

from autocloudops.alarms.model import AlarmState
from autocloudops.alarms.standing import AlarmStanding
from autocloudops.catalogue import Offer, offers
from autocloudops.decisions.model import Decision, Facts, GateResult, Policy
from autocloudops.decisions.modes import Mode
from autocloudops.diagnosis.model import Diagnosis

INCIDENT = UUID("7f3a0000-0000-4000-8000-000000000001")
ACTIVE = Policy(mode=Mode.ACTIVE)
FIRING = AlarmStanding(state=AlarmState.ALARM, since=AT, read_at=AT)
FACTS = Facts(
    incident_id=INCIDENT,
    offers=offers(cpu_alarm()),
    evidence_ids=("E1", "E2"),
    standing=FIRING,
    age=timedelta(seconds=14),
)
EVERYTHING: Mapping[str, Offer] = {
    offer.action: offer for alarm in (cpu_alarm(), database_alarm(), disk_alarm()) for offer in offers(alarm)
}


def proposal(**changes: object) -> Diagnosis:
    """Return a diagnosis that passes every gate, with some fields changed."""
    return Diagnosis.model_validate({**GOOD_REPLY, **changes})


def said(decision: Decision, gate: str) -> GateResult:
    """Return what one gate said."""
    (found,) = [result for result in decision.gates if result.name == gate]
    return found
