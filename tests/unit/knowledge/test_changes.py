from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from remembered import ORDER, Answering, gathered, safe, subject
from triage import ACCOUNT, AT, REGION

from autocloudops.alarms.changes import ACCOUNT_WIDE, ResourceChange
from autocloudops.errors import AccessDenied, ServiceFailed, Throttled
from autocloudops.knowledge.changes import Changes

OWNER = "rds-db-instance/orders-db"
FEEDS = {"ecs": AT - timedelta(seconds=47), "rds": AT - timedelta(hours=3), "health": AT - timedelta(days=3)}


def change(number: int, minutes: float, key: str = OWNER, **more: object) -> ResourceChange:
    """Return a change, `minutes` before the alarm."""
    values: dict[str, object] = {
        "event_id": UUID(int=number),
        "at": AT - timedelta(minutes=minutes),
        "account": ACCOUNT,
        "region": REGION,
        "keys": (key,),
        "kind": "rds:ModifyDBInstance",
        "what": "dBInstanceClass=db.r6g.large",
        "by": "ci-deployer",
    }
    return ResourceChange.model_validate(values | more)


class Index(Answering):
    """A change index that holds `changes`."""

    def __init__(
        self,
        *changes: ResourceChange,
        feeds: Mapping[str, datetime] = FEEDS,
        error: ServiceFailed | None = None,
        hangs: bool = False,
    ) -> None:
        def held(_: str, region: str, keys: Sequence[str], since: datetime) -> Mapping[str, Sequence[ResourceChange]]:
            return {key: [c for c in changes if key in c.keys and c.region == region and c.at >= since] for key in keys}

        super().__init__({"feeds": feeds, "changes": held}, error, hangs=hangs)


def test_a_change_says_when_what_and_who() -> None:
    """The owner's change stands first, with its distance from the alarm and both sides' names."""
    found = gathered(Changes(Index(change(1, 9.5))))
    first, last = found.pieces
    assert first.text.splitlines() == [
        "changes of the owner:",
        (
            '03:02:12Z, 10 min before the alarm: rds:ModifyDBInstance of "rds-db-instance/orders-db": '
            '"dBInstanceClass=db.r6g.large", by "ci-deployer"'
        ),
    ]
    assert last.text.startswith("change feed fresh to 2026-11-22 03:10:55Z; newest event of each feed: ecs 57 s ago")
    assert "health" not in last.text
    assert found.unread == ()


def test_no_change_is_a_fact_while_a_feed_is_alive() -> None:
    """A fresh feed without a change says so, names what was looked at, and nothing is missing."""
    (piece,) = gathered(Changes(Index())).pieces
    assert "no change seen in 2 h on: the owner" in piece.text
    assert "its account as a whole" in piece.text
    assert not piece.missing


def test_a_dead_feed_is_missing() -> None:
    """Nothing received in a day is no feed: the essential source counts as not read."""
    found = gathered(Changes(Index(feeds={"ecs": AT - timedelta(hours=25)})))
    (piece,) = found.pieces
    assert piece.text == "NOT READ: no change feed: nothing received in 24 h"
    assert found.unread == ("change",)


def test_a_change_is_told_once_and_where_it_is_nearest() -> None:
    """What touches the owner and its account is told of the owner alone; health of no region is told as well."""
    both = change(1, 5, keys=(OWNER, ACCOUNT_WIDE))
    everywhere = change(2, 30, key=ACCOUNT_WIDE, region="global", kind="health:issue", what="AWS_IAM_ISSUE", by="")
    owners, wide, _ = gathered(Changes(Index(both, everywhere))).pieces
    assert len(owners.text.splitlines()) == 2
    assert wide.text.splitlines()[1] == '02:41:42Z, 30 min before the alarm: health:issue: "AWS_IAM_ISSUE"'


def test_no_crash_loop_hides_a_deployment() -> None:
    """Fifty stopped tasks are one line, behind the deployment that is older than all of them."""
    stops = [
        change(number, number / 10, kind="ecs:task-stopped", what="OutOfMemory", by="", routine=True)
        for number in range(1, 51)
    ]
    owners = gathered(Changes(Index(*stops, change(99, 100)))).pieces[0]
    _, deployment, stopped = owners.text.splitlines()
    assert "rds:ModifyDBInstance" in deployment
    assert ", 50 times since 03:06:42Z: ecs:task-stopped" in stopped


def test_many_changes_are_bounded_and_counted() -> None:
    """What does not fit is counted, and no line is cut in two."""
    many = [change(number, number, what=f"{number} {'w' * 200}") for number in range(1, 41)]
    text = gathered(Changes(Index(*many))).pieces[0].text
    kept = text.splitlines()[1:-1]
    assert len(text) <= 900
    assert all(line.endswith('by "ci-deployer"') for line in kept)
    assert text.splitlines()[-1] == f"and {40 - len(kept)} more"


def test_changes_of_others_words_are_quoted() -> None:
    """Orders and secrets in any field of a change reach the facts redacted and between quotes."""
    planted = change(1, 5, keys=(ORDER, OWNER), what=ORDER, by=ORDER)
    found = gathered(Changes(Index(planted)))
    assert "<aws-access-key:" in found.pieces[0].text
    assert safe(found)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (AccessDenied("dynamodb:Query", "state", "no"), "NOT READ: no permission dynamodb:Query"),
        (Throttled("dynamodb:Query", "state", "slow down"), "NOT READ: dynamodb:Query was throttled"),
    ],
)
def test_an_index_that_refuses_is_missing(error: ServiceFailed, said: str) -> None:
    """A denied or throttled index is named, and the essential source counts as not read."""
    found = gathered(Changes(Index(error=error)))
    assert [piece.text for piece in found.pieces] == [said]
    assert found.unread == ("change",)


def test_an_index_that_hangs_is_given_up() -> None:
    """After 0.7 s the index counts as not read."""
    found = gathered(Changes(Index(hangs=True)))
    assert [use.seconds for use in found.uses] == [0.7]
    assert found.unread == ("change",)


def test_two_hours_before_the_alarm_are_read() -> None:
    """The window reaches back from the alarm, however late the question is asked."""
    index = Index()
    gathered(Changes(index), subject(seconds=3600))
    sinces = {arguments[3] for name, arguments in index.asked if name == "changes"}
    assert sinces == {AT - timedelta(hours=2)}
