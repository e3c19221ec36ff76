"""The action log against what really ran: every execution has an intent, every intent an outcome, and both agree."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID, uuid5

from autocloudops.audit.entries import Logged
from autocloudops.decisions.claims import Claim, ClaimState, Step
from autocloudops.values import Value

OUTCOME_WITHIN = timedelta(minutes=10)
KEPT_FOR = timedelta(days=30)
"""Systems Manager keeps executions of Automation so long (user guide, service quotas)."""
ROLLBACK = "rollback"


class Ran(StrEnum):
    """How far an execution got: it goes on, it succeeded, or it ended in any other way."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Run(Value):
    """An execution that carries a claim's tag; `token` is None where it does not say whose it is."""

    execution_id: str
    document: str
    account: str
    region: str
    started_at: datetime
    token: UUID | None
    ran: Ran
    said: str


class Mismatch(StrEnum):
    """What does not fit."""

    NO_INTENT = "no_intent"
    TWICE = "twice"
    NO_OUTCOME = "no_outcome"
    NO_EXECUTION = "no_execution"
    DIFFERS = "differs"


class Discrepancy(Value):
    """One thing that does not fit: what, whose, and what both sides say."""

    kind: Mismatch
    at: datetime
    claim_id: UUID | None
    incident_id: UUID | None
    execution_id: str | None
    account: str
    region: str
    runbook: str
    detail: str


@dataclass(slots=True)
class _Acted:
    """What the action log says of one claim: its newest form, and when each step was."""

    claim: Claim
    steps: dict[Step, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Looked:
    """How far both sides were read.

    Args:
        since: earlier claims and executions are not judged.
        until: later ones neither.
        now: when the executions were read.
        places: the accounts and regions whose executions were read, as `ACCOUNT/REGION`.
    """

    since: datetime
    until: datetime
    now: datetime
    places: frozenset[str]

    def judges(self, moment: datetime) -> bool:
        """Return whether what happened then is judged."""
        return self.since <= moment <= self.until


def reconcile(logged: Iterable[Logged], runs: Sequence[Run], looked: Looked) -> Iterator[Discrepancy]:
    """Yield everything that does not fit, claims first.

    Args:
        logged: the entries of the action log, also some days before `looked.since`, whose executions may be later.
        runs: the executions that carry a claim's tag, also those after `looked.until`.
        looked: how far both were read.
    """
    acted = _by_claim(logged)
    by_token: defaultdict[UUID, list[Run]] = defaultdict(list)
    for run in runs:
        if run.token is not None:
            by_token[run.token].append(run)
    for each in acted.values():
        if looked.judges(each.claim.claimed_at) and _place(each.claim) in looked.places:
            yield from _judged(each, by_token[each.claim.claim_id], looked)
    known = {token for each in acted.values() for token in _tokens(each)}
    for run in runs:
        if looked.judges(run.started_at) and run.token not in known:
            yield _about_run(run)


def _by_claim(logged: Iterable[Logged]) -> Mapping[UUID, _Acted]:
    acted: dict[UUID, _Acted] = {}
    for each in sorted(logged, key=lambda each: (each.entry.at, each.entry.step is not Step.INTENT)):
        claim, step = each.entry.claim, each.entry.step
        known = acted.setdefault(claim.claim_id, _Acted(claim))
        known.steps[step] = each.entry.at
        if step in {Step.INTENT, Step.OUTCOME}:
            known.claim = claim
    return acted


def _tokens(acted: _Acted) -> Iterator[UUID]:
    """Yield what executions of a claim may carry: its id, and once a rollback was begun what that one carries."""
    if Step.INTENT in acted.steps:
        yield acted.claim.claim_id
    if Step.ROLLBACK in acted.steps:
        yield uuid5(acted.claim.claim_id, ROLLBACK)


def _judged(acted: _Acted, runs: Sequence[Run], looked: Looked) -> Iterator[Discrepancy]:
    claim = acted.claim
    if len(runs) > 1:
        ids = ", ".join(run.execution_id for run in runs)
        yield _about_claim(Mismatch.TWICE, claim, f"it was begun {len(runs)} times: {ids}", runs[0])
    run = runs[0] if runs else None
    if Step.OUTCOME not in acted.steps:
        yield from _unended(claim, run, looked)
        return
    kind, said = _difference(claim, run, looked)
    if kind:
        yield _about_claim(kind, claim, f"the action log says {claim.state}: {claim.said}; {said}", run)


def _unended(claim: Claim, run: Run | None, looked: Looked) -> Iterator[Discrepancy]:
    """Yield a claim without an outcome, unless it is young, or its execution still goes on."""
    if looked.now - claim.claimed_at < OUTCOME_WITHIN or (run and run.ran is Ran.RUNNING):
        return
    said = f"its execution is over: {run.said}" if run else "no execution carries its id"
    minutes = OUTCOME_WITHIN // timedelta(minutes=1)
    yield _about_claim(Mismatch.NO_OUTCOME, claim, f"no outcome within {minutes} min of its claim; {said}", run)


def _difference(claim: Claim, run: Run | None, looked: Looked) -> tuple[Mismatch | None, str]:
    """Return how an outcome and an execution differ; a claim of which nothing was begun has none."""
    if run is None:
        gone = looked.now - claim.claimed_at > KEPT_FOR
        begun = claim.execution_id is not None or claim.state is ClaimState.DONE
        return (Mismatch.NO_EXECUTION, "no execution carries its id") if begun and not gone else (None, "")
    if claim.execution_id is None and claim.state is not ClaimState.UNKNOWN:
        return Mismatch.DIFFERS, f"yet {run.execution_id} carries its id: {run.said}"
    fits = {ClaimState.DONE: {Ran.SUCCEEDED}, ClaimState.FAILED: {Ran.FAILED}, ClaimState.DROPPED: {Ran.FAILED}}
    if run.ran in fits.get(claim.state, frozenset()):
        return None, ""
    return Mismatch.DIFFERS, f"the execution says {run.said}"


def _place(claim: Claim) -> str:
    return f"{claim.request.target.account}/{claim.request.target.region}"


def _about_claim(kind: Mismatch, claim: Claim, detail: str, run: Run | None) -> Discrepancy:
    target = claim.request.target
    return Discrepancy(
        kind=kind,
        at=claim.claimed_at,
        claim_id=claim.claim_id,
        incident_id=claim.incident_id,
        execution_id=run.execution_id if run else claim.execution_id,
        account=target.account,
        region=target.region,
        runbook=claim.request.runbook,
        detail=detail,
    )


def _about_run(run: Run) -> Discrepancy:
    whose = f"it carries the id {run.token}, of which" if run.token else "it does not say whose it is:"
    return Discrepancy(
        kind=Mismatch.NO_INTENT,
        at=run.started_at,
        claim_id=run.token,
        incident_id=None,
        execution_id=run.execution_id,
        account=run.account,
        region=run.region,
        runbook=run.document,
        detail=f"{whose} the action log has no intent; {run.said}",
    )
