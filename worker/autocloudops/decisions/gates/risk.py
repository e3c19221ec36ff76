"""Whether the action is one that always needs a person."""

from autocloudops.catalogue import ACTIONS, Risk
from autocloudops.decisions.model import Case, GateResult, Verdict

NAME = "risk"


def check(case: Case) -> GateResult:
    """Cap an action of high risk at approval; the catalogue's risk counts, whatever an offer says."""
    action = ACTIONS.get(case.diagnosis.action) if case.diagnosis else None
    if action is None:
        return GateResult.not_evaluated(NAME, "there is no action of the catalogue to look at")
    if action.risk is Risk.HIGH:
        return GateResult.capped(NAME, Verdict.NEEDS_APPROVAL, f"{action.name} has high risk")
    return GateResult.ok(NAME, f"{action.name} has {action.risk} risk")
