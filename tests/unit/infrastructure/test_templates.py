"""The templates agree with the code that runs on them, with each other, and with what AWS takes."""

import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import typer
from botocore.validate import ParamValidator
from emulated_stacks import resources_of, without_lacking
from templates import ACCOUNT, TEMPLATES, evaluated, load, names
from typer.core import TyperGroup

from autocloudops.cli.audit_verbs import proofs
from autocloudops.decisions.gates.allow_list import OWN_TAG
from autocloudops.entrypoints.digest_handler import DIGEST, VERIFY
from autocloudops.entrypoints.measuring import CANARY
from autocloudops.environment import read, variable_of
from autocloudops.metrics import UNITS
from autocloudops.settings import ROOMS, AuditSettings, LambdaSettings, QueueSettings

NAMESPACE = "AUTOCLOUDOPS_METRICS_NAMESPACE"
OPERATIONS = Path(__file__).parents[3] / "docs" / "operations.md"
ROW = re.compile(r"^\| (`[^|]+`) \|", re.MULTILINE)
ABSENT = {"PCalibrated", "Brier", "DlqDepth"}
"""Metrics that are named in the documentation as not among ours."""
TARGETS = {"AWS::ECS::Service", "AWS::AutoScaling::AutoScalingGroup", "AWS::EC2::Instance", "AWS::RDS::DBInstance"}
"""What an action may be done to, as CloudFormation calls it."""
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


def _function_variables(name: str) -> dict[str, object]:
    variables: dict[str, object] = _made("worker-lambda")[name]["Environment"]["Variables"]
    return variables


def _digest_variables() -> dict[str, object]:
    (container,) = _made("worker-ecs")["DigestTask"]["ContainerDefinitions"]
    return {each["Name"]: each.get("Value") for each in container["Environment"]}


def test_whoever_signs_has_the_same_settings_everywhere() -> None:
    """Task and function that sign are told the same, in variables that are read, and both need a key and a role."""
    known = {variable_of(room, field) for room in ROOMS for field in room.model_fields}
    variables = _digest_variables()
    assert variables == _function_variables("Digest")
    assert variables.keys() <= known | {NAMESPACE}
    assert variables["AUTOCLOUDOPS_AUDIT_DIGEST_KEY"] == "kms://alias/autocloudops-audit"
    role = f"arn:aws:iam::{ACCOUNT}:role/autocloudops-digest"
    assert _made("worker-ecs")["DigestTask"]["TaskRoleArn"] == _made("worker-lambda")["Digest"]["Role"] == role


def test_what_signed_before_reaches_whoever_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both workers' stacks hand the parameter over, in the form that the setting has."""
    keys = ("kms://arn:aws:kms:eu-west-1:111122223333:key/a", "kms://arn:aws:kms:eu-west-1:111122223333:key/b")
    given = {"FormerKeys": ",".join(keys)}
    (task,) = evaluated(load("worker-ecs"), GIVEN["worker-ecs"] | given)["DigestTask"]["ContainerDefinitions"]
    function = evaluated(load("worker-lambda"), GIVEN["worker-lambda"] | given)["Digest"]
    said = {each["Name"]: each["Value"] for each in task["Environment"]}["AUTOCLOUDOPS_AUDIT_FORMER_KEYS"]
    assert function["Environment"]["Variables"]["AUTOCLOUDOPS_AUDIT_FORMER_KEYS"] == said
    monkeypatch.setenv("AUTOCLOUDOPS_AUDIT_LOCATION", "s3://audit")
    monkeypatch.setenv("AUTOCLOUDOPS_AUDIT_FORMER_KEYS", said)
    assert read(AuditSettings).former_keys == keys
    assert re.fullmatch(load("worker-ecs")["Parameters"]["FormerKeys"]["AllowedPattern"], said)


@pytest.mark.parametrize("name", ["Worker", "Digest"])
def test_a_function_s_handler_is_there(name: str) -> None:
    """The image's command names something that can be called."""
    (said,) = _made("worker-lambda")[name]["ImageConfig"]["Command"]
    module, _, handler = said.rpartition(".")
    assert callable(getattr(import_module(module), handler))


