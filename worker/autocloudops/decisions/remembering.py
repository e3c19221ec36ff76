"""What is remembered of a decision, from its story."""

from autocloudops.decisions.model import Verdict
from autocloudops.decisions.story import Story
from autocloudops.incidents.model import Incident
from autocloudops.incidents.past import CAUSE_CHARACTERS, PastIncident, metric_family
from autocloudops.redaction import clean

NAME_CHARACTERS = 256


def remembered(story: Story, incident: Incident) -> PastIncident:
    """Return what later incidents are shown of this one.

    Args:
        story: what was decided.
        incident: what it was decided about, as it was claimed.
    """
    decision, resource = story.decision, story.resource
    diagnosis = decision.diagnosis
    return PastIncident(
        incident_id=decision.incident_id,
        decision_id=decision.decision_id,
        revision=decision.revision,
        owner_key=incident.owner_key,
        account=resource.account,
        region=resource.region,
        resource=clean(f"{resource.type} {resource.id}", NAME_CHARACTERS),
        alarm=clean(story.opener.key.name, NAME_CHARACTERS),
        family=metric_family(story.opener),
        opened_at=incident.opened_at,
        decided_at=story.at,
        verdict=decision.verdict.value,
        cause=clean(diagnosis.root_cause, CAUSE_CHARACTERS) if diagnosis else None,
        confidence=diagnosis.confidence if diagnosis else None,
        action=diagnosis.action if diagnosis else None,
        members=story.alarm_count,
        suppressed=decision.verdict is Verdict.SUPPRESSED,
    )
