from collections.abc import Callable, Mapping, Sequence

import pytest
from cases import CASES, MODES, RISING, SPOILT_TARGET, UNKNOWN, Known, may_execute
from hypothesis import given, settings
from hypothesis import strategies as st

from autocloudops.catalogue import ACTIONS, Risk, request_for
from autocloudops.catalogue.model import ActionRequest
from autocloudops.decisions.decide import decide
from autocloudops.decisions.gates import ORDER
from autocloudops.decisions.model import Decision, GateOutcome, Policy, Verdict
from autocloudops.decisions.modes import Mode
from autocloudops.decisions.rules import ActionRule, AlarmRule

Change = Callable[[Known], Known]
EFFECT: Mapping[Verdict, int] = {Verdict.NEEDS_APPROVAL: 1, Verdict.EXECUTE: 2}
"""What a verdict does: nothing, asks a person to let it be done, or does it."""


def _rules(case: Known, **changes: object) -> Known:
    """Return a case whose chosen action has a rule with some changes, if the policy allows it at all."""
    name = case.diagnosis.action if case.diagnosis else "scale_out_service"
    rules = case.policy.actions if case.policy.actions is not None else {each: ActionRule() for each in ACTIONS}
    if name not in rules:
        return case
    return case.allowing(actions={**rules, name: rules[name].model_copy(update=changes)})


def _accounts(case: Known, mode: Mode) -> Known:
    named = case.policy.accounts
    return case if named is None else case.allowing(accounts=dict.fromkeys(named, mode))


LEVERS: Mapping[str, Callable[[Known, Mode], Known]] = {
    "the policy": lambda case, mode: case.allowing(mode=mode),
    "the account": _accounts,
    "the action": lambda case, mode: _rules(case, mode=mode),
    "the alarms": lambda case, mode: case.allowing(alarms=(*case.policy.alarms, AlarmRule(name="*", mode=mode))),
    "the control item": lambda case, mode: case.looking(control=mode),
}
"""Every place where a mode is set."""


def _without_tag(case: Known) -> Known:
    acting, required = case.facts.acting, case.policy.tags.required.partition("=")[0]
    if acting is None or not isinstance(acting.tags, Mapping):
        return case
    return case.looking(tags={key: value for key, value in acting.tags.items() if key != required})


def _with_tag(case: Known, tag: str) -> Known:
    acting = case.facts.acting
    if acting is None or not isinstance(acting.tags, Mapping):
        return case
    return case.looking(tags={**acting.tags, tag: ""})


def _open_breaker(case: Known) -> Known:
    unread = case.facts.acting is not None and case.facts.acting.breaker == UNKNOWN
    return case if unread else case.looking(breaker="2 of 10 failed")


def _unknown(name: str) -> Change:
    return lambda case: case.looking(**{name: UNKNOWN})


TIGHTER: Mapping[str, Change] = {
    **{f"{name} is unknown": _unknown(name) for name in SPOILT_TARGET},
    "a medium risk": lambda case: _rules(case, risk=Risk.MEDIUM),
    "a high risk": lambda case: _rules(case, risk=Risk.HIGH),
    "no required tag": _without_tag,
    "the deny tag": lambda case: _with_tag(case, "autocloudops:deny"),
    "our own tag": lambda case: _with_tag(case, "autocloudops:own"),
    "no account": lambda case: case.allowing(accounts={}),
    "no region": lambda case: case.allowing(regions=()),
    "no action": lambda case: case.allowing(actions={}),
    "no type": lambda case: _rules(case, resource_types=()),
    "a lower maximum": lambda case: _rules(case, most=1),
    "one more calendar": lambda case: case.allowing(calendars=(*case.policy.calendars, "holidays")),
    "a guard": lambda case: case.allowing(guards=("deploying",)),
    "a storm": lambda case: case.knowing(storm=1_000),
    "more confidence": lambda case: case.allowing(min_confidence=10),
    "an open breaker": _open_breaker,
    "a missing document": lambda case: case.looking(missing=("a document",)),
    "a robot": lambda case: case.knowing(robots=("ec2 acts on it",)),
    "an unread fact": lambda case: case.knowing(unread=("metric",)),
    "a kind that was not shown": lambda case: case.knowing(unshown=("AWS/SQS/Age",)),
    "nobody who looked": lambda case: case if case.decision.mode <= Mode.DRY_RUN else case.knowing(acting=None),
}
"""What makes a case more doubtful, or a policy stricter."""


@settings(deadline=None, max_examples=700)
@given(CASES)
def test_what_executes_is_what_is_allowed(case: Known) -> None:
    """Executed and allowed are the same set: nothing else executes, and no gate stops what every condition allows."""
    assert (case.decision.verdict is Verdict.EXECUTE) is may_execute(case)


@pytest.mark.soak
@settings(deadline=None, max_examples=20_000)
@given(CASES)
def test_what_executes_is_what_is_allowed_at_length(case: Known) -> None:
    """The same over so many cases that each pair of things that can be wrong is met."""
    assert (case.decision.verdict is Verdict.EXECUTE) is may_execute(case)


