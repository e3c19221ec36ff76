"""`knowledge add`: runbooks into the library, after they were checked."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path, PurePosixPath

import typer

from autocloudops.cli.knowledge.opening import open_library_files
from autocloudops.cli.output import Output, Row, note, print_rows
from autocloudops.errors import InputUnreadable
from autocloudops.knowledge.files import Files
from autocloudops.knowledge.front_matter import Runbook
from autocloudops.knowledge.library import is_runbook, runbook_of

COLUMNS = ("file", "state", "match", "sections", "title")


def add_files(library: str | None, files: Sequence[Path], folder: str, output: Output, *, replace: bool) -> None:
    """Copy runbooks to a library.

    Args:
        library: where it is; None is where the settings say.
        files: the runbooks.
        folder: where in the library they go, empty for its top.
        output: how to print what was done.
        replace: whether a runbook that is there already and differs is replaced.

    Raises:
        InputUnreadable: a file is no runbook, or one of its name is there; then none is copied.
        ServiceFailed: the library cannot be written.
    """
    bodies = {_name(folder, file): _read(file) for file in files}
    if len(bodies) < len(files):
        raise typer.BadParameter("two files have the same name: add them one after another, with --into")
    runbooks = {name: runbook_of(name, body) for name, body in bodies.items()}
    states = asyncio.run(_copied(library, bodies, replace=replace))
    print_rows(output, [_row(runbook, states[name]) for name, runbook in runbooks.items()], COLUMNS)
    note("run `autocloudops knowledge index` so that they are found by likeness too")


async def _copied(library: str | None, bodies: Mapping[str, bytes], *, replace: bool) -> Mapping[str, str]:
    async with AsyncExitStack() as stack:
        files = await open_library_files(stack, library)
        there = await files.versions()
        states = {name: await _state(files, name, body) if name in there else "added" for name, body in bodies.items()}
        taken = [name for name, state in states.items() if state == "replaced"]
        if taken and not replace:
            raise InputUnreadable(f"{taken[0]}: the library has another runbook of this name", "add it with --replace")
        for name, body in bodies.items():
            if states[name] != "unchanged":
                await files.write(name, body)
    return states


async def _state(files: Files, name: str, body: bytes) -> str:
    return "unchanged" if await files.read(name) == body else "replaced"


def _name(folder: str, file: Path) -> str:
    name = str(PurePosixPath(folder) / file.name)
    if not is_runbook(name) or name.startswith("/"):
        raise typer.BadParameter(f"'{name}' is no name for a runbook: it ends in .md, and no part begins with a dot")
    return name


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputUnreadable(f"{file}: {error.strerror}", "name a Markdown file") from error


def _row(runbook: Runbook, state: str) -> Row:
    return {
        "file": runbook.name,
        "state": state,
        "match": ", ".join(runbook.match.fields()) or "nothing: found by likeness only",
        "sections": len(runbook.sections),
        "title": runbook.title,
    }
