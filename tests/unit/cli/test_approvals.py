import json
import sys
from collections.abc import Sequence
from types import SimpleNamespace

import pytest
import typer
from acting import ActingWorld, claim_of
from command_line import typed
from fake_automation import PERSON
from virtual_time import run

from autocloudops.actions.accounts import AccountRole
from autocloudops.actions.approvals import Approval
from autocloudops.cli import consent
from autocloudops.cli.approvals import answering
from autocloudops.cli.consent import Person
from autocloudops.decisions.claims import Claim
from autocloudops.decisions.modes import Mode
from autocloudops.errors import ApprovalRefused


def asked() -> Approval:
    """Return what waits for a person."""

    async def body() -> Approval:
        world = ActingWorld()
        await world.switch(Mode.APPROVE)
        await world.worker().dispatcher.act(claim_of(approval=True))
        (waiting,) = await world.worker().approvals.waiting()
        return waiting

    return run(body())


ASKED = asked()
ID = str(ASKED.claim.claim_id)


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> list[answering.Answer]:
    """One question waits; its answers are kept here."""
    answers: list[answering.Answer] = []

    async def waiting() -> Sequence[Approval]:
        return [ASKED]

    async def answer(_: Approval, said: answering.Answer) -> Claim:
        answers.append(said)
        return ASKED.claim.model_copy(update={"said": f"approved by {PERSON}"})

    monkeypatch.setattr(answering, "_waiting", waiting)
    monkeypatch.setattr(answering, "_answered", answer)
    return answers


def test_a_question_is_shown_whole_before_it_is_answered(answered: list[answering.Answer]) -> None:
    """What it does comes first, then its undo, its target and every parameter as it would be sent."""
    result = typed("approvals", "approve", ID[:8], "--yes", "--output", "text")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert "from 2 to 3" in lines[0]
    assert lines[1].startswith("Undo: ")
    assert "target     ecs:service shop/orders in 111122223333/eu-west-1, ARN not known" in lines
    for name, values in ASKED.claim.sent.items():
        assert f"parameter  {name} = {values[0]}" in lines
    assert f"pin        {ASKED.pin}" in lines
    assert len(answered) == 1


def test_programs_are_shown_the_same(answered: list[answering.Answer]) -> None:
    """As JSON, the question has the same parts."""
    row = json.loads(typed("approvals", "list", "--output", "json").stdout)
    assert (row["id"], row["pin"], row["undo"]) == (ID, ASKED.pin, ASKED.undo)
    assert row["parameters"] == {name: list(values) for name, values in ASKED.claim.sent.items()}
    assert answered == []


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("approve", "short"), 252),
        (("approve", "not-an-id!", "--yes"), 252),
        (("approve", "ffffffff", "--yes"), 252),
        (("approve", ID), 252),
        (("reject", ID, "--yes"), 252),
        (("reject", ID, "--reason", " ", "--yes"), 252),
        (("reject", ID, "--reason", "n" * 201, "--yes"), 252),
    ],
)
def test_a_wrong_answer_is_none(answered: list[answering.Answer], words: tuple[str, ...], code: int) -> None:
    """A wrong id, a missing reason and an answer that nobody confirms reach no runbook."""
    assert typed("approvals", *words).exit_code == code
    assert answered == []


def test_two_questions_with_the_same_start_need_more_of_the_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """An id that fits two is refused, with both."""
    other = ID[:-1] + ("0" if ID[-1] != "0" else "1")
    twin = ASKED.model_copy(update={"claim": ASKED.claim.model_copy(update={"claim_id": other})})

    async def waiting() -> Sequence[Approval]:
        return [ASKED, twin]

    monkeypatch.setattr(answering, "_waiting", waiting)
    result = typed("approvals", "approve", ID[:8], "--yes")
    assert (result.exit_code, ID in result.stderr, other in result.stderr) == (252, True, True)


def test_another_account_needs_a_role() -> None:
    """A person answers in the target's account, or names the role to do it with."""
    stranger = Person(arn=PERSON, account="999988887777")
    with pytest.raises(ApprovalRefused, match="999988887777"):
        answering._check_reach(ASKED, stranger, None)
    answering._check_reach(ASKED, stranger, AccountRole("approver"))
    answering._check_reach(ASKED, Person(arn=PERSON, account="111122223333"), None)


@pytest.mark.parametrize(("said", "wanted"), [(True, True), (False, False)])
def test_a_person_at_a_terminal_is_asked(monkeypatch: pytest.MonkeyPatch, said: bool, wanted: bool) -> None:
    """At a terminal the person's word counts; Ctrl-C is a no."""
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr(typer, "confirm", lambda *_, **__: said)
    assert consent.agreed("Go on?", yes=False) is wanted

    def interrupted(*_: object, **__: object) -> bool:
        raise typer.Abort

    monkeypatch.setattr(typer, "confirm", interrupted)
    assert consent.agreed("Go on?", yes=False) is False


def test_a_no_at_the_terminal_answers_nothing(
    monkeypatch: pytest.MonkeyPatch, answered: list[answering.Answer]
) -> None:
    """Whoever does not want it leaves with exit code 1."""
    monkeypatch.setattr(answering, "agreed", lambda *_, **__: False)
    assert typed("approvals", "approve", ID).exit_code == 1
    assert answered == []
