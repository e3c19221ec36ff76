"""How the effect of a claim is taken back."""

from autocloudops.catalogue import ACTIONS
from autocloudops.catalogue.model import ActionRequest
from autocloudops.decisions.claims import Claim

BY_ITSELF = "AutoCloudOps does this by itself, and asks nobody again, where the action did not help."


def rollback_of(claim: Claim) -> ActionRequest | None:
    """Return the request that takes a claim's effect back, where the catalogue has one."""
    action = ACTIONS.get(claim.request.action)
    return action.rollback(claim.request, claim.before) if action and action.rollback else None


def undo_in_words(claim: Claim) -> str:
    """Return what has to be done to take a claim's effect back, as exactly as it is known."""
    action, rollback = ACTIONS.get(claim.request.action), rollback_of(claim)
    if action is None:
        return "not known here."
    return action.describe(rollback) if rollback else action.undo
