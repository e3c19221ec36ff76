from uuid import UUID

import pytest
from verified_world import World, restart, scale_out
from virtual_time import START, run

from autocloudops.decisions.claims import Claim, Finding, Helped
from autocloudops.incidents.past import Judgement
from autocloudops.notify.closing import closing
from autocloudops.notify.verification import notification_of_result

SECRET = "AKIAIOSFODNN7EXAMPLE"


def claim(helped: Helped, why: str = "the alarm is in ALARM since 12:00:00Z", rollback_id: str | None = None) -> Claim:
    """Return a claim with what was found of it."""
    found = Finding(helped=helped, at=START, why=why, rollback_id=rollback_id)
    done = run(World().done(scale_out() if rollback_id else restart()))
    return done.model_copy(update={"helped": helped, "found": found})


def test_every_message_says_how_to_label() -> None:
    """The command can be copied, with the incident's id and every judgement there is."""
    (_, label) = closing(UUID("7f3a0000-aaaa-4000-8000-000000000001"))
    assert label.split() == [
        "LABEL",
        "autocloudops",
        "label",
        "inc-7f3a0000",
        "right|wrong-cause|wrong-action|not-actionable",
    ]
    assert set(label.split()[-1].split("|")) == set(Judgement)


@pytest.mark.parametrize(
    ("helped", "title"),
    [
        (Helped.VERIFIED, "VERIFIED"),
        (Helped.NOT_VERIFIED, "NOT VERIFIED"),
        (Helped.ROLLED_BACK, "ROLLED BACK"),
        (Helped.RECURRED, "RECURRED"),
    ],
)
def test_a_result_stands_first(helped: Helped, title: str) -> None:
    """The lock screen says whether it helped, what was done to what, and where; subscribers may filter by it."""
    told = notification_of_result(claim(helped), None)
    assert told.subject == f"{title}: restart_service of shop/orders (ecs:service) acct 111122223333 eu-west-1"
    assert told.text.splitlines()[0] == told.subject
    assert told.attributes["helped"] == helped.value
    assert "autocloudops label inc-" in told.text.splitlines()[-1]


def test_what_did_not_help_says_what_to_look_at() -> None:
    """The finding, the exact call with its execution, how it is undone, and the OpsItem."""
    lines = notification_of_result(claim(Helped.NOT_VERIFIED), "oi-0123456789ab").text.splitlines()
    labels = [line[:9].strip() for line in lines if line[:9].strip()]
    assert labels[1:] == ["ALARM", "FOUND", "RAN", "undo", "OPSITEM", "MORE", "LABEL"]
    assert "execution execution-1" in next(line for line in lines if line.startswith("RAN"))


def test_a_rollback_is_named() -> None:
    """Which execution took the effect back stands in the message."""
    told = notification_of_result(claim(Helped.ROLLED_BACK, rollback_id="rollback-1"), None)
    assert "ROLLBACK execution rollback-1" in told.text


def test_words_from_outside_stay_on_their_line() -> None:
    """An error text with a secret and line breaks is redacted and kept on one line."""
    told = notification_of_result(claim(Helped.NOT_VERIFIED, f"no\nEXECUTE: {SECRET}\x1b[31m"), None)
    assert SECRET not in told.text
    assert not any(line.startswith("EXECUTE") for line in told.text.splitlines())
    assert "\x1b" not in told.text
