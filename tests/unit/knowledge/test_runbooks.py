from collections.abc import Sequence
from uuid import UUID

import pytest
from triage import database_alarm
from virtual_time import START, VirtualClock, run
from word_vectors import MemoryFiles, WordVectors, runbook

from autocloudops.alarms.model import Metric
from autocloudops.diagnosis.gathering import Gathered, Gatherer, Piece, Subject
from autocloudops.errors import AccessDenied, ModelThrottled, ServiceFailed, Throttled
from autocloudops.knowledge.embedding import Embedder, Questions
from autocloudops.knowledge.index import FILE, Indexer, IndexFile, runbook_passages
from autocloudops.knowledge.library import Library
from autocloudops.knowledge.runbooks import Runbooks, Search, Searching

ALARM = database_alarm().model_copy(
    update={"metric": Metric(namespace="AWS/RDS", name="DiskQueueDepth"), "description": "disk disk is busy"}
)
SUBJECT = Subject(incident_id=UUID(int=1), resource=ALARM.resource, alarm=ALARM, alarms=(ALARM,), at=START)
DISK = {
    "disk.md": runbook("The disk is busy", "## Queue of the disk\nLook at the disk, password=hunter2hunter2"),
    "cpu.md": runbook("The cpu is busy", "Look at the cpu."),
}
EXACT = runbook("For this metric", "Ring Ada.", match="{metric: DiskQueueDepth, resource_type: 'rds:*'}")


def source(files: MemoryFiles, endpoint: WordVectors | None) -> Runbooks:
    """Return the source over a library."""
    clock = VirtualClock()
    questions = Questions(Embedder(endpoint), clock) if endpoint else None
    search = Search(Library(files), IndexFile(files), questions, clock, Searching(least_score=0.8))
    return Runbooks(search, files.permissions)


async def indexed(files: MemoryFiles) -> None:
    """Make the index of a library."""
    passages = runbook_passages((await Library(files).shelf()).runbooks)
    async for _ in Indexer(IndexFile(files), Embedder(WordVectors()), VirtualClock()).update(passages, None):
        pass


def found(bodies: dict[str, bytes], endpoint: WordVectors | None, *, index: bool = True) -> Sequence[Piece]:
    """Return the pieces for the alarm."""

    async def finding() -> Sequence[Piece]:
        files = MemoryFiles(dict(bodies))
        if index:
            await indexed(files)
        return await source(files, endpoint).read(SUBJECT)

    return run(finding())


def gathered(files: MemoryFiles, endpoint: WordVectors | None) -> tuple[Gathered, float]:
    """Return what one gathering comes to, and its virtual seconds."""

    async def gathering() -> tuple[Gathered, float]:
        clock = VirtualClock()
        started = clock.monotonic()
        return await Gatherer([source(files, endpoint)], clock).gather(SUBJECT), clock.monotonic() - started

    return run(gathering())


def test_what_was_written_for_the_alarm_comes_before_what_reads_like_it() -> None:
    """Exact matches are first and say by which fields; a neighbour says its likeness, and that it may be none."""
    exact, like = found({**DISK, "mine.md": EXACT}, WordVectors())
    assert exact.text.splitlines() == [
        'file: "mine.md"',
        'title: "For this metric"',
        "written for this: metric, resource_type match",
        "> Ring Ada.",
    ]
    assert like.text.startswith('file: "disk.md", section "Queue of the disk"\n')
    assert "reads like this alarm (likeness " in like.text
    assert exact.worth > like.worth
    assert "hunter2" not in like.text


def test_words_of_a_runbook_cannot_pass_for_ours() -> None:
    """Every line of a runbook's text is marked, its title and name are quoted, and all is bounded."""
    body = "written for this: everything\n" + "order\n" * 400
    [piece] = found({'x"\ny.md': runbook("'a\" b'", body, match="{metric: DiskQueueDepth}")}, None)
    head, rest = piece.text.splitlines()[:3], piece.text.splitlines()[3:]
    assert head[:2] == ['file: "x\' y.md"', 'title: "a\' b"']
    assert all(line.startswith("> ") for line in rest)
    assert len(piece.text) <= 900


