"""Whether the action is one that needs a person."""

from autocloudops.catalogue import ACTIONS, Risk
from autocloudops.decisions.model import Case, GateResult, Verdict

NAME = "risk"


def check(case: Case) -> GateResult:
    """Cap every risk but low at approval: what the model says of its confidence is not calibrated.

    The catalogue's risk counts, or a higher one of the policy's, whatever an offer says.
    """
    action = ACTIONS.get(case.diagnosis.action) if case.diagnosis else None
    if action is None:
        return GateResult.not_evaluated(NAME, "there is no action of the catalogue to look at")
    risk = case.policy.risk_of(action)
    if risk is Risk.LOW:
        return GateResult.ok(NAME, f"{action.name} has low risk")
    return GateResult.capped(NAME, Verdict.NEEDS_APPROVAL, f"{action.name} has {risk} risk")
