"""The simulated control plane as the SageMaker SDK sees it: `sagemaker.core.resources` runs against it unchanged."""

import asyncio
import importlib
import warnings
from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest
from botocore.exceptions import ClientError
from control_plane import DURATIONS, IMAGE, KIND, PLACE, ROLE, SteppedClock

from autocloudops.sandbox.control_plane import SimulatedControlPlane

pytestmark = pytest.mark.filterwarnings("ignore")
REASON = "the SageMaker SDK (extra `deploy`, about 0.4 GB) is not installed"
QUICKLY = {"poll": 0, "timeout": 30}


def _sdk(name: str) -> ModuleType:
    """Import a module of the SDK, or skip: `import sagemaker` alone would find the folder of this repository."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module(f"sagemaker.core.{name}")
        except ModuleNotFoundError:
            pytest.skip(REASON)


@dataclass
class Sdk:
    """The SDK's resources and shapes, on one control plane."""

    plane: SimulatedControlPlane
    clock: SteppedClock
    resources: Any
    shapes: Any

    def model(self) -> Any:  # noqa: ANN401 - the SDK is not installed where types are checked
        """Create a model."""
        container = self.shapes.ContainerDefinition(image=IMAGE, environment={"NIM_MAX_MODEL_LEN": "16384"})
        return self.resources.Model.create(
            model_name="llm", primary_container=container, execution_role_arn=ROLE, enable_network_isolation=True
        )

    def config(self, name: str, **changes: object) -> Any:  # noqa: ANN401 - likewise
        """Create an endpoint configuration as the deployment does."""
        routing = self.shapes.ProductionVariantRoutingConfig(routing_strategy="LEAST_OUTSTANDING_REQUESTS")
        variant = {
            "variant_name": "AllTraffic",
            "model_name": "llm",
            "instance_type": KIND,
            "initial_instance_count": 1,
            "container_startup_health_check_timeout_in_seconds": 1800,
            "routing_config": routing,
            **changes,
        }
        made = self.shapes.ProductionVariant(**{key: value for key, value in variant.items() if value is not None})
        return self.resources.EndpointConfig.create(
            endpoint_config_name=name, production_variants=[made], execution_role_arn=ROLE
        )

    def endpoint(self) -> Any:  # noqa: ANN401 - likewise
        """Create an endpoint."""
        tags = [self.shapes.Tag(key="owner", value="autocloudops")]
        return self.resources.Endpoint.create(endpoint_name="nim", endpoint_config_name="nim-1", tags=tags)


@pytest.fixture
async def sdk(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Sdk]:
    """The SDK, with clients made for this control plane; each reading of the clock takes 20 seconds."""
    resources, shapes, utils = _sdk("resources"), _sdk("shapes"), _sdk("utils.utils")
    clock = SteppedClock(step_seconds=20)
    async with SimulatedControlPlane(clock=clock, durations=DURATIONS, place=PLACE, quotas={KIND: 2}) as plane:
        for name, value in plane.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_DEFAULT_REGION", PLACE.region)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        utils.SageMakerClient.reset()
        yield Sdk(plane, clock, resources, shapes)
        utils.SageMakerClient.reset()


async def test_the_sdk_creates_updates_and_deletes_an_endpoint(sdk: Sdk) -> None:
    """Create, wait, read, update by a new configuration, wait, delete and wait, with the SDK's own objects."""

    def run() -> list[str]:
        sdk.model()
        sdk.config("nim-1")
        endpoint = sdk.endpoint()
        seen = [endpoint.endpoint_status]
        endpoint.wait_for_status("InService", **QUICKLY)
        seen.append(sdk.resources.Endpoint.get(endpoint_name="nim").endpoint_status)
        assert endpoint.production_variants[0].current_instance_count == 1
        sdk.config("nim-2")
        endpoint.endpoint_config_name = "nim-2"
        endpoint.update()
        endpoint.refresh()
        seen += [endpoint.endpoint_status, endpoint.endpoint_config_name]
        endpoint.wait_for_status("InService", **QUICKLY)
        seen.append(endpoint.endpoint_config_name)
        assert [each.endpoint_name for each in sdk.resources.Endpoint.get_all(status_equals="InService")] == ["nim"]
        endpoint.delete()
        endpoint.wait_for_delete(**QUICKLY)
        return seen

    assert await asyncio.to_thread(run) == ["Creating", "InService", "Updating", "nim-1", "nim-2"]
    with pytest.raises(ClientError, match="Could not find endpoint"):
        await asyncio.to_thread(sdk.resources.Endpoint.get, endpoint_name="nim")


