"""Random cases for the gates, and when an action may execute, restated without the code that decides it.

`CASES` starts from a case that executes and spoils a few things of it, so that both sides of every gate are met.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from deciding import ACTIVE, EVERYTHING, FACTS, FIRING, WELL, proposal
from hypothesis import strategies as st

from autocloudops.alarms.model import AlarmState, Suppression
from autocloudops.catalogue import ACTIONS, Offer, Risk
from autocloudops.catalogue.model import Capacity
from autocloudops.decisions.decide import decide
from autocloudops.decisions.facts import ActionFacts, AlarmFacts, Unknown
from autocloudops.decisions.model import Decision, Facts, Policy, Verdict
from autocloudops.decisions.modes import Mode
from autocloudops.decisions.rules import ActionRule, AlarmRule, TagRule
from autocloudops.diagnosis.model import Diagnosis

ACCOUNT, REGION = "111122223333", "eu-west-1"
UNKNOWN = Unknown(unknown="denied")
OFFERED = [offer for offer in EVERYTHING.values() if ACTIONS[offer.action].executes]
MODES = st.sampled_from(list(Mode))
RISING: Mapping[Verdict, int] = {
    Verdict.SUPPRESSED: 0,
    Verdict.MANUAL: 0,
    Verdict.DRY_RUN: 1,
    Verdict.NEEDS_APPROVAL: 2,
    Verdict.EXECUTE: 3,
}


@dataclass(frozen=True)
class Known:
    """A case as `decide` takes it."""

    diagnosis: Diagnosis | None
    facts: Facts
    policy: Policy

    @property
    def decision(self) -> Decision:
        """What is decided."""
        return decide(self.diagnosis, self.facts, self.policy)

    def knowing(self, **changes: object) -> "Known":
        """Return the case with other facts about the incident."""
        return replace(self, facts=self.facts.model_copy(update=changes))

    def looking(self, **changes: object) -> "Known":
        """Return the case with other facts about the target, where they were read."""
        acting = self.facts.acting
        return self if acting is None else self.knowing(acting=acting.model_copy(update=changes))

    def allowing(self, **changes: object) -> "Known":
        """Return the case under another policy."""
        return replace(self, policy=self.policy.model_copy(update=changes))


def _named(target: str) -> list[Offer]:
    return [offer.model_copy(update={"target": offer.target.model_copy(update={"id": target})}) for offer in OFFERED]


def _rule_of(action: str) -> st.SearchStrategy[Mapping[str, ActionRule] | None]:
    rules = st.builds(
        ActionRule,
        mode=MODES,
        risk=st.none() | st.just(Risk.HIGH),
        resource_types=st.none() | st.sampled_from([(), ("ecs:service",), ("ecs:service", "autoscaling:group")]),
        most=st.none() | st.integers(1, 30),
    )
    return st.none() | st.just({}) | rules.map(lambda rule: {action: rule})


NIGHT = (AlarmFacts(name="night-shift", metrics=("AWS/ECS/CPUUtilization",)),)
OPEN = WELL.model_copy(update={"calendars": {"freeze": True, "night": True}})
SURE = proposal(confidence=10)
IDS = st.lists(st.sampled_from(["E1", "E2", "E9"]), max_size=3).map(tuple)
STANDINGS = st.none() | st.sampled_from(list(AlarmState)).flatmap(
    lambda state: st.sampled_from([None, Suppression(by="MuteRule"), Suppression(by="ActionsDisabled")]).map(
        lambda suppression: FIRING.model_copy(update={"state": state, "suppression": suppression})
    )
)
ALARMS = st.lists(st.sampled_from(["night-shift", "batch-1"]), max_size=2, unique=True).map(
    lambda names: tuple(AlarmFacts(name=name, metrics=("AWS/ECS/CPUUtilization",)) for name in names)
)
RULES = st.lists(
    st.builds(
        AlarmRule,
        name=st.sampled_from(["*", "night-*", "batch-1", "day-*"]),
        metric=st.none() | st.sampled_from(["AWS/ECS/*", "AWS/RDS/*"]),
        mode=MODES,
    ),
    max_size=2,
).map(tuple)
CAPACITIES = st.builds(
    Capacity,
    desired=st.integers(0, 30),
    running=st.integers(0, 30),
    least=st.none() | st.integers(0, 5),
    most=st.none() | st.integers(1, 30),
    scaled_by=st.sampled_from([(), ("cpu-60",)]),
)
TAGS = st.dictionaries(
    st.sampled_from(["autocloudops:allow", "autocloudops:deny", "autocloudops:own", "team"]),
    st.sampled_from(["true", "shop", ""]),
)
CALENDARS = st.dictionaries(st.sampled_from(["freeze", "night"]), st.booleans())
GUARDS = st.lists(st.just("deploying"), max_size=1).map(tuple)
UNREAD = st.just(UNKNOWN)

SPOILT_FACTS: Mapping[str, st.SearchStrategy[object]] = {
    "offers": st.lists(st.sampled_from([*OFFERED, *_named("autocloudops/api"), *_named("x")]), max_size=2).map(tuple),
    "evidence_ids": IDS,
    "suppressed": st.none() | st.just("silenced"),
    "vetoes": st.sampled_from([(), ("always true",)]),
    "unread": st.sampled_from([(), ("metric",)]),
    "standing": STANDINGS,
    "age": st.none() | st.timedeltas(timedelta(), timedelta(minutes=20)),
    "robots": st.sampled_from([(), ("ec2 acts on night-shift",)]),
    "alarms": ALARMS,
    "storm": st.integers(0, 40),
    "unshown": st.sampled_from([(), ("AWS/SQS/Age",)]),
    "acting": st.none(),
}
SPOILT_TARGET: Mapping[str, st.SearchStrategy[object]] = {
    "tags": TAGS | UNREAD,
    "calendars": CALENDARS | UNREAD,
    "guards": GUARDS | UNREAD,
    "capacity": st.none() | CAPACITIES | UNREAD,
    "state": st.just({}) | UNREAD,
    "control": st.none() | MODES | UNREAD,
    "breaker": st.just("2 of 10 failed") | UNREAD,
    "missing": st.just(("a document",)) | UNREAD,
}
SPOILT_DIAGNOSIS: Mapping[str, st.SearchStrategy[object]] = {
    "action": st.sampled_from([*ACTIONS, "terminate_everything"]),
    "confidence": st.integers(1, 10),
    "evidence_for": IDS,
    "evidence_against": IDS,
}


def _spoilt_policy(action: str) -> Mapping[str, st.SearchStrategy[object]]:
    return {
        "mode": MODES,
        "accounts": st.none() | st.dictionaries(st.sampled_from([ACCOUNT, "444455556666"]), MODES),
        "regions": st.none() | st.sampled_from([(), (REGION,), ("eu-north-1",)]),
        "actions": _rule_of(action),
        "alarms": RULES,
        "tags": st.sampled_from([TagRule(required="team"), TagRule(denied="team=shop")]),
        "calendars": st.sampled_from([(), ("freeze",), ("freeze", "night")]),
        "guards": st.sampled_from([(), ("deploying",)]),
        "storm": st.integers(2, 50),
        "min_confidence": st.integers(7, 10),
    }


def _all_spoilt(action: str) -> Mapping[tuple[str, str], st.SearchStrategy[object]]:
    """Return what may be another way in a case about `action`, by what it belongs to and its name."""
    parts = {
        "facts": SPOILT_FACTS,
        "target": SPOILT_TARGET,
        "diagnosis": SPOILT_DIAGNOSIS,
        "policy": _spoilt_policy(action),
    }
    return {(part, name): drawn for part, choices in parts.items() for name, drawn in choices.items()}


SPOILT = {offer.action: _all_spoilt(offer.action) for offer in OFFERED}
PICKED = {action: st.lists(st.sampled_from(sorted(spoilt)), max_size=4) for action, spoilt in SPOILT.items()}
OFFER = st.sampled_from([each for each in OFFERED for _ in range(3 if ACTIONS[each.action].risk is Risk.LOW else 1)])
BASES = st.sampled_from(
    [ACTIVE, ACTIVE.model_copy(update={"calendars": ("freeze", "night"), "guards": ("deploying",)})]
)
SILENT = st.integers(0, 19)


@st.composite
def cases(draw: st.DrawFn) -> Known:
    """Return a case of which a few things differ from one that executes, or needs approval for its risk alone."""
    offer = draw(OFFER)
    picked = {spot: draw(SPOILT[offer.action][spot]) for spot in draw(PICKED[offer.action])}
    spoilt = {
        part: {name: value for (of, name), value in picked.items() if of == part}
        for part in ("facts", "target", "diagnosis", "policy")
    }
    facts = {"offers": (offer,), "alarms": NIGHT, "acting": OPEN.model_copy(update=spoilt["target"]), **spoilt["facts"]}
    return Known(
        None if draw(SILENT) == 0 else SURE.model_copy(update={"action": offer.action, **spoilt["diagnosis"]}),
        FACTS.model_copy(update=facts),
        draw(BASES).model_copy(update=spoilt["policy"]),
    )


CASES = cases()


def may_execute(case: Known) -> bool:
    """Tell whether an action may execute: every condition of the documents, written down once more."""
    said, facts, policy, seen = case.diagnosis, case.facts, case.policy, case.facts.acting
    if said is None or seen is None or said.action not in ACTIONS:
        return False
    targets = {
        (offer.target, tuple(sorted(offer.parameters.items()))): offer
        for offer in facts.offers
        if offer.action == said.action
    }
    if len(targets) != 1:
        return False
    (offer,) = targets.values()
    return all((*_asked(said, facts, policy), *_allowed(offer, case), *_sound(seen, policy), _fits(offer, case)))


def _asked(said: Diagnosis, facts: Facts, policy: Policy) -> tuple[bool, ...]:
    standing, cited = facts.standing, {*said.evidence_for, *said.evidence_against}
    return (
        standing is not None and standing.state is AlarmState.ALARM and standing.suppression is None,
        facts.age is not None and facts.age <= timedelta(minutes=15),
        not (facts.suppressed or facts.vetoes or facts.unread or facts.robots or facts.unshown),
        bool(said.evidence_for) and cited <= set(facts.evidence_ids),
        said.confidence >= max(7, policy.min_confidence),
        facts.storm < policy.storm,
    )


def _allowed(offer: Offer, case: Known) -> tuple[bool, ...]:
    policy, action, target = case.policy, ACTIONS[offer.action], offer.target
    rule = ActionRule() if policy.actions is None else policy.actions.get(action.name)
    return (
        action.runbook != "",
        action.risk is Risk.LOW and rule is not None and rule.risk in {None, Risk.LOW},
        rule is not None and (rule.resource_types is None or target.type in rule.resource_types),
        policy.accounts is None or target.account in policy.accounts,
        policy.regions is None or target.region in policy.regions,
        not target.id.startswith("autocloudops"),
        {*_modes(case, offer)} == {Mode.ACTIVE},
    )


def _modes(case: Known, offer: Offer) -> list[object]:
    policy, facts = case.policy, case.facts
    found: list[object] = [policy.mode, facts.acting and facts.acting.control]
    found += [mode for account, mode in (policy.accounts or {}).items() if account == offer.target.account]
    found += [rule.mode for name, rule in (policy.actions or {}).items() if name == offer.action]
    found += [
        rule.mode for rule in policy.alarms if not facts.alarms or any(_about(rule, each) for each in facts.alarms)
    ]
    return found


def _about(rule: AlarmRule, alarm: AlarmFacts) -> bool:
    """Tell whether a rule is about an alarm; the globs here end with a star or have none."""
    name = rule.name or "*"
    named = alarm.name.startswith(name[:-1]) if name.endswith("*") else alarm.name == name
    return named and (rule.metric is None or any(each.startswith(rule.metric.rstrip("*")) for each in alarm.metrics))


def _sound(seen: ActionFacts, policy: Policy) -> tuple[bool, ...]:
    tags, open_now = seen.tags, seen.calendars
    allow_key, _, allow_value = policy.tags.required.partition("=")
    deny_key, _, deny_value = policy.tags.denied.partition("=")
    tagged = not isinstance(tags, Unknown) and (
        allow_key in tags
        and tags[allow_key] == (allow_value or tags[allow_key])
        and not tags.keys() & {"autocloudops:deny", "autocloudops:own"}
        and not (deny_key in tags and tags[deny_key] == (deny_value or tags[deny_key]))
    )
    unfrozen = not isinstance(open_now, Unknown) and all(open_now.get(name) is True for name in policy.calendars)
    return (
        tagged,
        unfrozen or policy.calendars == (),
        policy.guards == () or seen.guards == (),
        seen.missing == () and seen.breaker == "" and seen.state != UNKNOWN,
    )


def _fits(offer: Offer, case: Known) -> bool:
    action, seen = ACTIONS[offer.action], case.facts.acting
    if action.bound is None:
        return True
    if seen is None or not isinstance(seen.capacity, Capacity):
        return False
    rule = (case.policy.actions or {}).get(offer.action)
    limits = [most for most in (seen.capacity.most, rule.most if rule else None) if most is not None]
    if any(seen.capacity.desired >= most for most in limits):
        return False
    room = seen.capacity.model_copy(update={"most": min(limits, default=None)})
    return not isinstance(action.bound(action.request(offer.target, offer.parameters), room), str)
