"""One decision as a person reads it at 3 a.m.: verdict first, proof last, nothing padded."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from autocloudops.alarms.model import Alarm, Condition, ResourceRef
from autocloudops.catalogue import ACTIONS
from autocloudops.catalogue.model import ActionRequest
from autocloudops.decisions.model import Decision, GateOutcome, Verdict
from autocloudops.diagnosis.evidence import Evidence
from autocloudops.diagnosis.use import ModelUse
from autocloudops.redaction import clean
from autocloudops.values import Value

LINE_LIMIT = 220
NAME_LIMIT = 60
CAUSE_LIMIT = 600
TELLING = ("name: ", "metric: ", "reason: ")
OPERATORS = {
    "GreaterThanOrEqualToThreshold": ">=",
    "GreaterThanThreshold": ">",
    "LessThanThreshold": "<",
    "LessThanOrEqualToThreshold": "<=",
}
TITLES = {
    Verdict.EXECUTE: "EXECUTE",
    Verdict.DRY_RUN: "DRY RUN",
    Verdict.NEEDS_APPROVAL: "NEEDS APPROVAL",
    Verdict.MANUAL: "MANUAL",
    Verdict.SUPPRESSED: "SUPPRESSED",
}
WOULD = {
    Verdict.EXECUTE: " (would execute)",
    Verdict.NEEDS_APPROVAL: " (would need approval)",
}


class Story(Value):
    """Everything about one decided incident that people are shown."""

    incident_id: UUID
    at: datetime
    resource: ResourceRef
    opener: Alarm
    alarm_count: int
    evidence: tuple[Evidence, ...]
    use: ModelUse
    decision: Decision
    storm: int = 0


def short_id(incident_id: UUID) -> str:
    """Return the id that people type."""
    return f"inc-{str(incident_id)[:8]}"


def headline(story: Story) -> str:
    """Return verdict, resource and where, in one line."""
    decision, where = story.decision, story.resource
    would = WOULD.get(decision.would_be, "") if decision.verdict is Verdict.DRY_RUN else ""
    what = clean(" ".join(where.id.split()), NAME_LIMIT)
    return f"{TITLES[decision.verdict]}{would}: {what} ({where.type}) acct {where.account} {where.region}"


def lines(story: Story) -> list[str]:
    """Return the decision's story, line by line."""
    seconds = (story.at - story.opener.at).total_seconds()
    return [
        headline(story),
        f"{'':9}{short_id(story.incident_id)}  {story.at:%Y-%m-%d %H:%M:%SZ} ({seconds:+.0f} s after the alarm)",
        _line("OWNER", story.resource.owner_key),
        *_alarm_lines(story),
        *_cause_lines(story),
        *_proposal_lines(story),
        *_gate_lines(story.decision),
        *_model_lines(story.use),
    ]


def condition_in_words(condition: Condition) -> str:
    """Return a threshold and its window, as far as they are known."""
    words = []
    if condition.threshold is not None:
        words.append(f"{OPERATORS.get(condition.operator or '', condition.operator or 'at')} {condition.threshold:g}")
    if condition.evaluation_periods:
        needed = condition.datapoints_to_alarm or condition.evaluation_periods
        words.append(f"for {needed} of {condition.evaluation_periods} periods")
    if condition.period_seconds:
        words.append(f"of {condition.period_seconds} s")
    return " ".join(words)


def _alarm_lines(story: Story) -> Iterator[str]:
    alarm = story.opener
    watched = f"{alarm.metric.namespace} {alarm.metric.name}" if alarm.metric else str(alarm.kind)
    yield _line("ALARM", f"{alarm.key.name}: {watched} {condition_in_words(alarm.condition)}".rstrip())
    if clean(alarm.reason, LINE_LIMIT).strip():
        yield _line("  says", alarm.reason)
    if story.storm:
        yield _line("STORM", f"{story.storm} resources alarm at the same time: look for a shared cause first")
    if story.alarm_count > 1:
        yield _line("WITH", f"{_count(story.alarm_count - 1, 'more alarm')} of {story.resource.owner}")