def test_the_audit_is_signed_hourly_and_verified_daily_by_a_function() -> None:
    """Each rule calls the function with an event that it understands, and is allowed to; neither calls the worker."""
    made = _made("worker-lambda")
    for rule, event in (("SignHourly", DIGEST), ("VerifyDaily", VERIFY)):
        (target,) = made[rule]["Targets"]
        assert (json.loads(target["Input"]), target["Arn"]) == (event, "<Digest.Arn>")
        assert made[f"{rule}Calls"]["SourceArn"] == f"<{rule}.Arn>"
        assert made[f"{rule}Calls"]["FunctionName"] == "<Digest>"
    assert made["SignHourly"]["ScheduleExpression"].startswith("cron(7 * ")


def test_the_audit_is_signed_hourly_and_verified_daily_by_a_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """The task's own command and the one that replaces it are command lines of ours, for its own container."""
    monkeypatch.setenv("AUTOCLOUDOPS_AUDIT_DIGEST_KEY", "kms://key")
    made = _made("worker-ecs")
    (container,) = made["DigestTask"]["ContainerDefinitions"]
    (override,) = json.loads(made["VerifySchedule"]["Target"]["Input"])["containerOverrides"]
    assert override["name"] == container["Name"]
    for command, verb in ((container["Command"], "digest"), (override["command"], "verify")):
        assert command[:2] == ["audit", verb]
        assert _parsed(proofs, *command[1:])["key"]
    assert "Input" not in made["DigestSchedule"]["Target"]


def _parsed(verbs: typer.Typer, verb: str, *arguments: str) -> dict[str, Any]:
    """Return what a command line says, without doing it."""
    group = typer.main.get_command(verbs)
    context = group.make_context("audit", [verb])
    assert isinstance(group, TyperGroup)
    command = group.get_command(context, verb)
    assert command is not None
    return dict(command.make_context(verb, list(arguments)).params)


@pytest.mark.parametrize("name", names())
def test_what_an_action_could_be_done_to_is_marked_as_our_own(name: str) -> None:
    """The gates refuse a target with this tag, whatever prefix a deployment has."""
    made = evaluated(load(name), GIVEN.get(name, {}) | {"Prefix": "shop"})
    for resource, kind in resources_of((TEMPLATES / f"{name}.yaml").read_text()).items():
        if kind in TARGETS:
            assert {"Key": OWN_TAG, "Value": "shop"} in made[resource]["Tags"]


def test_our_own_alarms_are_named_so_that_the_rule_leaves_them_out() -> None:
    """Every alarm of ours but the canary, which has to come through, begins with what the intake rule excludes."""
    rule = _made("foundation")["AlarmRule"]["EventPattern"]["detail"]["alarmName"]
    (excluded,) = [each["anything-but"]["prefix"] for each in rule if "anything-but" in each]
    assert excluded == ["AutoCloudOps/", "TargetTracking-service/autocloudops/"]
    assert _made("worker-ecs")["Cluster"]["ClusterName"] == "autocloudops"
    made = [*_made("observability").values(), *evaluated(load("endpoint-autoscaling"), COMPONENT).values()]
    named = {each["AlarmName"] for each in made if "AlarmName" in each}
    assert len(named) > 10
    assert {each for each in named if not each.startswith("AutoCloudOps/")} == {"autocloudops-canary"}


@pytest.mark.parametrize(("canary", "missing"), [("ENABLED", "breaching"), ("DISABLED", "notBreaching")])
def test_a_canary_that_is_lost_is_told_where_there_is_one(canary: str, missing: str) -> None:
    """Three of them fit into the time that may pass without one at the end, and somebody is told."""
    made = evaluated(load("observability"), {"Canary": canary})
    lost = made["CanaryLost"]
    assert (made["CanarySchedule"]["State"], lost["TreatMissingData"]) == (canary, missing)
    assert made["CanarySchedule"]["ScheduleExpression"] == "rate(5 minutes)"
    assert (lost["MetricName"], lost["Period"]) == ("CanaryEnded", 3 * 300)
    assert lost["AlarmActions"] == ["<OperationsTopic>"]
    assert made["CanaryAlarm"]["AlarmName"] == f"autocloudops{CANARY}"


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
    assert settings.share * (most + 1) <= settings.endpoint_limit, "the sweep has a share too"
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
    assert listed == made


def test_every_metric_is_documented() -> None:
    """The table names each metric that is emitted, and beside them only those that it says are not ours."""
    table = OPERATIONS.read_text().partition("## Metrics")[2].partition("\n## ")[0]
    named = {name for row in ROW.findall(table) for name in re.findall(r"`(\w+)`", row)}
    assert named == UNITS.keys() | ABSENT


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
