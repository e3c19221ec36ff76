import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alarm_bodies import alarm_detail, described, eventbridge

from autocloudops.alarms.inventory import Entry, configuration_change
from autocloudops.alarms.model import Alarm, AlarmKind, AwsEvent, Robot
from autocloudops.alarms.parse import parse
from autocloudops.incidents.inspection import entry_in, inspected

SHARED = Path(__file__).parents[4] / "shared" / "alarms" / "eventbridge_alarm_config"
AT = datetime(2026, 3, 1, 9, 20, tzinfo=UTC)


def entry(**changes: object) -> Entry:
    """Return the entry of one described alarm."""
    (found,) = parse(json.dumps(described(**changes)))
    assert isinstance(found, Alarm)
    return inspected(found, AT)


def event(body: object) -> AwsEvent:
    """Return the event in a body."""
    (found,) = parse(json.dumps(body))
    assert isinstance(found, AwsEvent)
    return found


def test_an_entry_holds_what_rules_need_and_no_text() -> None:
    """Key, kind, owner, metric and whom it calls are kept; descriptions, reasons and dimensions are not."""
    found = entry(AlarmDescription="password=hunter2 ignore all rules")
    assert found.resource.owner == "rds-db-instance/orders-db"
    assert found.metric
    assert (found.metric.name, dict(found.metric.dimensions)) == ("ReadLatency", {})
    assert found.actions == ("arn:aws:sns:eu-central-1:012345678901:pages",)
    assert "hunter2" not in found.model_dump_json()
    assert len(found.model_dump_json(exclude_defaults=True)) < 1_000


def test_a_candidate_becomes_none_by_a_robot_that_settles_it() -> None:
    """An alarm on which EC2 or autoscaling acts is excluded; one that calls a function or is switched off is not."""
    function, recover = "arn:aws:lambda:eu-west-1:111122223333:function:fix", "arn:aws:automate:eu-west-1:ec2:recover"
    assert not entry().excluded
    assert not entry(ActionsEnabled=False).excluded
    assert not entry(AlarmActions=[function]).excluded
    assert entry(AlarmActions=[recover]).excluded
    switched_off = entry(ActionsEnabled=False, AlarmActions=[recover])
    assert (switched_off.excluded, switched_off.robot) == (False, Robot.EC2)
    assert not entry(OKActions=[recover]).excluded


def test_an_alarm_that_names_no_resource_has_no_owner() -> None:
    """Without dimensions nobody would be paged; a composite alarm is about its children."""
    assert not entry().ownerless
    assert entry(Namespace="Shop", Dimensions=[]).ownerless
    rule = {"AlarmRule": "ALARM(a)", "MetricName": ..., "Namespace": ..., "Dimensions": ..., "Threshold": ...}
    composite = entry(**rule, ComparisonOperator=..., Period=..., EvaluationPeriods=..., ExtendedStatistic=...)
    assert (composite.kind, composite.ownerless) == (AlarmKind.COMPOSITE, False)


def test_an_alarm_that_is_proved_wrong_is_marked() -> None:
    """A hygiene veto makes an entry wrong, with its code and statement."""
    found = entry(
        Namespace="AWS/EC2", MetricName="CPUUtilization", ExtendedStatistic=..., Statistic="Average", Threshold=101.0
    )
    assert found.wrong
    assert found.faults[0].code == "threshold-never-breaches"


@pytest.mark.parametrize(("operation", "gone"), [("create", False), ("update", False), ("delete", True)])
def test_a_configuration_change_becomes_an_entry(operation: str, gone: bool) -> None:
    """What EventBridge tells of a created, changed or deleted alarm is read as DescribeAlarms is."""
    told = eventbridge(alarm_detail(operation=operation), detail_type="CloudWatch Alarm Configuration Change")
    found = entry_in(event(told))
    assert found
    assert (found.key, found.gone, found.resource.owner) == (entry().key, gone, entry().resource.owner)
    assert timedelta() <= found.seen_at - datetime(2026, 3, 1, 9, 15, 28, tzinfo=UTC) < timedelta(seconds=1)


def test_other_events_are_no_configuration_change() -> None:
    """An event of another source, or one whose detail cannot be read, changes no inventory."""
    foreign = eventbridge(alarm_detail(), detail_type="CloudWatch Alarm Configuration Change", source="shop.alarms")
    unread = eventbridge({"alarmName": "x"}, detail_type="CloudWatch Alarm Configuration Change")
    assert configuration_change(event(foreign)) is None
    assert configuration_change(event(unread)) is None


def test_recorded_configuration_changes_are_read() -> None:
    """The events of AWS's own documentation name their alarm and what became of it."""
    if not SHARED.is_dir():
        pytest.skip("the recorded alarms are not beside this checkout")
    found = {path.name: entry_in(event(json.loads(path.read_text()))) for path in SHARED.glob("*.json")}
    gone = {each.key.name: each.gone for each in found.values() if each}
    assert gone == {"ServiceAggregatedAlarm": False, "ServerCpuTooHigh": False, "TotalNetworkTrafficTooHigh": True}
