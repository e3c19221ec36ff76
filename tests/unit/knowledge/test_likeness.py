import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import pytest
from remembered import ALARM, ORDER, Answering, past, safe, subject
from triage import ACCOUNT, database_alarm
from virtual_time import VirtualClock, run
from word_vectors import WordVectors

from autocloudops.alarms.model import Metric
from autocloudops.diagnosis.gathering import Gathered, Gatherer, Piece, Subject
from autocloudops.errors import AccessDenied, ModelThrottled, ServiceFailed, ServiceUnavailable, Throttled
from autocloudops.incidents.past import PastIncident, PastVector, VectorSpace
from autocloudops.knowledge.embedding import Embedder, Questions
from autocloudops.knowledge.likeness import Likeness, RememberedByLikeness, passage_of
from autocloudops.knowledge.past import Past
from autocloudops.knowledge.runbooks import Searching

SLOW = database_alarm().model_copy(
    update={"metric": Metric(namespace="AWS/RDS", name="DiskQueueDepth"), "description": "disk disk is busy"}
)
OTHER = "111122223333/eu-west-1/rds-db-instance/payments-db"
DISK, CPU = "the disk was full, the disk queue grew", "the cpu was busy"


@dataclass
class Vectors:
    """Vectors of past incidents in memory.

    Args:
        error: what every call raises, if anything.
        seconds: how long each takes.
    """

    error: ServiceFailed | None = None
    seconds: float = 0
    kept: list[PastVector] = field(default_factory=list)
    reads: int = 0

    async def keep(self, vector: PastVector) -> None:
        await self._wait()
        self.kept.append(vector)

    async def newest(self, space: VectorSpace, most: int) -> Sequence[PastVector]:
        self.reads += 1
        await self._wait()
        return [vector for vector in self.kept if vector.space == space][:most]

    async def _wait(self) -> None:
        await asyncio.sleep(self.seconds)
        if self.error:
            raise self.error


class Incidents:
    """Decided incidents in memory: what the source reads and what a decision is kept in."""

    def __init__(self, *incidents: PastIncident) -> None:
        self.incidents = {each.incident_id: each for each in incidents}

    async def keep(self, past: PastIncident, previous: UUID | None = None) -> None:
        assert previous is None
        self.incidents[past.incident_id] = past

    async def of_owner(self, owner_key: str, but: UUID, most: int) -> Sequence[UUID]:
        own = [each for each in self.incidents.values() if each.owner_key == owner_key and each.incident_id != but]
        return [each.incident_id for each in sorted(own, key=lambda each: each.opened_at, reverse=True)][:most]

    async def of_family(self, account: str, family: str, but: UUID, most: int) -> Sequence[UUID]:
        assert account == ACCOUNT
        found = [each for each in self.incidents.values() if each.family == family and each.incident_id != but]
        return [each.incident_id for each in found][:most]

    async def of_ids(self, ids: Sequence[UUID]) -> Sequence[PastIncident]:
        return [self.incidents[each] for each in ids]


def decided(number: int, cause: str | None, owner: str = OTHER, **changes: object) -> PastIncident:
    """Return a decided incident of another kind of trouble than the tests' alarm."""
    return past(
        number, cause=cause, owner_key=owner, alarm="an alarm", family=f"x AWS/X/{number}", resource="x y", **changes
    )


async def _remembered(store: Incidents, vectors: Vectors, endpoint: WordVectors, *incidents: PastIncident) -> None:
    remembering = RememberedByLikeness(store, vectors, Embedder(endpoint))
    for each in incidents:
        await remembering.keep(each)
    await remembering.finished()


def found(
    *incidents: PastIncident, endpoint: WordVectors | None = None, vectors: Vectors | None = None
) -> tuple[Gathered, Vectors]:
    """Return what is shown for the tests' alarm after some decisions were remembered with their vectors."""

    async def finding() -> Gathered:
        await _remembered(store, kept, WordVectors(), *incidents)
        return await Gatherer([_source(store, kept, endpoint or WordVectors())], VirtualClock()).gather(subject(SLOW))

    store, kept = Incidents(), vectors or Vectors()
    return run(finding()), kept


def _source(store: Incidents, vectors: Vectors, endpoint: WordVectors) -> Past:
    clock = VirtualClock()
    questions = Questions(Embedder(endpoint), clock)
    return Past(store, Likeness(vectors, questions, clock, Searching(least_score=0.8)))


