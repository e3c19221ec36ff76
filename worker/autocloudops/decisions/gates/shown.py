"""Whether the model saw every kind of trouble that the incident has."""

from autocloudops.decisions.model import Case, GateResult, Verdict

NAME = "shown"


def check(case: Case) -> GateResult:
    """Let nothing execute by itself that rests on a question which left a kind of trouble out."""
    if case.facts.unshown:
        reason = f"the question did not show: {', '.join(case.facts.unshown)}"
        return GateResult.capped(NAME, Verdict.NEEDS_APPROVAL, reason)
    return GateResult.ok(NAME)
