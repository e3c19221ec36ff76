"""`knowledge`: every verb with its options, and the module that does it."""
# ruff: noqa: PLC0415 - a verb loads its libraries when it runs, as in `cli.app`

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

knowledge = typer.Typer(help="Keep a library of runbooks, and see what is found in it.")


class Embedding(StrEnum):
    """What embeds: the configured endpoint, a small real model on this machine, or a stand-in that hashes words."""

    ENDPOINT = "endpoint"
    MINILM = "minilm"
    HASH = "hash"


Place = Annotated[
    str | None,
    typer.Option(
        "--library",
        help="s3://BUCKET, s3://BUCKET/PREFIX or a folder; AUTOCLOUDOPS_KNOWLEDGE_LIBRARY where it is not given.",
    ),
]
Embeds = Annotated[
    Embedding,
    typer.Option(
        help="endpoint: AUTOCLOUDOPS_KNOWLEDGE_ENDPOINTS; minilm: a small real model here (extra embedding); "
        "hash: simulated/hash-embedding, no model."
    ),
]


@knowledge.command("add")
def knowledge_add(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="Markdown files with front matter; see docs/knowledge.md.")],
    library: Place = None,
    folder: Annotated[str, typer.Option("--into", help="The folder in the library that they go to.")] = "",
    replace: Annotated[
        bool, typer.Option("--replace", help="Put them in the place of runbooks of their name.")
    ] = False,
) -> None:
    """Check runbooks and copy them to the library; if one is wrong, none is copied."""
    from autocloudops.cli.knowledge.adding import add_files

    add_files(library, files, folder, context.obj, replace=replace)


@knowledge.command("index")
def knowledge_index(
    context: typer.Context,
    library: Place = None,
    embedding: Embeds = Embedding.ENDPOINT,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Embed everything anew, as for another model.")] = False,
) -> int:
    """Embed what changed in the library; a run that was interrupted goes on. Exit 1 where a runbook is wrong."""
    from autocloudops.cli.knowledge.indexing import index_library

    return index_library(library, embedding, context.obj, rebuild=rebuild)


@knowledge.command("search")
def knowledge_search(
    context: typer.Context,
    text: Annotated[
        str, typer.Argument(help="Words, or with --alarm a file with one alarm message in any known shape.")
    ],
    library: Place = None,
    embedding: Embeds = Embedding.ENDPOINT,
    alarm: Annotated[bool, typer.Option("--alarm", help="TEXT is a file: show what its first alarm finds.")] = False,
) -> None:
    """Show which runbooks were written for this, and which only read like it, with their score."""
    from autocloudops.cli.knowledge.searching import search_library

    search_library(library, embedding, text, context.obj, alarm=alarm)


@knowledge.command("coverage")
def knowledge_coverage(
    context: typer.Context,
    alarms: Annotated[
        list[Path],
        typer.Argument(help="Files, or folders of them, that hold alarms: messages, or what DescribeAlarms returned."),
    ],
    library: Place = None,
    everything: Annotated[bool, typer.Option("--all", help="List families that have a runbook too.")] = False,
) -> int:
    """Count the alarm families that have no runbook; exit 1 where a runbook of the library is wrong."""
    from autocloudops.cli.knowledge.covering import print_coverage

    return print_coverage(library, alarms, context.obj, everything=everything)
