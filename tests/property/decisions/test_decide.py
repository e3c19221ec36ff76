from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from deciding import EVERYTHING, FIRING
from hypothesis import given, settings
from hypothesis import strategies as st

from autocloudops.alarms.model import AlarmState, Suppression
from autocloudops.alarms.standing import AlarmStanding
from autocloudops.catalogue import ACTIONS, Risk, request_for
from autocloudops.decisions.decide import decide
from autocloudops.decisions.model import Decision, Facts, GateOutcome, Policy, Verdict
from autocloudops.decisions.modes import Mode
from autocloudops.diagnosis.model import Diagnosis

IDS = st.lists(st.sampled_from(["E1", "E2", "E3", "E9"]), max_size=4).map(tuple)
NAMES = st.sampled_from([*ACTIONS, "terminate_everything"])
DIAGNOSES = st.builds(
    Diagnosis,
    action=NAMES,
    confidence=st.integers(1, 10),
    evidence_for=IDS,
    evidence_against=IDS,
    gaps=st.just(()),
    root_cause=st.text(min_size=1, max_size=600),
)
SUBSETS = st.lists(st.sampled_from(list(ACTIONS)), unique=True).map(tuple)
MODES = st.sampled_from(list(Mode))
POLICIES = st.builds(
    Policy, mode=MODES, allowed_actions=SUBSETS, denied_actions=SUBSETS, min_confidence=st.integers(7, 10)
)
OFFERS = st.lists(st.sampled_from(list(EVERYTHING.values())), max_size=4).map(tuple)
STANDINGS = st.builds(
    AlarmStanding,
    state=st.sampled_from(list(AlarmState)),
    since=st.just(FIRING.since),
    read_at=st.just(FIRING.read_at),
    suppression=st.none() | st.builds(Suppression, by=st.sampled_from(["MuteRule", "ActionsDisabled"])),
)
FACTS = st.builds(
    Facts,
    incident_id=st.uuids(),
    revision=st.integers(0, 3),
    offers=OFFERS,
    evidence_ids=IDS,
    fault=st.none() | st.text(max_size=30),
    mode_cap=st.none() | MODES,
    unread=st.lists(st.sampled_from(["alarm-now", "metric"]), max_size=2).map(tuple),
    standing=st.none() | STANDINGS,
    age=st.none() | st.timedeltas(timedelta(), timedelta(hours=1)),
    robots=st.lists(st.just("ec2 acts on night-shift"), max_size=1).map(tuple),
)
CASES = st.tuples(st.none() | DIAGNOSES, FACTS, POLICIES)
FRESH: Mapping[str, object] = {"standing": FIRING, "age": timedelta(seconds=14), "robots": ()}
RISING: Mapping[Verdict, int] = {
    Verdict.MANUAL: 0,
    Verdict.DRY_RUN: 1,
    Verdict.NEEDS_APPROVAL: 2,
    Verdict.EXECUTE: 3,
}


@st.composite
def passing(draw: st.DrawFn) -> tuple[Diagnosis, Facts, Policy]:
    """Return a case that no gate but confidence, mode and risk could stop."""
    offer = draw(st.sampled_from([each for each in EVERYTHING.values() if ACTIONS[each.action].executes]))
    diagnosis = draw(DIAGNOSES).model_copy(
        update={"action": offer.action, "evidence_for": ("E1",), "evidence_against": ()}
    )
    facts = draw(FACTS).model_copy(
        update={"offers": (offer,), "evidence_ids": ("E1",), "mode_cap": None, "unread": (), **FRESH}
    )
    return diagnosis, facts, Policy(mode=draw(MODES), min_confidence=draw(st.integers(7, 10)))


@settings(deadline=None, max_examples=500)
@given(CASES | passing())
def test_executed_is_a_subset_of_allowed(case: tuple[Diagnosis | None, Facts, Policy]) -> None:
    """Whatever is executed was offered, allowed, not denied, of no high risk, and asked of its own target."""
    diagnosis, facts, policy = case
    decision = decide(diagnosis, facts, policy)
    if decision.verdict is not Verdict.EXECUTE:
        return
    assert diagnosis is not None
    assert decision.request is not None
    assert decision.mode is Mode.ACTIVE
    assert diagnosis.action in policy.allowed_actions
    assert diagnosis.action not in policy.denied_actions
    assert decision.request in [request_for(offer) for offer in facts.offers]
    assert ACTIONS[diagnosis.action].risk is not Risk.HIGH
    assert {*diagnosis.evidence_for, *diagnosis.evidence_against} <= set(facts.evidence_ids)
    assert not facts.unread


