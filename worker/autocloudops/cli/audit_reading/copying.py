"""A local copy of an audit in S3: its objects never change, so each is fetched once."""

import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, contextmanager
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from autocloudops.audit.keys import ACTIONS, DECISIONS, action_day, place_of
from autocloudops.audit.listing import bodies
from autocloudops.audit.objects import AuditObjects, FolderObjects
from autocloudops.cli.audit_reading.days import Days
from autocloudops.clock import SystemClock

BATCH = 1_000
PRIVATE = 0o700


def cache_of(location: str) -> Path:
    """Return the folder that keeps the copy of an audit, below XDG_CACHE_HOME or ~/.cache.

    Args:
        location: `s3://BUCKET[/PREFIX]`.
    """
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "autocloudops" / "audit" / quote(location.removeprefix("s3://").rstrip("/"), safe="")


def make_private(folder: Path) -> None:
    """Make a folder that only its owner can read."""
    folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)


async def copy(objects: AuditObjects, folder: Path, days: Days) -> int:
    """Fetch what the folder lacks, and return how many objects that were.

    Args:
        objects: the audit.
        folder: the copy.
        days: which days.

    Raises:
        AuditConflict: an object in the copy was changed.
        ServiceFailed: the audit cannot be read, or the copy not written.
    """
    local, fetched = FolderObjects(folder), 0
    with _progress() as told:
        async for batch in _missing(objects, folder, days):
            async with aclosing(bodies(objects, batch)) as reading:
                async for key, body in reading:
                    if body is not None:
                        await local.create(key, body)
                        fetched += 1
                        told(fetched)
    return fetched


async def _missing(objects: AuditObjects, folder: Path, days: Days) -> AsyncIterator[list[str]]:
    batch: list[str] = []
    today = SystemClock().now()
    for prefix in (*days.prefixes(DECISIONS, today), *days.prefixes(ACTIONS, today)):
        async for key in objects.keys(prefix):
            at = _written(key)
            if at is None or not days.hold(at) or (folder / key).exists():
                continue
            batch.append(key)
            if len(batch) == BATCH:
                yield batch
                batch = []
    yield batch


def _written(key: str) -> datetime | None:
    """Return the time in a key; None for a stranger's, which could name any file."""
    place = place_of(key)
    return place.hour if place else action_day(key)


@contextmanager
def _progress() -> Iterator[Callable[[int], None]]:
    columns = (TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("looking for new objects", total=None)
        yield lambda fetched: bar.update(task, description=f"{fetched:,} objects fetched")
