import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from alarm_bodies import sns_alarm
from processes import clean_environment

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "alarms"
LIMIT_BODY_BYTES = 1_000_000
DEADLINE_SECONDS = 280
WIDE = {"COLUMNS": "400", "PYTHONUTF8": "1", "TERM": "dumb"}


@dataclass(frozen=True)
class Counts:
    """What a run of the bench printed: rows of the table by shape and column, and the lines below it."""

    rows: dict[str, dict[str, int]]
    lines: list[str]

    def total(self, *columns: str) -> int:
        """Return the sum of some columns over every shape."""
        return sum(row[column] for row in self.rows.values() for column in columns)


def bench(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the bench over `folder` as a person would, to its end."""
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, str(ROOT / "bench" / "intake.py"), str(folder)],
        env=clean_environment() | WIDE,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_SECONDS,
    )


def counts(stdout: str) -> Counts:
    """Read what the bench printed."""
    header: list[str] = []
    rows: dict[str, dict[str, int]] = {}
    lines: list[str] = []
    for line in stdout.splitlines():
        cells = [cell.strip() for cell in line.replace("┃", "│").split("│")[1:-1]]
        if not cells:
            lines.append(" ".join(line.split()))
        elif not header:
            header = cells[1:]
        else:
            rows[cells[0]] = dict(zip(header, map(int, cells[1:]), strict=True))
    return Counts(rows, lines)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the folder of real payloads is not beside this repository")
def test_every_real_payload_ends_in_the_audit() -> None:
    """Real payloads of every shape through queue and worker: each is audited, none is lost, none stays behind."""
    done = bench(SHARED)
    assert done.returncode == 0, done.stdout + done.stderr
    found = counts(done.stdout)
    sendable = [path for path in SHARED.rglob("*.json") if path.stat().st_size <= LIMIT_BODY_BYTES]
    assert {shape: row["sent"] for shape, row in found.rows.items()} == {
        shape: sum(path.parent.name == shape for path in sendable) for shape in {path.parent.name for path in sendable}
    }
    assert found.total("lost") == 0
    assert all(sum(row.values()) >= 2 * row["sent"] for row in found.rows.values())
    assert found.lines[-1].startswith("left in the queue: 0; ")
    assert found.total("decided") > 0


def test_the_bench_counts_an_alarm_and_what_nobody_can_read(tmp_path: Path) -> None:
    """One alarm is decided, one malformed body is parked by its code, and both stand in their folder's row."""
    for folder, body in (("good", json.dumps(sns_alarm())), ("bad", "not an alarm at all")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "payload.json").write_text(body, encoding="utf-8")
    done = bench(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    nothing = {"sent": 1, "decided": 0, "joined": 0, "parked": 0, "ok": 0, "context": 0, "lost": 0}
    found = counts(done.stdout)
    assert found.rows == {"good": nothing | {"decided": 1}, "bad": nothing | {"parked": 1}}
    assert found.lines[-2:] == ["parked 1 not_json", "left in the queue: 0; in the dead-letter queue: 1"]
    assert found.lines[0].startswith("2 payloads of")


def test_a_folder_without_payloads_is_no_success(tmp_path: Path) -> None:
    """A bench that has sent nothing must not look like one that lost nothing."""
    (tmp_path / "notes.txt").write_text(os.linesep)
    done = bench(tmp_path)
    assert done.returncode == 252
    assert done.stdout == ""
    assert done.stderr == f"{tmp_path}: no .json files here\n"