def _owners(pieces: Sequence[Piece]) -> list[str]:
    return [piece.text.splitlines()[0].partition(" on ")[2].partition(":")[0] for piece in pieces]


def test_an_incident_that_reads_alike_is_found_whoever_had_it() -> None:
    """Another owner's trouble with another metric is shown where it reads alike, and one that does not is not."""
    gathered, _ = found(decided(2, DISK), decided(3, CPU))
    (piece,) = gathered.pieces
    assert piece.text.startswith('2026-11-20 03:11:42Z on "x y", another owner (it reads like this one, likeness 0.9')
    assert f'cause as the model gave it then: "{DISK}"' in piece.text


def test_the_same_owner_comes_first() -> None:
    """Of the owner the newest decision leads, then what reads alike; a closer incident of another comes after them."""
    own = ALARM.resource.owner_key
    gathered, _ = found(decided(2, DISK), decided(3, CPU, own), decided(5, DISK, own), decided(4, CPU, own))
    assert [each.partition(" (")[0] for each in _owners(gathered.pieces)] == ["the same owner"] * 3
    ordered = sorted(gathered.pieces, key=lambda piece: "likeness" in piece.text)
    assert sum("likeness" in piece.text for piece in gathered.pieces) == 1
    assert "2026-11-19" in ordered[0].text


def test_what_people_said_is_shown_with_it() -> None:
    """Outcome and label are read when the incident is shown, not when its vector was made."""

    async def finding() -> Sequence[Piece]:
        store, vectors = Incidents(), Vectors()
        await _remembered(store, vectors, WordVectors(), decided(2, DISK))
        cleared = decided(2, DISK)
        await store.keep(cleared.model_copy(update={"cleared_at": cleared.opened_at + timedelta(minutes=4)}))
        return await _source(store, vectors, WordVectors()).read(subject(SLOW))

    (piece,) = run(finding())
    assert "outcome: its first alarm was OK again 4 min after it opened" in piece.text


@pytest.mark.parametrize(
    ("endpoint", "vectors", "said"),
    [
        (WordVectors(errors=[ModelThrottled("test://words", "busy")]), Vectors(), "retrieval is down"),
        (WordVectors(seconds=1e6), Vectors(), "retrieval is down"),
        (WordVectors(model="test/other"), Vectors(), "no decided incident has a vector of test/other yet"),
        (WordVectors(), Vectors(seconds=1e6), "retrieval is down"),
        (
            WordVectors(),
            Vectors(error=AccessDenied("dynamodb:Query", "state", "no")),
            "their vectors cannot be read (no permission dynamodb:Query)",
        ),
        (
            WordVectors(),
            Vectors(error=Throttled("dynamodb:Query", "state", "no")),
            "their vectors cannot be read (dynamodb:Query was throttled)",
        ),
    ],
)
def test_without_vectors_owner_and_metric_are_left_and_that_is_said(
    endpoint: WordVectors, vectors: Vectors, said: str
) -> None:
    """Retrieval down, slow, throttled, denied, or of another model costs what only reads alike, and is evidence."""

    async def finding() -> Gathered:
        clock = VirtualClock()
        likeness = Likeness(vectors, Questions(Embedder(endpoint), clock), clock, Searching())
        source = Past(Incidents(decided(2, DISK, ALARM.resource.owner_key)), likeness)
        return await Gatherer([source], clock).gather(subject(SLOW))

    gathered = run(finding())
    exact, gap = gathered.pieces
    assert "the same owner" in exact.text
    assert gap.missing
    assert gap.text == f"NOT READ: earlier incidents that only read like this one: {said}: exact matches only"
    assert gathered.uses[0].seconds <= 0.7
    assert gathered.unread == ()


def test_what_nobody_diagnosed_gets_no_vector() -> None:
    """A suppressed incident is no example, and one without a cause has nothing to read."""
    _, vectors = found(decided(2, DISK, suppressed=True), decided(3, None), decided(4, CPU))
    assert [vector.incident_id for vector in vectors.kept] == [UUID(int=4 << 96)]


