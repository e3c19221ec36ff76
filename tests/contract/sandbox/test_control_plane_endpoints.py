"""Endpoints, models and endpoint configurations of the simulated control plane, as boto3 sees them."""

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta

import pytest
from control_plane import (
    ARN,
    DURATIONS,
    KIND,
    PACKAGE,
    PLACE,
    Account,
    SteppedClock,
    opened_account,
)

from autocloudops.errors import SandboxFailed
from autocloudops.sandbox.control_plane import EndpointStatus, SimulatedControlPlane


@pytest.fixture
async def account() -> AsyncIterator[Account]:
    """An account without any endpoint."""
    async with opened_account() as opened:
        yield opened


async def test_an_endpoint_comes_into_service_after_its_time(account: Account) -> None:
    """A new endpoint is Creating without instances, then InService with those of its configuration."""
    await account.model()
    await account.config(count=2)
    made = await account("create_endpoint", EndpointName="Nim", EndpointConfigName="nim-1")
    assert made["EndpointArn"] == f"{ARN}:endpoint/nim"
    said = await account("describe_endpoint", EndpointName="Nim")
    assert (said["EndpointStatus"], said["EndpointConfigName"], "ProductionVariants" in said) == (
        "Creating",
        "nim-1",
        False,
    )
    assert account.plane.instances("Nim") == 0
    account.clock.forward(100)
    said = await account("describe_endpoint", EndpointName="Nim")
    [variant] = said["ProductionVariants"]
    assert (said["EndpointStatus"], variant["CurrentInstanceCount"]) == ("InService", 2)
    assert said["LastModifiedTime"] - said["CreationTime"] == timedelta(seconds=100)
    assert account.plane.instances("Nim") == 2


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("health_check", "variant AllTraffic did not pass the ping health check"),
        ("start_failed", "CannotStartContainerError"),
        ("image_missing", "dkr.ecr.eu-west-1.amazonaws.com/nim:1.8.4"),
        ("insufficient_capacity", "InsufficientInstanceCapacity"),
    ],
)
async def test_a_failed_endpoint_says_why_and_can_only_be_deleted(account: Account, fault: str, reason: str) -> None:
    """After the time of its creation it is Failed with the reason, holds nothing, and refuses every change but one."""
    await account.model()
    await account.config(count=4)
    account.plane.fail_next("CreateEndpoint", fault)
    await account("create_endpoint", EndpointName="nim", EndpointConfigName="nim-1")
    assert await account.endpoint() == ("Creating", None)
    account.clock.forward(100)
    status, said = await account.endpoint()
    assert (status, reason in str(said)) == ("Failed", True)
    code, message = await account.refused("update_endpoint", EndpointName="nim", EndpointConfigName="nim-1")
    assert (code, message) == ("ValidationException", f'Cannot update in-progress endpoint "{ARN}:endpoint/nim".')
    await account("create_endpoint", EndpointName="other", EndpointConfigName="nim-1")
    await account("delete_endpoint", EndpointName="nim")
    assert (await account.endpoint())[0] == "Deleting"


async def test_names_are_taken_without_regard_to_case(account: Account) -> None:
    """A second create of a model, configuration or endpoint is refused, however it is spelled."""
    await account.classic()
    assert await account.refused("create_endpoint", EndpointName="NIM", EndpointConfigName="nim-1") == (
        "ValidationException",
        f'Cannot create already existing endpoint "{ARN}:endpoint/nim".',
    )
    assert await account.refused("create_model", ModelName="LLM", PrimaryContainer={"Image": "nim:1"}) == (
        "ValidationException",
        f'Cannot create already existing model "{ARN}:model/llm".',
    )
    variant = {"VariantName": "AllTraffic", "ModelName": "llm", "InstanceType": KIND, "InitialInstanceCount": 1}
    assert await account.refused(
        "create_endpoint_config", EndpointConfigName="NIM-1", ProductionVariants=[variant]
    ) == (
        "ValidationException",
        f'Cannot create already existing endpoint configuration "{ARN}:endpoint-config/nim-1".',
    )


