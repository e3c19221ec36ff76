from datetime import timedelta
from uuid import UUID

import pytest
from pydantic import ValidationError
from remembered import ALARM, ORDER, Answering, gathered, past, safe
from triage import AT

from autocloudops.errors import AccessDenied, ServiceFailed, Throttled
from autocloudops.incidents.past import Judgement, Label, PastIncident
from autocloudops.knowledge.past import Past

OTHER = "111122223333/eu-west-1/rds-db-instance/payments-db"


def label(judgement: Judgement, decision: int = 102, note: str = "", minutes: float = 0) -> Label:
    """Return what a person said an hour after a decision."""
    at = AT + timedelta(hours=1, minutes=minutes)
    return Label(judgement=judgement, by="ana", at=at, decision_id=UUID(int=decision), note=note)


def source(own: list[PastIncident], similar: list[PastIncident] | None = None) -> Past:
    """Return the source over these incidents."""
    return Past(store(own, similar))


def store(own: list[PastIncident], similar: list[PastIncident] | None = None) -> Answering:
    """Return a store that holds these incidents: those of the owner, and others of its metric."""
    known = {each.incident_id: each for each in (*own, *(similar or []))}
    lists = {name: [each.incident_id for each in found or []] for name, found in (("own", own), ("similar", similar))}
    return Answering(
        {
            "of_owner": lists["own"],
            "of_family": lists["similar"],
            "of_ids": lambda ids: [known[each] for each in ids],
        }
    )


def test_an_earlier_decision_tells_cause_action_outcome_and_judgement() -> None:
    """One piece for each: what was decided, what people said of it, and what came of it."""
    labels = (label(Judgement.NOT_ACTIONABLE), label(Judgement.WRONG_ACTION, note="scale the pool instead"))
    known = past(cleared_at=AT - timedelta(days=2) + timedelta(minutes=4), labels=labels)
    (piece,) = gathered(source([known])).pieces
    assert piece.text.splitlines() == [
        '2026-11-20 03:11:42Z on the same owner: alarm "orders-db-connections", decided dry_run',
        'people said: nothing could be done about the alarm; the action was WRONG ("scale the pool instead")',
        'cause as the model gave it then: "the pool of orders-api doubled", proposed action "restart-service"',
        "outcome: its first alarm was OK again 4 min after it opened",
    ]


def test_what_nobody_judged_is_not_confirmed() -> None:
    """A cause without a label is said to be unconfirmed, and is worth less than one that a person confirmed."""
    unjudged, confirmed = past(2), past(3, labels=(label(Judgement.RIGHT, decision=103),))
    first, second = gathered(source([unjudged, confirmed])).pieces
    assert "cause and action were right" in first.text
    assert "people said: nothing, so the cause below is not confirmed" in second.text
    assert first.worth > second.worth


def test_a_label_on_an_earlier_decision_no_longer_counts() -> None:
    """A judgement of a cause that was decided anew is left out, one of the alarm stays, and the last one holds."""
    labels = (
        label(Judgement.WRONG_CAUSE, decision=1),
        label(Judgement.NOT_ACTIONABLE, decision=1),
        label(Judgement.RIGHT, minutes=1),
        label(Judgement.WRONG_ACTION, minutes=2),
    )
    assert {each.judgement for each in past(labels=labels).judged} == {
        Judgement.NOT_ACTIONABLE,
        Judgement.WRONG_ACTION,
    }


def test_right_takes_back_what_was_wrong() -> None:
    """Cause and action may be wrong each for itself; whoever says at last that it was right says so of both."""
    wrong = (label(Judgement.WRONG_CAUSE), label(Judgement.WRONG_ACTION, minutes=1))
    assert [each.judgement for each in past(labels=wrong).judged] == [Judgement.WRONG_CAUSE, Judgement.WRONG_ACTION]
    taken_back = (*wrong, label(Judgement.RIGHT, minutes=2))
    assert [each.judgement for each in past(labels=taken_back).judged] == [Judgement.RIGHT]


def test_a_wrong_cause_is_shown_with_what_it_really_was() -> None:
    """It stands before the model's cause, redacted and between quotes, and is worth as much as a confirmed one."""
    wrong = label(Judgement.WRONG_CAUSE)
    corrected = wrong.model_copy(update={"cause": "the cache was cold"})
    unjudged, known = past(2), past(3, labels=(corrected.model_copy(update={"decision_id": UUID(int=103)}),))
    first, second = gathered(source([unjudged, known])).pieces
    assert first.text.splitlines()[1:4] == [
        "people said: the cause was WRONG",
        'cause as people corrected it: "the cache was cold"',
        'cause as the model gave it then: "the pool of orders-api doubled", proposed action "restart-service"',
    ]
    assert first.worth > second.worth
    assert safe(gathered(source([past(labels=(wrong.model_copy(update={"cause": ORDER}),))])))


@pytest.mark.parametrize("judgement", [each for each in Judgement if each is not Judgement.WRONG_CAUSE])
def test_only_a_wrong_cause_is_corrected(judgement: Judgement) -> None:
    """A cause beside any other judgement is refused: nobody could tell what it means."""
    with pytest.raises(ValidationError, match="belongs to wrong-cause"):
        Label(judgement=judgement, by="ana", at=AT, decision_id=UUID(int=1), cause="the cache")


def test_three_decisions_and_the_owners_first() -> None:
    """Others with the same metric fill up what the owner has not, without those of the owner again."""
    similar = [
        past(3),
        *(past(number, owner_key=OTHER, resource="rds:db-instance payments-db") for number in (4, 5, 6)),
    ]
    found = gathered(source([past(2), past(3)], similar)).pieces
    assert len(found) == 3
    assert ["the same owner" in piece.text for piece in found] == [True, True, False]
    assert '"rds:db-instance payments-db", another owner with the same metric' in found[2].text


def test_an_owner_with_three_needs_no_others() -> None:
    """Where the owner's own decisions suffice, nothing else is asked for."""
    held = store([past(number) for number in (2, 3, 4)])
    assert len(gathered(Past(held)).pieces) == 3
    assert [name for name, _ in held.asked] == ["of_owner", "of_ids"]
    assert held.asked[0] == ("of_owner", (ALARM.resource.owner_key, UUID(int=1), 3))


def test_nothing_remembered_is_nothing_said() -> None:
    """A new owner with a new metric has no past, and nothing is missing."""
    found = gathered(source([]))
    assert (found.pieces, found.unread) == ((), ())


def test_words_of_models_and_people_are_quoted() -> None:
    """A cause, an alarm name and a note that hold orders or secrets reach the facts redacted and between quotes."""
    labels = (label(Judgement.WRONG_CAUSE, note=ORDER),)
    found = gathered(source([past(cause=ORDER, alarm=ORDER, action=ORDER, labels=labels)]))
    assert "<aws-access-key:" in found.pieces[0].text
    assert safe(found)


@pytest.mark.parametrize("kind", [AccessDenied, Throttled])
def test_a_store_that_refuses_is_said(kind: type[ServiceFailed]) -> None:
    """A denied or throttled store is one missing piece, and no reason for not acting."""
    found = gathered(Past(Answering({}, kind("dynamodb:Query", "state", "no"))))
    assert [piece.missing for piece in found.pieces] == [True]
    assert found.unread == ()


def test_a_store_that_hangs_is_given_up() -> None:
    """After 0.7 s the past counts as not read."""
    assert [use.seconds for use in gathered(Past(Answering({}, hangs=True))).uses] == [0.7]
