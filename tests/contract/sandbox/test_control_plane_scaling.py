"""Application Auto Scaling, Service Quotas and Pricing of the simulated control plane, as boto3 sees them."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from control_plane import (
    KIND,
    Account,
    opened_account,
)

PREDEFINED = "SageMakerVariantConcurrentRequestsPerModelHighResolution"
TRACKING = {"TargetValue": 8.0, "PredefinedMetricSpecification": {"PredefinedMetricType": PREDEFINED}}
VARIANT_ID, VARIANT_DIMENSION = "endpoint/nim/variant/AllTraffic", "sagemaker:variant:DesiredInstanceCount"
COMPONENT_DIMENSION = "sagemaker:inference-component:DesiredCopyCount"


@pytest.fixture
async def account() -> AsyncIterator[Account]:
    """An account without any endpoint."""
    async with opened_account() as opened:
        yield opened


def _target(**changes: object) -> dict[str, object]:
    dimension = {"ServiceNamespace": "sagemaker", "ResourceId": VARIANT_ID, "ScalableDimension": VARIANT_DIMENSION}
    return {**dimension, **changes}


async def test_a_target_and_its_policy_are_kept(account: Account) -> None:
    """What is registered is described as AWS describes it, with the alarms of target tracking."""
    await account.classic()

    async def call(operation: str, **request: object) -> dict[str, Any]:
        return await account(operation, "application-autoscaling", **request)

    await call("register_scalable_target", **_target(MinCapacity=1, MaxCapacity=3))
    await call("register_scalable_target", **_target(MaxCapacity=4))
    [target] = (await call("describe_scalable_targets", ServiceNamespace="sagemaker"))["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 4)
    made = await call(
        "put_scaling_policy",
        **_target(PolicyName="busy", PolicyType="TargetTrackingScaling"),
        TargetTrackingScalingPolicyConfiguration=TRACKING,
    )
    assert [each["AlarmName"].split("-Alarm")[1][:3] for each in made["Alarms"]] == ["Hig", "Low"]
    [policy] = (await call("describe_scaling_policies", ServiceNamespace="sagemaker"))["ScalingPolicies"]
    assert policy["TargetTrackingScalingPolicyConfiguration"] == TRACKING
    await call("delete_scaling_policy", **_target(PolicyName="busy"))
    refused = await account.refused("delete_scaling_policy", "application-autoscaling", **_target(PolicyName="busy"))
    assert refused[0] == "ObjectNotFoundException"
    await call("deregister_scalable_target", **_target())
    refused = await account.refused("deregister_scalable_target", "application-autoscaling", **_target())
    assert (refused[0], refused[1].startswith("No scalable target found for service namespace: sagemaker")) == (
        "ObjectNotFoundException",
        True,
    )


async def test_a_policy_that_fires_scales_within_the_bounds(account: Account) -> None:
    """The endpoint is rescaled, and the activity is in progress, then successful."""
    await account.classic()
    scaling = "application-autoscaling"
    await account("register_scalable_target", scaling, **_target(MinCapacity=1, MaxCapacity=3))
    assert account.plane.scale(VARIANT_ID, 9, "monitor alarm TargetTracking-high in state ALARM") == 3
    said = await account("describe_scaling_activities", scaling, ServiceNamespace="sagemaker")
    assert [each["StatusCode"] for each in said["ScalingActivities"]] == ["InProgress"]
    assert (await account.endpoint())[0] == "Updating"
    account.clock.forward(50)
    assert account.plane.instances("nim") == 3
    assert account.plane.scale(VARIANT_ID, 3, "again") == 3
    account.plane.fail_next("UpdateEndpointWeightsAndCapacities", "insufficient_capacity")
    account.plane.scale(VARIANT_ID, 2, "idle")
    account.clock.forward(80)
    said = await account("describe_scaling_activities", scaling, ServiceNamespace="sagemaker")
    assert [each["StatusCode"] for each in said["ScalingActivities"]] == ["Failed", "Successful"]
    assert said["ScalingActivities"][1]["Description"] == "Setting desired instance count to 3."
    assert account.plane.instances("nim") == 3


async def test_registering_brings_a_target_inside_its_bounds(account: Account) -> None:
    """One instance becomes two when the minimum is two; a real-time variant has no minimum of zero."""
    await account.classic()
    scaling = "application-autoscaling"
    refused = await account.refused("register_scalable_target", scaling, **_target(MinCapacity=0, MaxCapacity=1))
    assert refused[0] == "ValidationException"
    assert "must be specified" in (await account.refused("register_scalable_target", scaling, **_target()))[1]
    await account("register_scalable_target", scaling, **_target(MinCapacity=2, MaxCapacity=3))
    account.clock.forward(50)
    assert account.plane.instances("nim") == 2


async def test_a_component_wakes_by_its_step_policy(account: Account) -> None:
    """A target with a minimum of zero follows the policy down and up; the activity speaks of copies."""
    await account.hosting()
    await account.llm()
    account.clock.forward(60)
    scaling, name = "application-autoscaling", "inference-component/llm"
    target = _target(ResourceId=name, ScalableDimension=COMPONENT_DIMENSION)
    await account("register_scalable_target", scaling, **target, MinCapacity=0, MaxCapacity=2)
    steps = {
        "AdjustmentType": "ChangeInCapacity",
        "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}],
        "Cooldown": 60,
    }
    made = await account(
        "put_scaling_policy",
        scaling,
        **target,
        PolicyName="wake",
        PolicyType="StepScaling",
        StepScalingPolicyConfiguration=steps,
    )
    assert made["Alarms"] == []
    assert account.plane.scale(name, 0, "idle") == 0
    account.clock.forward(400)
    assert (account.plane.copies("llm"), account.plane.instances("nim")) == (0, 0)
    assert account.plane.scale(name, 1, "no capacity") == 1
    account.clock.forward(100)
    assert (account.plane.copies("llm"), account.plane.instances("nim")) == (1, 1)
    said = await account("describe_scaling_activities", scaling, ServiceNamespace="sagemaker", ResourceId=name)
    assert [each["Description"] for each in said["ScalingActivities"]] == [
        "Setting desired copy count to 1.",
        "Setting desired copy count to 0.",
    ]


async def test_an_instance_type_cannot_change_under_a_scalable_target(account: Account) -> None:
    """The update is refused until the target is deregistered; deleting the endpoint deregisters it."""
    await account.classic()
    await account.config("nim-2", kind="ml.g5.12xlarge")
    scaling = "application-autoscaling"
    await account("register_scalable_target", scaling, **_target(MinCapacity=1, MaxCapacity=2))
    update = {"EndpointName": "nim", "EndpointConfigName": "nim-2"}
    assert "Deregister the scalable target first" in (await account.refused("update_endpoint", **update))[1]
    await account("deregister_scalable_target", scaling, **_target())
    await account("update_endpoint", **update)
    account.clock.forward(200)
    await account("register_scalable_target", scaling, **_target(MinCapacity=1, MaxCapacity=2))
    await account("delete_endpoint", EndpointName="nim")
    assert not (await account("describe_scalable_targets", scaling, ServiceNamespace="sagemaker"))["ScalableTargets"]


async def test_quotas_are_found_by_name(account: Account) -> None:
    """Pages join to the whole; one is read by its code; an unknown code or service is refused."""
    first = await account("list_service_quotas", "service-quotas", ServiceCode="sagemaker", MaxResults=1)
    rest = await account("list_service_quotas", "service-quotas", ServiceCode="sagemaker", NextToken=first["NextToken"])
    values = {each["QuotaName"]: each["Value"] for each in (*first["Quotas"], *rest["Quotas"])}
    assert values == {"ml.g5.12xlarge for endpoint usage": 1, f"{KIND} for endpoint usage": 4}
    code = first["Quotas"][0]["QuotaCode"]
    one = await account("get_service_quota", "service-quotas", ServiceCode="sagemaker", QuotaCode=code)
    assert one["Quota"] == first["Quotas"][0]
    refused = await account.refused(
        "get_service_quota", "service-quotas", ServiceCode="sagemaker", QuotaCode="L-00000000"
    )
    assert refused[0] == "NoSuchResourceException"
    assert (await account.refused("list_service_quotas", "service-quotas", ServiceCode="ec2"))[0] == refused[0]


async def test_prices_are_found_by_filter(account: Account) -> None:
    """GetProducts gives the hourly price of hosting for one instance type."""
    wanted = [
        {"Type": "TERM_MATCH", "Field": "instanceName", "Value": KIND},
        {"Type": "TERM_MATCH", "Field": "regionCode", "Value": "eu-west-1"},
    ]
    said = await account("get_products", "pricing", ServiceCode="AmazonSageMaker", Filters=wanted)
    [product] = [json.loads(each) for each in said["PriceList"]]
    [term] = product["terms"]["OnDemand"].values()
    [rate] = term["priceDimensions"].values()
    assert (product["product"]["attributes"]["component"], float(rate["pricePerUnit"]["USD"])) == ("Hosting", 2.605)
    every = await account("get_products", "pricing", ServiceCode="AmazonSageMaker")
    assert len(every["PriceList"]) == 2
    assert (await account.refused("get_products", "pricing", ServiceCode="AmazonEC2"))[0] == "NotFoundException"


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"MinCapacity": 3, "MaxCapacity": 2}, "ValidationException", "cannot be less than"),
        ({"ServiceNamespace": "ecs", "MaxCapacity": 2}, "ValidationException", "Unsupported service namespace"),
        ({"ResourceId": "endpoint/nim", "MaxCapacity": 2}, "ValidationException", "does not fit"),
        ({"ResourceId": "endpoint/nim/variant/canary"}, "ValidationException", "The variant canary"),
        ({"ScalableDimension": COMPONENT_DIMENSION}, "ValidationException", "does not fit"),
        ({"ResourceId": "endpoint/gone/variant/AllTraffic"}, "ValidationException", "Could not find endpoint"),
    ],
)
async def test_a_target_that_cannot_be_scaled_is_refused(
    account: Account, changes: dict[str, object], code: str, words: str
) -> None:
    """Bounds that contradict each other, and resources that are not there or of another kind."""
    await account.classic()
    request = _target(**{"MinCapacity": 1, "MaxCapacity": 2, **changes})
    said = await account.refused("register_scalable_target", "application-autoscaling", **request)
    assert (said[0], words in said[1]) == (code, True)


async def test_a_policy_needs_a_configuration_and_goes_with_its_target(account: Account) -> None:
    """A policy without one is refused; deregistering the target removes its policies; a bad token is refused."""
    await account.classic()
    scaling = "application-autoscaling"
    policy = _target(PolicyName="busy", PolicyType="TargetTrackingScaling")
    tracking = {"TargetTrackingScalingPolicyConfiguration": TRACKING}
    assert (await account.refused("put_scaling_policy", scaling, **policy, **tracking))[0] == "ObjectNotFoundException"
    await account("register_scalable_target", scaling, **_target(MinCapacity=1, MaxCapacity=2))
    assert (await account.refused("put_scaling_policy", scaling, **policy))[0] == "ValidationException"
    await account("put_scaling_policy", scaling, **policy, **tracking)
    await account("deregister_scalable_target", scaling, **_target())
    every = {"ServiceNamespace": "sagemaker"}
    assert (await account("describe_scaling_policies", scaling, **every))["ScalingPolicies"] == []
    refused = await account.refused("describe_scaling_policies", scaling, **every, NextToken="bm9uZQ==")
    assert refused[0] == "InvalidNextTokenException"
