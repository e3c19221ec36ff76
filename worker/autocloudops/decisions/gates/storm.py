"""Whether the trouble is larger than one resource: then a shared cause is likely, and no single action is right."""

from autocloudops.decisions.facts import Unknown
from autocloudops.decisions.gates.known import known
from autocloudops.decisions.model import Case, GateOutcome, GateResult, Verdict

NAME = "storm"


def check(case: Case) -> GateResult:
    """Refuse where a guard alarm fires or was not read; cap in a storm."""
    guarded = _guards(case)
    if guarded.outcome is GateOutcome.REFUSED:
        return guarded
    count, most = case.facts.storm, case.policy.storm
    if count >= most:
        reason = f"{count} resources alarm at once: from {most} on it is a storm"
        return GateResult.capped(NAME, Verdict.DRY_RUN, reason)
    return guarded


def _guards(case: Case) -> GateResult:
    if not case.policy.guards:
        return GateResult.ok(NAME, "the policy names no guard alarm")
    facts = known(case, NAME)
    if isinstance(facts, GateResult):
        return facts
    if isinstance(facts.guards, Unknown):
        return GateResult.refused(NAME, f"the guard alarms were not read: {facts.guards.unknown}")
    if facts.guards:
        return GateResult.refused(NAME, f"guard alarms fire: {', '.join(facts.guards)}")
    return GateResult.ok(NAME, f"quiet: {', '.join(case.policy.guards)}")
