"""Whether the action could run and be taken back, and its runbook has helped of late."""

from autocloudops.decisions.facts import ActionFacts, Unknown
from autocloudops.decisions.gates.known import known
from autocloudops.decisions.model import Case, GateResult, Verdict

NAME = "ready"


def check(case: Case) -> GateResult:
    """Refuse where something is missing or was not read; cap where the runbook's breaker is open."""
    facts = known(case, NAME)
    if isinstance(facts, GateResult):
        return facts
    refused = _unread(facts) or _missing(facts)
    if refused:
        return GateResult.refused(NAME, refused)
    if facts.breaker:
        return GateResult.capped(NAME, Verdict.DRY_RUN, f"the runbook's breaker is open: {facts.breaker}")
    return GateResult.ok(NAME)


def _unread(facts: ActionFacts) -> str | None:
    needed = {"what is missing": facts.missing, "the target's state": facts.state, "the breaker": facts.breaker}
    unread = [f"{what} ({fact.unknown})" for what, fact in needed.items() if isinstance(fact, Unknown)]
    return f"not read: {', '.join(unread)}" if unread else None


def _missing(facts: ActionFacts) -> str | None:
    missing = () if isinstance(facts.missing, Unknown) else facts.missing
    return f"missing: {', '.join(missing)}" if missing else None
