"""What the tests of the simulated control plane share: its settings, a clock, and an account's boto3 clients on it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator
from turned_clock import TurnedClock

from autocloudops.sandbox.control_plane import Durations, Place, SimulatedControlPlane

ARN = "arn:aws:sagemaker:eu-west-1:123456789012"
PACKAGE = f"{ARN}:model-package/nano-8b"

PLACE = Place(account="123456789012", region="eu-west-1")
ROLE = "arn:aws:iam::123456789012:role/endpoint"
KIND = "ml.g6e.xlarge"
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/nim:1.8.4"
DURATIONS = Durations(
    create_endpoint_seconds=100,
    update_endpoint_seconds=200,
    rescale_endpoint_seconds=50,
    roll_back_seconds=30,
    delete_endpoint_seconds=20,
    create_component_seconds=60,
    update_component_seconds=60,
    delete_component_seconds=10,
    start_instance_seconds=40,
    release_instance_seconds=300,
)


class SteppedClock(TurnedClock):
    """A clock that is turned by `step_seconds` each time it is read, too."""

    def __init__(self, *, step_seconds: float = 0.0) -> None:
        super().__init__()
        self.step_seconds = step_seconds

    def now(self) -> datetime:
        self.seconds += self.step_seconds
        return super().now()

    def forward(self, seconds: float) -> None:
        """Let `seconds` pass."""
        self.seconds += seconds


@dataclass
class Account:
    """boto3 clients on one control plane; calls run in threads, because the server shares the test's event loop."""

    plane: SimulatedControlPlane
    clock: SteppedClock
    clients: dict[str, Any] = field(default_factory=dict)

    async def __call__(self, operation: str, service: str = "sagemaker", /, **request: object) -> dict[str, Any]:
        """Call an operation, check its answer against botocore's output shape, and return it."""
        made = self.client(service)
        answer: dict[str, Any] = await asyncio.to_thread(getattr(made, operation), **request)
        del answer["ResponseMetadata"]
        shape = made.meta.service_model.operation_model(made.meta.method_to_api_mapping[operation]).output_shape
        assert not ParamValidator().validate(answer, shape).has_errors() if shape else not answer
        return answer

    async def refused(self, operation: str, service: str = "sagemaker", /, **request: object) -> tuple[str, str]:
        """Return the code and message of an operation that is refused."""
        with pytest.raises(ClientError) as caught:
            await self(operation, service, **request)
        return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]

    async def endpoint(self, name: str = "nim") -> tuple[str, str | None]:
        """Return status and failure reason of an endpoint."""
        said = await self("describe_endpoint", EndpointName=name)
        return said["EndpointStatus"], said.get("FailureReason")

    async def component(self) -> tuple[str, int, int]:
        """Return status, desired and current copies of the component."""
        said = await self("describe_inference_component", InferenceComponentName="llm")
        runtime = said["RuntimeConfig"]
        return said["InferenceComponentStatus"], runtime["DesiredCopyCount"], runtime["CurrentCopyCount"]

    async def model(self, name: str = "llm") -> None:
        """Create a model."""
        container = {"Image": IMAGE}
        await self("create_model", ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)

    async def config(self, name: str = "nim-1", *, kind: str = KIND, count: int = 1) -> None:
        """Create the configuration of a classic endpoint."""
        variant = {"VariantName": "AllTraffic", "ModelName": "llm", "InstanceType": kind, "InitialInstanceCount": count}
        await self("create_endpoint_config", EndpointConfigName=name, ProductionVariants=[variant])

    async def classic(self, *, count: int = 1) -> None:
        """Create an endpoint of one model, and let it come into service."""
        await self.model()
        await self.config(count=count)
        await self("create_endpoint", EndpointName="nim", EndpointConfigName="nim-1")
        self.clock.forward(DURATIONS.create_endpoint_seconds)

    async def hosting(self, *, low: int = 0, high: int = 2) -> None:
        """Create an endpoint for inference components, and let it come into service."""
        await self.model()
        scaling = {"Status": "ENABLED", "MinInstanceCount": low, "MaxInstanceCount": high}
        variant = {"VariantName": "AllTraffic", "InstanceType": KIND, "InitialInstanceCount": 1}
        variants = [{**variant, "ManagedInstanceScaling": scaling}]
        await self(
            "create_endpoint_config", EndpointConfigName="nim-1", ProductionVariants=variants, ExecutionRoleArn=ROLE
        )
        await self("create_endpoint", EndpointName="nim", EndpointConfigName="nim-1")
        self.clock.forward(DURATIONS.create_endpoint_seconds)

    async def llm(self, *, copies: int = 1, gpus: int = 1) -> None:
        """Create an inference component on the endpoint."""
        await self("create_inference_component", **component_request(copies=copies, gpus=gpus))

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3's clients are made at run time
        """Return a client that does not retry."""
        if service not in self.clients:
            self.clients[service] = aws_client(service, self.plane.url, attempts=1)
        return self.clients[service]

    def close(self) -> None:
        """Close the clients."""
        for each in self.clients.values():
            each.close()


@asynccontextmanager
async def opened_account() -> AsyncIterator[Account]:
    """Run a control plane with a quota of four GPU instances, one subscription and two prices."""
    clock = SteppedClock()
    async with SimulatedControlPlane(
        clock=clock,
        durations=DURATIONS,
        place=PLACE,
        quotas={KIND: 4, "ml.g5.12xlarge": 1},
        packages={PACKAGE: ("ml.g5.12xlarge",)},
        prices={KIND: 2.605, "ml.g5.12xlarge": 7.09},
    ) as plane:
        account = Account(plane, clock)
        yield account
        account.close()


def aws_client(service: str, url: str, *, attempts: int) -> Any:  # noqa: ANN401 - likewise
    """Return a boto3 client on a stand-in, which tries each call that often."""
    make: Callable[..., Any] = boto3.client
    return make(
        service,
        endpoint_url=url,
        region_name=PLACE.region,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=Config(retries={"mode": "standard", "total_max_attempts": attempts}),
    )


def component_request(*, copies: int = 1, gpus: int = 1) -> dict[str, object]:
    """Return a request that creates the component `llm`."""
    needs = {"NumberOfAcceleratorDevicesRequired": gpus, "MinMemoryRequiredInMb": 1024}
    return {
        "InferenceComponentName": "llm",
        "EndpointName": "nim",
        "VariantName": "AllTraffic",
        "Specification": {"ModelName": "llm", "ComputeResourceRequirements": needs},
        "RuntimeConfig": {"CopyCount": copies},
    }
