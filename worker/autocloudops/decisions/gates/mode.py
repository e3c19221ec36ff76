"""How far the service may go at all."""

from autocloudops.decisions.facts import Unknown
from autocloudops.decisions.model import Case, GateResult, Verdict
from autocloudops.decisions.modes import Mode

NAME = "mode"


def check(case: Case) -> GateResult:
    """Refuse in mode off and where the control item was not read, cap in modes dry-run and approve."""
    control = case.facts.acting and case.facts.acting.control
    if isinstance(control, Unknown):
        return GateResult.refused(NAME, f"the control item was not read: {control.unknown}")
    limit = case.mode_limit
    said = f"the mode is {limit.mode}, by {limit.by}"
    match limit.mode:
        case Mode.OFF:
            return GateResult.refused(NAME, said)
        case Mode.DRY_RUN:
            return GateResult.capped(NAME, Verdict.DRY_RUN, said)
        case Mode.APPROVE:
            return GateResult.capped(NAME, Verdict.NEEDS_APPROVAL, said)
        case Mode.ACTIVE:
            return GateResult.ok(NAME, said)
