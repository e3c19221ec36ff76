"""Past incidents that read like this one: their vectors stand in the state table, one for each decision."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from logging import getLogger
from typing import Protocol
from uuid import UUID

import numpy as np

from autocloudops.clock import Clock
from autocloudops.diagnosis.gathering import Subject, not_read
from autocloudops.errors import ModelError, ServiceFailed
from autocloudops.incidents.past import PastIncident, PastVector, VectorSpace
from autocloudops.knowledge.embedding import Embedded, Embedder, Questions
from autocloudops.knowledge.held import Held
from autocloudops.knowledge.past import Alike, LikeIncident
from autocloudops.knowledge.runbooks import Searching, question_of
from autocloudops.knowledge.vectors import STORED, Matrix, unit
from autocloudops.redaction import clean

log = getLogger(__name__)

MOST_COMPARED = 500
"""The newest decisions of an account; with 1,024 numbers each they are one megabyte to read, every few minutes."""
MOST_SPACES = 20
MOST_FOUND = 6
MOST_WAITING = 50
TEXT_CHARACTERS = 1_200


class PastVectors(Protocol):
    """Where vectors of past incidents are kept."""

    async def keep(self, vector: PastVector) -> None:
        """Keep the vector of one decision; raises `ServiceFailed`."""
        ...

    async def newest(self, space: VectorSpace, most: int) -> Sequence[PastVector]:
        """Return the vectors of the newest decisions, the newest first; raises `ServiceFailed`."""
        ...


@dataclass(frozen=True, slots=True)
class _Compared:
    """Vectors that are held in memory: ids, owners, and a row for each."""

    ids: Sequence[UUID]
    owners: Sequence[str]
    matrix: Matrix


class Likeness:
    """Compares the question of an incident with those that were decided.

    Args:
        vectors: where they are kept.
        questions: makes the vector of a question.
        clock: time.
        searching: how far a search goes.
    """

    def __init__(self, vectors: PastVectors, questions: Questions, clock: Clock, searching: Searching) -> None:
        self._vectors = vectors
        self._questions = questions
        self._clock = clock
        self._searching = searching
        self._spaces: OrderedDict[VectorSpace, Held[_Compared]] = OrderedDict()

    async def like(self, subject: Subject) -> Alike:
        """Return the incidents that read most like `subject`, or why nobody can tell; it never raises."""
        try:
            async with asyncio.timeout(self._searching.seconds):
                asked = await self._questions.query(question_of(subject.alarm))
                compared = await self._compared(subject.resource.account, asked)
        except ServiceFailed as error:
            return Alike(gap=f"their vectors cannot be read ({not_read(error)})")
        except (ModelError, TimeoutError):
            return Alike(gap="retrieval is down")
        if not compared.ids:
            return Alike(gap=f"no decided incident has a vector of {clean(asked.model, 100)} yet")
        return Alike(tuple(self._nearest(compared, asked, subject)))

    async def _compared(self, account: str, asked: Embedded) -> _Compared:
        """Return the vectors of an account: those that were read last, while newer ones are being read."""
        space = VectorSpace(account=account, model=asked.model, dimension=len(asked.vectors[0]))
        held = self._spaces.get(space)
        if held is None:
            held = self._spaces[space] = Held(lambda: self._read(space), self._clock, self._searching.fresh_seconds)
        self._spaces.move_to_end(space)
        if len(self._spaces) > MOST_SPACES:
            self._spaces.popitem(last=False)
        return await held.get()

    async def _read(self, space: VectorSpace) -> _Compared:
        found = [
            vector
            for vector in await self._vectors.newest(space, MOST_COMPARED)
            if len(vector.numbers) == space.dimension * STORED.itemsize
        ]
        rows = [np.frombuffer(vector.numbers, dtype=STORED).astype(np.float32) for vector in found]
        matrix = np.stack(rows) if rows else np.zeros((0, space.dimension), dtype=np.float32)
        return _Compared([vector.incident_id for vector in found], [vector.owner_key for vector in found], matrix)

    def _nearest(self, compared: _Compared, asked: Embedded, subject: Subject) -> Iterator[LikeIncident]:
        """Yield those near enough, the owner's own first, then by likeness."""
        scores = compared.matrix @ unit(asked.vectors)[0]
        own = np.asarray([owner == subject.resource.owner_key for owner in compared.owners])
        places = [
            place
            for place in np.lexsort((-scores, ~own))
            if scores[place] >= self._searching.least_score and compared.ids[place] != subject.incident_id
        ]
        for place in places[:MOST_FOUND]:
            yield LikeIncident(compared.ids[place], round(float(scores[place]), 2))


class PastStore(Protocol):
    """Where decided incidents are remembered."""

    async def keep(self, past: PastIncident, previous: UUID | None = None) -> None:
        """Remember an incident, and the one before it of the same owner as over; raises `ServiceFailed`."""
        ...


class RememberedByLikeness:
    """A place for decided incidents that also gives each its vector, in the background.

    People are told of a decision while its vector is still being made. One that cannot be made is missed by nobody but
    later questions: they find the incident by its owner and metric as before.

    Args:
        store: where incidents are remembered.
        vectors: where their vectors are kept.
        embedder: makes them.
    """

    def __init__(self, store: PastStore, vectors: PastVectors, embedder: Embedder) -> None:
        self._store = store
        self._vectors = vectors
        self._embedder = embedder
        self._waiting: set[asyncio.Task[None]] = set()

    async def keep(self, past: PastIncident, previous: UUID | None = None) -> None:
        """Remember an incident, and have its vector made.

        Raises:
            ServiceFailed: it could not be remembered.
        """
        await self._store.keep(past, previous)
        if past.suppressed or past.cause is None:
            return
        if len(self._waiting) >= MOST_WAITING:
            log.warning("incident %s gets no vector: %d others wait for theirs", past.incident_id, len(self._waiting))
            return
        task = asyncio.create_task(self._embed(past), name="vector of a past incident")
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def finished(self) -> None:
        """Return when no vector is being made any more."""
        await asyncio.gather(*self._waiting)

    async def aclose(self) -> None:
        """Give up the vectors that are still being made."""
        for task in self._waiting:
            task.cancel()
        await asyncio.gather(*self._waiting, return_exceptions=True)

    async def _embed(self, past: PastIncident) -> None:
        try:
            async for made in self._embedder.passages([passage_of(past)]):
                await self._vectors.keep(_vector(past, made))
        except (ModelError, ServiceFailed) as error:
            log.warning("incident %s gets no vector: %s", past.incident_id, error)


def passage_of(past: PastIncident) -> str:
    """Return what a decided incident is found by: what alarmed, on what, and the cause that was given."""
    said = (past.alarm, past.family, past.resource, past.cause)
    return clean("\n".join(filter(None, said)), TEXT_CHARACTERS)


def _vector(past: PastIncident, made: Embedded) -> PastVector:
    space = VectorSpace(account=past.account, model=made.model, dimension=len(made.vectors[0]))
    return PastVector(
        incident_id=past.incident_id,
        owner_key=past.owner_key,
        space=space,
        decided_at=past.decided_at,
        numbers=unit(made.vectors)[0].astype(STORED).tobytes(),
    )
