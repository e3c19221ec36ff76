from datetime import UTC, datetime, timedelta

import pytest

from autocloudops.alarms.inventory import Entry, Fault
from autocloudops.alarms.model import AlarmKey, AlarmKind, AlarmState, Metric, ResourceRef, Robot
from autocloudops.cli.costs import IDLING, MONTH, WAKING, scenarios
from autocloudops.cli.inventory_text import lines_of
from autocloudops.incidents.forecast import Forecast, forecast
from autocloudops.incidents.model import Windows
from autocloudops.incidents.replay import Transition

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PLACE = {"account": "111122223333", "region": "eu-west-1"}
SECRET = "password=hunter2hunter2"


def entry(name: str, **changes: object) -> Entry:
    """Return one candidate with an owner of its own."""
    known = Entry(
        key=AlarmKey(**PLACE, name=name),
        kind=AlarmKind.METRIC,
        resource=ResourceRef(type="sqs:queue", id=name, owner=f"sqs-queue/{name}", **PLACE),
        state=AlarmState.OK,
        state_at=NOON,
        seen_at=NOON,
        metric=Metric(namespace="AWS/SQS", name="ApproximateAgeOfOldestMessage"),
    )
    return known.model_copy(update=changes)


def expected(*hours: float, days: float = 30) -> Forecast:
    """Return what follows from one alarm that fired at these hours."""
    key = AlarmKey(**PLACE, name="age")
    begun = [NOON + timedelta(hours=hour) for hour in hours]
    fired = [Transition(key, AlarmState.ALARM, at) for at in begun]
    cleared = [Transition(key, AlarmState.OK, at + timedelta(minutes=2)) for at in begun]
    return forecast([entry("age")], [*fired, *cleared], (NOON, NOON + timedelta(days=days)), Windows())


def test_a_person_reads_it_in_twenty_lines() -> None:
    """Every part has its line, counts end in one column, and what is not there has none."""
    wrong = (Fault(code="threshold-never-breaches", veto=True, statement="x"),)
    entries = [entry("age"), entry("scaled", settled_by=Robot.AUTOSCALING), entry("wrong", faults=wrong)]
    known = expected(1, 30)
    lines = list(lines_of(entries, "eu-west-1", known, scenarios(known)))
    assert len(lines) <= 25
    assert lines[0].split() == ["alarms", "3", "in", "eu-west-1"]
    assert "autoscaling 1 (scaled)" in lines[2]
    assert "threshold-never-breaches 1 (wrong)" in lines[3]
    assert not any(line.startswith("no owner") for line in lines)
    counted = [line for line in lines[:9] if line]
    assert all(line[25].isdigit() and line[26:28].strip() == "" for line in counted)


def test_without_history_only_the_alarms_are_told() -> None:
    """No line pretends to know what was not read."""
    lines = list(lines_of([entry("age")], "eu-west-1", None, ()))
    assert [line.split()[0] for line in lines] == ["alarms", "candidates"]


def test_names_from_outside_are_cleaned() -> None:
    """A secret or a control character in an alarm's name does not reach the terminal."""
    off = entry(f"\x1b[31m{SECRET}\nquestions 0", switched_off=True)
    told = "\n".join(lines_of([off], "eu-west-1", None, ()))
    assert "hunter2" not in told
    assert "\x1b" not in told
    assert len(told.splitlines()) == 3


def test_an_endpoint_that_sleeps_is_paid_while_it_is_awake() -> None:
    """Two questions close together share one waking, a third one much later needs its own."""
    row = scenarios(expected(0, 0.25, 100))[0]
    awake = 2 * (WAKING + IDLING) + timedelta(minutes=15)
    assert row.wakings == pytest.approx(2)
    assert row.scale_to_zero == pytest.approx(row.price_per_hour * (awake / timedelta(hours=1)))
    assert row.always_on == pytest.approx(row.price_per_hour * 720)
    assert row.gpu_seconds < row.scale_to_zero < row.always_on


def test_costs_are_those_of_thirty_days() -> None:
    """A history of ten days is taken three times."""
    short, long = scenarios(expected(1, days=10))[0], scenarios(expected(1, days=30))[0]
    assert short.scale_to_zero == pytest.approx(3 * long.scale_to_zero)
    assert timedelta(days=30) == MONTH


def test_no_question_costs_nothing_but_the_instance_that_waits() -> None:
    """Quiet alarms wake nothing."""
    row = scenarios(expected())[0]
    assert (row.scale_to_zero, row.gpu_seconds, row.wakings) == (0, 0, 0)
    assert row.always_on > 0
