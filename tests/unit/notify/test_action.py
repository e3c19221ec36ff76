import pytest
from acting import claim_of
from virtual_time import run

from autocloudops.decisions.claims import Claim, ClaimState
from autocloudops.notify.action import LINE_CHARACTERS, begun, ended, in_doubt, not_begun, with_action
from autocloudops.notify.sns import Notification

SECRET = "AKIAIOSFODNN7EXAMPLE"
EXECUTION = "11111111-2222-4333-8444-555555555555"
HEAD = "EXECUTE: shop/orders\n         inc-0b6e8c1a"


def claim(state: ClaimState, **changes: object) -> Claim:
    """Return a claim in some state."""

    async def made() -> Claim:
        return claim_of()

    return run(made()).model_copy(update={"state": state, **changes})


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (ClaimState.STARTED, f"started as execution {EXECUTION}"),
        (ClaimState.DONE, f"started as execution {EXECUTION}"),
        (ClaimState.CLAIMED, "may have started: nobody knows yet, and it is being found out"),
        (ClaimState.INTENT, "may have started: nobody knows yet, and it is being found out"),
        (ClaimState.FAILED, "failed: no permission"),
        (ClaimState.UNKNOWN, "may have run: no permission"),
        (ClaimState.DROPPED, "not done: no permission"),
    ],
)
def test_what_came_of_a_claim_is_said_in_a_line(state: ClaimState, said: str) -> None:
    """A decision's message says how its action stands, and never more than is known."""
    assert begun(claim(state, said="no permission", execution_id=EXECUTION)) == said


def test_what_waits_says_how_to_approve_it() -> None:
    """The command can be copied, with the whole id of the claim."""
    waiting = claim(ClaimState.WAITING)
    assert begun(waiting).startswith("waits for approval")
    assert begun(waiting).endswith(f"autocloudops approvals approve {waiting.claim_id}")


def test_what_was_not_begun_and_what_nobody_knows_differ() -> None:
    """A refusal says that nothing was done; a claim without an answer does not."""
    wanted = claim(ClaimState.CLAIMED)
    assert not_begun(wanted, "killed: off") == "not done: scale_out_service of shop/orders: killed: off"
    assert in_doubt(wanted, "no answer") == "may have started: scale_out_service of shop/orders: no answer"


def test_the_line_stands_below_the_head_of_the_decision() -> None:
    """A phone shows what was done right after what was decided; nothing of the message is lost."""
    told = Notification(
        subject="EXECUTE", text=f"{HEAD}\nOWNER    shop\nMORE     show", attributes={"verdict": "execute"}
    )
    acted = with_action(told, "started as execution 1")
    assert acted.text == f"{HEAD}\nACTION   started as execution 1\nOWNER    shop\nMORE     show"
    assert (acted.subject, acted.attributes) == (told.subject, told.attributes)


def test_a_message_of_nothing_but_a_head_gets_the_line_too() -> None:
    """However short a message is, what was done is in it."""
    told = Notification(subject="EXECUTE", text="EXECUTE", attributes={})
    assert with_action(told, "done").text == "EXECUTE\nACTION   done"


@pytest.mark.parametrize(
    ("state", "title", "follows"),
    [
        (ClaimState.FAILED, "FAILED", "NEXT     look at the execution and at the target"),
        (ClaimState.UNKNOWN, "MAY HAVE RUN", "NEXT     look whether it ran before anybody does it again"),
        (ClaimState.DROPPED, "NOT DONE", "NEXT     nothing was changed"),
    ],
)
def test_an_ending_says_what_to_do_next(state: ClaimState, title: str, follows: str) -> None:
    """The lock screen says how it ended and of what; the text why, what ran and what a person has to do."""
    told = ended(claim(state, said="step scale: denied", execution_id=EXECUTION))
    lines = told.text.splitlines()
    assert told.subject == f"{title}: scale_out_service of shop/orders (ecs:service) acct 111122223333 eu-west-1"
    assert lines[0] == told.subject
    assert "BECAUSE  step scale: denied" in lines
    assert any(line.startswith(follows) for line in lines)
    assert any(line.startswith("RAN") and EXECUTION in line for line in lines)
    assert "autocloudops label inc-" in lines[-1]
    assert told.attributes == {
        "ended": state.value,
        "account": "111122223333",
        "region": "eu-west-1",
        "action": "scale_out_service",
    }


def test_only_what_may_have_changed_something_says_how_to_undo_it() -> None:
    """What never happened has nothing to undo."""
    undone = [
        "  undo" in ended(claim(state)).text for state in (ClaimState.FAILED, ClaimState.UNKNOWN, ClaimState.DROPPED)
    ]
    assert undone == [True, True, False]


def test_an_ending_that_nobody_explained_says_so() -> None:
    """A claim without a reason or an execution leaves no empty line."""
    text = ended(claim(ClaimState.UNKNOWN)).text
    assert "BECAUSE  nobody said why" in text
    assert "execution unknown" in text


def test_words_from_outside_stay_on_their_line() -> None:
    """What SSM or a target says is redacted, bounded and kept on one line, in every kind of message."""
    outside = f"no\nEXECUTE: {SECRET}\x1b[31m " + "x" * 5_000
    failed = claim(ClaimState.FAILED, said=outside)
    told = Notification(subject="EXECUTE", text=HEAD, attributes={})
    texts = [
        begun(failed),
        not_begun(failed, outside),
        in_doubt(failed, outside),
        with_action(told, outside).text.removeprefix(HEAD),
        ended(failed).text,
    ]
    for text in texts:
        assert SECRET not in text
        assert "\x1b" not in text
        assert not any(line.startswith("EXECUTE") for line in text.splitlines())
        assert max(map(len, text.splitlines())) <= LINE_CHARACTERS + 20