async def test_the_sdk_reports_a_failed_endpoint(sdk: Sdk) -> None:
    """`wait_for_status` raises with the reason, and the object carries it."""
    sdk.plane.fail_next("CreateEndpoint", "health_check")

    def run() -> None:
        sdk.model()
        sdk.config("nim-1")
        sdk.endpoint().wait_for_status("InService", **QUICKLY)

    with pytest.raises(_sdk("utils.exceptions").FailedStatusError, match="did not pass the ping health check"):
        await asyncio.to_thread(run)


async def test_the_sdk_reads_and_deletes_models_and_configurations(sdk: Sdk) -> None:
    """What was created is read back with its settings, and is gone after the delete."""

    def run() -> None:
        model, config = sdk.model(), sdk.config("nim-1")
        assert model.primary_container.environment == {"NIM_MAX_MODEL_LEN": "16384"}
        assert config.production_variants[0].routing_config.routing_strategy == "LEAST_OUTSTANDING_REQUESTS"
        assert [each.model_name for each in sdk.resources.Model.get_all()] == ["llm"]
        config.delete()
        model.delete()
        assert not list(sdk.resources.EndpointConfig.get_all())
        sdk.resources.Model.get(model_name="llm")

    with pytest.raises(ClientError, match="Could not find model"):
        await asyncio.to_thread(run)


async def test_the_sdk_creates_and_scales_an_inference_component(sdk: Sdk) -> None:
    """A component comes into service, gets a second copy and loses it, and is deleted before its endpoint."""

    def run() -> list[int]:
        sdk.model()
        scaling = sdk.shapes.ProductionVariantManagedInstanceScaling(
            status="ENABLED", min_instance_count=0, max_instance_count=2
        )
        sdk.config("nim-1", model_name=None, managed_instance_scaling=scaling)
        sdk.endpoint().wait_for_status("InService", **QUICKLY)
        needs = sdk.shapes.InferenceComponentComputeResourceRequirements(
            number_of_accelerator_devices_required=1, min_memory_required_in_mb=1024
        )
        component = sdk.resources.InferenceComponent.create(
            inference_component_name="llm",
            endpoint_name="nim",
            variant_name="AllTraffic",
            specification=sdk.shapes.InferenceComponentSpecification(
                model_name="llm", compute_resource_requirements=needs
            ),
            runtime_config=sdk.shapes.InferenceComponentRuntimeConfig(copy_count=1),
        )
        component.wait_for_status("InService", **QUICKLY)
        seen = [component.runtime_config.current_copy_count]
        for copies in (2, 1):
            wanted = sdk.shapes.InferenceComponentRuntimeConfig(copy_count=copies)
            component.update_runtime_configs(desired_runtime_config=wanted)
            component.wait_for_status("InService", **QUICKLY)
            seen.append(component.runtime_config.current_copy_count)
        component.delete()
        component.wait_for_delete(**QUICKLY)
        return seen

    assert await asyncio.to_thread(run) == [1, 2, 1]
    assert sdk.plane.copies("llm") == 0


async def test_the_sdk_leaves_out_every_zero(sdk: Sdk) -> None:
    """Its shapes drop what is 0, so that scaling to zero needs the plain client; that one gets there."""

    def run() -> None:
        sdk.model()
        scaling = {"Status": "ENABLED", "MinInstanceCount": 0, "MaxInstanceCount": 1}
        shape = sdk.shapes.ProductionVariantManagedInstanceScaling(
            status="ENABLED", min_instance_count=0, max_instance_count=1
        )
        sent = sdk.config("nim-1", model_name=None, managed_instance_scaling=shape).production_variants[0]
        assert not isinstance(sent.managed_instance_scaling.min_instance_count, int)
        variant = {"VariantName": "AllTraffic", "InstanceType": KIND, "InitialInstanceCount": 1}
        plain = _sdk("utils.utils").SageMakerClient().sagemaker_client
        variants = [{**variant, "ManagedInstanceScaling": scaling}]
        plain.create_endpoint_config(EndpointConfigName="nim-0", ProductionVariants=variants, ExecutionRoleArn=ROLE)
        kept = sdk.resources.EndpointConfig.get(endpoint_config_name="nim-0").production_variants[0]
        assert kept.managed_instance_scaling.min_instance_count == 0

    await asyncio.to_thread(run)
