from collections.abc import Mapping

import pytest
from triage import cpu_alarm, database_alarm, disk_alarm, metric, over, resource, under

from autocloudops.alarms.model import Alarm, AlarmKind, AlarmState, Condition, MetricQuery, ResourceRef
from autocloudops.catalogue import ACTIONS, Offer, Risk, offers, request_for


def offered(alarm: Alarm) -> list[str]:
    """Return the names of what is offered."""
    return [offer.action for offer in offers(alarm)]


def executable(alarm: Alarm) -> Offer:
    """Return the one offer that executes something."""
    (found,) = [offer for offer in offers(alarm) if ACTIONS[offer.action].executes]
    return found


def changed(alarm: Alarm, **fields: object) -> Alarm:
    """Return the alarm with some fields changed."""
    return alarm.model_copy(update=fields)


GROUP = resource("autoscaling:group", "web-asg")
IN_GROUP = resource("ec2:instance", "i-0abc1234def567890", owner="autoscaling-group/web-asg")
ALONE = resource("ec2:instance", "i-0abc1234def567890")
EC2_CPU = metric("AWS/EC2", "CPUUtilization", {"InstanceId": "i-0abc1234def567890"})
DATABASE = resource("rds:db-instance", "orders-db")
STORAGE = metric("AWS/RDS", "FreeStorageSpace", {"DBInstanceIdentifier": "orders-db"})
SERVICE = resource("ecs:service", "shop/orders-api")
SERVICE_DIMENSIONS = {"ClusterName": "shop", "ServiceName": "orders-api"}
VOLUME_USE = metric("AWS/ECS", "EBSFilesystemUtilization", SERVICE_DIMENSIONS)
POOL_USE = metric("Shop", "DatabaseConnections", SERVICE_DIMENSIONS)

BINDINGS: list[tuple[Alarm, str, str, Mapping[str, str]]] = [
    (
        cpu_alarm(),
        "scale_out_service",
        "ecs:service",
        {"Kind": "ecs-service", "Cluster": "shop", "Service": "orders-api"},
    ),
    (
        changed(cpu_alarm(), resource=GROUP, metric=EC2_CPU),
        "scale_out_service",
        "autoscaling:group",
        {"Kind": "auto-scaling-group", "Group": "web-asg"},
    ),
    (
        changed(cpu_alarm(), resource=IN_GROUP, metric=EC2_CPU),
        "scale_out_service",
        "autoscaling:group",
        {"Kind": "auto-scaling-group", "Group": "web-asg"},
    ),
    (
        database_alarm(),
        "restart_service",
        "rds:db-instance",
        {"Kind": "db-instance", "DBInstanceIdentifier": "orders-db"},
    ),
    (
        changed(cpu_alarm(), metric=POOL_USE),
        "restart_service",
        "ecs:service",
        {"Kind": "ecs-service", "Cluster": "shop", "Service": "orders-api"},
    ),
    (
        disk_alarm("/var/log"),
        "clean_logs",
        "ec2:instance",
        {"Kind": "instance", "InstanceId": "i-0abc1234def567890", "Path": "/var/log"},
    ),
    (
        changed(cpu_alarm(), resource=DATABASE, metric=STORAGE, condition=under(5e9)),
        "clean_logs",
        "rds:db-instance",
        {"Kind": "db-instance", "DBInstanceIdentifier": "orders-db"},
    ),
    (
        changed(cpu_alarm(), resource=SERVICE, metric=VOLUME_USE),
        "clean_logs",
        "ecs:service",
        {"Kind": "ecs-service", "Cluster": "shop", "Service": "orders-api"},
    ),
]


@pytest.mark.parametrize(("alarm", "action", "kind", "parameters"), BINDINGS)
def test_action_is_bound_to_the_alarms_resource(
    alarm: Alarm, action: str, kind: str, parameters: Mapping[str, str]
) -> None:
    """Each seed action is offered for its alarms, with target and parameters from resource and dimensions."""
    offer = executable(alarm)
    assert (offer.action, offer.target.type, offer.parameters) == (action, kind, parameters)
    assert (offer.target.account, offer.target.region) == (alarm.resource.account, alarm.resource.region)


MATH = (
    MetricQuery(id="m1", metric=EC2_CPU, returned=False),
    MetricQuery(id="m2", metric=EC2_CPU, returned=False),
    MetricQuery(id="e1", expression="m1/m2"),
)
ONLY_INVESTIGATE = {
    "cpu of a lone instance": changed(cpu_alarm(), resource=ALONE, metric=EC2_CPU),
    "cpu too low": changed(cpu_alarm(), condition=under(5)),
    "cpu outside a band, either side": changed(
        cpu_alarm(), condition=Condition(operator="LessThanLowerOrGreaterThanUpperThreshold")
    ),
    "back to OK": changed(cpu_alarm(), state=AlarmState.OK),
    "no data": changed(cpu_alarm(), state=AlarmState.INSUFFICIENT_DATA),
    "unknown metric": changed(cpu_alarm(), metric=metric("Shop", "CartsLost", {"ServiceName": "orders-api"})),
    "math": changed(cpu_alarm(), kind=AlarmKind.MATH, metric=None, queries=MATH),
    "composite": changed(cpu_alarm(), kind=AlarmKind.COMPOSITE, metric=None, rule="ALARM(a) AND ALARM(b)"),
    "direction unknown": changed(cpu_alarm(), condition=Condition()),
    "storage of a database that only grows": changed(cpu_alarm(), resource=DATABASE, metric=STORAGE),
    "disk with a path that is none": disk_alarm("/var/log; rm -rf /"),
    "disk with a path that climbs": disk_alarm("/var/log/../../etc"),
    "disk with a relative path": disk_alarm("var/log"),
    "account that is none": changed(cpu_alarm(), resource=SERVICE.model_copy(update={"account": "prod"})),
    "region that is none": changed(cpu_alarm(), resource=SERVICE.model_copy(update={"region": "EU (Ireland)"})),
    "service with a name that ECS refuses": changed(cpu_alarm(), resource=resource("ecs:service", "shop/{{ssm:x}}")),
    "service without a cluster": changed(cpu_alarm(), resource=resource("ecs:service", "orders-api")),
    "group whose name is a sentence": changed(
        cpu_alarm(), resource=resource("autoscaling:group", "web and then reboot"), metric=EC2_CPU
    ),
}


