from datetime import timedelta

import pytest
from deciding import ACTIVE, EVERYTHING, FACTS, FIRING, WELL, proposal, said

from autocloudops.alarms.model import AlarmState, Suppression
from autocloudops.decisions.decide import decide
from autocloudops.decisions.model import GateOutcome, Policy, Verdict
from autocloudops.decisions.modes import Mode
from autocloudops.decisions.rules import ActionRule
from autocloudops.diagnosis.model import Diagnosis

MANUAL = Verdict.MANUAL
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


def test_the_control_item_can_only_lower() -> None:
    """A control item under the policy's mode counts, one above it does not."""
    lowered = FACTS.model_copy(update={"acting": WELL.model_copy(update={"control": Mode.DRY_RUN})})
    raised = FACTS.model_copy(update={"acting": WELL.model_copy(update={"control": Mode.ACTIVE})})
    assert decide(proposal(), lowered, ACTIVE).mode is Mode.DRY_RUN
    assert decide(proposal(), raised, Policy(mode=Mode.APPROVE)).mode is Mode.APPROVE


@pytest.mark.parametrize("fault", ["model_unavailable", "truncated: the reply was not finished", None])
def test_schema_gate_names_why_there_is_no_diagnosis(fault: str | None) -> None:
    """Without a usable reply a person is asked, and reads whether the model was away or answered badly."""
    decision = decide(None, FACTS.model_copy(update={"fault": fault}), ACTIVE)
    assert (decision.verdict, decision.refused_by) == (Verdict.MANUAL, "schema")
    assert said(decision, "schema").reason == (fault or "there is no diagnosis")
    of_the_diagnosis = {"grounding", "allow_list", "bounds", "ready", "confidence", "risk"}
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
    other = scale.model_copy(update={"target": scale.target.model_copy(update={"id": "shop/carts"})})
    decision = decide(proposal(), FACTS.model_copy(update={"offers": (scale, other)}), ACTIVE)
    assert (decision.refused_by, decision.request) == ("grounding", None)
    twice = decide(proposal(), FACTS.model_copy(update={"offers": (scale, scale)}), ACTIVE)
    assert twice.verdict is Verdict.EXECUTE


@pytest.mark.parametrize(
    ("diagnosis", "policy", "reason"),
    [
        (
            proposal(action="clean_logs"),
            ACTIVE,
            "the proposed action was not offered for this incident",
        ),
        (proposal(action="terminate"), ACTIVE, "the proposed action was not offered for this incident"),
        (proposal(action="investigate"), ACTIVE, "the model proposes manual investigation"),
        (
            proposal(action="investigate"),
            Policy(mode=Mode.ACTIVE, actions={}),
            "the model proposes manual investigation",
        ),
        (
            proposal(),
            Policy(mode=Mode.ACTIVE, actions={"clean_logs": ActionRule()}),
            "the policy does not allow scale_out_service",
        ),
        (
            proposal(),
            Policy(mode=Mode.ACTIVE, actions={"scale_out_service": ActionRule(resource_types=("autoscaling:group",))}),
            "the policy does not allow scale_out_service for ecs:service",
        ),
        (
            proposal(),
            Policy(mode=Mode.ACTIVE, accounts={"444455556666": Mode.ACTIVE}),
            "the policy does not name account 111122223333",
        ),
        (
            proposal(),
            Policy(mode=Mode.ACTIVE, regions=("eu-north-1",)),
            "the policy does not name region eu-west-1",
        ),
    ],
)
def test_allow_list_gate(diagnosis: Diagnosis, policy: Policy, reason: str) -> None:
    """Only what was offered, and what the operator allows of this kind and in this place, passes."""
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
def test_risk_gate_needs_a_person_for_more_than_low_risk(action: str) -> None:
    """Medium and high risk are never executed unasked, even in mode active and however sure the model is."""
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


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"state": AlarmState.OK}, "recovered: the alarm is OK since 2026-11-22 03:11:42Z"),
        (
            {"state": AlarmState.INSUFFICIENT_DATA},
            "recovered: the alarm is INSUFFICIENT_DATA since 2026-11-22 03:11:42Z",
        ),
        (
            {"suppression": Suppression(by="MuteRule", reason="release")},
            "suppressed: CloudWatch runs no actions for the alarm now, by MuteRule",
        ),
    ],
)
def test_freshness_gate_refuses_what_is_over_or_muted(changes: dict[str, object], reason: str) -> None:
    """An alarm that recovered or was muted since is nothing to act on, in any mode, and people read which it was."""
    facts = FACTS.model_copy(update={"standing": FIRING.model_copy(update=changes)})
    for mode in (Mode.ACTIVE, Mode.DRY_RUN):
        decision = decide(proposal(), facts, Policy(mode=mode))
        assert (decision.verdict, decision.would_be, decision.refused_by) == (MANUAL, MANUAL, "freshness")
        assert said(decision, "freshness").reason == reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"standing": None}, "unknown: nobody could tell whether the alarm is still in ALARM"),
        ({"age": timedelta(minutes=31)}, "stale: the alarm changed its state 31 min ago"),
        ({"age": None}, "stale: the alarm changed its state at an unknown time"),
        (
            {"standing": FIRING.model_copy(update={"suppression": Suppression(by="ActionsDisabled")})},
            "somebody has switched off the actions of the alarm",
        ),
    ],
)
def test_freshness_gate_needs_a_person_where_it_cannot_be_sure(changes: dict[str, object], reason: str) -> None:
    """An alarm of unknown state, an old one, and one whose actions are switched off, execute nothing unasked."""
    decision = decide(proposal(), FACTS.model_copy(update=changes), ACTIVE)
    assert (decision.verdict, said(decision, "freshness").reason) == (Verdict.NEEDS_APPROVAL, reason)


def test_robots_gate_leaves_alarms_to_whoever_acts_on_them() -> None:
    """Where something else acts on an alarm of the incident nothing is done, and it is named."""
    facts = FACTS.model_copy(update={"robots": ("target-tracking acts on TargetTracking-orders",)})
    decision = decide(proposal(), facts, ACTIVE)
    assert (decision.verdict, decision.refused_by) == (MANUAL, "robots")
    assert said(decision, "robots").reason == "target-tracking acts on TargetTracking-orders"
