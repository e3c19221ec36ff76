from collections.abc import Mapping
from datetime import timedelta

import pytest
from deciding import ACTIVE, EVERYTHING, FACTS, WELL, proposal, said

from autocloudops.catalogue import ACTIONS, Risk
from autocloudops.catalogue.model import Capacity
from autocloudops.decisions.decide import decide
from autocloudops.decisions.facts import AlarmFacts, Unknown
from autocloudops.decisions.model import Decision, Facts, GateOutcome, Policy, Verdict
from autocloudops.decisions.modes import Mode
from autocloudops.decisions.rules import ActionRule, AlarmRule, TagRule

ACCOUNT, ACTION = "111122223333", "scale_out_service"
UNKNOWN = Unknown(unknown="denied")
GUARDED = Policy(mode=Mode.ACTIVE, calendars=("freeze", "night"), guards=("deploying",))
QUIET = WELL.model_copy(update={"calendars": {"freeze": True, "night": True}})


def knowing(**changes: object) -> Facts:
    """Return facts about a target that nothing speaks against, with some changed."""
    return FACTS.model_copy(update={"acting": QUIET.model_copy(update=changes)})


def decided(facts: Facts, policy: Policy = GUARDED, action: str = ACTION) -> Decision:
    """Return what is decided about a good proposal."""
    return decide(proposal(action=action), facts, policy)


def test_a_target_that_nothing_speaks_against_is_acted_on() -> None:
    """Every gate that is tested here can be passed."""
    decision = decided(knowing())
    assert (decision.verdict, decision.would_be) == (Verdict.EXECUTE, Verdict.EXECUTE)
    assert said(decision, "freeze").reason == "open: freeze, night"
    assert said(decision, "storm").reason == "quiet: deploying"


@pytest.mark.parametrize(
    ("fact", "gate"),
    [
        ("tags", "allow_list"),
        ("calendars", "freeze"),
        ("guards", "storm"),
        ("capacity", "bounds"),
        ("state", "ready"),
        ("missing", "ready"),
        ("breaker", "ready"),
        ("control", "mode"),
    ],
)
@pytest.mark.parametrize("mode", [Mode.DRY_RUN, Mode.ACTIVE])
def test_a_fact_that_was_not_read_refuses(fact: str, gate: str, mode: Mode) -> None:
    """Whatever is Unknown stops the action at the gate that needs it, in every mode, and says why."""
    decision = decided(knowing(**{fact: UNKNOWN}), GUARDED.model_copy(update={"mode": mode}))
    assert (decision.verdict, decision.refused_by) == (Verdict.MANUAL, gate)
    assert "denied" in said(decision, gate).reason


@pytest.mark.parametrize("mode", [Mode.APPROVE, Mode.ACTIVE])
def test_nothing_is_done_to_a_target_that_nobody_looked_at(mode: Mode) -> None:
    """Where something could be done, facts that nobody read refuse."""
    facts = FACTS.model_copy(update={"acting": None})
    decision = decided(facts, GUARDED.model_copy(update={"mode": mode}))
    assert (decision.verdict, decision.refused_by) == (Verdict.MANUAL, "allow_list")
    refused = [result.name for result in decision.gates if result.outcome is GateOutcome.REFUSED]
    assert refused == ["allow_list", "freeze", "bounds", "ready", "storm"]
    assert {said(decision, gate).reason for gate in refused} == {"nobody read the facts about the target"}


def test_a_dry_run_needs_no_permission_to_look_at_targets() -> None:
    """Without facts a dry run still says what it would do, promises no more than a proposal to a person, and why."""
    decision = decided(FACTS.model_copy(update={"acting": None}), Policy())
    assert (decision.verdict, decision.would_be) == (Verdict.DRY_RUN, Verdict.NEEDS_APPROVAL)
    open_gates = {result.name: result for result in decision.gates if result.outcome is GateOutcome.NOT_EVALUATED}
    assert set(open_gates) == {"allow_list", "bounds", "ready"}
    assert all("it would need a person at least" in result.reason for result in open_gates.values())
    assert decision.request is not None


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({}, "the target has no tag autocloudops:allow=true"),
        ({"autocloudops:allow": "yes"}, "the target has no tag autocloudops:allow=true"),
        ({"Autocloudops:Allow": "true"}, "the target has no tag autocloudops:allow=true"),
        ({"autocloudops:allow": "true", "autocloudops:deny": ""}, "the target has the tag autocloudops:deny"),
        ({"autocloudops:allow": "true", "autocloudops:deny": "false"}, "the target has the tag autocloudops:deny"),
        (
            {"autocloudops:allow": "true", "autocloudops:own": ""},
            "the target is a part of AutoCloudOps itself, by its tag autocloudops:own",
        ),
    ],
)
def test_tags_allow_and_a_denial_always_wins(tags: Mapping[str, str], reason: str) -> None:
    """Without the tag nothing is touched; the deny tag outweighs it whatever its value; we never act on ourselves."""
    decision = decided(knowing(tags=tags))
    assert (decision.verdict, decision.refused_by) == (Verdict.MANUAL, "allow_list")
    assert said(decision, "allow_list").reason == reason


