"""What a team has written down for such an alarm."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from autocloudops.alarms.model import Alarm
from autocloudops.clock import Clock
from autocloudops.diagnosis.gathering import Piece, Subject, not_read
from autocloudops.errors import InputUnreadable, ModelError, ServiceFailed, ServiceUnavailable
from autocloudops.knowledge.embedding import Questions
from autocloudops.knowledge.front_matter import Runbook, Section, asked_of
from autocloudops.knowledge.held import Held
from autocloudops.knowledge.index import IndexFile, mixed
from autocloudops.knowledge.library import Library, Shelf, fitting_section
from autocloudops.knowledge.vectors import Entry, Hit, VectorIndex
from autocloudops.knowledge.wording import bounded, quoted
from autocloudops.redaction import clean, cut

MOST = 3
CALL_SECONDS = 0.7
FRESH_SECONDS = 300.0
LEAST_SCORE = 0.35
BODY_CHARACTERS = 520
QUESTION_CHARACTERS = 1_500
EXACT_WORTH, LIKE_WORTH = 73, 40
SOURCE = "runbook library"


@dataclass(frozen=True, slots=True)
class Searching:
    """How far a search goes.

    Args:
        seconds: how long the vector of the question may take.
        least_score: no text whose cosine with the question is lower.
        fresh_seconds: so long the library is not read again.
    """

    seconds: float = CALL_SECONDS
    least_score: float = LEAST_SCORE
    fresh_seconds: float = FRESH_SECONDS


@dataclass(frozen=True, slots=True)
class Found:
    """A section that fits. `fields` of its match fit exactly; without them it is only alike, by `score`."""

    runbook: Runbook
    section: Section
    fields: tuple[str, ...] = ()
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a search came to: runbooks, the worthiest first.

    `gap` is why vectors told nothing; `wrong` counts the files of the library that are no runbooks.
    """

    runbooks: tuple[Found, ...]
    gap: str = ""
    wrong: int = 0


@dataclass(frozen=True, slots=True)
class _Near:
    """A question's vector and the index for it, or why there is none."""

    index: VectorIndex | None = None
    vector: Sequence[float] = ()
    gap: str = ""


class Search:
    """Looks for runbooks: those written for an alarm, and then those that read like it.

    Args:
        library: the runbooks.
        file: their vectors.
        questions: makes the question's vector; None where nothing embeds: then only exact matches are found.
        clock: time.
        searching: how far it goes.
    """

    def __init__(
        self, library: Library, file: IndexFile, questions: Questions | None, clock: Clock, searching: Searching
    ) -> None:
        self._questions = questions
        self._clock = clock
        self._searching = searching
        self._shelf = Held(library.shelf, clock, searching.fresh_seconds)
        self._index = Held(file.load, clock, searching.fresh_seconds)

    async def for_alarm(self, alarm: Alarm) -> Answer:
        """Return what there is for `alarm`: at most `MOST` runbooks.

        Raises:
            ServiceFailed: the library cannot be read.
        """
        question = question_of(alarm)
        shelf, near = await asyncio.gather(self._runbooks(), self._near(question))
        written = shelf.written_for(asked_of(alarm), self._clock.now().date())[:MOST]
        exact = [Found(each, fitting_section(each, question), each.match.fields()) for each in written]
        hits = self._hits(near, shelf)
        like = [found for found in _distinct(shelf, hits) if found.runbook not in written]
        return Answer(tuple([*exact, *like][:MOST]), near.gap, len(shelf.problems))

    async def for_text(self, text: str) -> Answer:
        """Return the runbooks whose match the words of `text` spell out, and then what reads like it.

        Raises:
            ServiceFailed: the library cannot be read.
        """
        shelf, near = await asyncio.gather(self._runbooks(), self._near(text))
        written = shelf.named_in(text, self._clock.now().date())
        exact = [Found(each, fitting_section(each, text), each.match.fields()) for each in written]
        hits = self._hits(near, shelf)
        like = [found for found in _distinct(shelf, hits) if found.runbook not in written]
        return Answer((*exact, *like), near.gap, len(shelf.problems))

    async def _runbooks(self) -> Shelf:
        try:
            async with asyncio.timeout(self._searching.seconds):
                return await self._shelf.get()
        except TimeoutError as error:
            said = f"no answer within {self._searching.seconds:g} s"
            raise ServiceUnavailable("library:read", SOURCE, said) from error

    async def _near(self, question: str) -> _Near:
        """Return a question's vector with the index for it, or why there is none."""
        if self._questions is None:
            return _Near()
        try:
            async with asyncio.timeout(self._searching.seconds):
                return await self._asked(self._questions, question)
        except ServiceFailed as error:
            return _Near(gap=f"the vector index cannot be read ({not_read(error)})")
        except InputUnreadable:
            return _Near(gap="the vector index cannot be read")
        except (ModelError, TimeoutError):
            return _Near(gap="retrieval is down")

    async def _asked(self, questions: Questions, question: str) -> _Near:
        index = await self._index.get()
        if index is None or not len(index):
            return _Near(gap="the vector index is empty")
        asked = await questions.query(question)
        if mixed(index.header, asked.model, len(asked.vectors[0])):
            return _Near(gap="the vector index was made with another model")
        return _Near(index, asked.vectors[0])

    def _hits(self, near: _Near, shelf: Shelf) -> list[Hit]:
        return self._nearest(near.index, near.vector, shelf) if near.index else []

    def _nearest(self, index: VectorIndex, vector: Sequence[float], shelf: Shelf) -> list[Hit]:
        today = self._clock.now().date()
        there = {
            (runbook.name, section.digest)
            for runbook in shelf.runbooks
            if runbook.current(today)
            for section in runbook.sections
        }

        def counts(entry: Entry) -> bool:
            return (entry.name, entry.digest) in there

        return index.nearest(vector, 8 * MOST, self._searching.least_score, counts)


