"""Whether there is a diagnosis at all."""

from autocloudops.decisions.model import Case, GateResult

NAME = "schema"


def check(case: Case) -> GateResult:
    """Refuse where the model gave nothing usable, and say what was wrong."""
    if case.diagnosis is None:
        return GateResult.refused(NAME, case.facts.fault or "there is no diagnosis")
    return GateResult.ok(NAME)
