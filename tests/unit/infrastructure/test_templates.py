"""The templates agree with the code that runs on them, with each other, and with what AWS takes."""

import json
import re
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator
from emulated_stacks import resources_of, without_lacking
from templates import TEMPLATES, evaluated, load, names

from autocloudops.audit.record import StoredRecord
from autocloudops.metrics import UNITS
from autocloudops.settings import ROOMS, LambdaSettings, QueueSettings, variable_of

NAMESPACE = "AUTOCLOUDOPS_METRICS_NAMESPACE"
METRIC = re.compile(r'\["AutoCloudOps", "(\w+)"')
SEARCHED = re.compile(r'MetricName=\\"(\w+)\\"')
GIVEN: dict[str, dict[str, object]] = {
    "worker-ecs": {"ImageUri": "image", "Subnets": ["subnet-1"], "SecurityGroups": ["sg-1"]},
    "worker-lambda": {"ImageUri": "image"},
    "endpoint-autoscaling": {"EndpointName": "nim"},
    "dashboard": {"EndpointName": "nim"},
}
COMPONENT: dict[str, object] = {"EndpointName": "nim", "ComponentName": "llm", "Least": 0}
HOURS: dict[str, object] = {"AwakeFrom": "cron(0 8 ? * MON-FRI *)", "AwakeUntil": "cron(0 18 ? * MON-FRI *)"}


def _made(name: str) -> dict[str, Any]:
    return evaluated(load(name), GIVEN.get(name, {}))


def _variables(name: str) -> dict[str, object]:
    if name == "worker-lambda":
        variables: dict[str, object] = _made(name)["Worker"]["Environment"]["Variables"]
        return variables
    (container,) = _made(name)["WorkerTask"]["ContainerDefinitions"]
    return {each["Name"]: each.get("Value") for each in container["Environment"]}


@pytest.mark.parametrize("name", ["worker-ecs", "worker-lambda"])
def test_a_worker_is_given_settings_that_there_are(name: str) -> None:
    """Every variable is one that is read, and every one that has to be set is."""
    known = {variable_of(room, field) for room in ROOMS for field in room.model_fields}
    required = {
        variable_of(room, field) for room in ROOMS for field, said in room.model_fields.items() if said.is_required()
    }
    variables = set(_variables(name))
    assert variables <= known | {NAMESPACE}
    assert required <= variables


def test_ecs_waits_longer_than_a_worker_drains() -> None:
    """The stop timeout is 12 s above the drain, as the settings ask for, and a drain outlasts a long poll."""
    (container,) = _made("worker-ecs")["WorkerTask"]["ContainerDefinitions"]
    drain = float(str(_variables("worker-ecs")["AUTOCLOUDOPS_QUEUE_DRAIN_SECONDS"]))
    assert container["StopTimeout"] - drain == 12
    assert drain > QueueSettings.model_fields["wait_seconds"].default


def test_a_worker_s_container_may_write_nothing_and_is_nobody() -> None:
    """Its root file system is read-only, it is not root, it has no capability, and its health is asked for."""
    (container,) = _made("worker-ecs")["WorkerTask"]["ContainerDefinitions"]
    assert (container["ReadonlyRootFilesystem"], container["User"]) == (True, "10001:10001")
    assert container["LinuxParameters"]["Capabilities"] == {"Drop": ["ALL"]}
    assert container["HealthCheck"]["Command"] == ["CMD", "autocloudops", "worker", "health"]


def test_lambda_s_shares_fit_its_settings() -> None:
    """What the mapping bounds is what the function is told, and both fit the endpoint."""
    made, variables = _made("worker-lambda"), _variables("worker-lambda")
    most = made["Alarms"]["ScalingConfig"]["MaximumConcurrency"]
    assert variables["AUTOCLOUDOPS_LAMBDA_MAXIMUM_CONCURRENCY"] == most
    settings = LambdaSettings(endpoint_limit=32, maximum_concurrency=most)
    assert settings.share * most <= settings.endpoint_limit
    for mapping in ("Alarms", "FollowUps"):
        assert made[mapping]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert json.loads(made["Sweep"]["Targets"][0]["Input"]) == {"autocloudops": "sweep"}


