import pytest
from virtual_time import VirtualClock, run
from word_vectors import MemoryFiles, WordVectors, runbook

from autocloudops.errors import InputUnreadable, ModelBrokeOff, SettingsInvalid
from autocloudops.knowledge.embedding import Batching, Embedder
from autocloudops.knowledge.index import (
    FILE,
    Indexer,
    IndexFile,
    Progress,
    runbook_passages,
)
from autocloudops.knowledge.library import Library
from autocloudops.knowledge.vectors import VectorIndex

LIBRARY = {f"{word}.md": runbook(word, f"All about {word}.") for word in ("disk", "cpu", "queue")}


async def updated(
    files: MemoryFiles, endpoint: WordVectors, *, old: bool = True
) -> tuple[list[Progress], VectorIndex | None]:
    """Return the progress of one run over the library in `files`, and the index after it."""
    file = IndexFile(files)
    passages = runbook_passages((await Library(files).shelf()).runbooks)
    indexer = Indexer(file, Embedder(endpoint, Batching(texts=1, at_once=1)), VirtualClock())
    progress = [each async for each in indexer.update(passages, await file.load() if old else None)]
    return progress, await file.load()


def test_only_what_changed_is_embedded() -> None:
    """A second run embeds the changed section, forgets the removed one, and keeps the others' vectors."""
    files, endpoint = MemoryFiles(dict(LIBRARY)), WordVectors()
    progress, made = run(updated(files, endpoint))
    assert [each.done for each in progress] == [0, 1, 2, 3]
    assert made is not None
    assert (made.header.model, made.header.dimension, made.header.stored_as) == ("test/words", 6, "passage")
    files.bodies["cpu.md"] = runbook("cpu", "Another cpu text.")
    del files.bodies["disk.md"]
    progress, made = run(updated(files, endpoint))
    assert progress == [Progress(1, 2), Progress(2, 2)]
    assert made is not None
    assert sorted(entry.name for entry in made.entries) == ["cpu.md", "queue.md"]
    assert len(endpoint.asked) == 4


def test_a_run_that_failed_goes_on_where_it_stopped() -> None:
    """What was embedded before the endpoint failed is kept, and the next run asks for the rest only."""
    files = MemoryFiles(dict(LIBRARY))
    endpoint = WordVectors(errors=[None, None, ModelBrokeOff("test://words", "broke")])
    with pytest.raises(ModelBrokeOff):
        run(updated(files, endpoint))
    progress, made = run(updated(files, endpoint))
    assert progress == [Progress(2, 3), Progress(3, 3)]
    assert made is not None
    assert len(made) == 3


def test_a_long_run_is_saved_on_the_way() -> None:
    """A process that is killed loses what it embedded in the last 20 seconds at most."""
    files, endpoint = MemoryFiles(dict(LIBRARY)), WordVectors(seconds=15)
    seen: list[int] = []

    async def watched() -> None:
        passages = runbook_passages((await Library(files).shelf()).runbooks)
        indexer = Indexer(IndexFile(files), Embedder(endpoint, Batching(texts=1, at_once=1)), VirtualClock())
        async for _ in indexer.update(passages, None):
            held = await IndexFile(files).load()
            seen.append(len(held) if held else 0)

    run(watched())
    assert seen == [0, 0, 2, 2]


def test_an_index_of_two_models_is_refused() -> None:
    """Vectors of another model are never put beside those that are there; a rebuild makes all anew."""
    files = MemoryFiles(dict(LIBRARY))
    run(updated(files, WordVectors()))
    before = files.bodies[FILE]
    with pytest.raises(SettingsInvalid, match=r"not with test/other"):
        run(updated(files, WordVectors(model="test/other")))
    files.bodies["memory.md"] = runbook("memory")
    other = WordVectors(model="test/other")
    with pytest.raises(SettingsInvalid, match=r"made with test/words \(6 numbers\), not with test/other.*--rebuild"):
        run(updated(files, other))
    assert files.bodies[FILE] == before
    _, made = run(updated(files, other, old=False))
    assert made is not None
    assert made.header.model == "test/other"


def test_an_index_that_cannot_be_read_is_said_to_be_so() -> None:
    """A file of another kind in the index's place is refused, and no file is no index."""
    assert run(IndexFile(MemoryFiles()).load()) is None
    with pytest.raises(InputUnreadable, match=r"memory/\.index/vectors"):
        run(IndexFile(MemoryFiles({FILE: b"?"})).load())
