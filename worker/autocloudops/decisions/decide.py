"""The one place where it is decided what may be done."""

from uuid import UUID, uuid5

from autocloudops.catalogue.model import ActionRequest
from autocloudops.decisions.binding import bounded
from autocloudops.decisions.gates import ORDER, mode
from autocloudops.decisions.model import Case, Decision, Facts, GateOutcome, GateResult, Policy, Verdict
from autocloudops.diagnosis.model import Diagnosis

DECISION_NAMESPACE = UUID("3b1c7a52-90d4-5e6f-8a21-5f0d6c9e4b77")
_CAPS = (Verdict.DRY_RUN, Verdict.NEEDS_APPROVAL, Verdict.EXECUTE)


def decide(diagnosis: Diagnosis | None, facts: Facts, policy: Policy) -> Decision:
    """Return what is done about an incident.

    Every gate is asked and recorded. The first refusal in `gates.ORDER` names the verdict; without one it is the lowest
    cap, in the order dry run, needs approval, execute.

    Args:
        diagnosis: what the model proposes; None where it gave nothing usable, and then `facts.fault` says why.
        facts: what is known about the incident.
        policy: what the operator allows.
    """
    case = Case(diagnosis, facts, policy)
    results = tuple(gate(case) for gate in ORDER)
    refusal = _refusal(results)
    return Decision(
        decision_id=decision_id_of(facts.incident_id, facts.revision),
        incident_id=facts.incident_id,
        revision=facts.revision,
        verdict=_verdict(results),
        would_be=_would_be(case, results),
        gates=results,
        refused_by=refusal.name if refusal else None,
        request=_request(case),
        diagnosis=diagnosis,
        policy_version=policy.version,
        mode=case.mode,
    )


def decision_id_of(incident_id: UUID, revision: int) -> UUID:
    """Return the id that the decision about a revision of an incident has, before it is made."""
    return uuid5(DECISION_NAMESPACE, f"{incident_id}/{revision}")


def _refusal(results: tuple[GateResult, ...]) -> GateResult | None:
    return next((result for result in results if result.outcome is GateOutcome.REFUSED), None)


def _verdict(results: tuple[GateResult, ...]) -> Verdict:
    refusal = _refusal(results)
    if refusal:
        return refusal.verdict or Verdict.MANUAL
    caps = {result.verdict for result in results if result.outcome is GateOutcome.CAPPED}
    return next((verdict for verdict in _CAPS if verdict in caps), Verdict.EXECUTE)


def _would_be(case: Case, results: tuple[GateResult, ...]) -> Verdict:
    """Return the verdict of mode active; a person's at most where nobody read the facts that it would need."""
    found = _verdict(tuple(result for result in results if result.name != mode.NAME))
    unread = case.request is not None and case.facts.acting is None
    return Verdict.NEEDS_APPROVAL if unread and found is Verdict.EXECUTE else found


def _request(case: Case) -> ActionRequest | None:
    """Return what would be done: with its absolute target, where what runs now is known."""
    found = bounded(case)
    return case.request if isinstance(found, str) else found
