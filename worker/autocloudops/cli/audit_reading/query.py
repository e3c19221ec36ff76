"""`audit query`: SQL over decisions, records and actions."""

import asyncio
import csv
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from autocloudops.cli.audit_reading.copying import cache_of, copy, make_private
from autocloudops.cli.audit_reading.days import Days
from autocloudops.cli.audit_reading.tables import Answer, opened_tables
from autocloudops.cli.output import Output, note, print_rows
from autocloudops.cli.records import opened
from autocloudops.environment import read
from autocloudops.redaction import visible
from autocloudops.settings import AuditSettings

TABLE_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class Asked:
    """A query: its SQL, the days that it is about, and whether rows come as CSV."""

    sql: str
    days: Days
    csv: bool


def query_audit(location: str | None, asked: Asked, output: Output) -> None:
    """Print the rows that a query has.

    Args:
        location: `s3://BUCKET[/PREFIX]`, of which a copy is kept, or a folder; the setting where it is None.
        asked: the query.
        output: how to print them, unless as CSV; a table has a thousand rows at most.

    Raises:
        InputUnreadable: the query fails, or the location is no folder.
        ServiceFailed: the bucket cannot be read.
        SettingsInvalid: no location is given or set, or DuckDB is not installed.
    """
    where = location or read(AuditSettings).location
    folder = asyncio.run(_folder(where, asked))
    days = asked.days
    with opened_tables(folder, days.first and days.first.date(), days.last and days.last.date()) as tables:
        _print(tables.ask(asked.sql), None if asked.csv else output)


async def _folder(location: str, asked: Asked) -> Path:
    async with opened(location) as objects:
        if not location.startswith("s3://"):
            return Path(location)
        folder = cache_of(location)
        make_private(folder)
        fetched = await copy(objects, folder, asked.days)
    if fetched:
        note(f"{fetched:,} objects of {location} were fetched into {folder}")
    return folder


def _print(answer: Answer, output: Output | None) -> None:
    match output:
        case None:
            writer = csv.writer(sys.stdout, lineterminator="\n")
            writer.writerow(answer.columns)
            for page in answer.pages:
                writer.writerows([_visible(value) for value in row] for row in page)
        case Output.JSON:
            for row in _rows(answer, nested=True):
                print_rows(output, [row], answer.columns)
        case Output.TEXT:
            for row in _rows(answer):
                print_rows(output, [row], answer.columns)
        case Output.TABLE:
            _print_table(answer)


def _print_table(answer: Answer) -> None:
    rows = _rows(answer)
    print_rows(Output.TABLE, list(islice(rows, TABLE_ROWS)), answer.columns)
    if next(rows, None) is not None:
        note(f"There are more than {TABLE_ROWS:,} rows: --csv or --output json prints all of them.")


def _rows(answer: Answer, *, nested: bool = False) -> Iterator[Mapping[str, object]]:
    """Yield the rows by column; `nested` turns JSON in a cell into what it says."""
    loaded = answer.nested if nested else frozenset()
    for page in answer.pages:
        for row in page:
            cells = (_loaded(value) if number in loaded else value for number, value in enumerate(row))
            yield dict(zip(answer.columns, cells, strict=True))


def _loaded(value: object) -> object:
    return json.loads(value) if isinstance(value, str) else value


def _visible(value: object) -> object:
    return visible(value) if isinstance(value, str) else value