@settings(deadline=None, max_examples=500)
@given(passing(), st.none() | STANDINGS, FACTS)
def test_executed_fires_now_and_no_robot_acts_on_it(
    case: tuple[Diagnosis, Facts, Policy], standing: AlarmStanding | None, other: Facts
) -> None:
    """Whatever is executed was read to be in ALARM, unmuted and young, and nothing else acts on any of its alarms."""
    diagnosis, facts, _ = case
    update = {"standing": standing, "age": other.age, "robots": other.robots}
    sure = diagnosis.model_copy(update={"confidence": 10})
    decision = decide(sure, facts.model_copy(update=update), Policy(mode=Mode.ACTIVE))
    fires = standing is not None and standing.firing and standing.suppression is None
    young = other.age is not None and other.age <= timedelta(minutes=15)
    harmless = ACTIONS[sure.action].risk is not Risk.HIGH
    assert (decision.verdict is Verdict.EXECUTE) is (fires and young and not other.robots and harmless)


@settings(deadline=None, max_examples=300)
@given(CASES | passing())
def test_lower_mode_never_executes_more(case: tuple[Diagnosis | None, Facts, Policy]) -> None:
    """A lower mode never does more: the verdict does not fall as the mode rises, and only active executes."""
    diagnosis, facts, policy = case
    verdicts = [decide(diagnosis, facts, policy.model_copy(update={"mode": mode})).verdict for mode in sorted(Mode)]
    ranks = [RISING[verdict] for verdict in verdicts]
    assert ranks == sorted(ranks)
    assert Verdict.EXECUTE not in verdicts[:-1]


@settings(deadline=None, max_examples=300)
@given(CASES | passing())
def test_refusing_gate_is_named(case: tuple[Diagnosis | None, Facts, Policy]) -> None:
    """A manual verdict always names the first gate that refused and its reason; any other verdict names none."""
    decision = decide(*case)
    refused = [result for result in decision.gates if result.outcome is GateOutcome.REFUSED]
    assert (decision.verdict is Verdict.MANUAL) is bool(refused)
    assert decision.refused_by == (refused[0].name if refused else None)
    assert all(result.reason for result in decision.gates if result.outcome is not GateOutcome.OK)


@settings(deadline=None, max_examples=300)
@given(DIAGNOSES, FACTS, POLICIES, passing(), st.integers(1, 6))
def test_low_confidence_never_executes(
    diagnosis: Diagnosis, facts: Facts, policy: Policy, good: tuple[Diagnosis, Facts, Policy], confidence: int
) -> None:
    """Under seven nothing is executed or put up for approval, whatever else holds and whatever the policy says."""
    for proposal, known, allowed in ((diagnosis, facts, policy), good):
        decision = decide(proposal.model_copy(update={"confidence": confidence}), known, allowed)
        assert decision.verdict is Verdict.MANUAL
        assert decision.would_be is Verdict.MANUAL


@settings(deadline=None)
@given(CASES)
def test_deciding_is_a_function(case: tuple[Diagnosis | None, Facts, Policy]) -> None:
    """The same inputs give the same decision, and it survives its JSON."""
    decision = decide(*case)
    assert decide(*case) == decision
    assert Decision.model_validate_json(decision.model_dump_json()) == decision
    assert isinstance(decision.decision_id, UUID)


@settings(deadline=None)
@given(passing())
def test_sure_and_grounded_proposal_passes_in_mode_active(case: tuple[Diagnosis, Facts, Policy]) -> None:
    """The gates can be passed: what holds all conditions executes or needs approval, so no promise here is empty."""
    diagnosis, facts, policy = case
    decision = decide(diagnosis.model_copy(update={"confidence": 10}), facts, policy)
    risky = ACTIONS[diagnosis.action].risk is Risk.HIGH
    assert decision.would_be is (Verdict.NEEDS_APPROVAL if risky else Verdict.EXECUTE)
