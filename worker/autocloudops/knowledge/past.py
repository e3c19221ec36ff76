"""Earlier decisions: about the same owner, what reads alike, and about the same metric; and what people said of them.

Past           the source
AlikeIncidents the port: which incidents read like this one
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from autocloudops.diagnosis.gathering import Piece, Subject
from autocloudops.incidents.past import Judgement, Label, PastIncident, metric_family
from autocloudops.knowledge.calls import CALL_SECONDS
from autocloudops.knowledge.records import GET_MANY, QUERY, in_time
from autocloudops.knowledge.wording import bounded, duration, moment, quoted

SHOWN = 3
SOURCE = "earlier decisions of AutoCloudOps"
WORTH, ALIKE_WORTH, OTHER_WORTH, CONFIRMED_MORE = 46, 40, 34, 20
CAUSE_CHARACTERS = 300
NOTE_CHARACTERS = 200
_SAID = {
    Judgement.RIGHT: "cause and action were right",
    Judgement.WRONG_CAUSE: "the cause was WRONG",
    Judgement.WRONG_ACTION: "the action was WRONG",
    Judgement.NOT_ACTIONABLE: "nothing could be done about the alarm",
}


class PastIncidents(Protocol):
    """Where decided incidents are kept."""

    async def of_owner(self, owner_key: str, but: UUID, most: int) -> Sequence[UUID]:
        """Return the last decided incidents of an owner, the newest first."""
        ...

    async def of_family(self, account: str, family: str, but: UUID, most: int) -> Sequence[UUID]:
        """Return the last decided incidents of an account with the same metric family, the newest first."""
        ...

    async def of_ids(self, ids: Sequence[UUID]) -> Sequence[PastIncident]:
        """Return those of some incidents that are remembered, in their order."""
        ...


@dataclass(frozen=True, slots=True)
class LikeIncident:
    """An incident that reads alike: `score` is the cosine of the angle between both vectors."""

    incident_id: UUID
    score: float


@dataclass(frozen=True, slots=True)
class Alike:
    """Incidents that read alike, those of the same owner first; `gap` is why nobody can tell."""

    found: Sequence[LikeIncident] = ()
    gap: str = ""


class AlikeIncidents(Protocol):
    """What compares incidents by their words."""

    async def like(self, subject: Subject) -> Alike:
        """Return the incidents that read like `subject`, or why nobody can tell; it never raises."""
        ...


class Past:
    """Reads what was decided before.

    Args:
        incidents: where decided incidents are kept.
        alike: compares them by their words; None where nothing embeds: then only owner and metric count.
        seconds: how long each of two readings may take.
    """

    kind = "past"
    essential = False
    permissions = frozenset({QUERY, GET_MANY})

    def __init__(
        self, incidents: PastIncidents, alike: AlikeIncidents | None = None, seconds: float = CALL_SECONDS
    ) -> None:
        self._incidents = incidents
        self._seconds = seconds
        self._alike = alike

    async def read(self, subject: Subject) -> Sequence[Piece]:
        """Return three decisions at most, those of the owner first, each a piece of its own.

        Of the owner the newest one, then what reads alike, then the others; after them incidents of others that read
        alike, then those with the same metric.

        Raises:
            ServiceFailed: the records could not be read.
        """
        own, alike = await asyncio.gather(in_time(self._own(subject), self._seconds), self._like(subject))
        pieces = await in_time(self._shown(subject, own, alike), self._seconds)
        if alike.gap:
            pieces.append(Piece(kind=self.kind, source="AutoCloudOps", text=_gap(alike.gap), worth=0, missing=True))
        return pieces

    async def _own(self, subject: Subject) -> Sequence[UUID]:
        return await self._incidents.of_owner(subject.resource.owner_key, subject.incident_id, SHOWN)

    async def _like(self, subject: Subject) -> Alike:
        return await self._alike.like(subject) if self._alike else Alike()

    async def _shown(self, subject: Subject, own: Sequence[UUID], alike: Alike) -> list[Piece]:
        """Return the pieces of the worthiest decisions; the same metric is asked for only where others are too few."""
        scores = {each.incident_id: each.score for each in alike.found}
        ids, family = dict.fromkeys((*own, *scores)), metric_family(subject.alarm)
        if len(ids) < SHOWN and family:
            account = subject.resource.account
            ids |= dict.fromkeys(await self._incidents.of_family(account, family, subject.incident_id, 2 * SHOWN))
        past = await self._incidents.of_ids(tuple(ids))
        ordered = sorted(past, key=lambda each: _order(each, subject, own, scores))
        return [_piece(each, subject, scores.get(each.incident_id)) for each in ordered[:SHOWN]]


def _order(
    past: PastIncident, subject: Subject, own: Sequence[UUID], scores: Mapping[UUID, float]
) -> tuple[bool, bool, float, float]:
    """Return what sorts the worthiest first: the owner's newest, the owner's by likeness, the others' by likeness."""
    newest = bool(own) and past.incident_id == own[0]
    others = past.owner_key != subject.resource.owner_key
    return others, not newest, -scores.get(past.incident_id, 0.0), -past.opened_at.timestamp()


def _gap(why: str) -> str:
    return f"NOT READ: earlier incidents that only read like this one: {why}: exact matches only"


def _piece(past: PastIncident, subject: Subject, score: float | None) -> Piece:
    same = past.owner_key == subject.resource.owner_key
    confirmed = past.corrected or any(label.judgement is Judgement.RIGHT for label in past.judged)
    worth = WORTH if same else OTHER_WORTH if score is None else ALIKE_WORTH
    text = bounded(*_lines(past, _about(past, score, same=same)))
    return Piece(kind=Past.kind, source=SOURCE, text=text, worth=worth + CONFIRMED_MORE * bool(confirmed))


def _about(past: PastIncident, score: float | None, *, same: bool) -> str:
    alike = "" if score is None else f" (it reads like this one, likeness {score:.2f})"
    if same:
        return f"the same owner{alike}"
    return f"{quoted(past.resource)}, another owner{alike or ' with the same metric'}"


def _lines(past: PastIncident, about: str) -> Iterator[str]:
    yield f"{moment(past.opened_at)} on {about}: alarm {quoted(past.alarm)}, decided {past.verdict}"
    yield f"people said: {'; '.join(map(_label, past.judged)) or 'nothing, so the cause below is not confirmed'}"
    action = f", proposed action {quoted(past.action)}" if past.action else ""
    if past.corrected:
        yield f"cause as people corrected it: {quoted(past.corrected, CAUSE_CHARACTERS)}"
    if past.cause:
        yield f"cause as the model gave it then: {quoted(past.cause, CAUSE_CHARACTERS)}{action}"
    if past.cleared_at:
        seconds = max(0.0, (past.cleared_at - past.opened_at).total_seconds())
        yield f"outcome: its first alarm was OK again {duration(seconds)} after it opened"


def _label(label: Label) -> str:
    note = f" ({quoted(label.note, NOTE_CHARACTERS)})" if label.note else ""
    return f"{_SAID[label.judgement]}{note}"
