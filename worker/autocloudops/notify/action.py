"""What came of an action, for people: as a line of its decision's message, and as a message of its own."""

from collections.abc import Iterator

from autocloudops.decisions.claims import Claim, ClaimState
from autocloudops.decisions.story import call_in_words, short_id
from autocloudops.decisions.undoing import undo_in_words
from autocloudops.notify.closing import closing
from autocloudops.notify.sns import Notification
from autocloudops.redaction import clean

LINE_CHARACTERS = 600
NAME_CHARACTERS = 60
HEAD_LINES = 2
TITLES = {
    ClaimState.FAILED: "FAILED",
    ClaimState.UNKNOWN: "MAY HAVE RUN",
    ClaimState.DROPPED: "NOT DONE",
}
NEXT = {
    ClaimState.FAILED: "look at the execution and at the target: what it changed before it failed stays changed",
    ClaimState.UNKNOWN: "look whether it ran before anybody does it again: AutoCloudOps will not",
    ClaimState.DROPPED: "nothing was changed: do it by hand if it is still needed",
}


def begun(claim: Claim) -> str:
    """Return how a claim stands whose action was begun, in a line."""
    match claim.state:
        case ClaimState.WAITING:
            until = f" until {claim.answer_by:%H:%M:%SZ}" if claim.answer_by else ""
            return f"waits for approval{until}: autocloudops approvals approve {claim.claim_id}"
        case ClaimState.STARTED | ClaimState.DONE:
            return f"started as execution {claim.execution_id}"
        case ClaimState.CLAIMED | ClaimState.INTENT:
            return "may have started: nobody knows yet, and it is being found out"
        case ClaimState.FAILED | ClaimState.UNKNOWN | ClaimState.DROPPED:
            return _line(f"{TITLES[claim.state].lower()}: {claim.said}")


def not_begun(wanted: Claim, why: str) -> str:
    """Return in a line that nothing was done, and why."""
    return _line(f"not done: {wanted.request.action} of {wanted.request.target.id}: {why}")


def in_doubt(wanted: Claim, why: str) -> str:
    """Return in a line that nobody knows whether it was done, and why."""
    return _line(f"may have started: {wanted.request.action} of {wanted.request.target.id}: {why}")


def with_action(notification: Notification, said: str) -> Notification:
    """Return a decision's message with what came of its action below its head."""
    lines = notification.text.splitlines()
    text = "\n".join([*lines[:HEAD_LINES], f"{'ACTION':9}{_line(said)}", *lines[HEAD_LINES:]])
    return notification.model_copy(update={"text": text})


def ended(claim: Claim) -> Notification:
    """Return what people are told of an action that ended and did not do what it should."""
    target = claim.request.target
    return Notification(
        subject=_headline(claim),
        text="\n".join([*_lines(claim), *closing(claim.incident_id)]),
        attributes={
            "ended": claim.state.value,
            "account": target.account,
            "region": target.region,
            "action": claim.request.action,
        },
    )


def _headline(claim: Claim) -> str:
    target = claim.request.target
    title, what = (
        TITLES.get(claim.state, claim.state.value.upper()),
        clean(" ".join(target.id.split()), NAME_CHARACTERS),
    )
    return f"{title}: {claim.request.action} of {what} ({target.type}) acct {target.account} {target.region}"


def _lines(claim: Claim) -> Iterator[str]:
    yield _headline(claim)
    yield f"{'':9}{short_id(claim.incident_id)}  action of {claim.claimed_at:%Y-%m-%d %H:%M:%SZ}"
    yield f"{'BECAUSE':9}{_line(claim.said or 'nobody said why')}"
    yield f"{'RAN':9}{_line(call_in_words(claim.request))}, execution {claim.execution_id or 'unknown'}"
    if claim.state is not ClaimState.DROPPED:
        yield f"{'  undo':9}{_line(undo_in_words(claim))}"
    if claim.state in NEXT:
        yield f"{'NEXT':9}{NEXT[claim.state]}"


def _line(said: str) -> str:
    return clean(" ".join(said.split()), LINE_CHARACTERS)
