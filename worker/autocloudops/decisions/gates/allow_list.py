"""Whether the proposed action was offered, and the operator allows it."""

from autocloudops.catalogue import ACTIONS
from autocloudops.decisions.model import Case, GateResult

NAME = "allow_list"


def check(case: Case) -> GateResult:
    """Refuse what was not offered, what the policy denies or does not allow, and what executes nothing."""
    if case.diagnosis is None:
        return GateResult.not_evaluated(NAME, "there is no diagnosis")
    name, policy = case.diagnosis.action, case.policy
    if name not in ACTIONS or not case.chosen:
        return GateResult.refused(NAME, "the proposed action was not offered for this incident")
    if not ACTIONS[name].executes:
        return GateResult.refused(NAME, "the model proposes manual investigation")
    if name in policy.denied_actions:
        return GateResult.refused(NAME, f"the policy denies {name}")
    if name not in policy.allowed_actions:
        return GateResult.refused(NAME, f"the policy does not allow {name}")
    return GateResult.ok(NAME, f"{name} was offered and is allowed")