@pytest.mark.parametrize("alarm", ONLY_INVESTIGATE.values(), ids=ONLY_INVESTIGATE.keys())
def test_doubt_leaves_investigation_alone(alarm: Alarm) -> None:
    """Where symptom, direction or target is not certain, nothing that executes is offered."""
    assert offered(alarm) == ["investigate"]


def test_reason_cannot_give_the_direction() -> None:
    """Only the alarm's condition says which way it crossed: no text stands in for it, and none turns it."""
    alarm = changed(cpu_alarm(), condition=under(5))
    assert "greater than" in alarm.reason
    assert offered(alarm) == offered(changed(alarm, condition=Condition())) == ["investigate"]


def test_anomaly_of_one_metric_counts_as_that_metric() -> None:
    """An alarm on the upper band of a CPU is a high CPU; one on a band over several metrics is not."""
    plain = cpu_alarm()
    band = MetricQuery(id="ad1", expression="ANOMALY_DETECTION_BAND(m1, 2)")
    of_one = (MetricQuery(id="m1", metric=plain.metric), band)
    above = Condition(operator="GreaterThanUpperThreshold", threshold_metric_id="ad1")
    banded = changed(plain, kind=AlarmKind.ANOMALY, queries=of_one, condition=above)
    assert executable(banded) == executable(plain)
    assert offered(changed(banded, queries=(*MATH, band))) == ["investigate"]


@pytest.mark.parametrize("alarm", [row[0] for row in BINDINGS])
def test_summary_says_what_where_and_how_to_undo(alarm: Alarm) -> None:
    """People and model read the exact effect: the target by name, its region and account, and the way back."""
    offer = executable(alarm)
    assert offer.target.id.split("/")[-1] in offer.summary
    assert f"{offer.target.region}, account {offer.target.account}" in offer.summary
    assert f"Undo: {ACTIONS[offer.action].undo}" in offer.summary


@pytest.mark.parametrize("alarm", [row[0] for row in BINDINGS])
def test_request_is_the_offer_and_its_runbook(alarm: Alarm) -> None:
    """What would be run is what was offered, through one SSM Automation document per action."""
    offer = executable(alarm)
    request = request_for(offer)
    assert request is not None
    assert (request.action, request.target, request.parameters) == (offer.action, offer.target, offer.parameters)
    assert request.runbook.startswith("AutoCloudOps-")
    assert ACTIONS[offer.action].describe(request) in offer.summary


def test_nothing_is_requested_for_investigation_or_the_unknown() -> None:
    """An action that executes nothing, or that the catalogue lacks, never becomes a request."""
    (investigation,) = [offer for offer in offers(cpu_alarm()) if offer.action == "investigate"]
    assert request_for(investigation) is None
    assert request_for(investigation.model_copy(update={"action": "terminate_everything"})) is None


def test_catalogue_is_what_the_operator_reads() -> None:
    """The table's keys are the names, each document serves one action, and only scaling out is low risk."""
    assert all(name == action.name for name, action in ACTIONS.items())
    runbooks = [action.runbook for action in ACTIONS.values() if action.executes]
    assert len(set(runbooks)) == len(runbooks)
    assert {name: action.risk for name, action in ACTIONS.items() if action.executes} == {
        "scale_out_service": Risk.LOW,
        "restart_service": Risk.HIGH,
        "clean_logs": Risk.HIGH,
    }


def test_applies_says_whether_there_is_an_offer() -> None:
    """`applies` and `offer` never disagree."""
    for alarm, action, _, _ in BINDINGS:
        assert [name for name, each in ACTIONS.items() if each.applies(alarm)] == [action, "investigate"]


def test_metric_of_another_service_is_no_reason() -> None:
    """Only the listed metrics count, by namespace and name: a namesake elsewhere is another metric."""
    namesake = EC2_CPU.model_copy(update={"namespace": "Shop"})
    assert offered(changed(cpu_alarm(), metric=namesake, condition=over(80))) == ["investigate"]


def test_resource_of_the_account_that_holds_the_metric_is_the_target() -> None:
    """In cross-account monitoring the target is in the metric's account, not in the alarm's."""
    elsewhere = ResourceRef(**{**SERVICE.model_dump(), "account": "444455556666"})
    assert executable(changed(cpu_alarm(), resource=elsewhere)).target.account == "444455556666"