def test_spot_keeps_one_task_that_is_not_taken_back() -> None:
    """With Spot the first task stays on Fargate, and without it all of them do."""
    template = load("worker-ecs")
    spot = evaluated(template, {**GIVEN["worker-ecs"], "Spot": "true"})["Worker"]["CapacityProviderStrategy"]
    assert spot[0] == {"CapacityProvider": "FARGATE", "Base": 1, "Weight": 0}
    assert spot[1]["CapacityProvider"] == "FARGATE_SPOT"
    (plain,) = _made("worker-ecs")["Worker"]["CapacityProviderStrategy"]
    assert plain["CapacityProvider"] == "FARGATE"


def test_alarms_watch_metrics_that_the_worker_emits() -> None:
    """Every alarm on a metric of ours names one that is emitted, under the one dimension that it is emitted with."""
    watched: set[str] = set()
    for properties in _made("observability").values():
        sources = [each["MetricStat"]["Metric"] for each in properties.get("Metrics", ()) if "MetricStat" in each]
        for source in (properties, *sources):
            if source.get("Namespace") == "AutoCloudOps":
                assert [each["Name"] for each in source["Dimensions"]] == ["Service"]
                watched.add(source["MetricName"])
    assert len(watched) >= 8
    assert watched <= UNITS.keys()


def test_the_dashboard_shows_metrics_that_the_worker_emits() -> None:
    """Its body is JSON, its widgets do not overlap, and it shows no metric of ours that there is not."""
    body = _made("dashboard")["Dashboard"]["DashboardBody"]
    widgets = json.loads(body)["widgets"]
    shown = set(METRIC.findall(body)) | set(SEARCHED.findall(body))
    assert len(shown) >= 20
    assert shown <= UNITS.keys()
    cells = [
        (each["x"] + right, each["y"] + down)
        for each in widgets
        for right in range(each["width"])
        for down in range(each["height"])
    ]
    assert len(cells) == len(set(cells))


def test_the_dashboard_lists_every_alarm_that_is_always_there() -> None:
    """Its first widget names the alarms of the observability stack."""
    first = json.loads(_made("dashboard")["Dashboard"]["DashboardBody"])["widgets"][0]
    listed = {each.partition(":alarm:")[2] for each in first["properties"]["alarms"]}
    made = {each["AlarmName"] for each in _made("observability").values() if "AlarmActions" in each}
    assert listed == made - {"autocloudops-no-digest"}


def test_athena_reads_fields_that_records_have() -> None:
    """Each column of the table is a field of a stored record, and so is each field of its structures."""
    columns = evaluated(load("audit"), {})["AuditDecisions"]["TableInput"]["StorageDescriptor"]["Columns"]
    schema = StoredRecord.model_json_schema(mode="serialization")
    assert {each["Name"] for each in columns} <= schema["properties"].keys()
    for each in columns:
        if each["Type"].startswith("struct<"):
            _check_structure(each["Type"], schema["properties"][each["Name"]], schema["$defs"])


def _check_structure(said: str, node: dict[str, Any], definitions: dict[str, Any]) -> None:
    """Compare `struct<name:type,…>` with a model's schema, to any depth."""
    reference = node.get("$ref") or next(each["$ref"] for each in node["anyOf"] if "$ref" in each)
    properties = definitions[reference.rpartition("/")[2]]["properties"]
    for name, kind in _fields(said.removeprefix("struct<").removesuffix(">")):
        assert name in properties
        if kind.startswith("struct<"):
            _check_structure(kind, properties[name], definitions)


def _fields(said: str) -> list[tuple[str, str]]:
    """Split `a:int,b:struct<c:int,d:int>` at the commas that are not inside."""
    depth, parts = 0, [""]
    for letter in said:
        depth += {"<": 1, ">": -1}.get(letter, 0)
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return [(each.partition(":")[0], each.partition(":")[2]) for each in parts]


def test_what_the_emulator_lacks_is_known() -> None:
    """The emulator takes everything but these; linters and the shapes of the SDK check them instead."""
    documents = {
        name
        for name, kind in resources_of((TEMPLATES / "runbooks.yaml").read_text()).items()
        if kind.endswith("Document")
    }
    lacking = {name: without_lacking((TEMPLATES / f"{name}.yaml").read_text())[1] for name in names()}
    assert {name: removed for name, removed in lacking.items() if removed} == {
        "endpoint-autoscaling": {"Instances", "InstancesFollowRequests", "Copies", "CopiesFollowRequests", "Wake"},
        "observability": {"WrongReplies"},
        "runbooks": documents,
        "worker-ecs": {"WorkerScaling", "KeepBacklogPerTask"},
    }
    assert len(documents) == 9


