from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid5

import pytest
from audit_actions import entry
from virtual_time import START

from autocloudops.audit.actions import key_of
from autocloudops.audit.entries import Logged
from autocloudops.audit.reconciling import Discrepancy, Looked, Mismatch, Ran, Run, reconcile
from autocloudops.decisions.claims import ActionEntry, Claim, ClaimState, Step

CLAIM = entry().claim
PLACE = f"{CLAIM.request.target.account}/{CLAIM.request.target.region}"
EXECUTION = "11111111-2222-4333-8444-555555555555"
STRANGER = UUID("7f3a0000-0000-4000-8000-000000000009")
HOUR = timedelta(hours=1)


def logged(step: Step, state: ClaimState, **fields: object) -> Logged:
    """Return an entry as it is read back."""
    claim = CLAIM.model_copy(update={"state": state, **fields})
    at = {Step.INTENT: START}.get(step, START + timedelta(minutes=2))
    made = ActionEntry(step=step, at=at, claim=claim)
    return Logged(entry=made, location=key_of(made), sha256="0" * 64)


INTENT = logged(Step.INTENT, ClaimState.INTENT)


def outcome(state: ClaimState, execution_id: str | None = EXECUTION) -> Logged:
    """Return how the claim ended."""
    return logged(Step.OUTCOME, state, execution_id=execution_id, said="as it went")


def began(ran: Ran, token: UUID | None = CLAIM.claim_id, **fields: object) -> Run:
    """Return an execution that carries the claim's id."""
    run = Run(
        execution_id=EXECUTION,
        document=CLAIM.request.runbook,
        account=CLAIM.request.target.account,
        region=CLAIM.request.target.region,
        started_at=START,
        token=token,
        ran=ran,
        said=ran.value,
    )
    return run.model_copy(update=fields)


def found(entries: Sequence[Logged], runs: Sequence[Run], now: datetime = START + HOUR) -> list[Discrepancy]:
    """Return what does not fit, of everything until now."""
    return list(reconcile(entries, runs, Looked(START - HOUR, now, now, frozenset({PLACE}))))


def kinds(entries: Sequence[Logged], runs: Sequence[Run], now: datetime = START + HOUR) -> list[Mismatch]:
    """Return what kinds of things do not fit."""
    return [each.kind for each in found(entries, runs, now)]


@pytest.mark.parametrize(
    ("state", "ran"),
    [
        (ClaimState.DONE, Ran.SUCCEEDED),
        (ClaimState.FAILED, Ran.FAILED),
        (ClaimState.DROPPED, Ran.FAILED),
    ],
)
def test_what_agrees_is_no_finding(state: ClaimState, ran: Ran) -> None:
    """An intent, an outcome and an execution that say the same need nobody."""
    assert kinds([INTENT, outcome(state)], [began(ran)]) == []


@pytest.mark.parametrize("state", [ClaimState.FAILED, ClaimState.DROPPED, ClaimState.UNKNOWN])
def test_what_never_began_needs_no_execution(state: ClaimState) -> None:
    """A claim that was refused, dropped, or of which nobody knows has none, and that is no finding."""
    assert kinds([INTENT, outcome(state, None)], []) == []


@pytest.mark.parametrize(
    ("state", "ran"),
    [
        (ClaimState.DONE, Ran.FAILED),
        (ClaimState.DONE, Ran.RUNNING),
        (ClaimState.FAILED, Ran.SUCCEEDED),
        (ClaimState.FAILED, Ran.RUNNING),
        (ClaimState.DROPPED, Ran.SUCCEEDED),
        (ClaimState.DROPPED, Ran.RUNNING),
        (ClaimState.UNKNOWN, Ran.SUCCEEDED),
        (ClaimState.UNKNOWN, Ran.FAILED),
    ],
)
def test_an_outcome_that_differs_is_found(state: ClaimState, ran: Ran) -> None:
    """Whatever the two sides do not both say is named with both; `unknown` becomes known."""
    (finding,) = found([INTENT, outcome(state)], [began(ran)])
    assert finding.kind is Mismatch.DIFFERS
    assert finding.detail == f"the action log says {state}: as it went; the execution says {ran}"
    assert (finding.execution_id, finding.incident_id) == (EXECUTION, CLAIM.incident_id)


def test_an_outcome_without_an_execution_id_is_compared_too() -> None:
    """Where the log says that nothing began, an execution with the claim's id is found."""
    assert kinds([INTENT, outcome(ClaimState.FAILED, None)], [began(Ran.FAILED)]) == [Mismatch.DIFFERS]