def test_a_policy_has_tags_of_its_own() -> None:
    """Another required tag replaces the usual one; another deny tag comes on top of the one that always denies."""
    policy = Policy(mode=Mode.ACTIVE, tags=TagRule(required="team", denied="tier=gold"))
    assert decided(knowing(tags={"team": "shop"}), policy).verdict is Verdict.EXECUTE
    assert decided(knowing(tags={"team": "shop", "tier": "silver"}), policy).verdict is Verdict.EXECUTE
    for tag in ({"tier": "gold"}, {"autocloudops:deny": "x"}):
        assert decided(knowing(tags={"team": "shop", **tag}), policy).refused_by == "allow_list"


@pytest.mark.parametrize("name", ["autocloudops/worker", "shop/AutoCloudOps-worker"])
def test_our_own_resources_are_no_targets(name: str) -> None:
    """A service that is called like this one's own is refused, whatever its tags."""
    offer = EVERYTHING[ACTION]
    ours = offer.model_copy(update={"target": offer.target.model_copy(update={"id": name})})
    decision = decided(knowing().model_copy(update={"offers": (ours,)}))
    assert (decision.refused_by, decision.verdict) == ("allow_list", Verdict.MANUAL)
    assert "AutoCloudOps itself" in said(decision, "allow_list").reason


@pytest.mark.parametrize(
    ("calendars", "reason"),
    [
        ({"freeze": False, "night": True}, "freeze is closed"),
        ({"night": True}, "freeze is unknown"),
        ({}, "freeze is unknown, night is unknown"),
    ],
)
def test_every_calendar_has_to_be_open(calendars: Mapping[str, bool], reason: str) -> None:
    """One closed calendar freezes everything, and so does one of which nobody said anything."""
    decision = decided(knowing(calendars=calendars))
    assert (decision.refused_by, said(decision, "freeze").reason) == ("freeze", reason)


def test_without_a_calendar_nothing_is_frozen() -> None:
    """A policy that names none does not need to read one."""
    decision = decided(knowing(calendars=UNKNOWN), ACTIVE)
    assert (decision.verdict, said(decision, "freeze").outcome) == (Verdict.EXECUTE, GateOutcome.OK)


@pytest.mark.parametrize(
    ("capacity", "most", "reason"),
    [
        (None, None, "nobody read how much of the target runs"),
        (
            Capacity(desired=6, running=6, least=2, most=6, scaled_by=("cpu-60",)),
            None,
            "scaling policy cpu-60 is at its maximum of 6: change it in code",
        ),
        (
            Capacity(desired=7, running=6, least=2, most=6),
            None,
            "the target is at its maximum of 6: change it in code",
        ),
        (
            Capacity(desired=4, running=4),
            4,
            "4 are wanted already, and the policy allows 4 at most",
        ),
    ],
)
def test_bounds_gate_refuses_what_cannot_grow(capacity: Capacity | None, most: int | None, reason: str) -> None:
    """At its own maximum a service is changed in code, at the policy's not at all; an unread capacity refuses."""
    policy = Policy(mode=Mode.ACTIVE, actions={ACTION: ActionRule(most=most)})
    decision = decided(knowing(capacity=capacity), policy)
    assert (decision.refused_by, said(decision, "bounds").reason) == ("bounds", reason)


