import pytest

from autocloudops.sandbox.endpoint.reading import Exhibit
from autocloudops.sandbox.endpoint.reasoning import Remark, compared, remarks

SCALE, RESTART, CLEAN = "scale_out_service", "restart_service", "clean_logs"
ROLL = "roll_back_deployment"
DEPLOYED = '03:01:50Z, {} before the alarm: ecs:deployment of "ecs-service/shop/api": "done"'
BUSY = "NetworkRxBytes Average: 1.2 M | 600 k | 2.00 x | up"
IDLE = "NetworkRxBytes Average: 598 k | 610 k | 0.98 x | flat"
STEPPED = "metric: x\nstep: left its level at 2026-11-22 02:20:00Z, 52 min ago: from 44 to 93"


def exhibit(kind: str, text: str, name: str = "E2") -> Exhibit:
    """Return one piece of evidence."""
    return Exhibit(id=name, kind=kind, text=text, fields=())


@pytest.mark.parametrize(
    ("action", "kind", "text"),
    [
        (SCALE, "alarm-now", "state now: no longer in ALARM, OK since 2026-11-22 03:12:00Z, 14 s"),
        (SCALE, "metric", "now: 71 at 03:11Z, limit > 80: within it by 9 (11%)"),
        (SCALE, "metric", "now: 96 at 03:11Z\nusual: p50 95; now is among them, 1.011 x p50"),
        (CLEAN, "metric", STEPPED),
        (SCALE, "companions", IDLE),
        (RESTART, "companions", "CPUUtilization Average: 78 | 31 | 2.52 x | up"),
        (SCALE, "change", DEPLOYED.format("9 min")),
        (RESTART, "change", DEPLOYED.format("40 s")),
        (ROLL, "change", "no change seen in 2 h on: the owner; its account as a whole"),
        (ROLL, "change", '09:24:42Z, 6 min before the alarm: autocloudops.change of "name/quotes": "flag v3 on"'),
        (SCALE, "thirty-days", "OK again within 5 min: 39 of 40 (98%)"),
        (SCALE, "related", "distinct resources that alarmed in this account since 15 min before: 34"),
        (SCALE, "related", 'of what its alarms name: "rds-db-instance/orders-db" since 03:01:10Z, 2 still in ALARM'),
        (SCALE, "past", 'on the same owner\npeople said: the action was WRONG\nproposed action "scale_out_service"'),
        (SCALE, "runbook", "written for this: owner match\n> Never scale it out: two of them pay twice."),
        (SCALE, "configuration", "instances: 12 of 12 desired, at least 2, at most 12, cannot grow"),
        (SCALE, "configuration", "tasks: 3 running, 3 pending, 6 desired; service ACTIVE"),
        (RESTART, "configuration", "limit max_connections: 820; the alarm's threshold 900 is 110% of it"),
        (RESTART, "configuration", "class: db.r6g.large, status modifying"),
    ],
)
def test_a_careful_reader_objects(action: str, kind: str, text: str) -> None:
    """Each kind of evidence can speak against what the metric suggests."""
    (remark,) = remarks(action, [exhibit(kind, text)])
    assert (remark.exhibit, bool(remark.against)) == ("E2", True)


@pytest.mark.parametrize(
    ("action", "kind", "text"),
    [
        (SCALE, "companions", BUSY),
        (RESTART, "companions", "CPUUtilization Average: 33 | 31 | 1.06 x | flat"),
        (CLEAN, "metric", "step: none that lasts, in 3 h\nat this slope: no way back within the limit"),
        (ROLL, "change", DEPLOYED.format("6 min")),
        (ROLL, "runbook", "written for this: owner match\n> Roll the release back."),
        (SCALE, "past", 'on the same owner\npeople said: the action was right\nproposed action "scale_out_service"'),
        (SCALE, "runbook", "written for this: owner match\n> Scale out by half."),
    ],
)
def test_evidence_can_support(action: str, kind: str, text: str) -> None:
    """What fits the plan is cited for it."""
    assert remarks(action, [exhibit(kind, text)]) == (Remark("E2"),)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("change", DEPLOYED.format("95 min")),
        ("change", '03:01:50Z, 9 min before the alarm: autoscaling:launch of "autoscaling-group/web": "i-0"'),
        ("thirty-days", "OK again within 5 min: 2 of 2 (100%)"),
        ("related", "distinct resources that alarmed in this account since 15 min before: 2"),
        ("past", 'another owner\npeople said: the action was WRONG\nproposed action "scale_out_service"'),
        ("runbook", "reads like this alarm (likeness 0.47)\n> Never scale it out."),
        ("configuration", "tasks: 4 running, 0 pending, 4 desired; service ACTIVE"),
        ("metric", "now: no datapoint in the last 3 h"),
        ("rumour", "no longer in ALARM"),
    ],
)
def test_what_proves_nothing_is_no_remark(kind: str, text: str) -> None:
    """Old or routine changes, few fires, other owners and texts that are only alike say nothing."""
    assert remarks(SCALE, [exhibit(kind, text)]) == ()


def test_a_change_after_the_step_is_not_its_cause() -> None:
    """A metric that left its level long before a change was not moved by it."""
    change = exhibit("change", DEPLOYED.format("20 min"), "E3")
    assert remarks(SCALE, [exhibit("metric", STEPPED), change]) == ()
    assert [remark.exhibit for remark in remarks(SCALE, [change])] == ["E3"]


def test_a_release_after_the_step_is_not_taken_back() -> None:
    """A release that came long after the calls began to fail is no reason to go back before it."""
    found = remarks(ROLL, [exhibit("metric", STEPPED), exhibit("change", DEPLOYED.format("20 min"), "E3")])
    assert [(remark.exhibit, bool(remark.against)) for remark in found] == [("E3", True)]


def test_objections_come_first() -> None:
    """What speaks against a plan stands before what speaks for it, each piece cited once a side."""
    found = remarks(SCALE, [exhibit("companions", BUSY), exhibit("alarm-now", "no longer in ALARM", "E3")])
    assert [(remark.exhibit, bool(remark.against)) for remark in found] == [("E3", True), ("E2", False)]


def test_silence_counts_only_where_something_was_compared() -> None:
    """Companions with their usual level were looked at; a line without one was not."""
    assert compared([exhibit("companions", BUSY)])
    assert not compared([exhibit("companions", "no datapoint: NetworkRxBytes")])
