"""Reading an object into what a digest says of it."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterable
from hashlib import sha256

from autocloudops.audit.chain import Content, content_of
from autocloudops.audit.digest import Listed, Reached, Span
from autocloudops.audit.objects import AuditObjects
from autocloudops.errors import TargetMissing

AHEAD = 8


async def bodies(objects: AuditObjects, keys: Iterable[str]) -> AsyncGenerator[tuple[str, bytes | None], None]:
    """Yield objects in the order of `keys`, None for one that is not there; a few are read ahead, no more.

    Raises:
        ServiceFailed: one cannot be read.
    """
    reading: deque[tuple[str, asyncio.Task[bytes | None]]] = deque()
    try:
        for key in keys:
            reading.append((key, asyncio.create_task(_body(objects, key))))
            if len(reading) >= AHEAD:
                first, task = reading.popleft()
                yield first, await task
        while reading:
            first, task = reading.popleft()
            yield first, await task
    finally:
        for _, task in reading:
            task.cancel()
        await asyncio.gather(*(task for _, task in reading), return_exceptions=True)


async def _body(objects: AuditObjects, key: str) -> bytes | None:
    try:
        return await objects.read(key)
    except TargetMissing:
        return None


def listed(key: str, body: bytes, *, late: bool, span: Span | None = None) -> Listed:
    """Return what a digest says of an object."""
    return Listed(key=key, size_bytes=len(body), sha256=sha256(body).hexdigest(), late=late, span=span)


def span_of(body: bytes) -> Span | None:
    """Return which lines an object of decisions holds, or None where it cannot be read."""
    content: Content = content_of(body)
    if content.fault or not content.lines:
        return None
    first, last = content.lines[0], content.lines[-1]
    return Span(first=first.number, last=last.number, prev=first.prev, head=last.sha256)


def reached(sequence: int, span: Span | None) -> Reached:
    """Return how far a writer is covered once its object with this number is listed."""
    if span is None:
        return Reached(objects=sequence + 1, lines=None)
    return Reached(objects=sequence + 1, lines=span.last + 1, head=span.head)
