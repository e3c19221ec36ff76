from datetime import timedelta
from uuid import uuid4

import pytest
from deciding import ACTIVE, EVERYTHING, FACTS, proposal, said

from autocloudops.decisions.decide import decide
from autocloudops.decisions.gates import ORDER
from autocloudops.decisions.limits import ClaimLimits
from autocloudops.decisions.model import Decision, GateOutcome, Policy, Verdict
from autocloudops.decisions.modes import Mode
from autocloudops.decisions.rules import ActionRule


def test_default_policy_acts_on_nothing() -> None:
    """Without configuration the service says what it would do, and does nothing."""
    decision = decide(proposal(confidence=10), FACTS, Policy())
    assert (decision.verdict, decision.would_be, decision.refused_by) == (Verdict.DRY_RUN, Verdict.EXECUTE, None)
    assert decision.request is not None


def test_every_gate_is_asked_and_recorded_in_order() -> None:
    """A refusal hides no other gate's answer: the record shows what else stood in the way."""
    decision = decide(proposal(confidence=3, evidence_for=["E9"]), FACTS, Policy(mode=Mode.OFF))
    assert [result.name for result in decision.gates] == [
        "suppression",
        "freshness",
        "mode",
        "schema",
        "grounding",
        "evidence",
        "hygiene",
        "robots",
        "allow_list",
        "freeze",
        "bounds",
        "ready",
        "confidence",
        "storm",
        "shown",
        "risk",
    ]
    assert len(decision.gates) == len(ORDER)
    refused = [result.name for result in decision.gates if result.outcome is GateOutcome.REFUSED]
    assert refused == ["mode", "grounding", "confidence"]
    assert decision.refused_by == "mode"


def test_would_be_is_the_verdict_of_mode_active() -> None:
    """In every mode the record says what active would have done, so that an operator can see what raising it means."""
    facts = FACTS.model_copy(update={"offers": tuple(EVERYTHING.values())})
    for action in EVERYTHING:
        for confidence in (3, 9):
            diagnosis = proposal(action=action, confidence=confidence)
            active = decide(diagnosis, facts, ACTIVE).verdict
            assert {decide(diagnosis, facts, Policy(mode=mode)).would_be for mode in Mode} == {active}


def test_lowest_cap_counts() -> None:
    """A dry run of a risky action is a dry run: nobody is asked to approve what will not be done."""
    facts = FACTS.model_copy(update={"offers": tuple(EVERYTHING.values())})
    decision = decide(proposal(action="clean_logs"), facts, Policy())
    assert (decision.verdict, decision.would_be) == (Verdict.DRY_RUN, Verdict.NEEDS_APPROVAL)


def test_request_is_what_was_offered() -> None:
    """Target and parameters are the offer's, and stand in the record also where a gate refuses."""
    decision = decide(proposal(confidence=2), FACTS, ACTIVE)
    offer = EVERYTHING["scale_out_service"]
    assert decision.verdict is Verdict.MANUAL
    assert decision.request is not None
    assert decision.request.runbook == "AutoCloudOps-ScaleOutService"
    assert decision.request.target == offer.target
    assert offer.parameters.items() <= decision.request.parameters.items()


@pytest.mark.parametrize("action", ["investigate", "clean_logs", "invented"])
def test_nothing_is_requested_that_executes_nothing_or_was_not_offered(action: str) -> None:
    """There is no request to look at where there is nothing that could be done."""
    assert decide(proposal(action=action), FACTS, ACTIVE).request is None


def test_decision_id_follows_incident_and_revision_alone() -> None:
    """The same incident and revision is the same decision, whatever model or policy; another revision is another."""
    first = decide(proposal(), FACTS, ACTIVE)
    assert decide(None, FACTS, Policy()).decision_id == first.decision_id
    assert decide(proposal(), FACTS.model_copy(update={"revision": 1}), ACTIVE).decision_id != first.decision_id
    assert (
        decide(proposal(), FACTS.model_copy(update={"incident_id": uuid4()}), ACTIVE).decision_id != first.decision_id
    )


def test_decision_survives_the_record() -> None:
    """What is written to the audit reads back as the same decision."""
    for diagnosis in (proposal(), proposal(action="investigate"), None):
        decision = decide(diagnosis, FACTS, ACTIVE)
        assert Decision.model_validate_json(decision.model_dump_json()) == decision


def test_policy_version_follows_its_content() -> None:
    """Equal policies have equal versions, however they were written; any change gives another."""
    default = Policy()
    assert Policy(regions=("b", "a")).version == Policy(regions=("a", "b", "a")).version
    others = [
        Policy(mode=Mode.ACTIVE),
        Policy(min_confidence=8),
        Policy(actions={}),
        Policy(actions={"clean_logs": ActionRule()}),
        Policy(accounts={"111122223333": Mode.ACTIVE}),
        Policy(limits=ClaimLimits(cooldown=timedelta(minutes=20))),
        Policy(storm=24),
    ]
    assert len({default.version, *(policy.version for policy in others)}) == 8
    assert decide(None, FACTS, default).policy_version == default.version


def test_modes_compare_by_their_order_and_not_by_their_letters() -> None:
    """The lowest of several modes is the most careful one."""
    assert sorted(Mode) == [Mode.OFF, Mode.DRY_RUN, Mode.APPROVE, Mode.ACTIVE]
    assert min(Mode.ACTIVE, Mode.OFF, Mode.DRY_RUN) is Mode.OFF
    assert max(Mode.ACTIVE, Mode.OFF) is Mode.ACTIVE
    assert Mode.APPROVE <= Mode.ACTIVE
    assert Mode.APPROVE >= Mode.DRY_RUN


def test_passing_gates_say_why() -> None:
    """The record of a pass names what was looked at."""
    decision = decide(proposal(evidence_against=["E2"]), FACTS, ACTIVE)
    assert said(decision, "grounding").reason == "every cited id was in the prompt: E1, E2"
    assert said(decision, "risk").reason == "scale_out_service has low risk"
    assert said(decision, "confidence").reason == "the model says 8 of 10, uncalibrated"


def test_what_is_suppressed_says_by_what() -> None:
    """A silence names the verdict before any other gate, whatever the mode."""
    facts = FACTS.model_copy(update={"suppressed": "silenced by ana until 12:00:00Z: deploy"})
    for mode in Mode:
        decision = decide(None, facts, Policy(mode=mode))
        assert (decision.verdict, decision.refused_by) == (Verdict.SUPPRESSED, "suppression")
        assert decision.gates[0].reason == "silenced by ana until 12:00:00Z: deploy"


def test_an_alarm_that_is_proved_wrong_is_never_acted_on() -> None:
    """A veto of alarm hygiene is manual in every mode, with the finding as its reason."""
    facts = FACTS.model_copy(update={"vetoes": ("StatusCheckFailed >= 0 is always true.",)})
    decision = decide(proposal(), facts, ACTIVE)
    assert (decision.verdict, decision.refused_by) == (Verdict.MANUAL, "hygiene")
