from collections.abc import Mapping

import pytest
from triage import (
    cpu_alarm,
    database_alarm,
    disk_alarm,
    error_alarm,
    group_alarm,
    memory_alarm,
    metric,
    over,
    resource,
    under,
)

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

ON_SERVICE = {"Cluster": "shop", "Service": "orders-api"}
ON_INSTANCE = {"Kind": "instance", "InstanceId": "i-0abc1234def567890", "Path": "/var/log"}
ON_DATABASE = {"Kind": "db-instance", "DBInstanceIdentifier": "orders-db"}
TASKS = metric("ECS/ContainerInsights", "RunningTaskCount", SERVICE_DIMENSIONS)

BINDINGS: list[tuple[Alarm, str, str, Mapping[str, str]]] = [
    (cpu_alarm(), "scale_out_service", "ecs:service", ON_SERVICE),
    (group_alarm(), "scale_out_group", "autoscaling:group", {"Group": "web-asg"}),
    (
        changed(cpu_alarm(), resource=IN_GROUP, metric=EC2_CPU),
        "scale_out_group",
        "autoscaling:group",
        {"Group": "web-asg"},
    ),
    (memory_alarm(), "restart_service", "ecs:service", ON_SERVICE),
    (changed(cpu_alarm(), metric=VOLUME_USE), "restart_service", "ecs:service", ON_SERVICE),
    (error_alarm(), "roll_back_deployment", "ecs:service", ON_SERVICE),
    (changed(cpu_alarm(), metric=TASKS, condition=under(3)), "roll_back_deployment", "ecs:service", ON_SERVICE),
    (database_alarm(), "restart_database_clients", "rds:db-instance", ON_DATABASE),
    (
        changed(cpu_alarm(), metric=POOL_USE),
        "restart_database_clients",
        "ecs:service",
        {"Kind": "ecs-service", **ON_SERVICE},
    ),
    (disk_alarm("/var/log"), "clean_logs", "ec2:instance", ON_INSTANCE),
    (
        changed(cpu_alarm(), resource=DATABASE, metric=STORAGE, condition=under(5e9)),
        "clean_logs",
        "rds:db-instance",
        ON_DATABASE,
    ),
]


@pytest.mark.parametrize(("alarm", "action", "kind", "parameters"), BINDINGS)
def test_action_is_bound_to_the_alarms_resource(
    alarm: Alarm, action: str, kind: str, parameters: Mapping[str, str]
) -> None:
    """Each action is offered for its alarms, with target and parameters from resource and dimensions."""
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
    "tasks that are too many": changed(cpu_alarm(), metric=TASKS),
    "errors that are too few": changed(error_alarm(), condition=under(1)),
    "memory of a lone instance": changed(memory_alarm(), resource=ALONE),
    "storage of a database that only grows": changed(cpu_alarm(), resource=DATABASE, metric=STORAGE),
    "disk with a path that is none": disk_alarm("/var/log; rm -rf /"),
    "disk with a path that climbs": disk_alarm("/var/log/../../etc"),
    "disk with a path that is too long": disk_alarm("/" + "a" * 256),
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
    """The table's keys are the names, each document serves one action, and what is destructive is of high risk."""
    assert all(name == action.name for name, action in ACTIONS.items())
    runbooks = [action.runbook for action in ACTIONS.values() if action.executes]
    assert len(set(runbooks)) == len(runbooks)
    assert {name: action.risk for name, action in ACTIONS.items() if action.executes} == {
        "scale_out_service": Risk.LOW,
        "scale_out_group": Risk.LOW,
        "restart_service": Risk.MEDIUM,
        "roll_back_deployment": Risk.MEDIUM,
        "restart_database_clients": Risk.HIGH,
        "clean_logs": Risk.HIGH,
        "collect_diagnostics": Risk.LOW,
        "open_ops_item": Risk.LOW,
        "notify": Risk.LOW,
    }


def test_model_is_offered_one_remedy_at_most() -> None:
    """Beside investigation there is one action to choose: choices that do not fit only mislead."""
    for alarm, action, _, _ in BINDINGS:
        assert offered(alarm) == [action, "investigate"]


def test_what_people_run_is_never_offered() -> None:
    """A snapshot, an OpsItem or a message fits any alarm, and the model cannot choose it."""
    for name in ("collect_diagnostics", "open_ops_item", "notify"):
        assert ACTIONS[name].applies(cpu_alarm())
        assert name not in offered(cpu_alarm())


def test_target_is_of_a_type_that_the_action_names() -> None:
    """An action is bound to nothing but the types of resource that it says."""
    for alarm, action, kind, _ in BINDINGS:
        assert kind in ACTIONS[action].targets
        binding = ACTIONS["collect_diagnostics"].bind(alarm)
        assert binding is None or binding.target.type in ACTIONS["collect_diagnostics"].targets


def test_metric_of_another_service_is_no_reason() -> None:
    """Only the listed metrics count, by namespace and name: a namesake elsewhere is another metric."""
    namesake = EC2_CPU.model_copy(update={"namespace": "Shop"})
    assert offered(changed(cpu_alarm(), metric=namesake, condition=over(80))) == ["investigate"]


def test_resource_of_the_account_that_holds_the_metric_is_the_target() -> None:
    """In cross-account monitoring the target is in the metric's account, not in the alarm's."""
    elsewhere = ResourceRef(**{**SERVICE.model_dump(), "account": "444455556666"})
    assert executable(changed(cpu_alarm(), resource=elsewhere)).target.account == "444455556666"