@pytest.fixture(scope="module")
def session() -> botocore.session.Session:
    """The SDK's models of the APIs."""
    return botocore.session.Session()


def _wrong(session: botocore.session.Session, service: str, operation: str, request: dict[str, Any]) -> str:
    shape = session.get_service_model(service).operation_model(operation).input_shape
    assert shape is not None
    return str(ParamValidator().validate(request, shape).generate_report())


@pytest.mark.parametrize(
    ("template", "given"),
    [
        ("worker-ecs", GIVEN["worker-ecs"]),
        ("endpoint-autoscaling", GIVEN["endpoint-autoscaling"]),
        ("endpoint-autoscaling", COMPONENT | HOURS),
    ],
)
def test_scaling_is_what_application_auto_scaling_takes(
    session: botocore.session.Session, template: str, given: dict[str, object]
) -> None:
    """Targets, policies and scheduled actions have the members, types and enums of the API that makes them."""
    kinds = resources_of((TEMPLATES / f"{template}.yaml").read_text())
    made = evaluated(load(template), given)
    service = "application-autoscaling"
    for name, properties in made.items():
        request = dict(properties)
        if kinds[name].endswith("ScalableTarget"):
            actions = request.pop("ScheduledActions", [])
            target = {key: request[key] for key in ("ServiceNamespace", "ResourceId", "ScalableDimension")}
            assert not _wrong(session, service, "RegisterScalableTarget", request)
            for each in actions:
                assert not _wrong(session, service, "PutScheduledAction", target | each)
        if kinds[name].endswith("ScalingPolicy"):
            owner = made[request.pop("ScalingTargetId").strip("<>")]
            target = {key: owner[key] for key in ("ServiceNamespace", "ResourceId", "ScalableDimension")}
            assert not _wrong(session, service, "PutScalingPolicy", target | request)


def test_metric_math_is_what_cloudwatch_takes(session: botocore.session.Session) -> None:
    """The alarm that the emulator does not take has the members of PutMetricAlarm."""
    assert not _wrong(session, "cloudwatch", "PutMetricAlarm", _made("observability")["WrongReplies"])


def test_a_component_may_sleep_and_is_woken() -> None:
    """From zero copies only a step policy leads back, fired by the questions that were turned away."""
    made = evaluated(load("endpoint-autoscaling"), COMPONENT)
    assert made["Copies"]["MinCapacity"] == 0
    assert made["TurnedAway"]["AlarmActions"] == ["<Wake>"]
    assert made["TurnedAway"]["MetricName"] == "NoCapacityInvocationFailures"
    awake = evaluated(load("endpoint-autoscaling"), {**COMPONENT, "Least": 1})
    assert awake.keys() == {"Copies", "CopiesFollowRequests"}


@pytest.mark.parametrize("lock", ["GOVERNANCE", "COMPLIANCE"])
def test_the_audit_is_locked_as_the_parameter_says(lock: str) -> None:
    """Objects are locked by default for the days that were asked for, and not at all where NONE was."""
    bucket = evaluated(load("foundation"), {"AuditLock": lock, "AuditLockDays": 400})["AuditBucket"]
    assert bucket["ObjectLockConfiguration"]["Rule"]["DefaultRetention"] == {"Mode": lock, "Days": 400}
    free = evaluated(load("foundation"), {"AuditLock": "NONE"})["AuditBucket"]
    assert "ObjectLockConfiguration" not in free
    assert "ObjectLockEnabled" not in free


@pytest.mark.parametrize("name", ["AuditBucket", "StateTable", "DataKey", "NgcKey"])
def test_what_cannot_be_made_again_outlives_its_stack(name: str) -> None:
    """Records, state, the key that they are encrypted with and the secret are retained."""
    resource = load("foundation")["Resources"][name]
    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_the_secret_is_made_empty() -> None:
    """No template, and no parameter of one, holds the NGC key."""
    secret = _made("foundation")["NgcKey"]
    assert secret.keys() == {"Name", "Description", "KmsKeyId"}
    parameters = [parameter for name in names() for parameter in load(name).get("Parameters", {})]
    assert not [each for each in parameters if re.search("secret|token|ngc|password", each, re.IGNORECASE)]