async def test_a_new_configuration_may_be_unknown_for_a_moment() -> None:
    """CreateEndpoint does not find a configuration that was just created, and finds it a little later."""
    clock = SteppedClock()
    slow = DURATIONS.model_copy(update={"config_visible_seconds": 5.0})
    async with SimulatedControlPlane(clock=clock, durations=slow, place=PLACE, quotas={KIND: 1}) as plane:
        account = Account(plane, clock)
        await account.model()
        await account.config()
        wanted = {"EndpointName": "nim", "EndpointConfigName": "nim-1"}
        assert await account.refused("create_endpoint", **wanted) == (
            "ValidationException",
            f'Could not find endpoint configuration "{ARN}:endpoint-config/nim-1".',
        )
        clock.forward(5)
        assert (await account("create_endpoint", **wanted))["EndpointArn"].endswith("endpoint/nim")


async def test_quotas_stop_what_would_exceed_them(account: Account) -> None:
    """Create, update and rescale are refused with AWS's text when the quota has no room for them."""
    await account.classic(count=2)
    await account.config("nim-2", count=3)
    code, message = await account.refused("update_endpoint", EndpointName="nim", EndpointConfigName="nim-2")
    assert code == "ResourceLimitExceeded"
    assert f"'{KIND} for endpoint usage' is 4 Instances, with current utilization of 2 Instances" in message
    assert "a request delta of 3 Instances" in message
    wanted = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 5}]
    said = await account.refused(
        "update_endpoint_weights_and_capacities", EndpointName="nim", DesiredWeightsAndCapacities=wanted
    )
    assert said[0] == "ResourceLimitExceeded"
    assert (await account.refused("create_endpoint", EndpointName="b", EndpointConfigName="nim-2"))[0] == said[0]
    account.plane.set_quota(KIND, 5)
    await account("update_endpoint", EndpointName="nim", EndpointConfigName="nim-2")


async def test_an_update_holds_twice_the_fleet_until_it_is_done(account: Account) -> None:
    """Both fleets count while it is Updating, under the old configuration's name; afterwards only the new one does."""
    await account.classic(count=2)
    await account.config("nim-2", count=2)
    await account.config("one", count=1)
    await account("update_endpoint", EndpointName="nim", EndpointConfigName="nim-2")
    said = await account("describe_endpoint", EndpointName="nim")
    assert (said["EndpointStatus"], said["EndpointConfigName"]) == ("Updating", "nim-1")
    assert said["PendingDeploymentSummary"]["EndpointConfigName"] == "nim-2"
    more = {"EndpointName": "more", "EndpointConfigName": "one"}
    assert (await account.refused("create_endpoint", **more))[0] == "ResourceLimitExceeded"
    assert "in-progress" in (await account.refused("delete_endpoint", EndpointName="nim"))[1]
    account.clock.forward(200)
    said = await account("describe_endpoint", EndpointName="nim")
    assert (said["EndpointStatus"], said["EndpointConfigName"]) == ("InService", "nim-2")
    assert "PendingDeploymentSummary" not in said
    await account("create_endpoint", **more)


@pytest.mark.parametrize(("kind", "value"), [("INSTANCE_COUNT", 1), ("CAPACITY_PERCENT", 30)])
async def test_a_rolling_update_holds_only_its_batch(account: Account, kind: str, value: int) -> None:
    """A batch of one instance fits where a second fleet does not."""
    await account.classic(count=3)
    await account.config("nim-2", count=3)
    request = {"EndpointName": "nim", "EndpointConfigName": "nim-2"}
    assert (await account.refused("update_endpoint", **request))[0] == "ResourceLimitExceeded"
    batch = {"Type": kind, "Value": value}
    rolling = {"RollingUpdatePolicy": {"MaximumBatchSize": batch, "WaitIntervalInSeconds": 60}}
    await account("update_endpoint", **request, DeploymentConfig=rolling)
    account.clock.forward(200)
    assert (await account.endpoint())[0] == "InService"
    assert (await account("describe_endpoint", EndpointName="nim"))["LastDeploymentConfig"] == rolling
    await account("update_endpoint", **request, RetainDeploymentConfig=True)


