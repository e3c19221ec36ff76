"""What the lines of one object say about each other: whether they are one unbroken piece of their writer's chain."""

import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import pairwise

from autocloudops.audit.findings import Kind
from autocloudops.audit.record import digest

CHUNK_BYTES = 1 << 20
MOST_BYTES = 1 << 26
GZIP = zlib.MAX_WBITS | 16
MAGIC = b"\x1f\x8b"


class Fault(Enum):
    """Why an object cannot be read to its end."""

    CUT = auto()
    UNREADABLE = auto()


@dataclass(frozen=True, slots=True)
class Line:
    """What one line claims: who wrote it, how many lines came before, which one came last; and its own digest."""

    writer: str
    number: int
    prev: str
    sha256: str

    def follows(self, before: "Line") -> bool:
        """Return whether this is its writer's next line after `before`."""
        return (self.writer, self.number, self.prev) == (before.writer, before.number + 1, before.sha256)


@dataclass(frozen=True, slots=True)
class Content:
    """What an object holds, as far as it can be read."""

    lines: Sequence[Line]
    fault: Fault | None = None

    @property
    def whole(self) -> bool:
        """Whether it can be read, and each line is the next one of the same writer."""
        return (
            self.fault is None and bool(self.lines) and all(after.follows(one) for one, after in pairwise(self.lines))
        )


@dataclass(frozen=True, slots=True)
class Expected:
    """What an object should hold: lines of one writer, from the number `first` to the number `last`."""

    writer: str
    first: int
    last: int


class _UnreadableError(Exception):
    def __init__(self, fault: Fault) -> None:
        self.fault = fault


def content_of(body: bytes) -> Content:
    """Return what a gzip file of records holds. At most `MOST_BYTES` are unpacked."""
    lines: list[Line] = []
    try:
        lines.extend(map(_line, _unpacked(body)))
    except _UnreadableError as error:
        return Content(lines, error.fault)
    return Content(lines)


def damage(content: Content, expected: Expected) -> tuple[Kind, str]:
    """Return what happened to an object that does not hold what it should, and what gives it away."""
    if content.fault:
        cut = content.fault is Fault.CUT
        return (Kind.TRUNCATED, "the file is cut") if cut else (Kind.CHANGED, "it is no gzip file of records")
    numbers = [line.number for line in content.lines]
    wanted = range(expected.first, expected.last + 1)
    if {line.writer for line in content.lines} - {expected.writer}:
        return _of_others(content, expected)
    if numbers and content.whole and not set(numbers) & set(wanted):
        return Kind.SWAPPED, f"it holds the lines {numbers[0]} to {numbers[-1]} of its writer"
    return _rearranged(content.lines, wanted)


def _of_others(content: Content, expected: Expected) -> tuple[Kind, str]:
    if content.whole:
        return Kind.SWAPPED, f"it holds lines of writer {content.lines[0].writer}"
    alien = next(line for line in content.lines if line.writer != expected.writer)
    return Kind.INSERTED, f"it holds a line of writer {alien.writer}"


def _rearranged(lines: Sequence[Line], wanted: range) -> tuple[Kind, str]:
    numbers = [line.number for line in lines]
    expected = list(wanted)
    if len(set(lines)) < len(lines):
        twice = next(line.number for line in lines if lines.count(line) > 1)
        return Kind.REPLAYED, f"line {twice} stands in it more than once"
    if numbers == expected:
        return Kind.CHANGED, _changed(lines)
    if sorted(numbers) == expected:
        return Kind.REORDERED, "its lines stand in another order"
    if len(numbers) > len(expected) or set(numbers) - set(expected):
        return Kind.INSERTED, f"{len(numbers)} lines instead of {len(expected)}"
    if numbers == expected[: len(numbers)]:
        return Kind.TRUNCATED, f"{len(expected) - len(numbers)} lines are gone from its end"
    return Kind.MISSING, f"{len(expected) - len(numbers)} lines are gone from inside"


def _changed(lines: Sequence[Line]) -> str:
    for line, after in pairwise(lines):
        if not after.follows(line):
            return f"line {line.number} is not the one that the next line names"
    return "other bytes than were signed for"


def _line(line: bytes) -> Line:
    try:
        said = json.loads(line)
        return Line(str(said["writer"]), int(said["number"]), str(said["prev"]), digest(line))
    except (ValueError, KeyError, TypeError) as error:
        raise _UnreadableError(Fault.UNREADABLE) from error


def _unpacked(body: bytes) -> Iterator[bytes]:
    """Yield the lines of a gzip file, unpacking a bounded piece at a time."""
    rest = b""
    for piece in _pieces(body):
        *whole, rest = (rest + piece).split(b"\n")
        yield from whole
    if rest:
        raise _UnreadableError(Fault.CUT)


def _pieces(body: bytes) -> Iterator[bytes]:
    unpacking, left, total = zlib.decompressobj(GZIP), body, 0
    while not unpacking.eof:
        try:
            piece = unpacking.decompress(left, CHUNK_BYTES)
        except zlib.error as error:
            raise _UnreadableError(Fault.UNREADABLE) from error
        left, total = unpacking.unconsumed_tail, total + len(piece)
        if not piece and not left and not unpacking.eof:
            raise _UnreadableError(Fault.CUT if MAGIC.startswith(body[:2]) else Fault.UNREADABLE)
        if total > MOST_BYTES:
            raise _UnreadableError(Fault.UNREADABLE)
        yield piece
    if unpacking.unused_data:
        raise _UnreadableError(Fault.UNREADABLE)
