"""What is in the vector index, how it gets there, and when it may not be used."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from autocloudops.clock import Clock
from autocloudops.errors import ModelError, SettingsInvalid, TargetMissing
from autocloudops.knowledge.embedding import Embedded, Embedder
from autocloudops.knowledge.files import Files
from autocloudops.knowledge.front_matter import Runbook
from autocloudops.knowledge.vectors import Entry, Header, Matrix, VectorIndex, decoded, unit

FILE = ".index/vectors"
SAVED_EVERY_SECONDS = 20.0
ANY_TEXT = "which model is this?"
"""Embedded where nothing else is, so that an endpoint with another model does not pass unseen."""


@dataclass(frozen=True, slots=True)
class Passage:
    """An entry of the index, and the text that its vector is made of."""

    entry: Entry
    text: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far indexing is: passages that have their vector, of all."""

    done: int
    total: int


class IndexFile:
    """The index beside the runbooks of a library.

    Args:
        files: where the library is.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self.location = f"{files.location}/{FILE}"

    async def load(self) -> VectorIndex | None:
        """Return the index, None where there is none yet.

        Raises:
            ServiceFailed: it cannot be reached.
            InputUnreadable: it is none that this version reads.
        """
        try:
            body = await self._files.read(FILE)
        except TargetMissing:
            return None
        return decoded(self.location, body)

    async def save(self, index: VectorIndex) -> None:
        """Replace the index.

        Raises:
            ServiceFailed: it cannot be written.
        """
        await self._files.write(FILE, index.encoded())


class Indexer:
    """Brings the index up to date: embeds what it does not hold, and forgets what is no longer wanted.

    Args:
        file: the index.
        embedder: makes vectors.
        clock: time.
    """

    def __init__(self, file: IndexFile, embedder: Embedder, clock: Clock) -> None:
        self._file = file
        self._embedder = embedder
        self._clock = clock

    async def update(self, passages: Sequence[Passage], old: VectorIndex | None) -> AsyncIterator[Progress]:
        """Yield how far it is, from the start to the end.

        What is done is saved now and then, and when the endpoint fails: the next run goes on from there.

        Args:
            passages: all that the index shall hold.
            old: the index as it is; None makes a new one.

        Raises:
            SettingsInvalid: the endpoint serves another model than the index was made with.
            ModelError: the endpoint failed.
            ServiceFailed: the index cannot be written.
        """
        known = dict(old.known()) if old else {}
        missing = [*{each.entry.digest: each for each in passages if each.entry.digest not in known}.values()]
        header = old.header if old else None
        yield _progress(passages, known)
        if header and not missing:
            self._header(header, await self._embedder.query(ANY_TEXT))
        saved_at = self._clock.monotonic()
        try:
            async for batch in self._embedder.passages([each.text for each in missing]):
                header = self._header(header, batch)
                rows = zip(batch.places, unit(batch.vectors), strict=True)
                known |= {missing[place].entry.digest: row for place, row in rows}
                if self._clock.monotonic() - saved_at >= SAVED_EVERY_SECONDS:
                    await self._save(header, passages, known)
                    saved_at = self._clock.monotonic()
                yield _progress(passages, known)
        except ModelError:
            await self._save(header, passages, known)
            raise
        await self._save(header, passages, known)

    async def _save(self, header: Header | None, wanted: Sequence[Passage], known: Mapping[str, Matrix]) -> None:
        if header is None:
            return
        held = [each.entry for each in wanted if each.entry.digest in known]
        rows = [known[entry.digest] for entry in held]
        matrix = np.stack(rows) if rows else np.zeros((0, header.dimension), dtype=np.float32)
        await self._file.save(VectorIndex(header, held, matrix))

    def _header(self, header: Header | None, batch: Embedded) -> Header:
        dimension = len(batch.vectors[0])
        if header is None:
            return Header(model=batch.model, dimension=dimension, created=self._clock.now())
        if problem := mixed(header, batch.model, dimension):
            raise SettingsInvalid(
                f"{self._embedder.name}: {problem}",
                "name the model that the index was made with, or start anew with `knowledge index --rebuild`",
            )
        return header


def mixed(header: Header, model: str, dimension: int) -> str:
    """Return why vectors of `model` cannot be compared with those of an index, empty where they can."""
    if (header.model, header.dimension) == (model, dimension):
        return ""
    return f"the index was made with {header.model} ({header.dimension} numbers), not with {model} ({dimension})"


def runbook_passages(runbooks: Iterable[Runbook]) -> list[Passage]:
    """Return a passage for each section of each runbook."""
    return [
        Passage(
            Entry(name=runbook.name, heading=section.heading, digest=section.digest),
            f"{runbook.title}\n{section.heading}\n{section.text}",
        )
        for runbook in runbooks
        for section in runbook.sections
    ]


def _progress(wanted: Sequence[Passage], known: Mapping[str, Matrix]) -> Progress:
    return Progress(sum(each.entry.digest in known for each in wanted), len(wanted))