@pytest.mark.parametrize(
    ("fault", "ending"), [("health_check", "InService"), ("rollback_failed", "UpdateRollbackFailed")]
)
async def test_an_update_that_fails_rolls_back(account: Account, fault: str, ending: str) -> None:
    """Updating, RollingBack, then the old configuration with the reason; or UpdateRollbackFailed."""
    await account.classic()
    await account.config("nim-2")
    account.plane.fail_next("UpdateEndpoint", fault)
    await account("update_endpoint", EndpointName="nim", EndpointConfigName="nim-2")
    seen = []
    for seconds in (0, 200, 30):
        account.clock.forward(seconds)
        seen.append((await account.endpoint())[0])
    assert seen == ["Updating", "RollingBack", ending]
    said = await account("describe_endpoint", EndpointName="nim")
    assert said["EndpointConfigName"] == "nim-1"
    assert said["FailureReason"]
    assert account.plane.instances("nim") == 1


async def test_a_configuration_in_use_can_be_deleted_and_then_blocks_updates(account: Account) -> None:
    """As on AWS, the delete is accepted; the update then does not find the old one. The stand-in notes the hazard."""
    await account.classic()
    await account.config("nim-2")
    await account("delete_endpoint_config", EndpointConfigName="nim-2")
    assert not account.plane.hazards
    await account.config("nim-2")
    await account("delete_endpoint_config", EndpointConfigName="nim-1")
    assert account.plane.hazards == ("DeleteEndpointConfig of nim-1, which the endpoint nim uses",)
    assert await account.refused("update_endpoint", EndpointName="nim", EndpointConfigName="nim-2") == (
        "ValidationException",
        f'Could not find endpoint configuration "{ARN}:endpoint-config/nim-1".',
    )


async def test_capacity_and_weights_change_within_one_configuration(account: Account) -> None:
    """The desired count shows at once, the current count when the change is done."""
    await account.classic()
    wanted = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 3, "DesiredWeight": 0.5}]
    request = {"EndpointName": "nim", "DesiredWeightsAndCapacities": wanted}
    await account("update_endpoint_weights_and_capacities", **request)
    said = await account("describe_endpoint", EndpointName="nim")
    [variant] = said["ProductionVariants"]
    assert (said["EndpointStatus"], variant["CurrentInstanceCount"], variant["DesiredInstanceCount"]) == (
        "Updating",
        1,
        3,
    )
    assert account.plane.instances("nim") == 1
    account.clock.forward(50)
    [variant] = (await account("describe_endpoint", EndpointName="nim"))["ProductionVariants"]
    assert (variant["CurrentInstanceCount"], variant["CurrentWeight"]) == (3, 0.5)
    assert account.plane.instances("nim") == 3
    unknown = [{"VariantName": "canary", "DesiredInstanceCount": 1}]
    _, message = await account.refused(
        "update_endpoint_weights_and_capacities", EndpointName="nim", DesiredWeightsAndCapacities=unknown
    )
    assert "['canary'] is/are not present within endpoint configuration" in message


@pytest.mark.parametrize(("retain", "count"), [({}, 1), ({"RetainAllVariantProperties": True}, 3)])
async def test_an_update_resets_the_instance_count_unless_it_is_retained(
    account: Account, retain: Mapping[str, bool], count: int
) -> None:
    """Three instances from autoscaling become one again without RetainAllVariantProperties."""
    account.plane.set_quota(KIND, 8)
    await account.classic(count=3)
    await account.config("nim-2", count=1)
    await account("update_endpoint", EndpointName="nim", EndpointConfigName="nim-2", **retain)
    account.clock.forward(200)
    assert account.plane.instances("nim") == count


