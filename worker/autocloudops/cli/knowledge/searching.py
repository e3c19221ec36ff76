"""`knowledge search`: what is found, and why."""

import asyncio
from contextlib import AsyncExitStack

from autocloudops.alarms.model import Alarm
from autocloudops.alarms.parse import parse
from autocloudops.cli.knowledge import Embedding
from autocloudops.cli.knowledge.opening import open_embedding, open_library_files
from autocloudops.cli.message import read_body
from autocloudops.cli.output import Output, Row, note, print_rows
from autocloudops.clock import SystemClock
from autocloudops.environment import read
from autocloudops.errors import InputUnreadable
from autocloudops.knowledge.embedding import Questions
from autocloudops.knowledge.index import IndexFile
from autocloudops.knowledge.library import Library
from autocloudops.knowledge.runbooks import Answer, Found, Search, Searching
from autocloudops.settings import KnowledgeSettings

COLUMNS = ("how", "score", "file", "section", "title")
SECONDS = 30.0


def search_library(library: str | None, embedding: Embedding, text: str, output: Output, *, alarm: bool) -> None:
    """Print what a library has for words, or for an alarm.

    Args:
        library: where it is; None is where the settings say.
        embedding: what embeds the question.
        text: words, or the path of a file with an alarm.
        output: how to print it.
        alarm: whether `text` is such a path.

    Raises:
        InputUnreadable: the file holds no alarm.
        ServiceFailed: the library cannot be read.
    """
    about = _alarm(text) if alarm else None
    answer = asyncio.run(_searched(library, embedding, text, about))
    print_rows(output, [*map(_runbook_row, answer.runbooks)], COLUMNS)
    if answer.gap:
        note(f"{answer.gap}: exact matches only")
    if answer.wrong:
        note(f"{answer.wrong} files of the library are wrong: run `autocloudops knowledge index` to see which")


def _alarm(file: str) -> Alarm:
    found = next((part for part in parse(read_body(file)) if isinstance(part, Alarm)), None)
    if found is None:
        raise InputUnreadable(f"{file}: there is no alarm in it", "see what is read with `autocloudops alarms parse`")
    return found


async def _searched(library: str | None, embedding: Embedding, text: str, alarm: Alarm | None) -> Answer:
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        files = await open_library_files(stack, library)
        embedder = await open_embedding(stack, embedding, clock)
        searching = Searching(SECONDS, read(KnowledgeSettings).least_score)
        questions = Questions(embedder, clock) if embedder else None
        search = Search(Library(files), IndexFile(files), questions, clock, searching)
        if alarm:
            return await search.for_alarm(alarm)
        return await search.for_text(text)


def _runbook_row(found: Found) -> Row:
    return {
        "how": f"exact: {', '.join(found.fields)}" if found.fields else "vector",
        "score": None if found.score is None else round(found.score, 3),
        "file": found.runbook.name,
        "section": found.section.heading,
        "title": found.runbook.title,
    }
