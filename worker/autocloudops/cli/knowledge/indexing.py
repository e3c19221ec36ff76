"""`knowledge index`: vectors for what changed in the library."""

import asyncio
from contextlib import AsyncExitStack

from autocloudops.cli.knowledge import Embedding
from autocloudops.cli.knowledge.opening import needed, open_embedding, open_library_files
from autocloudops.cli.output import Output, Row, note, print_rows
from autocloudops.cli.program import ExitCode
from autocloudops.clock import SystemClock
from autocloudops.errors import InputUnreadable
from autocloudops.knowledge.index import Indexer, IndexFile, runbook_passages
from autocloudops.knowledge.library import Library, Shelf
from autocloudops.knowledge.vectors import VectorIndex

COLUMNS = ("runbooks", "passages", "embedded", "model", "dimension", "index")


def index_library(library: str | None, embedding: Embedding, output: Output, *, rebuild: bool) -> ExitCode:
    """Bring a library's index up to date.

    Returns:
        CHECK_FAILED where a file of the library is no runbook; the others are indexed.

    Raises:
        SettingsInvalid: the endpoint serves another model than the index was made with.
        ModelError: the endpoint failed; what was embedded until then is kept.
        ServiceFailed: the library cannot be read or written.
    """
    row, shelf = asyncio.run(_indexed(library, embedding, rebuild=rebuild))
    print_rows(output, [row], COLUMNS)
    for problem in shelf.problems:
        note(problem)
    return ExitCode.CHECK_FAILED if shelf.problems else ExitCode.OK


async def _indexed(library: str | None, embedding: Embedding, *, rebuild: bool) -> tuple[Row, Shelf]:
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        files = await open_library_files(stack, library)
        embedder = needed(await open_embedding(stack, embedding, clock))
        file = IndexFile(files)
        old = await _old(file, rebuild=rebuild)
        shelf = await Library(files).shelf()
        passages = runbook_passages(shelf.runbooks)
        held = None
        async for progress in Indexer(file, embedder, clock).update(passages, None if rebuild else old):
            held = progress.done if held is None else held
            note(f"embedded {progress.done:,} of {progress.total:,} passages")
        return _row(shelf, len(passages) - (held or 0), await file.load(), file.location), shelf


async def _old(file: IndexFile, *, rebuild: bool) -> VectorIndex | None:
    """Return the index as it is; one that cannot be read is only left out where all is made anew."""
    try:
        return await file.load()
    except InputUnreadable:
        if rebuild:
            return None
        raise


def _row(shelf: Shelf, embedded: int, index: VectorIndex | None, location: str) -> Row:
    return {
        "runbooks": len(shelf.runbooks),
        "passages": len(index) if index else 0,
        "embedded": embedded,
        "model": index.header.model if index else None,
        "dimension": index.header.dimension if index else None,
        "index": location,
    }
