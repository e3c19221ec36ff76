import pytest
from triage import GOOD_REPLY

from autocloudops.diagnosis.contradiction import contradiction
from autocloudops.diagnosis.model import Diagnosis

ACTIONS = ("scale_out_service", "restart_service", "investigate")


def said(**changes: object) -> str | None:
    """Return what a good reply with some changes says against itself."""
    return contradiction(Diagnosis.model_validate({**GOOD_REPLY, **changes}), ACTIONS)


def test_good_reply_agrees_with_itself() -> None:
    """Nothing is found where nothing is wrong."""
    assert said() is None


def test_same_evidence_for_and_against_is_named() -> None:
    """A piece of evidence supports a choice or speaks against it."""
    found = said(evidence_for=["E1", "E2"], evidence_against=["E2", "E3"])
    assert found == "E2 stands in evidence_for and in evidence_against"


@pytest.mark.parametrize(
    "cause",
    [
        "Load is high. The right action is restart_service.",
        "The action should be restart_service",
        "I recommend restart_service.",
        "I choose 'investigate'.",
        "Memory leaks. Action: restart_service!",
        "my recommended action is `restart_service`.",
    ],
)
def test_another_action_recommended_is_found(cause: str) -> None:
    """A root cause that recommends what was not chosen leaves open what is meant."""
    found = said(root_cause=cause)
    assert found == "action is scale_out_service, and root_cause recommends another one"


@pytest.mark.parametrize(
    "cause",
    [
        "I recommend scale_out_service.",
        "restart_service was run an hour ago.",
        "The right action is not restart_service.",
        "I would choose restart_service if memory rose.",
        "restart_service alone cannot help; more tasks can.",
        "The recommended action is restart_service in the runbook, but load explains this.",
        "Somebody should investigate the deploy.",
        "I recommend investigating the deploy later.",
        "The service restarts; restart_services is a queue.",
    ],
)
def test_another_action_mentioned_is_no_contradiction(cause: str) -> None:
    """Weighing, quoting, refusing and hedging are what good replies do."""
    assert said(root_cause=cause) is None


@pytest.mark.parametrize(
    ("cause", "word"),
    [
        ("No action is needed.", "needed"),
        ("The deploy ended, so no action is required now.", "needed"),
        ("It has cleared; no action is necessary", "needed"),
        ("There is no evidence for this action.", "supports"),
        ("Load is high. No evidence supports the chosen action.", "supports"),
        ("Insufficient evidence to support this action.", "supports"),
    ],
)
def test_doing_something_for_no_reason_is_found(cause: str, word: str) -> None:
    """What executes beside "nothing is needed" or "nothing supports it" contradicts; investigating does not."""
    assert word in (said(root_cause=cause) or "")
    assert said(root_cause=cause, action="investigate") is None


@pytest.mark.parametrize(
    "cause",
    [
        "No action is needed on the database; the service lacks tasks.",
        "After two more tasks no further action is needed.",
        "No action is needed if load falls.",
        "There is no evidence for a slow dependency.",
        "No evidence supports a network cause.",
        "No action was needed last week.",
    ],
)
def test_absence_of_something_else_is_no_contradiction(cause: str) -> None:
    """What is not needed elsewhere, or not evidenced besides, says nothing against the choice."""
    assert said(root_cause=cause) is None


@pytest.mark.parametrize("confidence", [1, 2, 3, 10])
def test_confidence_alone_is_no_contradiction(confidence: int) -> None:
    """An honest guess is a diagnosis that people may read; the confidence gate keeps it from acting."""
    assert said(confidence=confidence, evidence_against=["E2"]) is None
