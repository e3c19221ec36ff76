"""Whether the alarm itself can be right."""

from autocloudops.decisions.model import Case, GateResult

NAME = "hygiene"


def check(case: Case) -> GateResult:
    """Refuse where a finding proves an alarm of the incident wrong."""
    if case.facts.vetoes:
        return GateResult.refused(NAME, "; ".join(case.facts.vetoes))
    return GateResult.ok(NAME)
