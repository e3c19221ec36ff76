"""What gates say that need facts about the target, where nobody read them."""

from autocloudops.decisions.facts import ActionFacts
from autocloudops.decisions.model import Case, GateResult
from autocloudops.decisions.modes import Mode

UNREAD = "nobody read the facts about the target"


def known(case: Case, name: str) -> ActionFacts | GateResult:
    """Return the facts about the target, or what the gate `name` says without them.

    Where something could be done, facts that nobody read refuse. A dry run needs none: it says that they are missing.
    """
    if case.request is None:
        return GateResult.not_evaluated(name, "there is no request to look at")
    if case.facts.acting is not None:
        return case.facts.acting
    if case.mode > Mode.DRY_RUN:
        return GateResult.refused(name, UNREAD)
    return GateResult.not_evaluated(name, f"{UNREAD}: without them it would need a person at least")
