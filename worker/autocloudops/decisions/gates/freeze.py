"""Whether changes are allowed now: every configured change calendar has to be open."""

from autocloudops.decisions.facts import Unknown
from autocloudops.decisions.gates.known import known
from autocloudops.decisions.model import Case, GateResult

NAME = "freeze"


def check(case: Case) -> GateResult:
    """Refuse where a calendar is closed or was not read; without a calendar nothing is frozen."""
    configured = case.policy.calendars
    if not configured:
        return GateResult.ok(NAME, "the policy names no calendar")
    facts = known(case, NAME)
    if isinstance(facts, GateResult):
        return facts
    found = facts.calendars
    if isinstance(found, Unknown):
        return GateResult.refused(NAME, f"the calendars were not read: {found.unknown}")
    shut = [name for name in configured if not found.get(name)]
    if shut:
        states = ", ".join(f"{name} is {'closed' if name in found else 'unknown'}" for name in shut)
        return GateResult.refused(NAME, states)
    return GateResult.ok(NAME, f"open: {', '.join(configured)}")