def test_the_request_has_an_absolute_target_inside_every_limit() -> None:
    """What is requested is a count, never a step, and the policy's maximum binds it like the service's own."""
    bound = ACTIONS[ACTION].bound
    assert bound is not None
    offer = EVERYTHING[ACTION]
    raw = ACTIONS[ACTION].request(offer.target, offer.parameters)
    free, tight = (Capacity(desired=4, running=4, least=2, most=most) for most in (20, 5))
    assert decided(knowing(capacity=free), ACTIVE).request == bound(raw, free)
    limited = Policy(mode=Mode.ACTIVE, actions={ACTION: ActionRule(most=5)})
    assert decided(knowing(capacity=free), limited).request == bound(raw, tight)
    assert bound(raw, tight) != bound(raw, free)


def test_an_action_that_changes_no_capacity_needs_none() -> None:
    """A fact that an action does not need is no reason to refuse it."""
    facts = knowing(capacity=None, state=None).model_copy(update={"offers": tuple(EVERYTHING.values())})
    decision = decided(facts, action="restart_service")
    assert (decision.verdict, said(decision, "bounds").outcome) == (Verdict.NEEDS_APPROVAL, GateOutcome.OK)


@pytest.mark.parametrize(
    ("state", "reason"),
    [({"DesiredCount": "4"}, "is open"), (UNKNOWN, "the state of the target was not read: denied")],
)
def test_bounds_gate_refuses_what_cannot_be_bound_to_what_runs(state: Mapping[str, str] | Unknown, reason: str) -> None:
    """A rollback of nobody knows which deployment is for a person; one that is known is named in the request."""
    facts = knowing().model_copy(update={"offers": (EVERYTHING["roll_back_deployment"],)})
    bound = decided(facts, GUARDED, "roll_back_deployment")
    assert bound.verdict is Verdict.NEEDS_APPROVAL
    assert bound.request is not None
    assert bound.request.parameters["ExpectedTaskDefinition"] == dict(WELL.state)["TaskDefinition"]
    acting = QUIET.model_copy(update={"state": state})
    unbound = decided(facts.model_copy(update={"acting": acting}), GUARDED, "roll_back_deployment")
    assert (unbound.verdict, unbound.refused_by) == (Verdict.MANUAL, "bounds")
    assert reason in said(unbound, "bounds").reason


def test_ready_gate_names_what_is_missing() -> None:
    """An action whose runbook or permission is not there is refused before anything is claimed."""
    decision = decided(knowing(missing=("document AutoCloudOps-ScaleOutService", "a role")))
    assert decision.refused_by == "ready"
    assert said(decision, "ready").reason == "missing: document AutoCloudOps-ScaleOutService, a role"


def test_an_open_breaker_makes_a_dry_run() -> None:
    """A runbook that failed of late is only said, never done, until somebody resets it."""
    decision = decided(knowing(breaker="2 of its last 10 verifications failed"))
    assert (decision.verdict, decision.would_be, decision.refused_by) == (Verdict.DRY_RUN, Verdict.DRY_RUN, None)
    assert "2 of its last 10" in said(decision, "ready").reason


@pytest.mark.parametrize(("storm", "verdict"), [(24, Verdict.EXECUTE), (25, Verdict.DRY_RUN)])
def test_a_storm_makes_a_dry_run(storm: int, verdict: Verdict) -> None:
    """From the policy's number of resources on nothing is done to a single one of them."""
    assert decided(knowing().model_copy(update={"storm": storm})).verdict is verdict


def test_a_guard_alarm_stops_everything() -> None:
    """While a guard alarm fires nothing is done, in a storm or not, and it is named."""
    for storm in (0, 25):
        decision = decided(knowing(guards=("deploying",)).model_copy(update={"storm": storm}))
        assert (decision.refused_by, said(decision, "storm").reason) == ("storm", "guard alarms fire: deploying")


def test_guards_are_needed_only_where_some_are_named() -> None:
    """A policy without guard alarms does not need to read any."""
    assert decided(knowing(guards=UNKNOWN), ACTIVE).verdict is Verdict.EXECUTE


def test_what_the_question_left_out_needs_a_person() -> None:
    """An incident with a kind of trouble that the model was not shown executes nothing unasked."""
    decision = decided(knowing().model_copy(update={"unshown": ("AWS/SQS/ApproximateAgeOfOldestMessage",)}))
    assert (decision.verdict, decision.refused_by) == (Verdict.NEEDS_APPROVAL, None)
    assert "ApproximateAgeOfOldestMessage" in said(decision, "shown").reason


