"""Whether something else acts on the alarm already: two robots on one resource fight."""

from autocloudops.decisions.model import Case, GateResult

NAME = "robots"


def check(case: Case) -> GateResult:
    """Refuse where an alarm of the incident has actions of its own that change something."""
    if case.facts.robots:
        return GateResult.refused(NAME, "; ".join(case.facts.robots))
    return GateResult.ok(NAME)