def _cause_lines(story: Story) -> Iterator[str]:
    diagnosis = story.decision.diagnosis
    if diagnosis is None:
        yield _line("CAUSE", f"not known: {story.use.error or _refusal(story.decision)}")
        return
    yield _line("CAUSE", diagnosis.root_cause, CAUSE_LIMIT)
    yield _line("", f"confidence {diagnosis.confidence} of 10 in the model's own words, uncalibrated")
    by_id = {evidence.id: evidence for evidence in story.evidence}
    for label, ids in (("FOR", diagnosis.evidence_for), ("AGAINST", diagnosis.evidence_against)):
        for each in ids:
            if each in by_id:
                yield _line(label, f"{each} {by_id[each].kind}: {_gist(by_id[each])}")
                label = ""  # noqa: PLW2901 - the label stands on the first line only
    if diagnosis.gaps:
        yield _line("NOT READ", "; ".join(diagnosis.gaps))


def _gist(evidence: Evidence) -> str:
    """Return what an evidence says in one line: what it is about and what was seen, else its first facts."""
    facts = evidence.text.splitlines()
    telling = [fact for fact in facts if fact.startswith(TELLING)]
    return ", ".join(telling or facts[:3])


def _proposal_lines(story: Story) -> Iterator[str]:
    request = story.decision.request
    if request is None:
        yield _line("PROPOSED", "nothing that could be executed: a person should look")
        return
    action = ACTIONS[request.action]
    yield _line("PROPOSED", f"{action.title} ({action.risk} risk)")
    yield _line("  does", action.describe(request), CAUSE_LIMIT)
    yield _line("  runs", call_in_words(request), CAUSE_LIMIT)
    yield _line("  undo", action.undo, CAUSE_LIMIT)


def call_in_words(request: ActionRequest) -> str:
    """Return the exact runbook call: document, target, parameters."""
    parameters = " ".join(f"{name}={value}" for name, value in sorted(request.parameters.items()))
    return f"{request.runbook} target={request.target.arn or request.target.id} {parameters}".rstrip()


def _gate_lines(decision: Decision) -> Iterator[str]:
    yield _line("GATES", " | ".join(f"{gate.name} {gate.outcome}" for gate in decision.gates))
    for gate in decision.gates:
        if gate.outcome in {GateOutcome.REFUSED, GateOutcome.CAPPED}:
            yield _line(f" {gate.outcome}", f"by {gate.name}: {gate.reason}")


def _refusal(decision: Decision) -> str:
    refused = (gate.reason for gate in decision.gates if gate.outcome is GateOutcome.REFUSED)
    return next(refused, "no diagnosis")


def _model_lines(use: ModelUse) -> Iterator[str]:
    if use.requests:
        asked = f"{_count(use.requests, 'request')}, {use.prompt_tokens}+{use.completion_tokens} tokens"
        took = f"{use.latency_seconds:.1f} s; prompt {use.template_version} {use.prompt_sha256[:8]}"
        yield _line("MODEL", f"{use.model} at {use.endpoint}: {asked}, {took}")
    elif use.error:
        yield _line("MODEL", f"{use.endpoint}: no answer")
    spent = "; ".join(_spent(use))
    if spent:
        yield _line("COST", spent)
    if use.cut:
        yield _line("NOT SENT", "; ".join(use.cut))


def _spent(use: ModelUse) -> Iterator[str]:
    """Yield what asking cost, as far as it is known."""
    if use.attempts > use.requests:
        yield _count(use.attempts, "attempt")
    if use.endpoint_seconds:
        yield f"{use.endpoint_seconds:.2f} s of the endpoint, {use.instance_hour_share:.3%} of an instance hour"
    if use.cost_usd is not None:
        yield f"${use.cost_usd:.5f} at ${use.price_per_hour:g} an hour"
    if use.estimate_ratio is not None:
        yield f"{use.estimated_tokens} prompt tokens estimated, {use.estimate_ratio:.2f} of that counted"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _line(label: str, content: str, limit: int = LINE_LIMIT) -> str:
    return f"{label:9}{clean(' '.join(content.split()), limit)}"