def test_an_execution_that_is_not_there_is_found() -> None:
    """An outcome that names an execution which Systems Manager does not know is a finding, as long as it would."""
    entries = [INTENT, outcome(ClaimState.DONE)]
    assert kinds(entries, []) == [Mismatch.NO_EXECUTION]
    assert kinds(entries, [], START + timedelta(days=31)) == []


@pytest.mark.parametrize(("minutes", "expected"), [(9, []), (10, [Mismatch.NO_OUTCOME])])
def test_an_intent_has_ten_minutes(minutes: int, expected: list[Mismatch]) -> None:
    """Without an execution, an intent without outcome is a finding after ten minutes and not before."""
    assert kinds([INTENT], [], START + timedelta(minutes=minutes)) == expected


@pytest.mark.parametrize(
    ("ran", "expected"),
    [(Ran.RUNNING, []), (Ran.SUCCEEDED, [Mismatch.NO_OUTCOME]), (Ran.FAILED, [Mismatch.NO_OUTCOME])],
)
def test_what_still_runs_or_waits_for_a_person_needs_no_outcome(ran: Ran, expected: list[Mismatch]) -> None:
    """As long as the execution goes on there can be no outcome; when it is over there has to be one."""
    assert kinds([INTENT], [began(ran)]) == expected


@pytest.mark.parametrize("token", [STRANGER, None])
def test_an_execution_without_an_intent_is_found(token: UUID | None) -> None:
    """An execution with a claim's tag that no intent stands for is a finding, also if it says no id."""
    (finding,) = found([], [began(Ran.SUCCEEDED, token)])
    assert (finding.kind, finding.claim_id, finding.incident_id) == (Mismatch.NO_INTENT, token, None)
    assert "no intent" in finding.detail


def test_an_outcome_alone_is_no_intent() -> None:
    """Whoever deletes the intent and leaves the outcome is found."""
    assert kinds([outcome(ClaimState.DONE)], [began(Ran.SUCCEEDED)]) == [Mismatch.NO_INTENT]


def test_a_claim_that_ran_twice_is_found() -> None:
    """Two executions with one claim's id are what must never be."""
    twice = [began(Ran.SUCCEEDED), began(Ran.SUCCEEDED, execution_id="another")]
    (finding,) = found([INTENT, outcome(ClaimState.DONE)], twice)
    assert finding.kind is Mismatch.TWICE
    assert "another" in finding.detail


def test_a_rollback_is_known_by_its_entry() -> None:
    """The execution that takes an effect back carries an id of its own, which only a rollback entry explains."""
    token = uuid5(CLAIM.claim_id, "rollback")
    runs = [began(Ran.SUCCEEDED), began(Ran.SUCCEEDED, token, execution_id="back")]
    entries = [INTENT, outcome(ClaimState.DONE)]
    assert kinds(entries, runs) == [Mismatch.NO_INTENT]
    assert kinds([*entries, logged(Step.ROLLBACK, ClaimState.DONE)], runs) == []


def test_only_the_span_and_the_places_that_were_read_are_judged() -> None:
    """What is older or younger than the span, or acted where nobody looked, is no finding, and still explains."""
    now = START + HOUR
    later = Looked(START + timedelta(minutes=1), now, now, frozenset({PLACE}))
    assert list(reconcile([INTENT], [began(Ran.SUCCEEDED)], later)) == []
    late = began(Ran.SUCCEEDED, started_at=START + timedelta(minutes=2))
    assert list(reconcile([INTENT], [late], later)) == []
    elsewhere = Looked(START - HOUR, now, now, frozenset({"999999999999/eu-west-1"}))
    assert list(reconcile([INTENT], [], elsewhere)) == []


@pytest.mark.parametrize("at", [START - HOUR - timedelta(seconds=1), START + HOUR + timedelta(seconds=1)])
def test_a_strange_execution_outside_of_the_span_is_not_judged(at: datetime) -> None:
    """Its intent may stand in a part of the log that was not read."""
    assert kinds([], [began(Ran.SUCCEEDED, STRANGER, started_at=at)]) == []


def test_the_claim_is_the_one_that_the_outcome_keeps() -> None:
    """A verification says nothing about the execution: the claim counts as its outcome has it, in any order."""
    helped: Claim = outcome(ClaimState.DONE).entry.claim.model_copy(update={"said": "verified"})
    verification = ActionEntry(step=Step.VERIFICATION, at=START + HOUR, claim=helped)
    last = Logged(entry=verification, location=key_of(verification), sha256="0" * 64)
    (finding,) = found([last, outcome(ClaimState.DONE), INTENT], [began(Ran.FAILED)])
    assert "as it went" in finding.detail