class Runbooks:
    """Runbooks as facts about an incident.

    Args:
        search: finds them.
        permissions: what reading the library and asking the endpoint needs.
    """

    kind = "runbook"
    essential = False

    def __init__(self, search: Search, permissions: frozenset[str]) -> None:
        self._search = search
        self.permissions = permissions

    async def read(self, subject: Subject) -> Sequence[Piece]:
        """Return at most `MOST` sections of runbooks, and what of the search failed.

        Raises:
            ServiceFailed: the library cannot be read.
        """
        answer = await self._search.for_alarm(subject.alarm)
        pieces = [_runbook_piece(each) for each in answer.runbooks]
        if answer.gap:
            pieces.append(_unread(f"{answer.gap}: exact matches only"))
        if answer.wrong:
            pieces.append(_unread(f"{answer.wrong} files of the library are wrong, see `autocloudops knowledge index`"))
        return pieces


def question_of(alarm: Alarm) -> str:
    """Return the words that texts about `alarm` are looked for with, cleaned."""
    metrics = [alarm.metric] if alarm.metric else [query.metric for query in alarm.queries if query.metric]
    watched = ", ".join(f"{metric.namespace} {metric.name}" for metric in metrics[:MOST])
    resource = f"{alarm.resource.type} {alarm.resource.id}"
    said = (alarm.key.name, watched, resource, alarm.description or "", alarm.reason)
    return clean("\n".join(filter(None, said)), QUESTION_CHARACTERS)


def _distinct(shelf: Shelf, hits: Iterable[Hit]) -> list[Found]:
    """Return the runbooks of hits, each with its nearest section."""
    runbooks = {runbook.name: runbook for runbook in shelf.runbooks}
    found: dict[str, Found] = {}
    for hit in hits:
        if hit.entry.name not in found:
            runbook = runbooks[hit.entry.name]
            section = next(each for each in runbook.sections if each.digest == hit.entry.digest)
            found[runbook.name] = Found(runbook, section, score=hit.score)
    return list(found.values())


def _runbook_piece(found: Found) -> Piece:
    section = f", section {quoted(found.section.heading)}" if found.section.heading else ""
    why = f"written for this: {', '.join(found.fields)} match"
    if found.score is not None:
        why = f"reads like this alarm (likeness {found.score:.2f}), but nothing says that it was written for it"
    head = (f"file: {quoted(found.runbook.name)}{section}", f"title: {quoted(found.runbook.title)}", why)
    worth = EXACT_WORTH if found.fields else LIKE_WORTH
    return Piece(kind=Runbooks.kind, source=SOURCE, text=bounded(*head, *_body(found.section.text)), worth=worth)


def _unread(said: str) -> Piece:
    return Piece(kind=Runbooks.kind, source="AutoCloudOps", text=f"NOT READ: {said}", worth=0, missing=True)


def _body(text: str) -> Iterable[str]:
    """Return the lines of somebody else's text, each marked as such."""
    return (f"> {line.strip()}" for line in cut(text, BODY_CHARACTERS).splitlines() if line.strip())