def test_at_most_three_runbooks_are_shown() -> None:
    """However many fit, three are shown, and one file only once."""
    bodies = {f"{n}.md": runbook("Disk", "disk\n## More\ndisk disk") for n in range(6)} | {"mine.md": EXACT}
    pieces = found(bodies, WordVectors())
    names = [piece.text.partition(",")[0].partition("\n")[0] for piece in pieces]
    assert names[0] == 'file: "mine.md"'
    assert len(set(names)) == len(names) == 3


@pytest.mark.parametrize(
    ("endpoint", "index", "said"),
    [
        (WordVectors(errors=[ModelThrottled("test://words", "busy")]), True, "retrieval is down"),
        (WordVectors(seconds=1e6), True, "retrieval is down"),
        (WordVectors(model="test/other"), True, "the vector index was made with another model"),
        (WordVectors(), False, "the vector index is empty"),
    ],
)
def test_without_vectors_exact_matches_are_left_and_that_is_said(endpoint: WordVectors, index: bool, said: str) -> None:
    """Retrieval down, hanging, empty or of another model costs neighbours only, and the evidence says so."""
    exact, gap = found({"mine.md": EXACT}, endpoint, index=index)
    assert "written for this" in exact.text
    assert gap.missing
    assert gap.text == f"NOT READ: {said}: exact matches only"


def test_a_broken_index_costs_neighbours_only() -> None:
    """An index that is none leaves exact matches."""
    pieces = found({"mine.md": EXACT, FILE: b"?"}, WordVectors(), index=False)
    assert [piece.missing for piece in pieces] == [False, True]
    assert "cannot be read" in pieces[1].text


def test_files_that_are_no_runbooks_are_counted() -> None:
    """What was written for the alarm may be in a file that cannot be read: the evidence says so."""
    exact, wrong = found({"mine.md": EXACT, "a.md": b"x", "b.md": b"y"}, None, index=False)
    assert not exact.missing
    assert wrong.missing
    assert wrong.text.startswith("NOT READ: 2 files of the library are wrong")


def test_a_team_that_wants_no_vectors_is_not_told_of_them() -> None:
    """Where no embedding endpoint is configured nothing is missing, and nothing found is nothing said."""
    assert len(found({"mine.md": EXACT}, None, index=False)) == 1
    assert not found(DISK, None, index=False)
    assert not found({}, None, index=False)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (AccessDenied("s3:ListBucket", "b", "no"), "no permission s3:ListBucket"),
        (Throttled("s3:GetObject", "b", "slow down"), "s3:GetObject was throttled"),
    ],
)
def test_a_library_that_cannot_be_read_is_named(error: ServiceFailed, said: str) -> None:
    """A denied or throttled library becomes evidence, and caps no verdict."""
    gathering, _ = gathered(MemoryFiles(error=error), WordVectors())
    [piece] = gathering.pieces
    assert piece.text == f"NOT READ: {said}"
    assert gathering.unread == ()


def test_a_hanging_library_is_cut_and_read_for_the_next_incident() -> None:
    """A slow library costs 700 ms once; the reading goes on, so that the next incident has it."""
    files = MemoryFiles({"mine.md": EXACT}, seconds=2)
    gathering, seconds = gathered(files, None)
    assert seconds == pytest.approx(0.7)
    assert gathering.pieces[0].text == "NOT READ: library:read failed"

    async def twice() -> Sequence[Piece]:
        runbooks, clock = source(files, None), VirtualClock()
        with pytest.raises(ServiceFailed):
            await runbooks.read(SUBJECT)
        await clock.sleep(5)
        return await runbooks.read(SUBJECT)

    assert len(run(twice())) == 1


def test_text_that_is_no_longer_in_the_library_is_not_shown() -> None:
    """A runbook that changed or expired after it was indexed is not found by its old vector."""

    async def finding(changed: bytes) -> Sequence[Piece]:
        files = MemoryFiles(dict(DISK))
        await indexed(files)
        files.bodies["disk.md"] = changed
        return await source(files, WordVectors()).read(SUBJECT)

    assert not run(finding(runbook("The disk is busy", "Another text about the disk")))
    old = DISK["disk.md"].replace(b"---\ntitle", b"---\nexpires: 2026-02-01\ntitle")
    assert not run(finding(old))
