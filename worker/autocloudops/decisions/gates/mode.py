"""How far the service may go at all."""

from autocloudops.decisions.model import Case, GateResult, Verdict
from autocloudops.decisions.modes import Mode

NAME = "mode"


def check(case: Case) -> GateResult:
    """Refuse in mode off, cap in modes dry-run and approve."""
    match case.mode:
        case Mode.OFF:
            return GateResult.refused(NAME, "the mode is off")
        case Mode.DRY_RUN:
            return GateResult.capped(NAME, Verdict.DRY_RUN, "the mode is dry-run")
        case Mode.APPROVE:
            return GateResult.capped(NAME, Verdict.NEEDS_APPROVAL, "the mode is approve")
        case Mode.ACTIVE:
            return GateResult.ok(NAME, "the mode is active")
