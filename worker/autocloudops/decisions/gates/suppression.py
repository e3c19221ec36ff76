"""Whether nobody wants to hear of this now: a mute rule, a silence, an alarm that keeps flapping."""

from autocloudops.decisions.model import Case, GateOutcome, GateResult, Verdict

NAME = "suppression"


def check(case: Case) -> GateResult:
    """Refuse what is suppressed, and say by what."""
    if case.facts.suppressed is None:
        return GateResult.ok(NAME)
    return GateResult(name=NAME, outcome=GateOutcome.REFUSED, verdict=Verdict.SUPPRESSED, reason=case.facts.suppressed)
