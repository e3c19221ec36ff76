"""`knowledge coverage`: which alarms nothing is written for."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from autocloudops.alarms.model import Alarm
from autocloudops.alarms.parse import parse
from autocloudops.cli.knowledge.opening import open_library_files
from autocloudops.cli.message import read_body
from autocloudops.cli.output import Output, note, print_rows
from autocloudops.cli.program import ExitCode
from autocloudops.clock import SystemClock
from autocloudops.errors import InputUnreadable
from autocloudops.knowledge.coverage import Family, families
from autocloudops.knowledge.library import Library, Shelf

COLUMNS = ("owner", "alarms", "about", "runbook", "example")


def print_coverage(library: str | None, paths: Sequence[Path], output: Output, *, everything: bool) -> ExitCode:
    """Print the alarm families that no runbook was written for.

    Args:
        library: where it is; None is where the settings say.
        paths: files with alarms, or folders of them.
        output: how to print it.
        everything: whether the other families are printed too.

    Returns:
        CHECK_FAILED where a file of the library is no runbook.

    Raises:
        InputUnreadable: a path is not there.
        ServiceFailed: the library cannot be read.
    """
    shelf = asyncio.run(_shelf(library))
    alarms = [part for path in paths for part in _alarms(path)]
    found = families(alarms, shelf, SystemClock().now().date())
    shown = found if everything else [each for each in found if each.runbook is None]
    print_rows(output, [each.model_dump() for each in shown], COLUMNS)
    note(summary(found))
    for problem in shelf.problems:
        note(problem)
    return ExitCode.CHECK_FAILED if shelf.problems else ExitCode.OK


def summary(found: Sequence[Family]) -> str:
    """Return how many families have no runbook, in one line."""
    bare = sum(each.runbook is None for each in found)
    return f"{bare:,} of {len(found):,} alarm families have no runbook"


async def _shelf(library: str | None) -> Shelf:
    async with AsyncExitStack() as stack:
        return await Library(await open_library_files(stack, library)).shelf()


def _alarms(path: Path) -> Iterator[Alarm]:
    if not path.exists():
        raise InputUnreadable(f"{path}: there is no such file or folder", "name files or folders with alarms")
    files = sorted(each for each in path.rglob("*.json") if each.is_file()) if path.is_dir() else [path]
    return (part for file in files for part in parse(read_body(str(file))) if isinstance(part, Alarm))
