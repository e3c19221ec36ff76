import csv
import json
import sys
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from acted import EXECUTION, claim, lifecycle, log
from audit_folder import CPU_INCIDENT, DATABASE_INCIDENT, TODAYS, write_audit
from reading_verbs import typed
from typer.testing import Result

from autocloudops.cli.audit_reading import query
from autocloudops.cli.output import Output
from autocloudops.errors import InputUnreadable, SettingsInvalid

pytestmark = pytest.mark.skipif(find_spec("duckdb") is None, reason="the extra `query` is not installed")

ESCAPE = "\x1b[31mred"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An audit of two days, and an action about the first decision."""
    written = write_audit(tmp_path_factory.mktemp("it's an audit") / "here")
    log(written, *lifecycle(claim(TODAYS[0])))
    return written


def asked(folder: Path, sql: str, *more: str, output: Output = Output.JSON) -> Result:
    """Ask an audit in SQL."""
    return typed("query", sql, "--location", str(folder), *more, output=output)


def rows(folder: Path, sql: str, *more: str) -> list[dict[str, Any]]:
    """Return the rows of a query."""
    result = asked(folder, sql, *more)
    assert result.exception is None, result.exception
    return [json.loads(line) for line in result.stdout.splitlines()]


def refusal(folder: Path, sql: str) -> str:
    """Return why a query is not answered."""
    error = asked(folder, sql).exception
    assert isinstance(error, InputUnreadable), error
    assert "\n" not in str(error)
    return str(error)


def test_decisions_have_a_row_each(folder: Path) -> None:
    """What people ask about stands in columns of its own, with the object that it is from."""
    found = rows(folder, "FROM decisions ORDER BY time")
    assert [row["incident_id"] for row in found] == [str(CPU_INCIDENT), str(DATABASE_INCIDENT)]
    first = found[0]
    assert (first["verdict"], first["action"], first["alarms"]) == ("dry_run", "scale_out_service", 2)
    assert (first["account"], first["resource"], first["prompt_tokens"]) == ("111122223333", "shop/orders-api", 700)
    assert (folder / first["object"]).is_file()
    assert {gate["name"] for gate in first["gates"]} >= {"confidence", "mode"}


def test_only_the_last_attempt_of_a_decision_counts(tmp_path: Path) -> None:
    """An outage may leave records of attempts before the one that counts; both are still among the records."""
    again = TODAYS[0].model_copy(update={"attempt": 2})
    folder = write_audit(tmp_path / "here", (TODAYS[0], again))
    assert rows(folder, "SELECT attempt FROM decisions") == [{"attempt": 2}]
    assert rows(folder, "SELECT count(*) AS n FROM records") == [{"n": 2}]


def test_every_line_is_a_record(folder: Path) -> None:
    """All outcomes are there, with what each of them is about."""
    counted = rows(folder, "SELECT outcome, count(*) AS n FROM records GROUP BY ALL ORDER BY outcome")
    assert {row["outcome"]: row["n"] for row in counted} == {"context": 1, "decided": 2, "joined": 3, "ok": 1}


def test_actions_can_be_joined_with_their_decisions(folder: Path) -> None:
    """A step of a claim finds its decision by id, and says how it ended."""
    joined = "actions a JOIN decisions d USING (decision_id)"
    found = rows(folder, f"SELECT step, state, helped, execution_id, verdict FROM {joined} ORDER BY a.time")  # noqa: S608 - a test's own words
    assert [(row["step"], row["state"], row["helped"]) for row in found] == [
        ("intent", "intent", None),
        ("outcome", "done", None),
        ("verification", "done", "verified"),
    ]
    assert {row["execution_id"] for row in found} == {None, EXECUTION}


@pytest.mark.parametrize(
    ("limits", "days"),
    [
        (("--from", "2026-03-02"), ["2026-03-02"]),
        (("--to", "2026-03-01"), ["2026-03-01"]),
        (("--from", "2026-03-01", "--to", "2026-03-02"), ["2026-03-01", "2026-03-02"]),
        (("--from", "2026-03-03"), []),
    ],
)
def test_days_can_be_chosen(folder: Path, limits: tuple[str, ...], days: list[str]) -> None:
    """The views show the days that are named, the last one included."""
    found = rows(folder, "SELECT DISTINCT dt FROM records ORDER BY dt", *limits)
    assert [row["dt"] for row in found] == days


def test_an_audit_without_records_has_empty_views(tmp_path: Path) -> None:
    """Before anything is written, the views have their columns and no rows."""
    for view in ("decisions", "records", "actions"):
        assert rows(tmp_path, f"FROM {view}") == []
        described = {row["column_name"] for row in rows(tmp_path, f"DESCRIBE {view}")}
        assert {"time", "incident_id", "object", "dt"} <= described


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM glob('/etc/*')",
        "FROM read_text('{folder}/../../secret.txt')",
        "SELECT * FROM read_csv('https://example.com/a.csv')",
        "SELECT * FROM read_parquet('s3://bucket/key')",
    ],
)
def test_no_other_file_and_no_network_is_reached(folder: Path, sql: str) -> None:
    """A query that names anything but the audit is refused by the engine."""
    (folder.parent.parent / "secret.txt").write_text("planted")
    said = refusal(folder, sql.format(folder=str(folder).replace("'", "''")))
    assert "the query fails" in said
    assert "planted" not in said


@pytest.mark.parametrize(
    "sql",
    [
        "COPY (SELECT 1) TO '{folder}/stolen.csv'",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '{folder}/stolen.csv'",
        "CREATE TABLE mine AS SELECT 1",
        "ATTACH '{folder}/mine.db'",
        "SET enable_external_access = true",
        "INSTALL httpfs",
        "PRAGMA database_list",
        "SELECT 1; SELECT 2",
        "",
    ],
)
def test_only_one_query_is_answered(folder: Path, sql: str) -> None:
    """Whatever is not one query is refused before it runs, and nothing is written."""
    before = sorted(folder.rglob("*"))
    assert refusal(folder, sql.format(folder=str(folder).replace("'", "''"))).startswith("only one query is answered")
    assert sorted(folder.rglob("*")) == before


def test_a_wrong_query_is_told_in_one_line(folder: Path) -> None:
    """A column that is not there is named, with where to look."""
    assert "Binder Error" in refusal(folder, "SELECT colour FROM decisions")
    assert "Parser Error" in refusal(folder, "SELEKT 1")


def test_a_folder_that_looks_like_a_pattern_is_refused(tmp_path: Path) -> None:
    """A path with wildcards could show files of other folders, so it is not opened."""
    folder = tmp_path / "audit[12]"
    folder.mkdir()
    assert "name a folder without them" in refusal(folder, "FROM records")


def test_csv_table_and_text_hold_the_same(folder: Path) -> None:
    """Every form has the same rows; CSV has a heading."""
    sql = "SELECT verdict, alarms FROM decisions ORDER BY time"
    plain = list(csv.reader(StringIO(asked(folder, sql, "--csv").stdout)))
    assert plain == [["verdict", "alarms"], ["dry_run", "2"], ["dry_run", "1"]]
    assert asked(folder, sql, output=Output.TEXT).stdout.splitlines() == ["dry_run\t2", "dry_run\t1"]
    table = [line.split() for line in asked(folder, sql, output=Output.TABLE).stdout.splitlines()]
    assert table == [["VERDICT", "ALARMS"], ["dry_run", "2"], ["dry_run", "1"]]


@pytest.mark.parametrize("form", [("--csv",), ()])
def test_terminal_escapes_do_not_reach_the_terminal(folder: Path, form: tuple[str, ...]) -> None:
    """Text from outside cannot move the cursor of whoever asks."""
    for output in Output:
        shown = asked(folder, "SELECT chr(27) || '[31mred' AS told", *form, output=output)
        assert "red" in shown.stdout
        assert ESCAPE not in shown.stdout


def test_columns_of_one_name_are_both_shown(folder: Path) -> None:
    """A join may have two columns of one name; neither hides the other."""
    assert rows(folder, "SELECT 1 AS n, 2 AS n") == [{"n": 1, "n_1": 2}]


def test_a_long_table_says_that_there_is_more(folder: Path) -> None:
    """A table stops at a thousand rows, and says how to get all; other forms have them all."""
    shown = asked(folder, "SELECT range FROM range(1500)", output=Output.TABLE)
    assert len(shown.stdout.splitlines()) == 1 + query.TABLE_ROWS
    assert "more than 1,000 rows" in shown.stderr
    assert len(rows(folder, "SELECT range FROM range(1500)")) == 1500


def test_without_duckdb_it_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the extra is missing, the command that installs it is named."""
    monkeypatch.setitem(sys.modules, "duckdb", None)
    error = asked(folder, "FROM records").exception
    assert isinstance(error, SettingsInvalid)
    assert error.advice == "pip install '.[query]'"


def test_a_damaged_object_is_named(tmp_path: Path) -> None:
    """A line that is no JSON is an error that names its file, and no silent gap."""
    folder = write_audit(tmp_path / "here", TODAYS)
    (written,) = folder.rglob("*.jsonl.gz")
    written.write_bytes(written.read_bytes()[:-40])
    assert written.name in refusal(folder, "SELECT count(members) FROM records")
