"""The audit as three views of DuckDB that can read nothing but it and write nothing at all."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from autocloudops.audit.keys import ACTIONS, DECISIONS
from autocloudops.cli.audit_reading.views import ACTION_COLUMNS, RECORD_COLUMNS, VIEWS
from autocloudops.errors import InputUnreadable, SettingsInvalid

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MEMORY = "512MB"
SPILLED = "20GB"
THREADS = 2
LONGEST_LINE_BYTES = 16_777_216
FETCHED = 1_000
WILD = frozenset("*?[]{}")
ADVICE = "the views are decisions, records and actions; `DESCRIBE decisions` lists columns"

Pages = Iterator[Sequence[tuple[object, ...]]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query has: the names of its columns, which of them hold JSON, and its rows, a thousand at a time."""

    columns: Sequence[str]
    nested: frozenset[int]
    pages: Pages


@contextmanager
def opened_tables(folder: Path, first: date | None, last: date | None) -> Iterator["Tables"]:
    """Open the views over an audit in a folder.

    Args:
        folder: the audit, in the layout of the bucket.
        first: the first day (UTC) that the views show.
        last: the last day.

    Raises:
        SettingsInvalid: DuckDB is not installed.
        InputUnreadable: the folder's path cannot be told from a pattern.
    """
    try:
        import duckdb  # noqa: PLC0415 - 65 MB that only this verb needs
    except ImportError as error:
        raise SettingsInvalid("audit query needs DuckDB", "pip install '.[query]'") from error
    root = folder.resolve()
    if WILD & set(str(root)):
        raise InputUnreadable(f"{root} holds one of {' '.join(sorted(WILD))}", "name a folder without them")
    with TemporaryDirectory(prefix="autocloudops-") as spill:
        limits = {"memory_limit": MEMORY, "max_temp_directory_size": SPILLED, "temp_directory": spill}
        with duckdb.connect(":memory:", config={**limits, "threads": THREADS}) as connection:
            _prepare(connection, root, _days(first, last))
            yield Tables(connection)


class Tables:
    """The views, closed in: whatever is asked reads the audit, and changes nothing.

    Args:
        connection: as `opened_tables` prepares it.
    """

    def __init__(self, connection: "DuckDBPyConnection") -> None:
        self._connection = connection

    def ask(self, sql: str) -> Answer:
        """Return what a query has.

        Raises:
            InputUnreadable: it is no single query, or it fails.
        """
        import duckdb  # noqa: PLC0415 - as above

        try:
            self._refuse_all_but_queries(sql)
            described = self._connection.execute(sql).description
        except duckdb.Error as error:
            raise _told(error) from error
        names = [str(column[0]) for column in described]
        nested = frozenset(number for number, column in enumerate(described) if str(column[1]) == "JSON")
        return Answer(_named(names), nested, self._pages())

    def _refuse_all_but_queries(self, sql: str) -> None:
        """COPY may write wherever it may read, and EXPLAIN ANALYZE runs what it explains."""
        import duckdb  # noqa: PLC0415 - as above

        statements = self._connection.extract_statements(sql)
        if [each.type for each in statements] != [duckdb.StatementType.SELECT]:
            raise InputUnreadable("only one query is answered: SELECT, FROM, WITH, DESCRIBE or SUMMARIZE", ADVICE)

    def _pages(self) -> Pages:
        import duckdb  # noqa: PLC0415 - as above

        try:
            while page := self._connection.fetchmany(FETCHED):
                yield page
        except duckdb.Error as error:
            raise _told(error) from error


def _named(columns: Sequence[str]) -> list[str]:
    """Return one name for each column; a query may have two of the same."""
    return [name if columns.index(name) == number else f"{name}_{number}" for number, name in enumerate(columns)]


def _told(error: Exception) -> InputUnreadable:
    said = next(iter(str(error).splitlines()), type(error).__name__)
    return InputUnreadable(f"the query fails: {said}", ADVICE)


def _prepare(connection: "DuckDBPyConnection", root: Path, days: str) -> None:
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET autoinstall_known_extensions = false; SET autoload_known_extensions = false")
    _source(connection, "lines", (root, f"{DECISIONS}dt=*/hour=*/*.jsonl.gz"), RECORD_COLUMNS)
    _source(connection, "entries", (root, f"{ACTIONS}dt=*/*.json"), ACTION_COLUMNS)
    for view in VIEWS:
        connection.execute(view.format(root=_text(f"{root}/"), days=days))
    connection.execute(f"SET allowed_directories = [{_text(str(root))}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _source(connection: "DuckDBPyConnection", name: str, files: tuple[Path, str], columns: Mapping[str, str]) -> None:
    """Make the view of what stands in the files, or one without rows where there is no file."""
    root, pattern = files
    if not any(root.glob(pattern)):
        typed = ", ".join(f'NULL::{kind} AS "{column}"' for column, kind in columns.items())
        connection.execute(f"CREATE VIEW {name} AS SELECT {typed}, '' AS filename, NULL::DATE AS dt WHERE false")
        return
    read = ", ".join(f"{_text(column)}: {_text(kind)}" for column, kind in columns.items())
    connection.execute(
        f"CREATE VIEW {name} AS SELECT * FROM read_json({_text(str(root / pattern))}, format = 'newline_delimited', "  # noqa: S608 - the parts are ours, and the folder is quoted
        f"columns = {{{read}}}, filename = true, hive_partitioning = true, hive_types = {{'dt': 'DATE'}}, "
        f"maximum_object_size = {LONGEST_LINE_BYTES})"
    )


def _days(first: date | None, last: date | None) -> str:
    limits = [f"dt >= DATE '{first:%Y-%m-%d}'"] if first else []
    limits += [f"dt <= DATE '{last:%Y-%m-%d}'"] if last else []
    return " AND ".join(limits) or "true"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