def test_a_decision_waits_for_no_vector() -> None:
    """An incident is remembered at once while its vector takes its time; closing gives up what is not made."""

    async def keeping() -> tuple[float, int]:
        clock, vectors = VirtualClock(), Vectors()
        remembering = RememberedByLikeness(Incidents(), vectors, Embedder(WordVectors(seconds=30)))
        await remembering.keep(decided(2, DISK))
        seconds = clock.monotonic()
        await remembering.aclose()
        return seconds, len(vectors.kept)

    started = run(_now())
    assert run(keeping()) == (started, 0)


async def _now() -> float:
    return VirtualClock().monotonic()


def test_a_storm_of_decisions_queues_no_more_than_fifty_vectors() -> None:
    """Whoever comes when fifty wait goes without one, and is remembered all the same."""

    async def keeping() -> tuple[int, int]:
        store, vectors = Incidents(), Vectors()
        remembering = RememberedByLikeness(store, vectors, Embedder(WordVectors(seconds=1)))
        for number in range(2, 72):
            await remembering.keep(decided(number, DISK))
        await remembering.finished()
        return len(store.incidents), len(vectors.kept)

    assert run(keeping()) == (70, 50)


@pytest.mark.parametrize(
    ("endpoint", "vectors"),
    [
        (WordVectors(errors=[ModelThrottled("test://words", "busy")]), Vectors()),
        (WordVectors(), Vectors(error=ServiceUnavailable("dynamodb:PutItem", "state", "no"))),
    ],
)
def test_a_vector_that_cannot_be_made_costs_nothing_else(
    endpoint: WordVectors, vectors: Vectors, caplog: pytest.LogCaptureFixture
) -> None:
    """The decision is remembered, and the log names the incident."""
    store = Incidents()
    run(_remembered(store, vectors, endpoint, decided(2, DISK)))
    assert len(store.incidents) == 1
    assert f"incident {UUID(int=2 << 96)} gets no vector" in caplog.text


def test_vectors_are_read_once_for_many_incidents() -> None:
    """Incidents of one account compare with what is held in memory; it is read again after five minutes."""

    async def asking() -> tuple[int, int]:
        clock, vectors = VirtualClock(), Vectors()
        likeness = Likeness(vectors, Questions(Embedder(WordVectors()), clock), clock, Searching())
        for _ in range(5):
            await likeness.like(subject(SLOW))
        before = vectors.reads
        await clock.sleep(301)
        await likeness.like(subject(SLOW))
        await clock.sleep(1)
        return before, vectors.reads

    assert run(asking()) == (1, 2)


def test_runbooks_and_incidents_share_one_question() -> None:
    """Two readers that ask the same at the same moment make one request."""

    async def asking() -> int:
        endpoint, clock = WordVectors(seconds=0.1), VirtualClock()
        questions = Questions(Embedder(endpoint), clock)
        await asyncio.gather(*(questions.query("disk") for _ in range(4)))
        return len(endpoint.asked)

    assert run(asking()) == 1


def test_words_of_an_alike_incident_are_quoted() -> None:
    """Orders and secrets in a past incident reach neither its passage nor the facts uncleaned."""
    planted = past(2, owner_key=OTHER, cause=f"{DISK} {ORDER}", alarm=ORDER)
    gathered, _ = found(planted)
    assert safe(gathered)
    assert "<aws-access-key:" in passage_of(planted)


def test_an_incident_is_not_compared_with_itself() -> None:
    """An incident that is asked about again does not cite its own first decision."""

    async def finding() -> Sequence[Piece]:
        store, vectors = Incidents(), Vectors()
        about: Subject = subject(SLOW)
        itself = decided(2, DISK).model_copy(update={"incident_id": about.incident_id})
        await _remembered(store, vectors, WordVectors(), itself, decided(3, DISK))
        return await _source(store, vectors, WordVectors()).read(about)

    (piece,) = run(finding())
    assert "2026-11-19" in piece.text


def test_a_store_that_fails_is_said_whatever_reads_alike() -> None:
    """Where the records cannot be read, their vectors help nobody."""

    async def finding() -> Gathered:
        clock = VirtualClock()
        likeness = Likeness(Vectors(), Questions(Embedder(WordVectors()), clock), clock, Searching())
        source = Past(Answering({}, AccessDenied("dynamodb:Query", "state", "no")), likeness)
        return await Gatherer([source], clock).gather(subject(SLOW))

    (piece,) = run(finding()).pieces
    assert piece.text == "NOT READ: no permission dynamodb:Query"
