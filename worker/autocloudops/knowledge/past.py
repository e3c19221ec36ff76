"""The last decisions about the same owner, then about the same metric: what came of them, and what people said."""

from collections.abc import Iterator, Sequence
from typing import Protocol
from uuid import UUID

from autocloudops.diagnosis.gathering import Piece, Subject
from autocloudops.incidents.past import Judgement, Label, PastIncident, metric_family
from autocloudops.knowledge.records import GET_MANY, QUERY, in_time
from autocloudops.knowledge.wording import bounded, duration, moment, quoted

SHOWN = 3
SOURCE = "earlier decisions of AutoCloudOps"
WORTH, OTHER_WORTH, CONFIRMED_MORE = 46, 34, 20
CAUSE_CHARACTERS = 300
NOTE_CHARACTERS = 200
_SAID = {
    Judgement.RIGHT_CAUSE: "the cause was right",
    Judgement.WRONG_CAUSE: "the cause was WRONG",
    Judgement.RIGHT_ACTION: "the action was right",
    Judgement.WRONG_ACTION: "the action was WRONG",
    Judgement.NOISE: "the alarm was noise",
}


class PastIncidents(Protocol):
    """Where decided incidents are kept."""

    async def of_owner(self, owner_key: str, but: UUID, most: int) -> Sequence[PastIncident]:
        """Return the last decided incidents of an owner, the newest first."""
        ...

    async def of_family(self, account: str, family: str, but: UUID, most: int) -> Sequence[PastIncident]:
        """Return the last decided incidents of an account with the same metric family, the newest first."""
        ...


class Past:
    """Reads what was decided before.

    Args:
        incidents: where decided incidents are kept.
    """

    kind = "past"
    essential = False
    permissions = frozenset({"dynamodb:GetItem", QUERY, GET_MANY})

    def __init__(self, incidents: PastIncidents) -> None:
        self._incidents = incidents

    async def read(self, subject: Subject) -> Sequence[Piece]:
        """Return the last three decisions, those of the owner first, each a piece of its own.

        Raises:
            ServiceFailed: the records could not be read.
        """
        return await in_time(self._read(subject))

    async def _read(self, subject: Subject) -> Sequence[Piece]:
        owner_key, but = subject.resource.owner_key, subject.incident_id
        found = list(await self._incidents.of_owner(owner_key, but, SHOWN))
        family = metric_family(subject.alarm)
        if len(found) < SHOWN and family:
            similar = await self._incidents.of_family(subject.resource.account, family, but, 2 * SHOWN)
            found += [past for past in similar if past.owner_key != owner_key]
        return [_piece(past, subject) for past in found[:SHOWN]]


def _piece(past: PastIncident, subject: Subject) -> Piece:
    same = past.owner_key == subject.resource.owner_key
    confirmed = any(label.judgement is Judgement.RIGHT_CAUSE for label in past.judged)
    worth = (WORTH if same else OTHER_WORTH) + (CONFIRMED_MORE if confirmed else 0)
    text = bounded(*_lines(past, same=same))
    return Piece(kind=Past.kind, source=SOURCE, text=text, worth=worth)


def _lines(past: PastIncident, *, same: bool) -> Iterator[str]:
    about = "the same owner" if same else f"{quoted(past.resource)}, another owner with the same metric"
    yield f"{moment(past.opened_at)} on {about}: alarm {quoted(past.alarm)}, decided {past.verdict}"
    yield f"people said: {'; '.join(map(_label, past.judged)) or 'nothing, so the cause below is not confirmed'}"
    action = f", proposed action {quoted(past.action)}" if past.action else ""
    if past.cause:
        yield f"cause as the model gave it then: {quoted(past.cause, CAUSE_CHARACTERS)}{action}"
    if past.cleared_at:
        seconds = max(0.0, (past.cleared_at - past.opened_at).total_seconds())
        yield f"outcome: its first alarm was OK again {duration(seconds)} after it opened"


def _label(label: Label) -> str:
    note = f" ({quoted(label.note, NOTE_CHARACTERS)})" if label.note else ""
    return f"{_SAID[label.judgement]}{note}"
