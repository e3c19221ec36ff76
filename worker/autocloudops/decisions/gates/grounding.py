"""Whether the diagnosis stands on what the model was shown."""

from autocloudops.decisions.model import Case, GateResult

NAME = "grounding"


def check(case: Case) -> GateResult:
    """Refuse citations that were not in the prompt, a proposal without any, and an action with several targets."""
    diagnosis = case.diagnosis
    if diagnosis is None:
        return GateResult.not_evaluated(NAME, "there is no diagnosis")
    cited = dict.fromkeys((*diagnosis.evidence_for, *diagnosis.evidence_against))
    absent = [each for each in cited if each not in case.facts.evidence_ids]
    if absent:
        return GateResult.refused(NAME, f"cites evidence that was not in the prompt: {', '.join(absent)}")
    if not diagnosis.evidence_for:
        return GateResult.refused(NAME, "cites no evidence for its proposal")
    if len(case.chosen) > 1:
        return GateResult.refused(NAME, f"{diagnosis.action} was offered for {len(case.chosen)} targets: which is open")
    return GateResult.ok(NAME, f"every cited id was in the prompt: {', '.join(cited)}")
