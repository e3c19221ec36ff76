import json
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import pytest
from audit_folder import (
    CPU,
    CPU_INCIDENT,
    DATABASE,
    DATABASE_INCIDENT,
    EVENT,
    SECOND,
    THIRD,
    TODAYS,
    decided,
    write_audit,
)
from command_line import typed

from autocloudops.audit.record import Outcome, digest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return an audit of two days."""
    return write_audit(tmp_path / "audit-here")


def listed(*arguments: str) -> Sequence[dict[str, object]]:
    """Return the rows of `audit ls`."""
    return [json.loads(line) for line in typed("audit", "ls", "--output", "json", *arguments).stdout.splitlines()]


def told(folder: Path, wanted: str) -> str:
    """Return what `audit show` prints."""
    result = typed("audit", "show", wanted, "--location", str(folder))
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_decisions_are_listed_newest_first(folder: Path) -> None:
    """Only decisions are listed, each with its incident, what is proposed, and where its record stands."""
    rows = listed("--location", str(folder))
    assert [row["incident_id"] for row in rows] == [str(DATABASE_INCIDENT), str(CPU_INCIDENT)]
    assert [row["proposed"] for row in rows] == ["restart_database_clients", "scale_out_service"]
    assert [row["alarms"] for row in rows] == [1, 2]
    assert {str(row["object"]).split("/")[3] for row in rows} == {"dt=2026-03-01", "dt=2026-03-02"}


def test_the_location_may_be_a_setting(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `--location` the worker's own setting says where the audit is."""
    monkeypatch.setenv("AUTOCLOUDOPS_AUDIT_LOCATION", str(folder))
    assert len(listed()) == 2


@pytest.mark.parametrize(
    ("arguments", "incidents"),
    [
        (("--day", "2026-03-01"), [CPU_INCIDENT]),
        (("--day", "2026-03-03"), []),
        (("--limit", "1"), [DATABASE_INCIDENT]),
        (("--verdict", "dry-run"), [DATABASE_INCIDENT, CPU_INCIDENT]),
        (("--verdict", "manual"), []),
    ],
)
def test_the_list_can_be_narrowed(folder: Path, arguments: tuple[str, ...], incidents: list[object]) -> None:
    """A day, a verdict and a number of lines leave out the rest."""
    rows = listed("--location", str(folder), *arguments)
    assert [row["incident_id"] for row in rows] == [str(incident) for incident in incidents]


def test_a_cut_list_says_so(folder: Path) -> None:
    """Whoever sees only the newest decisions is told that there are more."""
    result = typed("audit", "ls", "--location", str(folder), "--limit", "1")
    assert result.stderr == "There are more than the newest 1: raise --limit, or name a --day.\n"
    assert typed("audit", "ls", "--location", str(folder), "--limit", "2").stderr == ""


def test_the_table_is_for_people(folder: Path) -> None:
    """The table has a heading and short ids; text has the same columns between tabs."""
    heading, *rows = typed("audit", "ls", "--location", str(folder)).stdout.splitlines()
    assert heading.split()[:3] == ["TIME", "VERDICT", "INCIDENT"]
    assert f"inc-{str(CPU_INCIDENT)[:8]}" in rows[1]
    text = typed("audit", "ls", "--location", str(folder), "--output", "text").stdout.splitlines()
    assert [line.split("\t")[1] for line in text] == ["dry_run", "dry_run"]


@pytest.mark.parametrize(
    "wanted",
    [
        f"inc-{str(CPU_INCIDENT)[:8]}",
        str(CPU_INCIDENT)[:8].upper(),
        str(CPU_INCIDENT),
        str(CPU.event_id),
        str(THIRD.event_id)[:13],
        str(TODAYS[0].decision.decision_id if TODAYS[0].decision else None),
    ],
)
def test_an_incident_is_shown_by_any_of_its_ids(folder: Path, wanted: str) -> None:
    """The ids of the incident, of its decision and of its state changes all lead to the one story."""
    assert told(folder, wanted).startswith("DRY RUN (would execute): shop/orders-api (ecs:service)")


def test_the_story_is_complete(folder: Path) -> None:
    """Cause, proposal, members, late joiners, copies, the incident before and the delivery are told."""
    text = told(folder, str(CPU_INCIDENT))
    for line in (
        "WITH     1 more alarm of ecs-service/shop/orders-api",
        "CAUSE    The service has too few tasks for its load.",
        "PROPOSED Scale the service out (low risk)",
        "OWNER    111122223333/eu-west-1/ecs-service/shop/orders-api",
        "MEMBERS  2026-11-22 03:11:42Z decided  ALARM night-shift",
        "         2026-11-22 03:11:45Z joined   ALARM night-shift",
        "LATER    2026-11-22 03:11:51Z joined   ALARM night-shift",
        "         2026-11-22 03:16:42Z ok       OK night-shift",
        "REPEATED joined 1",
        "BEFORE   inc-7f3a0000, the owner's incident before this one",
        "DELIVERY message message-1, delivery 2, sent 12:00:00Z",
    ):
        assert line in text.splitlines()
    assert "audit show" not in text


