import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from audit_folder import TODAYS, TOMORROWS, write_audit
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it has no stubs

from autocloudops.audit.record import StoredRecord, canonical, seal
from autocloudops.audit.schema import record_schema

PUBLISHED = Path(__file__).parents[3] / "infrastructure" / "audit-record.schema.json"


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """The schema as this version makes it."""
    return record_schema()


def test_the_published_schema_is_that_of_this_version(schema: dict[str, Any]) -> None:
    """The file is what `autocloudops audit schema` prints: run it again after a field was added."""
    assert json.loads(PUBLISHED.read_text()) == schema


def test_every_line_that_is_written_fits_the_schema(tmp_path: Path, schema: dict[str, Any]) -> None:
    """Decisions, joined alarms, events and copies are all valid."""
    folder = write_audit(tmp_path)
    lines = [line for path in folder.rglob("*.gz") for line in gzip.decompress(path.read_bytes()).splitlines()]
    assert len(lines) == len(TODAYS) + len(TOMORROWS)
    validator = Draft202012Validator(schema)
    for line in lines:
        validator.validate(json.loads(line))


def test_a_line_without_its_place_in_the_chain_does_not_fit(schema: dict[str, Any]) -> None:
    """The schema can refuse: a record that nobody sealed is none."""
    sealed = json.loads(seal(TODAYS[0], "w", 0, ""))
    assert Draft202012Validator(schema).is_valid(sealed)
    assert not Draft202012Validator(schema).is_valid({**sealed, "prev": None})
    del sealed["number"]
    assert not Draft202012Validator(schema).is_valid(sealed)


def test_a_line_of_a_newer_version_is_read_and_keeps_what_is_new(schema: dict[str, Any]) -> None:
    """A reader accepts fields that it does not know, at the top and inside, and hands the top ones on."""
    newer = json.loads(seal(TODAYS[0], "w", 0, ""))
    newer |= {"schema_version": 9, "weather": "fine", "decision": newer["decision"] | {"second_thoughts": 3}}
    record = StoredRecord.model_validate_json(json.dumps(newer))
    assert record.decision == TODAYS[0].decision
    assert (record.schema_version, record.model_dump()["weather"]) == (9, "fine")
    assert Draft202012Validator(schema).is_valid(newer)


def test_a_line_has_one_form() -> None:
    """The same record is the same bytes, whichever way it is built."""
    record = TODAYS[0]
    assert seal(record, "w", 0, "") == seal(type(record).model_validate(record.model_dump()), "w", 0, "")
    assert canonical({"b": 1, "a": "ä"}) == '{"a":"ä","b":1}'.encode()
    assert b"hunter2" not in seal(record.model_copy(update={"note": "password=hunter2-hunter2"}), "w", 0, "")