def test_a_policy_may_raise_a_risk() -> None:
    """A low risk that a policy calls medium stops at approval."""
    policy = Policy(mode=Mode.ACTIVE, actions={ACTION: ActionRule(risk=Risk.MEDIUM)})
    decision = decided(knowing(), policy)
    assert (decision.verdict, said(decision, "risk").reason) == (
        Verdict.NEEDS_APPROVAL,
        "scale_out_service has medium risk",
    )


@pytest.mark.parametrize(
    ("policy", "changes", "by"),
    [
        (Policy(mode=Mode.APPROVE), {}, "the policy"),
        (Policy(mode=Mode.ACTIVE, accounts={ACCOUNT: Mode.APPROVE}), {}, f"account {ACCOUNT}"),
        (Policy(mode=Mode.ACTIVE, actions={ACTION: ActionRule(mode=Mode.APPROVE)}), {}, f"action {ACTION}"),
        (
            Policy(mode=Mode.ACTIVE, alarms=(AlarmRule(name="night-*", mode=Mode.APPROVE),)),
            {"alarms": (AlarmFacts(name="day-shift"), AlarmFacts(name="night-shift"))},
            "alarms named night-*",
        ),
        (
            Policy(mode=Mode.ACTIVE, alarms=(AlarmRule(metric="AWS/ECS/*", name="*", mode=Mode.APPROVE),)),
            {"alarms": (AlarmFacts(name="x", metrics=("AWS/SQS/Age", "AWS/ECS/CPUUtilization")),)},
            "alarms named * of metric AWS/ECS/*",
        ),
        (ACTIVE, {"acting": WELL.model_copy(update={"control": Mode.APPROVE})}, "the control item"),
    ],
)
def test_the_lowest_mode_counts_and_says_whose_it_is(policy: Policy, changes: dict[str, object], by: str) -> None:
    """Account, action, alarm family and control item each lower the mode, and the gate names which did."""
    decision = decided(FACTS.model_copy(update=changes), policy)
    assert (decision.mode, decision.verdict) == (Mode.APPROVE, Verdict.NEEDS_APPROVAL)
    assert said(decision, "mode").reason == f"the mode is approve, by {by}"


@pytest.mark.parametrize(
    "rule",
    [
        AlarmRule(name="batch-*", mode=Mode.OFF),
        AlarmRule(metric="AWS/RDS/*", mode=Mode.OFF),
        AlarmRule(name="night-*", metric="AWS/RDS/*", mode=Mode.OFF),
        AlarmRule(name="NIGHT-*", mode=Mode.OFF),
    ],
)
def test_a_rule_for_other_alarms_lowers_nothing(rule: AlarmRule) -> None:
    """Name and metric both have to fit, letter by letter."""
    alarms = (AlarmFacts(name="night-shift", metrics=("AWS/ECS/CPUUtilization",)),)
    policy = Policy(mode=Mode.ACTIVE, alarms=(rule,))
    assert decided(FACTS.model_copy(update={"alarms": alarms}), policy).mode is Mode.ACTIVE


def test_a_rule_for_alarms_counts_where_nobody_said_whose_alarms_they_are() -> None:
    """Not knowing the alarms is no way around a rule about them."""
    policy = Policy(mode=Mode.ACTIVE, alarms=(AlarmRule(name="batch-*", mode=Mode.OFF),))
    decision = decided(FACTS.model_copy(update={"alarms": ()}), policy)
    assert (decision.mode, decision.refused_by) == (Mode.OFF, "mode")


def test_without_a_control_item_nothing_is_done() -> None:
    """A missing control item means that nobody switched acting on: it is a dry run, which says so."""
    decision = decided(knowing(control=None))
    assert (decision.verdict, decision.would_be) == (Verdict.DRY_RUN, Verdict.EXECUTE)
    assert said(decision, "mode").reason == "the mode is dry-run, by the absence of a control item"


def test_an_actions_own_limits_go_before_those_of_all() -> None:
    """Cooldown and budget of an action replace the general ones, and nothing else of them."""
    rule = ActionRule(cooldown=timedelta(hours=1), per_hour=0)
    policy = Policy(actions={ACTION: rule, "clean_logs": ActionRule()})
    own = policy.limits_of(ACTION)
    assert (own.cooldown, own.runbook_per_hour, own.global_per_hour) == (timedelta(hours=1), 0, 10)
    assert policy.limits_of("clean_logs") == policy.limits
