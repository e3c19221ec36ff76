"""A team's runbooks: which ones there are, and which were written for an alarm."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from autocloudops.errors import InputUnreadable
from autocloudops.knowledge.files import Files
from autocloudops.knowledge.front_matter import Asked, Runbook, Section, parse_runbook
from autocloudops.knowledge.words import words
from autocloudops.values import Value

SUFFIX = ".md"
READS_AT_ONCE = 16


class Shelf(Value):
    """The runbooks of a library at one moment, by name, and what is wrong with the files that are none."""

    runbooks: tuple[Runbook, ...] = ()
    problems: tuple[str, ...] = ()

    def written_for(self, asked: Asked, today: date) -> list[Runbook]:
        """Return the runbooks whose match fits, the most specific first, without the expired.

        See `Match.rank` for what is more specific; of equals, the first by name.
        """
        ranked = [(rank, each) for each in self.runbooks if each.current(today) and (rank := each.match.rank(asked))]
        return [each for _, each in sorted(ranked, key=lambda pair: (_reversed(pair[0]), pair[1].name))]

    def named_in(self, text: str, today: date) -> list[Runbook]:
        """Return the runbooks whose match is spelt out by the words of `text`, by name, without the expired."""
        said = tuple(text.split())
        return [each for each in self.runbooks if each.current(today) and each.match.named_in(said)]


class Library:
    """Reads a library. A file that has not changed is read once.

    Args:
        files: where it is.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self._read: Mapping[str, tuple[str, Runbook | str]] = {}
        self._places = asyncio.Semaphore(READS_AT_ONCE)

    async def shelf(self) -> Shelf:
        """Return the runbooks: every `.md` file, without those below a name that begins with a dot.

        Raises:
            ServiceFailed: the library cannot be read.
        """
        marks = {name: mark for name, mark in (await self._files.versions()).items() if is_runbook(name)}
        found = await asyncio.gather(*(self._known(name, mark) for name, mark in sorted(marks.items())))
        self._read = dict(zip(sorted(marks), found, strict=True))
        read = [each for _, each in found]
        return Shelf(
            runbooks=tuple(each for each in read if isinstance(each, Runbook)),
            problems=tuple(each for each in read if isinstance(each, str)),
        )

    async def _known(self, name: str, mark: str) -> tuple[str, Runbook | str]:
        known = self._read.get(name)
        if known and known[0] == mark:
            return known
        async with self._places:
            body = await self._files.read(name)
        try:
            return mark, runbook_of(name, body)
        except InputUnreadable as error:
            return mark, str(error)


def is_runbook(name: str) -> bool:
    """Return whether a file of this name is a runbook."""
    return name.endswith(SUFFIX) and not any(part.startswith(".") for part in name.split("/"))


def runbook_of(name: str, body: bytes) -> Runbook:
    """Return the runbook in a file's bytes.

    Raises:
        InputUnreadable: it is none; the message names the file and the line.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise InputUnreadable(f"{name}:{line}: it is no UTF-8 text", "save it as UTF-8") from error
    return parse_runbook(name, text)


def fitting_section(runbook: Runbook, text: str) -> Section:
    """Return the section that shares most words with `text`, a word that fewer sections have counting more."""
    spread = Counter(word for section in runbook.sections for word in _words_of(section))
    looked_for = words(text)

    def shared(section: Section) -> float:
        return sum(1 / spread[word] for word in _words_of(section) & looked_for)

    return max(runbook.sections, key=shared)


def _words_of(section: Section) -> frozenset[str]:
    return words(f"{section.heading} {section.text}")


def _reversed(rank: Iterable[int]) -> Sequence[int]:
    return [-each for each in rank]
