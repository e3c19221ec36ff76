"""Vectors in one file: a line of JSON that says what they are, and then the numbers.

Every vector is compared with the question: 20,000 of 1,024 numbers take 8 ms (docs/knowledge.md), and nothing has to be
tuned or rebuilt. On disk a number has 16 bits, which moves a score by less than 0.001.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
from pydantic import Field, ValidationError

from autocloudops.errors import InputUnreadable
from autocloudops.values import Value

FORMAT = 1
STORED = np.dtype("<f2")
"""How a number is kept."""
_ADVICE = "make it anew with `autocloudops knowledge index --rebuild`"

Matrix = npt.NDArray[np.float32]


class Entry(Value):
    """What one vector stands for: a section of a runbook. `name` is its file in the library.

    `digest` changes with the text that was embedded.
    """

    name: str
    heading: str
    digest: str


class Header(Value):
    """What made the vectors. `stored_as` and `asked_as` are the input types of an embedding NIM."""

    format: int = FORMAT
    model: str
    dimension: int = Field(gt=0)
    stored_as: str = "passage"
    asked_as: str = "query"
    created: datetime


class _Head(Value):
    header: Header
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Hit:
    """An entry near a question: `score` is the cosine of the angle between them."""

    entry: Entry
    score: float


class VectorIndex:
    """Entries with their vectors, all of one model.

    Args:
        header: what made them.
        entries: what they stand for.
        matrix: one row for each entry, of length 1.
    """

    def __init__(self, header: Header, entries: Sequence[Entry], matrix: Matrix) -> None:
        self.header = header
        self.entries = tuple(entries)
        self._matrix = matrix

    def __len__(self) -> int:
        return len(self.entries)

    def known(self) -> Mapping[str, Matrix]:
        """Return the vectors by digest."""
        return {entry.digest: row for entry, row in zip(self.entries, self._matrix, strict=True)}

    def nearest(
        self, vector: Sequence[float], most: int, least_score: float, keep: Callable[[Entry], bool]
    ) -> list[Hit]:
        """Return the entries nearest to `vector`, the nearest first.

        Args:
            vector: as many numbers as `header.dimension`, of any length.
            most: at most so many.
            least_score: none below this cosine.
            keep: which entries count.
        """
        scores = self._matrix @ unit([vector])[0]
        found: list[Hit] = []
        for place in np.argsort(-scores, kind="stable"):
            score = float(scores[place])
            if score < least_score or len(found) == most:
                break
            if keep(self.entries[place]):
                found.append(Hit(self.entries[place], score))
        return found

    def encoded(self) -> bytes:
        """Return the file."""
        head = _Head(header=self.header, entries=self.entries).model_dump_json(exclude_defaults=True)
        return head.encode() + b"\n" + self._matrix.astype(STORED).tobytes()


def decoded(location: str, body: bytes) -> VectorIndex:
    """Return the index in a file.

    Args:
        location: where it was, for the error.
        body: what `VectorIndex.encoded` returned.

    Raises:
        InputUnreadable: it is no index, or one of another format.
    """
    head, _, numbers = body.partition(b"\n")
    try:
        read = _Head.model_validate_json(head)
    except ValidationError as error:
        raise InputUnreadable(f"{location}: it is no vector index", _ADVICE) from error
    if read.header.format != FORMAT:
        raise InputUnreadable(f"{location}: its format is {read.header.format}, not {FORMAT}", _ADVICE)
    shape = (len(read.entries), read.header.dimension)
    if len(numbers) != shape[0] * shape[1] * STORED.itemsize:
        raise InputUnreadable(f"{location}: it does not hold {shape[0]} vectors of {shape[1]} numbers", _ADVICE)
    matrix = np.frombuffer(numbers, dtype=STORED).reshape(shape).astype(np.float32)
    return VectorIndex(read.header, read.entries, matrix)


def unit(vectors: Sequence[Sequence[float]]) -> Matrix:
    """Return vectors as rows of length 1; a null vector stays as it is."""
    rows = np.asarray(vectors, dtype=np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    found: Matrix = rows / np.maximum(lengths, np.float32(np.finfo(np.float32).tiny))
    return found
