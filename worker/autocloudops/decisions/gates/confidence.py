"""Whether the model says that it is sure enough: necessary, never sufficient."""

from autocloudops.decisions.model import Case, GateResult

NAME = "confidence"


def check(case: Case) -> GateResult:
    """Refuse a diagnosis whose confidence, as said, is under the policy's least."""
    if case.diagnosis is None:
        return GateResult.not_evaluated(NAME, "there is no diagnosis")
    said, least = case.diagnosis.confidence, case.policy.min_confidence
    if said < least:
        return GateResult.refused(NAME, f"the model says {said} of 10, at least {least} is needed")
    return GateResult.ok(NAME, f"the model says {said} of 10, uncalibrated")
