"""A policy in sentences: who may act where, in which mode, and what holds it back."""

from collections.abc import Iterator

from autocloudops.catalogue import ACTIONS, Risk
from autocloudops.decisions.limits import write_span
from autocloudops.decisions.model import Policy
from autocloudops.decisions.modes import Mode

_DOES = {
    Mode.OFF: "is refused",
    Mode.DRY_RUN: "is only said, never done",
    Mode.APPROVE: "is done once a person has approved it",
    Mode.ACTIVE: "is done without asking",
}
ANYWHERE = "any account"


def permissions(policy: Policy) -> list[dict[str, str]]:
    """Return the highest mode of every action that may be proposed, in every account, risk included.

    Rules for alarms are not in it: they lower it further.
    """
    named = policy.accounts if policy.accounts is not None else {ANYWHERE: policy.mode}
    return [
        {"account": account, "action": name, "mode": _highest(policy, mode, name)}
        for account, mode in named.items()
        for name, action in ACTIONS.items()
        if action.executes and action.offered and policy.rule_of(name) is not None
    ]


def meaning(policy: Policy) -> list[str]:
    """Return what a policy means, sentence by sentence."""
    return [*_who(policy), *_held_back(policy), *_how_often(policy), *_approval(policy)]


def warnings(policy: Policy) -> list[str]:
    """Return what is not wrong in a policy and will surprise whoever wrote it."""
    found = permissions(policy)
    said = []
    if policy.mode >= Mode.APPROVE and not policy.approval.approvers:
        said.append(f"approval.approvers names nobody: a worker does not start in mode {policy.mode} with this policy")
    if not found:
        said.append("no action may be done anywhere: no account, or no action that could be proposed, is named")
    elif policy.regions == ():
        said.append("no action may be done anywhere: no region is named")
    if policy.limits.global_per_hour == 0:
        said.append("limits.global_per_hour is 0: nothing will be done")
    return [*said, *_idle(policy)]


def _idle(policy: Policy) -> Iterator[str]:
    """Yield what a policy says of actions that changes nothing."""
    for name, rule in (policy.actions or {}).items():
        if not (ACTIONS[name].executes and ACTIONS[name].offered):
            yield f"actions.{name} changes nothing: it is never proposed"
        elif rule.most is not None and ACTIONS[name].bound is None:
            yield f"actions.{name}.most changes nothing: it scales nothing"


def _highest(policy: Policy, account: Mode, name: str) -> Mode:
    rule = policy.rule_of(name)
    mode = min(policy.mode, account, rule.mode if rule else Mode.OFF)
    return mode if policy.risk_of(ACTIONS[name]) is Risk.LOW else min(mode, Mode.APPROVE)


def _who(policy: Policy) -> Iterator[str]:
    yield f"the highest mode is {policy.mode}"
    for each in permissions(policy):
        yield f"in {_place(policy, each['account'])} {each['action']} {_DOES[Mode(each['mode'])]}"
    for rule in policy.alarms:
        yield f"about {rule.title} the highest mode is {rule.mode}"


def _place(policy: Policy, account: str) -> str:
    where = account if account == ANYWHERE else f"account {account}"
    return where if policy.regions is None else f"{where} ({', '.join(policy.regions) or 'no region'})"


def _held_back(policy: Policy) -> Iterator[str]:
    yield f"a target needs the tag {policy.tags.required} and must not have {policy.tags.denied}"
    yield (
        f"every one of these calendars is open: {', '.join(policy.calendars)}"
        if policy.calendars
        else "no calendar freezes changes"
    )
    yield f"none of these alarms fires: {', '.join(policy.guards)}" if policy.guards else "no guard alarm stops it"
    yield f"fewer than {policy.storm} resources alarm at once"
    yield f"the model says {policy.min_confidence} of 10 or more of its own confidence"


def _how_often(policy: Policy) -> Iterator[str]:
    limits = policy.limits
    yield f"at most {limits.global_per_hour} actions in an hour, {limits.runbook_per_hour} of one runbook"
    yield f"a target is left alone for {write_span(limits.cooldown)} after an action"
    yield (
        f"{limits.breaker_failures} failed verifications among the last {limits.breaker_of} drop a runbook to dry-run"
    )
    for name, rule in (policy.actions or {}).items():
        own = policy.limits_of(name)
        if rule.cooldown is not None or rule.per_hour is not None:
            yield f"for {name}: at most {own.runbook_per_hour} in an hour, then {write_span(own.cooldown)} alone"
        if rule.most is not None:
            yield f"for {name}: nothing is scaled beyond {rule.most}"


def _approval(policy: Policy) -> Iterator[str]:
    approval = policy.approval
    yield f"an approval is waited for {write_span(approval.ttl)}, of {', '.join(approval.approvers) or 'nobody'}"
    if approval.topic:
        yield f"approvers are told through {approval.topic}"
