"""What a careful person reads in each real payload, against what the parser reads."""

import csv
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest

from autocloudops.alarms.model import Alarm, Parsed, Unparseable
from autocloudops.alarms.parse import parse

SHARED = Path(__file__).parents[3].parent / "shared" / "alarms"
EXPECTED = Path(__file__).parent / "expected"
Row = dict[str, str]

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared payloads are not beside this repository")


def _rows(table: str) -> dict[str, list[Row]]:
    rows: dict[str, list[Row]] = {}
    with (EXPECTED / table).open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="|", quoting=csv.QUOTE_NONE):
            rows.setdefault(row.pop("file"), []).append(row)
    return rows


ALARMS, EVENTS, UNPARSEABLE = _rows("alarms.csv"), _rows("events.csv"), _rows("unparseable.csv")


def _time(at: datetime) -> str:
    return at.replace(tzinfo=None).isoformat(timespec="milliseconds")


def _watched(alarm: Alarm) -> Row:
    condition = alarm.condition
    return {
        "metric": f"{alarm.metric.namespace} {alarm.metric.name}" if alarm.metric else "",
        "statistic": alarm.statistic or "",
        "threshold": "" if condition.threshold is None else f"{condition.threshold:g}",
        "missing": condition.missing_data or "",
    }


def _alarm_row(alarm: Alarm) -> Row:
    return {
        "shape": alarm.shape,
        "name": alarm.key.name,
        "state": alarm.state,
        "previous": alarm.previous_state or "",
        "account": alarm.key.account,
        "region": alarm.key.region,
        "at": _time(alarm.at),
        "kind": alarm.kind,
        "resource": f"{alarm.resource.type} {alarm.resource.id}",
        "owner": alarm.resource.owner,
        **_watched(alarm),
    }


def _row(noun: Parsed) -> Row:
    if isinstance(noun, Alarm):
        return _alarm_row(noun)
    if isinstance(noun, Unparseable):
        return {"shape": noun.shape, "code": noun.code}
    names = ("shape", "source", "detail_type", "account", "region")
    return {**{name: getattr(noun, name) for name in names}, "at": _time(noun.at)}


def _parsed(file: str) -> list[Parsed]:
    return parse((SHARED / file).read_bytes())


@pytest.mark.parametrize("file", ALARMS)
def test_alarm_is_what_a_careful_person_reads(file: str) -> None:
    """Every alarm in the file has the name, state, account, region, time, kind and resource that stand in it."""
    assert [_row(noun) for noun in _parsed(file)] == ALARMS[file]


@pytest.mark.parametrize("file", EVENTS)
def test_other_events_are_context(file: str) -> None:
    """An AWS event that is no alarm keeps its source, what happened, where and when."""
    assert [_row(noun) for noun in _parsed(file)] == EVENTS[file]


@pytest.mark.parametrize("file", UNPARSEABLE)
def test_the_rest_says_why(file: str) -> None:
    """What lacks an identity, a state or a time is refused with the code of what is wrong, and a reason."""
    nouns = _parsed(file)
    assert [_row(noun) for noun in nouns] == UNPARSEABLE[file]
    assert all(isinstance(noun, Unparseable) and noun.reason for noun in nouns)


def test_the_tables_cover_every_payload() -> None:
    """Each payload stands in exactly one table, and at least 80 of them are read as alarms or events."""
    files = {path.relative_to(SHARED).as_posix() for path in SHARED.glob("*/*.json")}
    listed = Counter([*ALARMS, *EVENTS, *UNPARSEABLE])
    assert set(listed) == files
    assert set(listed.values()) == {1}
    assert len(ALARMS) + len(EVENTS) >= 80


def test_every_noun_of_a_payload_names_its_body() -> None:
    """All nouns of one body carry one digest, and two bodies two."""
    digests = {file: {noun.raw_sha256 for noun in _parsed(file)} for file in [*ALARMS, *EVENTS, *UNPARSEABLE]}
    assert all(len(found) == 1 for found in digests.values())
    contents = {(SHARED / file).read_bytes() for file in digests}
    assert len(set.union(*digests.values())) == len(contents)
