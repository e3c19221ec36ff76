import pytest
from deciding import ACTIVE, EVERYTHING, FACTS, proposal, said

from autocloudops.decisions.decide import decide
from autocloudops.decisions.model import GateOutcome, Mode, Policy, Verdict
from autocloudops.diagnosis.model import Diagnosis

REFUSED, CAPPED, OK, NOT_EVALUATED = (
    GateOutcome.REFUSED,
    GateOutcome.CAPPED,
    GateOutcome.OK,
    GateOutcome.NOT_EVALUATED,
)


@pytest.mark.parametrize(
    ("mode", "outcome", "verdict"),
    [
        (Mode.OFF, REFUSED, Verdict.MANUAL),
        (Mode.DRY_RUN, CAPPED, Verdict.DRY_RUN),
        (Mode.APPROVE, CAPPED, Verdict.NEEDS_APPROVAL),
        (Mode.ACTIVE, OK, Verdict.EXECUTE),
    ],
)
def test_mode_gate(mode: Mode, outcome: GateOutcome, verdict: Verdict) -> None:
    """Off refuses, dry-run and approve cap, active lets through."""
    decision = decide(proposal(), FACTS, Policy(mode=mode))
    assert (said(decision, "mode").outcome, decision.verdict, decision.mode) == (outcome, verdict, mode)


def test_mode_cap_can_only_lower() -> None:
    """A control item under the policy's mode counts, one above it does not."""
    lowered = FACTS.model_copy(update={"mode_cap": Mode.DRY_RUN})
    raised = FACTS.model_copy(update={"mode_cap": Mode.ACTIVE})
    assert decide(proposal(), lowered, ACTIVE).mode is Mode.DRY_RUN
    assert decide(proposal(), raised, Policy(mode=Mode.APPROVE)).mode is Mode.APPROVE


@pytest.mark.parametrize("fault", ["model_unavailable", "truncated: the reply was not finished", None])
def test_schema_gate_names_why_there_is_no_diagnosis(fault: str | None) -> None:
    """Without a usable reply a person is asked, and reads whether the model was away or answered badly."""
    decision = decide(None, FACTS.model_copy(update={"fault": fault}), ACTIVE)
    assert (decision.verdict, decision.refused_by) == (Verdict.MANUAL, "schema")
    assert said(decision, "schema").reason == (fault or "there is no diagnosis")
    of_the_diagnosis = {"grounding", "allow_list", "confidence", "risk"}
    assert {gate.outcome for gate in decision.gates if gate.name in of_the_diagnosis} == {NOT_EVALUATED}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"evidence_for": ["E9"]}, "cites evidence that was not in the prompt: E9"),
        ({"evidence_for": ["E1", "E3", "E3"]}, "cites evidence that was not in the prompt: E3"),
        ({"evidence_against": ["E4"]}, "cites evidence that was not in the prompt: E4"),
        ({"evidence_for": []}, "cites no evidence for its proposal"),
        ({"evidence_for": [], "evidence_against": ["E1"]}, "cites no evidence for its proposal"),
    ],
)
def test_grounding_gate_refuses_what_was_not_shown(changes: dict[str, object], reason: str) -> None:
    """Every citation must be in the prompt and one must support the proposal."""
    decision = decide(proposal(**changes), FACTS, ACTIVE)
    assert (decision.verdict, decision.refused_by) == (Verdict.MANUAL, "grounding")
    assert said(decision, "grounding").reason == reason


def test_grounding_gate_refuses_an_open_target() -> None:
    """Where one action was offered for two targets, the model's answer does not say which: a person does."""
    scale = EVERYTHING["scale_out_service"]
    other = scale.model_copy(update={"parameters": {"Kind": "ecs-service", "Cluster": "shop", "Service": "carts"}})
    decision = decide(proposal(), FACTS.model_copy(update={"offers": (scale, other)}), ACTIVE)
    assert (decision.refused_by, decision.request) == ("grounding", None)
    twice = decide(proposal(), FACTS.model_copy(update={"offers": (scale, scale)}), ACTIVE)
    assert twice.verdict is Verdict.EXECUTE


@pytest.mark.parametrize(
    ("diagnosis", "policy", "reason"),
    [
        (
            proposal(action="restart_service"),
            ACTIVE,
            "the proposed action was not offered for this incident",
        ),
        (proposal(action="terminate"), ACTIVE, "the proposed action was not offered for this incident"),
        (proposal(action="investigate"), ACTIVE, "the model proposes manual investigation"),
        (
            proposal(action="investigate"),
            Policy(mode=Mode.ACTIVE, allowed_actions=()),
            "the model proposes manual investigation",
        ),
        (
            proposal(),
            Policy(mode=Mode.ACTIVE, allowed_actions=("clean_logs",)),
            "the policy does not allow scale_out_service",
        ),
        (
            proposal(),
            Policy(mode=Mode.ACTIVE, denied_actions=("scale_out_service",)),
            "the policy denies scale_out_service",
        ),
    ],
)
def test_allow_list_gate(diagnosis: Diagnosis, policy: Policy, reason: str) -> None:
    """Only what was offered and what the operator allows passes; a denial outweighs a permission."""
    decision = decide(diagnosis, FACTS, policy)
    assert (decision.verdict, decision.refused_by) == (Verdict.MANUAL, "allow_list")
    assert said(decision, "allow_list").reason == reason


@pytest.mark.parametrize(
    ("confidence", "least", "passes"), [(7, 7, True), (6, 7, False), (8, 9, False), (10, 10, True)]
)
def test_confidence_gate(confidence: int, least: int, passes: bool) -> None:
    """What the model says must reach the policy's least."""
    decision = decide(proposal(confidence=confidence), FACTS, Policy(mode=Mode.ACTIVE, min_confidence=least))
    assert (decision.verdict is Verdict.EXECUTE) is passes
    assert (decision.refused_by == "confidence") is not passes


@pytest.mark.parametrize("action", ["restart_service", "clean_logs"])
def test_risk_gate_needs_a_person_for_high_risk(action: str) -> None:
    """An action of high risk is never executed unasked, even in mode active and however sure the model is."""
    facts = FACTS.model_copy(update={"offers": tuple(EVERYTHING.values())})
    decision = decide(proposal(action=action, confidence=10), facts, ACTIVE)
    assert (decision.verdict, decision.refused_by) == (Verdict.NEEDS_APPROVAL, None)
    assert said(decision, "risk").outcome is CAPPED


def test_risk_gate_trusts_the_catalogue_and_not_the_offer() -> None:
    """An offer that says low risk of a restart does not lower it."""
    offer = EVERYTHING["restart_service"].model_copy(update={"risk": EVERYTHING["scale_out_service"].risk})
    decision = decide(proposal(action="restart_service"), FACTS.model_copy(update={"offers": (offer,)}), ACTIVE)
    assert decision.verdict is Verdict.NEEDS_APPROVAL


def test_evidence_gate_lets_nothing_execute_blindly() -> None:
    """Where an essential fact was not read, a decision that would execute needs a person, and names what is missing."""
    facts = FACTS.model_copy(update={"unread": ("alarm-now", "change")})
    decision = decide(proposal(), facts, ACTIVE)
    assert (decision.verdict, decision.refused_by) == (Verdict.NEEDS_APPROVAL, None)
    assert said(decision, "evidence").reason == "not read: alarm-now, change"
    assert decide(proposal(), FACTS, ACTIVE).verdict is Verdict.EXECUTE
