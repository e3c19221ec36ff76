"""Whether an action helped, as a notification."""

from collections.abc import Iterator

from autocloudops.decisions.claims import Claim, Helped
from autocloudops.decisions.story import call_in_words, short_id
from autocloudops.decisions.undoing import undo_in_words
from autocloudops.notify.closing import closing
from autocloudops.notify.sns import Notification
from autocloudops.redaction import clean

LINE_CHARACTERS = 600
NAME_CHARACTERS = 60
TITLES = {
    Helped.VERIFIED: "VERIFIED",
    Helped.NOT_VERIFIED: "NOT VERIFIED",
    Helped.ROLLED_BACK: "ROLLED BACK",
    Helped.RECURRED: "RECURRED",
}


def notification_of_result(claim: Claim, ops_item: str | None) -> Notification:
    """Return what people are told about whether an action helped.

    Args:
        claim: with what was found of it.
        ops_item: the id of the OpsItem about it, where there is one.
    """
    target = claim.request.target
    helped = claim.helped.value if claim.helped else "unknown"
    return Notification(
        subject=_headline(claim),
        text="\n".join([*_lines(claim, ops_item), *closing(claim.incident_id)]),
        attributes={
            "helped": helped,
            "account": target.account,
            "region": target.region,
            "action": claim.request.action,
        },
    )


def _headline(claim: Claim) -> str:
    target = claim.request.target
    title = TITLES[claim.helped] if claim.helped else "NOT VERIFIED YET"
    what = clean(" ".join(target.id.split()), NAME_CHARACTERS)
    return f"{title}: {claim.request.action} of {what} ({target.type}) acct {target.account} {target.region}"


def _lines(claim: Claim, ops_item: str | None) -> Iterator[str]:
    yield _headline(claim)
    yield f"{'':9}{short_id(claim.incident_id)}  action of {claim.claimed_at:%Y-%m-%d %H:%M:%SZ}"
    yield _line("ALARM", claim.alarm.name)
    yield _line("FOUND", _found(claim))
    yield _line("RAN", f"{call_in_words(claim.request)}, execution {claim.execution_id or 'unknown'}")
    if claim.found and claim.found.rollback_id:
        yield _line("ROLLBACK", f"execution {claim.found.rollback_id}")
    if claim.helped in {Helped.NOT_VERIFIED, Helped.RECURRED}:
        yield _line("  undo", undo_in_words(claim))
    if ops_item:
        yield _line("OPSITEM", ops_item)


def _found(claim: Claim) -> str:
    found = claim.found.why if claim.found else "nothing"
    return f"{found}; then it fired again" if claim.helped is Helped.RECURRED else found


def _line(label: str, content: str) -> str:
    return f"{label:9}{clean(' '.join(content.split()), LINE_CHARACTERS)}"
