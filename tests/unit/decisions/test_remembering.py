from datetime import timedelta

from deciding import FACTS, INCIDENT, proposal
from placeholders import bare
from triage import AT, alarm_on, cpu_alarm, metric, over, resource

from autocloudops.alarms.model import AlarmKind, MetricQuery
from autocloudops.decisions.decide import decide
from autocloudops.decisions.model import Facts, Policy
from autocloudops.decisions.remembering import remembered
from autocloudops.decisions.story import Story
from autocloudops.diagnosis.model import Diagnosis
from autocloudops.diagnosis.use import ModelUse
from autocloudops.incidents.model import Incident
from autocloudops.incidents.past import PastIncident, metric_family

ALARM = cpu_alarm()
OPENED = AT - timedelta(minutes=1)
OPEN = Incident(
    incident_id=INCIDENT,
    owner_key=ALARM.resource.owner_key,
    resource=ALARM.resource,
    token=ALARM.event_id,
    opened_at=OPENED,
    last_member_at=OPENED,
)


def kept(diagnosis: Diagnosis | None, facts: Facts = FACTS) -> PastIncident:
    """Return what is remembered of a decision about the busy service."""
    story = Story(
        incident_id=INCIDENT,
        at=AT + timedelta(seconds=12),
        resource=ALARM.resource,
        opener=ALARM,
        alarm_count=3,
        evidence=(),
        use=ModelUse(endpoint="sagemaker://nim", prompt_sha256="ab" * 32, template_version="v1"),
        decision=decide(diagnosis, facts, Policy()),
    )
    return remembered(story, OPEN)


def test_a_decision_is_remembered_with_cause_and_action() -> None:
    """What was said, proposed and decided stands beside where it was and when it began."""
    found = kept(proposal(root_cause="the pool doubled, token=abcdefghijklmnop"))
    assert (found.owner_key, found.family) == (ALARM.resource.owner_key, "ecs:service AWS/ECS/CPUUtilization")
    assert (found.opened_at, found.decided_at) == (OPENED, AT + timedelta(seconds=12))
    assert (found.verdict, found.action, found.members) == ("dry_run", proposal().action, 3)
    assert bare(found.cause or "") == "the pool doubled, token=<token>"
    assert not found.suppressed


def test_no_diagnosis_is_remembered_as_none() -> None:
    """An incident that no model answered for has no cause and no action."""
    found = kept(None, FACTS.model_copy(update={"fault": "model_unavailable"}))
    assert (found.cause, found.action, found.confidence, found.verdict) == (None, None, None, "manual")


def test_a_suppressed_incident_is_marked() -> None:
    """Nobody was asked about it, so it is no example."""
    assert kept(None, FACTS.model_copy(update={"suppressed": "silenced by ana"})).suppressed


def test_a_family_is_the_type_and_its_metrics() -> None:
    """Math alarms are alike by the metrics that they compute with; an alarm without a metric is like no other."""
    queries = tuple(
        MetricQuery(id=name, metric=metric("AWS/SQS", name, {})) for name in ("NumberOfMessagesSent", "ApproximateAge")
    )
    queue = alarm_on(resource("sqs:queue", "orders"), None, over(1)).model_copy(update={"queries": queries})
    assert metric_family(queue) == "sqs:queue AWS/SQS/ApproximateAge+AWS/SQS/NumberOfMessagesSent"
    composite = queue.model_copy(update={"queries": (), "kind": AlarmKind.COMPOSITE})
    assert metric_family(composite) is None
