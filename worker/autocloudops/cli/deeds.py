"""What was done about an incident, as people read it: each claim, its steps, and what proves that they stand."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter

from autocloudops.audit.entries import Logged
from autocloudops.audit.proof import Proof
from autocloudops.decisions.claims import ActionEntry, Claim, Step
from autocloudops.decisions.story import call_in_words
from autocloudops.redaction import clean

LINE_LIMIT = 300
NOT_YET = "not yet provable: no digest lists it yet"


def deeds(acts: Sequence[Logged], proofs: Mapping[str, Proof]) -> Iterator[str]:
    """Yield what was done, one claim after the other, each in the order of its steps.

    Args:
        acts: entries of the action log about one incident.
        proofs: which digest lists an entry, by its key.
    """
    ordered = sorted(acts, key=lambda each: (each.entry.claim.claimed_at, str(each.entry.claim.claim_id)))
    for _, group in groupby(ordered, key=attrgetter("entry.claim.claim_id")):
        steps = sorted(group, key=lambda each: (each.entry.at, each.entry.step is not Step.INTENT))
        claim = steps[0].entry.claim
        asked = "after a person's approval" if claim.approval else "without asking anybody"
        yield _line("DONE", f"{call_in_words(claim.request)} ({asked})")
        for each in steps:
            yield _line("", step_in_words(each.entry))
            yield _line("  proof", f"{each.location} {proof_in_words(proofs.get(each.location))}")
        if all(each.entry.step is Step.INTENT for each in steps):
            yield _line("", "no outcome is recorded: `autocloudops audit reconcile` asks what became of it")


def step_in_words(entry: ActionEntry) -> str:
    """Return one step: when, what, and what came of it."""
    return f"{entry.at:%Y-%m-%d %H:%M:%SZ} {entry.step} {_came_to(entry.step, entry.claim)}".rstrip()


def _came_to(step: Step, claim: Claim) -> str:
    why = claim.found.why if claim.found else ""
    if step is Step.INTENT:
        before = ", ".join(f"{name} {value}" for name, value in sorted(claim.before.items()))
        return f"with the target at {before}" if before else ""
    if step is Step.OUTCOME:
        return f"{claim.state}: {claim.said}, execution {claim.execution_id or 'none'}"
    if step is Step.ROLLBACK:
        return f"begun: {why}"
    return f"{claim.helped or 'not known'}: {why}"


def proof_in_words(proof: Proof | None) -> str:
    """Return which digest lists an object, and whether its bytes are those; the signature is for `audit verify`."""
    if proof is None:
        return NOT_YET
    state = "bytes as listed" if proof.unchanged else "BYTES ARE NOT AS LISTED"
    return f"in {proof.digest}, {state}; `audit verify --key` checks its signature"


def _line(label: str, content: str) -> str:
    return f"{label:9}{clean(' '.join(content.split()), LINE_LIMIT)}"