@pytest.mark.parametrize(
    ("status", "deletable"),
    [(EndpointStatus.SYSTEM_UPDATING, False), (EndpointStatus.OUT_OF_SERVICE, True)],
)
async def test_statuses_that_only_aws_brings_about(account: Account, status: EndpointStatus, deletable: bool) -> None:
    """SystemUpdating serves and refuses every change; OutOfService does not serve; both pass when told to."""
    await account.classic()
    account.plane.interrupt("nim", status, seconds=600, reason="maintenance")
    assert await account.endpoint() == (status, "maintenance")
    assert account.plane.instances("nim") == (0 if deletable else 1)
    assert (await account.refused("update_endpoint", EndpointName="nim", EndpointConfigName="nim-1"))[1]
    account.clock.forward(600)
    assert await account.endpoint() == ("InService", None)
    account.plane.interrupt("nim", status)
    if deletable:
        await account("delete_endpoint", EndpointName="nim")
        with pytest.raises(SandboxFailed, match="a change of nim is under way"):
            account.plane.interrupt("nim", status)
    else:
        assert "in-progress" in (await account.refused("delete_endpoint", EndpointName="nim"))[1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ModelName": "absent"}, f'Could not find model "{ARN}:model/absent".'),
        ({"ManagedInstanceScaling": {"Status": "ENABLED"}}, "ManagedInstanceScaling is not supported"),
        ({"ModelName": None}, "ExecutionRoleArn is required"),
        ({"InstanceType": None}, "InstanceType and InitialInstanceCount are required"),
        ({"ModelName": "market"}, f"The instance type {KIND} is not supported by the model package {PACKAGE}"),
    ],
)
async def test_a_configuration_that_cannot_work_is_refused(
    account: Account, change: Mapping[str, object], message: str
) -> None:
    """A missing model, a wrong combination or an unsupported instance type is found before an endpoint is created."""
    await account.model()
    await account("create_model", ModelName="market", PrimaryContainer={"ModelPackageName": PACKAGE})
    variant = {"VariantName": "AllTraffic", "ModelName": "llm", "InstanceType": KIND, "InitialInstanceCount": 1}
    asked = {key: value for key, value in {**variant, **change}.items() if value is not None}
    said = await account.refused("create_endpoint_config", EndpointConfigName="bad", ProductionVariants=[asked])
    assert said[0] == "ValidationException"
    assert message in said[1]


async def test_a_model_package_shows_its_instance_types(account: Account) -> None:
    """The preflight can read what a subscribed package supports; another package is refused."""
    said = await account("describe_model_package", ModelPackageName=PACKAGE)
    assert said["InferenceSpecification"]["SupportedRealtimeInferenceInstanceTypes"] == ["ml.g5.12xlarge"]
    refused = await account.refused("describe_model_package", ModelPackageName=f"{PACKAGE}-2")
    assert "not subscribed" in refused[1]
    container = {"ModelPackageName": f"{PACKAGE}-2"}
    assert await account.refused("create_model", ModelName="m", PrimaryContainer=container) == refused


async def test_a_rolling_update_to_a_larger_fleet_needs_room_for_the_growth(account: Account) -> None:
    """From one to four instances in batches of one, three more are held in the end."""
    await account.classic(count=1)
    await account.config("nim-2", count=4)
    policy = {"MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1}, "WaitIntervalInSeconds": 60}
    request = {
        "EndpointName": "nim",
        "EndpointConfigName": "nim-2",
        "DeploymentConfig": {"RollingUpdatePolicy": policy},
    }
    account.plane.set_quota(KIND, 3)
    code, message = await account.refused("update_endpoint", **request)
    assert (code, "a request delta of 3 Instances" in message) == ("ResourceLimitExceeded", True)
    account.plane.set_quota(KIND, 4)
    await account("update_endpoint", **request)
