"""What acting needs before anything: a policy that can be read, somebody who approves, and who looks after actions."""

from collections.abc import Sequence
from functools import partial

from autocloudops.entrypoints.policies import VARIABLE, policy_of, refuse_without_approvers, refuse_without_followups
from autocloudops.entrypoints.preflight.checks import Check, Weight
from autocloudops.environment import read
from autocloudops.settings import ActionSettings, SafetySettings


def policy_checks(settings: SafetySettings) -> Sequence[Check]:
    """Return the check of the policy; the default one needs none but for its mode."""
    return [Check("policy", settings.policy or VARIABLE, Weight.REQUIRED, partial(_policy, settings))]


async def _policy(settings: SafetySettings) -> str:
    policy = await policy_of(settings)
    refuse_without_followups(read(ActionSettings), policy)
    refuse_without_approvers(policy)
    return f"mode {policy.mode}, version {policy.version[:12]}"
