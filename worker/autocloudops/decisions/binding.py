"""A request completed by what runs now, inside every limit."""

from autocloudops.catalogue import ACTIONS
from autocloudops.catalogue.model import Action, ActionRequest, Capacity
from autocloudops.decisions.facts import Unknown
from autocloudops.decisions.model import Case, Policy


def bounded(case: Case) -> ActionRequest | str | None:
    """Return the request bound to what runs now, as it is where it needs no binding, or why there is none.

    None where nothing would be done, or the target is open.
    """
    request = case.request
    action = ACTIONS[request.action] if request else None
    if request is None or action is None:
        return request
    counted = _counted(case, action, request)
    return counted if isinstance(counted, str) else _pinned(case, action, counted)


def _pinned(case: Case, action: Action, request: ActionRequest) -> ActionRequest | str:
    if action.pinned is None:
        return request
    state = case.facts.acting.state if case.facts.acting else Unknown(unknown="nobody did")
    if isinstance(state, Unknown):
        return f"the state of the target was not read: {state.unknown}"
    return action.pinned(request, state)


def _counted(case: Case, action: Action, request: ActionRequest) -> ActionRequest | str:
    """Return the request with its absolute count, as it is where it changes no capacity, or why there is none."""
    if action.bound is None:
        return request
    capacity = case.facts.acting.capacity if case.facts.acting else None
    if capacity is None:
        return "nobody read how much of the target runs"
    if isinstance(capacity, Unknown):
        return f"how much of the target runs was not read: {capacity.unknown}"
    narrowed = _narrowed(capacity, case.policy, request.action)
    if capacity.most is not None and capacity.desired >= capacity.most:
        return f"{_limit(capacity)} is at its maximum of {capacity.most}: change it in code"
    if narrowed.most is not None and narrowed.desired >= narrowed.most:
        return f"{capacity.desired} are wanted already, and the policy allows {narrowed.most} at most"
    return action.bound(request, narrowed)


def _narrowed(capacity: Capacity, policy: Policy, action: str) -> Capacity:
    """Return a capacity whose maximum is not above the policy's."""
    rule = policy.rule_of(action)
    limits = [most for most in (capacity.most, rule.most if rule else None) if most is not None]
    return capacity.model_copy(update={"most": min(limits, default=None)})


def _limit(capacity: Capacity) -> str:
    return f"scaling policy {', '.join(capacity.scaled_by)}" if capacity.scaled_by else "the target"
