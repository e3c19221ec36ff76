"""Inference components of the simulated control plane, as boto3 sees them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from control_plane import (
    ARN,
    KIND,
    Account,
    component_request,
    opened_account,
)


@pytest.fixture
async def account() -> AsyncIterator[Account]:
    """An account without any endpoint."""
    async with opened_account() as opened:
        yield opened


async def test_a_component_comes_scales_to_zero_and_wakes(account: Account) -> None:
    """Copies follow the runtime configuration; instances are released after the idle tail and started again first."""
    await account.hosting()
    await account.llm()
    assert await account.component() == ("Creating", 1, 0)
    account.clock.forward(60)
    assert await account.component() == ("InService", 1, 1)
    assert (account.plane.copies("llm"), account.plane.instances("nim")) == (1, 1)
    change: dict[str, Any] = {"InferenceComponentName": "llm", "DesiredRuntimeConfig": {"CopyCount": 0}}
    await account("update_inference_component_runtime_config", **change)
    account.clock.forward(60)
    assert await account.component() == ("InService", 0, 0)
    assert (account.plane.copies("llm"), account.plane.instances("nim")) == (0, 1)
    account.clock.forward(300)
    assert account.plane.instances("nim") == 0
    change["DesiredRuntimeConfig"] = {"CopyCount": 2}
    await account("update_inference_component_runtime_config", **change)
    assert "in-progress" in (await account.refused("delete_inference_component", InferenceComponentName="llm"))[1]
    account.clock.forward(40)
    assert (await account.component(), account.plane.instances("nim")) == (("Updating", 2, 0), 2)
    account.clock.forward(60)
    assert await account.component() == ("InService", 2, 2)
    await account("delete_inference_component", InferenceComponentName="llm")
    assert (await account.component())[0] == "Deleting"
    account.clock.forward(10)
    assert await account.refused("describe_inference_component", InferenceComponentName="llm") == (
        "ValidationException",
        f'Could not find inference component "{ARN}:inference-component/llm".',
    )


async def test_a_component_that_has_no_room_fails_or_stays_as_it_was(account: Account) -> None:
    """A new one is Failed with the reason; a change of a good one ends in service as before, with the reason."""
    await account.hosting(high=1)
    await account.llm(gpus=2)
    account.clock.forward(200)
    said = await account("describe_inference_component", InferenceComponentName="llm")
    assert said["InferenceComponentStatus"] == "Failed"
    assert "not enough hardware resources" in said["FailureReason"]
    await account("delete_inference_component", InferenceComponentName="llm")
    account.clock.forward(10)
    await account.llm()
    account.clock.forward(60)
    specification = {"ModelName": "llm", "ComputeResourceRequirements": {"MinMemoryRequiredInMb": 2048}}
    await account("update_inference_component", InferenceComponentName="llm", Specification=specification)
    account.clock.forward(60)
    said = await account("describe_inference_component", InferenceComponentName="llm")
    assert said["Specification"] == specification
    account.plane.fail_next("UpdateInferenceComponentRuntimeConfig", "insufficient_capacity")
    change = {"InferenceComponentName": "llm", "DesiredRuntimeConfig": {"CopyCount": 2}}
    await account("update_inference_component_runtime_config", **change)
    account.clock.forward(100)
    said = await account("describe_inference_component", InferenceComponentName="llm")
    assert (await account.component(), "InsufficientInstanceCapacity" in said["FailureReason"]) == (
        ("InService", 1, 1),
        True,
    )


async def test_components_are_refused_where_aws_refuses_them(account: Account) -> None:
    """Not on an endpoint with a model, not while it is created, and not with zero copies."""
    await account.model()
    await account.config()
    await account("create_endpoint", EndpointName="nim", EndpointConfigName="nim-1")
    assert "must be InService" in (await account.refused("create_inference_component", **component_request()))[1]
    account.clock.forward(100)
    said = await account.refused("create_inference_component", **component_request())
    assert said[1].startswith("Inference Components are not supported in this Endpoint.")
    await account("delete_endpoint", EndpointName="nim")
    account.clock.forward(20)
    await account("delete_model", ModelName="llm")
    await account("delete_endpoint_config", EndpointConfigName="nim-1")
    await account.hosting()
    said = await account.refused("create_inference_component", **component_request(copies=0))
    assert "larger than 0" in said[1]
    said = await account.refused("create_inference_component", **{**component_request(), "VariantName": "canary"})
    assert said[1] == f'Could not find variant "canary" for endpoint "{ARN}:endpoint/nim".'
    bare = {"InferenceComponentName": "llm", "EndpointName": "nim"}
    assert "are required" in (await account.refused("create_inference_component", **bare))[1]


async def test_components_outlive_their_endpoint(account: Account) -> None:
    """Deleting the endpoint leaves them, their names stay taken, and they can be deleted afterwards."""
    await account.hosting()
    await account.llm()
    account.clock.forward(60)
    await account("delete_endpoint", EndpointName="nim")
    account.clock.forward(20)
    assert (await account.component())[0] == "InService"
    await account("create_endpoint", EndpointName="nim", EndpointConfigName="nim-1")
    account.clock.forward(100)
    said = await account.refused("create_inference_component", **component_request())
    assert said[1] == f'Cannot create already existing inference component "{ARN}:inference-component/llm".'
    await account("delete_inference_component", InferenceComponentName="llm")


async def test_an_endpoint_without_copies_loses_its_idle_instances(account: Account) -> None:
    """A new endpoint for components keeps its initial instance for a while, then falls to the lower bound."""
    await account.hosting(low=0)
    assert account.plane.instances("nim") == 1
    account.clock.forward(300)
    assert account.plane.instances("nim") == 0


async def test_components_are_listed_by_their_endpoint(account: Account) -> None:
    """ListInferenceComponents filters by endpoint, so that they can be deleted first."""
    await account.hosting()
    await account.llm()
    found = await account("list_inference_components", EndpointNameEquals="nim")
    assert [each["InferenceComponentName"] for each in found["InferenceComponents"]] == ["llm"]
    assert not (await account("list_inference_components", EndpointNameEquals="other"))["InferenceComponents"]


async def test_an_instance_counts_against_the_quota_until_it_is_released(account: Account) -> None:
    """After the last copy left, its instance still fills the quota for the idle tail, and then no more."""
    account.plane.set_quota(KIND, 1)
    await account.hosting()
    await account.llm()
    account.clock.forward(300)
    await account.config("nim-2")
    change = {"InferenceComponentName": "llm", "DesiredRuntimeConfig": {"CopyCount": 0}}
    await account("update_inference_component_runtime_config", **change)
    other = {"EndpointName": "other", "EndpointConfigName": "nim-2"}
    for seconds in (0, 60, 299):
        account.clock.forward(seconds)
        assert (await account.refused("create_endpoint", **other))[0] == "ResourceLimitExceeded"
    account.clock.forward(1)
    await account("create_endpoint", **other)