@settings(deadline=None, max_examples=150)
@given(CASES)
def test_what_is_requested_was_offered(case: Known) -> None:
    """Whatever might be done is an offer's runbook on its own target; a limit may only add to its parameters."""
    request = case.decision.request
    if request is None:
        return
    raw = [made for offer in case.facts.offers if (made := request_for(offer)) and made.action == request.action]
    assert any(_completes(request, made) for made in raw)
    assert case.diagnosis is not None
    assert request.action == case.diagnosis.action
    if case.decision.verdict in EFFECT and ACTIONS[request.action].bound:
        assert request not in raw, "a count that is not absolute"


def _completes(request: ActionRequest, offered: ActionRequest) -> bool:
    same = (request.runbook, request.target) == (offered.runbook, offered.target)
    return same and offered.parameters.items() <= request.parameters.items()


@settings(deadline=None, max_examples=80)
@given(CASES)
def test_a_lower_mode_never_does_more(case: Known) -> None:
    """Wherever a mode is lowered nothing is done that would not be done above, and only active executes."""
    for where, lever in LEVERS.items():
        decided = [lever(case, mode).decision for mode in sorted(Mode)]
        effects = [EFFECT.get(each.verdict, 0) for each in decided]
        assert effects == sorted(effects), where
        assert all(each.mode is Mode.ACTIVE for each in decided if each.verdict is Verdict.EXECUTE), where


@settings(deadline=None, max_examples=100)
@given(CASES)
def test_the_verdict_falls_with_the_mode_where_the_target_is_known(case: Known) -> None:
    """With the facts read, each higher mode reads at least as much as the one below it, from manual to execute."""
    if case.facts.acting is None:
        return
    verdicts = [case.allowing(mode=mode).decision.verdict for mode in sorted(Mode)]
    assert [RISING[each] for each in verdicts] == sorted(RISING[each] for each in verdicts)


@settings(deadline=None, max_examples=80)
@given(CASES)
def test_nothing_doubtful_moves_towards_execution(case: Known) -> None:
    """A raised risk, a missing tag, an unknown fact, a stricter policy: none of them ever allows more than before."""
    before = RISING[case.decision.verdict]
    for what, change in TIGHTER.items():
        assert RISING[change(case).decision.verdict] <= before, what


@settings(deadline=None, max_examples=150)
@given(CASES)
def test_refusing_gate_is_named(case: Known) -> None:
    """A refusal always names the first gate that refused and its reason; any other verdict names none."""
    decision = case.decision
    refused = [result for result in decision.gates if result.outcome is GateOutcome.REFUSED]
    assert (decision.verdict in {Verdict.MANUAL, Verdict.SUPPRESSED}) is bool(refused)
    assert decision.refused_by == (refused[0].name if refused else None)
    assert all(result.reason for result in decision.gates if result.outcome is not GateOutcome.OK)
    assert len({result.name for result in decision.gates}) == len(ORDER)


@settings(deadline=None, max_examples=100)
@given(CASES, st.integers(1, 6))
def test_low_confidence_never_executes(case: Known, confidence: int) -> None:
    """Under seven nothing is executed or put up for approval, whatever else holds and whatever the policy says."""
    if case.diagnosis is None:
        return
    unsure = case.diagnosis.model_copy(update={"confidence": confidence})
    decision = decide(unsure, case.facts, case.policy)
    assert {decision.verdict, decision.would_be} <= {Verdict.MANUAL, Verdict.SUPPRESSED}


@settings(deadline=None, max_examples=100)
@given(CASES)
def test_deciding_is_a_function(case: Known) -> None:
    """The same inputs give the same decision, and it survives its JSON."""
    decision = case.decision
    assert case.decision == decision
    assert Decision.model_validate_json(decision.model_dump_json()) == decision


@settings(deadline=None, max_examples=100)
@given(CASES, MODES)
def test_would_be_promises_no_more_than_mode_active_does(case: Known, mode: Mode) -> None:
    """What a dry run says that it would be is what active makes of it, where the control item allows it too."""
    if case.facts.acting is not None and case.facts.acting.control == UNKNOWN:
        return
    everywhere = [lever for name, lever in LEVERS.items() if name != "the alarms"]
    raised = _all_active(case.allowing(alarms=()), everywhere)
    would_be = case.allowing(alarms=(), mode=mode).decision.would_be
    assert RISING[would_be] <= RISING[raised.decision.verdict] or case.facts.acting is None
    assert case.facts.acting is not None or would_be is not Verdict.EXECUTE


def _all_active(case: Known, levers: Sequence[Callable[[Known, Mode], Known]]) -> Known:
    for lever in levers:
        case = lever(case, Mode.ACTIVE)
    return case


@settings(deadline=None, max_examples=100)
@given(CASES)
def test_the_default_policy_acts_on_nothing(case: Known) -> None:
    """Whatever the incident, the reply and the facts: without a policy nothing is done and nobody is asked to."""
    assert decide(case.diagnosis, case.facts, Policy()).verdict not in EFFECT
