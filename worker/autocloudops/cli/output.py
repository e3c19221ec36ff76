"""Data on standard output, in the form that was asked for; everything else on standard error.

Much of it is text from outside: nothing invisible and no terminal escape leaves here.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum

import typer
from rich.console import Console
from rich.table import Table

from autocloudops.redaction import visible, visible_json

WIDE = 240
"""Characters of a table that no terminal bounds."""

Row = Mapping[str, object]


class Output(StrEnum):
    """How results are written: for people, for programs, or as plain lines with tabs for a pipe."""

    TABLE = "table"
    JSON = "json"
    TEXT = "text"


def print_rows(output: Output, rows: Sequence[Row], columns: Sequence[str]) -> None:
    """Print one line for each row.

    Args:
        output: `json` prints every key of a row, one object a line; `table` and `text` print `columns` only.
        rows: values by key.
        columns: the keys that people are shown; a table cuts the last one where the line ends.
    """
    match output:
        case Output.JSON:
            for row in rows:
                typer.echo(visible_json(json.dumps(row, ensure_ascii=False, default=str)))
        case Output.TEXT:
            for row in rows:
                typer.echo("\t".join(_cell(row[column]) for column in columns))
        case Output.TABLE:
            _print_table(rows, columns)


def print_json(document: object) -> None:
    """Print one JSON document."""
    typer.echo(visible_json(json.dumps(document, ensure_ascii=False, indent=2, default=str)))


def print_lines(output: Output, lines: Sequence[str]) -> None:
    """Print prose; on a terminal the first line, which says most, stands out."""
    console = _stdout()
    first_style = "bold" if output is Output.TABLE else None
    for number, line in enumerate(lines):
        style = first_style if number == 0 else None
        console.print(visible(line), style=style, markup=False, highlight=False, soft_wrap=True)


def note(line: str) -> None:
    """Print a remark that is no data."""
    typer.echo(visible(line), err=True)


def _print_table(rows: Sequence[Row], columns: Sequence[str]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold", expand=True)
    *narrow, widest = columns
    for column in narrow:
        table.add_column(column.upper(), overflow="fold")
    table.add_column(widest.upper(), overflow="ellipsis", no_wrap=True, ratio=1)
    for row in rows:
        table.add_row(*(_cell(row[column]) for column in columns))
    _stdout().print(table, markup=False, highlight=False)


def _stdout() -> Console:
    return Console(markup=False, highlight=False, emoji=False, width=None if sys.stdout.isatty() else WIDE)


def _cell(value: object) -> str:
    return "" if value is None else " ".join(visible(str(value)).split())
