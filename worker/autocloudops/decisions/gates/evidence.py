"""Whether the facts that an action needs could be read."""

from autocloudops.decisions.model import Case, GateResult, Verdict

NAME = "evidence"


def check(case: Case) -> GateResult:
    """Let nothing execute by itself where an essential fact was not read: whoever approves it must look first."""
    if case.facts.unread:
        return GateResult.capped(NAME, Verdict.NEEDS_APPROVAL, f"not read: {', '.join(case.facts.unread)}")
    return GateResult.ok(NAME)
