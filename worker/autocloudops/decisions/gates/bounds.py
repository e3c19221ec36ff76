"""Whether the request stays inside every limit of what runs now."""

from autocloudops.decisions.binding import bounded
from autocloudops.decisions.gates.known import known
from autocloudops.decisions.model import Case, GateResult

NAME = "bounds"


def check(case: Case) -> GateResult:
    """Refuse what has no absolute target inside the limits of the service and of the policy."""
    facts = known(case, NAME)
    if isinstance(facts, GateResult):
        return facts
    found = bounded(case)
    if isinstance(found, str):
        return GateResult.refused(NAME, found)
    return GateResult.ok(NAME)
