"""Entries of the action log."""

from datetime import timedelta
from uuid import UUID, uuid5

from triage import cpu_alarm
from virtual_time import START

from autocloudops.catalogue.model import ActionRequest, EffectClass
from autocloudops.decisions.claims import ActionEntry, Claim, ClaimState, Step, claim_id_of

INCIDENT = UUID("0b6e8c1a-0000-4000-8000-000000000001")


def entry(step: Step = Step.INTENT, number: int = 0, *, said: str = "") -> ActionEntry:
    """Return an entry about the `number`-th incident's claim, begun at `START`."""
    alarm = cpu_alarm()
    incident = uuid5(INCIDENT, str(number))
    request = ActionRequest(
        action="scale_out_service",
        runbook="AutoCloudOps-ScaleOutService",
        target=alarm.resource,
        parameters={"To": "3"},
    )
    claim = Claim(
        claim_id=claim_id_of(incident, request),
        incident_id=incident,
        decision_id=uuid5(incident, "0"),
        request=request,
        effect=EffectClass.ABSOLUTE,
        alarm=alarm.key,
        approval=False,
        worker="worker-1",
        lease_until=START + timedelta(seconds=120),
        claimed_at=START,
        state=ClaimState.INTENT,
        before={"desired": "2"},
        said=said,
    )
    return ActionEntry(step=step, at=START + timedelta(days=1), claim=claim)