def test_the_story_says_where_its_record_stands(folder: Path) -> None:
    """Object, line and digest name the exact bytes of the record."""
    (row,) = [row for row in listed("--location", str(folder)) if row["incident_id"] == str(CPU_INCIDENT)]
    shown = json.loads(typed("audit", "show", str(CPU_INCIDENT), "--location", str(folder), "--output", "json").stdout)
    (standing,) = [record["standing"] for record in shown["records"] if record["outcome"] == "decided"]
    last = told(folder, str(CPU_INCIDENT)).splitlines()[-1]
    assert last == f"AUDIT    {standing['object']} #{row['line']} sha256 {standing['sha256']}"
    assert standing["object"] == f"{folder}/{row['object']}"
    assert len(standing["sha256"]) == len(digest(b""))


def test_every_record_of_an_incident_is_in_the_json(folder: Path) -> None:
    """The JSON form holds each record of the incident, and no other."""
    shown = json.loads(typed("--output", "json", "audit", "show", str(CPU_INCIDENT), "--location", str(folder)).stdout)
    assert [record["outcome"] for record in shown["records"]] == ["decided", "joined", "joined", "joined", "ok"]


def test_cost_of_a_question_is_shown_and_in_the_json(tmp_path: Path) -> None:
    """Attempts, share of the instance hour, price and estimate are told, and stand in the JSON under their names."""
    spent = {
        "attempts": 2,
        "endpoint_seconds": 3.6,
        "instance_hour_share": 0.001,
        "price_per_hour": 2.0,
        "cost_usd": 0.002,
        "estimated_tokens": 875,
        "estimate_ratio": 0.8,
    }
    first = TODAYS[0]
    assert first.model
    record = first.model_copy(update={"model": first.model.model_copy(update=spent)})
    folder = write_audit(tmp_path / "costs", [record])
    assert (
        "COST     2 attempts; 3.60 s of the endpoint, 0.100% of an instance hour; $0.00200 at $2 an hour; "
        "875 prompt tokens estimated, 0.80 of that counted"
    ) in told(folder, str(CPU_INCIDENT)).splitlines()
    shown = json.loads(typed("audit", "show", str(CPU_INCIDENT), "--location", str(folder), "--output", "json").stdout)
    assert spent.items() <= shown["records"][0]["model"].items()


def test_the_newest_question_counts(tmp_path: Path) -> None:
    """Where an incident was asked about again, the newest decision is told, and the earlier one is named."""
    again = decided(SECOND, CPU_INCIDENT, CPU, THIRD, revision=1)
    folder = write_audit(tmp_path / "audit-here", [TODAYS[0], again])
    text = told(folder, str(CPU_INCIDENT)).splitlines()
    assert "WITH     2 more alarms of ecs-service/shop/orders-api" in text
    assert text[-2] == "BEFORE   dry_run at 12:00:00Z, asked about again since"


def test_a_reply_that_came_too_late_is_a_note(tmp_path: Path) -> None:
    """A superseded reply changes no member and no verdict; it is named at the end."""
    late = TODAYS[0].model_copy(update={"outcome": Outcome.NOTE, "note": "superseded: attempt 1"})
    text = told(write_audit(tmp_path / "audit-here", [TODAYS[0], late]), str(CPU_INCIDENT)).splitlines()
    assert "MEMBERS  2026-11-22 03:11:42Z decided  ALARM night-shift" in text
    assert text[-2] == "NOTE     superseded: attempt 1"


def test_an_event_without_a_decision_is_shown(folder: Path) -> None:
    """A context event has no story, but its record is shown."""
    text = told(folder, str(EVENT.event_id)).splitlines()
    assert text[0] == f"NO DECISION about {EVENT.event_id} in {folder}"
    assert text[1] == "RECORDED 2026-11-22 03:11:42Z context  aws.ecs ECS Deployment State Change"
    assert text[2].startswith(f"AUDIT    {folder}/audit/v1/decisions/dt=2026-03-01/")


def test_an_ambiguous_id_lists_its_candidates(tmp_path: Path) -> None:
    """An id that could be several names them all in one line."""
    twin = decided(DATABASE, UUID(int=CPU_INCIDENT.int ^ 1))
    folder = write_audit(tmp_path / "two", [TODAYS[0], twin])
    result = typed("audit", "show", f"inc-{str(CPU_INCIDENT)[:8]}", "--location", str(folder))
    assert result.exit_code == 252
    (line,) = result.stderr.splitlines()
    assert f"inc-{CPU_INCIDENT}" in line
    assert f"inc-{twin.incident_id}" in line


def test_an_unknown_id_says_what_to_do(folder: Path) -> None:
    """An id that nothing starts with is told with the way to those that exist."""
    result = typed("audit", "show", "inc-ffffffffffff", "--location", str(folder))
    assert result.exit_code == 252
    assert "autocloudops audit ls" in result.stderr


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A wrong location is told, and is no empty audit."""
    result = typed("audit", "ls", "--location", str(tmp_path / "nowhere"))
    assert result.exit_code == 252
    assert result.stderr.startswith(f"autocloudops: {tmp_path / 'nowhere'} is no folder: ")


def test_without_a_location_the_setting_is_named() -> None:
    """Neither option nor setting is a configuration error."""
    result = typed("audit", "ls")
    assert result.exit_code == 253
    assert "AUTOCLOUDOPS_AUDIT_LOCATION" in result.stderr


def test_a_file_that_is_no_audit_is_named(folder: Path) -> None:
    """A damaged object is told by its key and line, without a traceback."""
    (first, *_) = sorted(folder.rglob("*.jsonl.gz"))
    first.write_bytes(b"not gzip")
    result = typed("audit", "ls", "--location", str(folder))
    assert result.exit_code == 252
    (line,) = result.stderr.splitlines()
    assert first.name in line
