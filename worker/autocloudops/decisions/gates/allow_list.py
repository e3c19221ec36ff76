"""Whether the proposed action was offered, and the operator allows it for this target."""

import re
from collections.abc import Mapping

from autocloudops.alarms.model import ResourceRef
from autocloudops.catalogue import ACTIONS
from autocloudops.decisions.facts import ActionFacts, Unknown
from autocloudops.decisions.gates.known import known
from autocloudops.decisions.model import Case, GateResult, Policy

NAME = "allow_list"
OWN_PREFIX = "autocloudops"
OWN_TAG = "autocloudops:own"
_PARTS = re.compile(r"[/:]")


def check(case: Case) -> GateResult:
    """Refuse what was not offered, what executes nothing, what the policy does not allow, and what is our own."""
    if case.diagnosis is None:
        return GateResult.not_evaluated(NAME, "there is no diagnosis")
    name, policy = case.diagnosis.action, case.policy
    if name not in ACTIONS or not case.chosen:
        return GateResult.refused(NAME, "the proposed action was not offered for this incident")
    if not ACTIONS[name].executes:
        return GateResult.refused(NAME, "the model proposes manual investigation")
    refused = next((said for offer in case.chosen if (said := not_there(policy, name, offer.target))), None)
    if refused:
        return GateResult.refused(NAME, refused)
    facts = known(case, NAME)
    return facts if isinstance(facts, GateResult) else _by_tags(case.policy, facts, name)


def not_there(policy: Policy, action: str, target: ResourceRef) -> str | None:
    """Return why an action may not be done to a target, as far as its name, type and place say so."""
    rule = policy.rule_of(action)
    if rule is None:
        return f"the policy does not allow {action}"
    if rule.resource_types is not None and target.type not in rule.resource_types:
        return f"the policy does not allow {action} for {target.type}"
    if policy.accounts is not None and target.account not in policy.accounts:
        return f"the policy does not name account {target.account}"
    if policy.regions is not None and target.region not in policy.regions:
        return f"the policy does not name region {target.region}"
    if any(part.lower().startswith(OWN_PREFIX) for part in _PARTS.split(f"{target.id}/{target.owner}")):
        return f"{target.id} is a part of AutoCloudOps itself, by its name"
    return None


def untouchable(policy: Policy, tags: Mapping[str, str]) -> str | None:
    """Return why a target with these tags may not be touched, if so."""
    if OWN_TAG in tags:
        return f"the target is a part of AutoCloudOps itself, by its tag {OWN_TAG}"
    return policy.tags.refusal(tags)


def _by_tags(policy: Policy, facts: ActionFacts, action: str) -> GateResult:
    if isinstance(facts.tags, Unknown):
        return GateResult.refused(NAME, f"the target's tags were not read: {facts.tags.unknown}")
    refused = untouchable(policy, facts.tags)
    if refused:
        return GateResult.refused(NAME, refused)
    return GateResult.ok(NAME, f"{action} was offered and is allowed for this target")
