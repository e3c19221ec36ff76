"""How far the policy of now lets go what was claimed before, perhaps under another policy."""

from autocloudops.catalogue.model import ActionRequest
from autocloudops.decisions.facts import AlarmFacts
from autocloudops.decisions.gates.allow_list import not_there
from autocloudops.decisions.model import ModeLimit, Policy
from autocloudops.decisions.modes import Mode


def standing_limit(policy: Policy, request: ActionRequest, alarm: str) -> ModeLimit:
    """Return the highest mode that a policy allows for a request, and what sets it; `off` where it is not named at all.

    Args:
        policy: of now.
        request: what was claimed.
        alarm: the name of its alarm. A claim does not know the alarm's metrics, so rules about those do not count.
    """
    refused = not_there(policy, request.action, request.target)
    if refused:
        return ModeLimit(Mode.OFF, f"the rule that {refused}")
    limits = policy.mode_limits([(request.target.account, request.action)], (AlarmFacts(name=alarm),))
    return min(limits, key=lambda limit: limit.mode)
