"""An account of the simulated control plane, and everything of `nim_endpoint` opened on it."""

import importlib
import warnings
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import distributions
from typing import Any

import boto3
import pytest
from control_plane import DURATIONS, IMAGE, KIND, PLACE, ROLE, SteppedClock, aws_client
from plain_resources import PlainResources

from autocloudops import aws
from autocloudops.errors import ModelBrokeOff
from autocloudops.sandbox.control_plane import Durations, SimulatedControlPlane
from nim_endpoint.carrying import Outcome, Ports, Progress, ensure, remove
from nim_endpoint.found import Found
from nim_endpoint.hosting import Hosting
from nim_endpoint.leases import Leases
from nim_endpoint.planning import Action, Consent
from nim_endpoint.reading import Reader
from nim_endpoint.specs import Spec
from nim_endpoint.wanted import wanted

OTHER_KIND = "ml.g5.12xlarge"
NO_SDK = "the SageMaker SDK (extra `deploy`, about 0.4 GB) is not installed: `make test-deploy` installs it"
HANDS = ("plain", "sdk") if any(each.name == "sagemaker-core" for each in distributions()) else ("plain",)
SERVICES = ("sagemaker", "application-autoscaling", "service-quotas")
SPEC: Mapping[str, object] = {
    "endpoint": "nim",
    "model": "nemotron-nano-8b",
    "route": "s3",
    "role": ROLE,
    "image": IMAGE,
    "weights": "s3://bucket/nano-8b/",
    "instance_type": KIND,
    "context_tokens": 16_384,
}
COMPONENT: Mapping[str, object] = {
    **SPEC,
    "instances": {"initial": 1, "least": 0, "most": 2},
    "component": {"name": "llm"},
}


def spec(base: Mapping[str, object] = SPEC, /, **changes: object) -> Spec:
    """Return a checked spec of the classic shape, with what a test changes of it."""
    return Spec.model_validate({**base, **changes})


@dataclass
class Deployer:
    """One deployer: what it works with, and every step that it was told of."""

    account: "DeployAccount"
    ports: Ports
    told: list[Progress]
    answers: bool = True
    probes: int = 0

    async def ensure(self, what: Spec | None = None, *, consumer: str = "team-a", **allowed: bool) -> Outcome:
        """Ensure the spec, or the usual one."""
        return await ensure(wanted(what or spec()), Consent(consumer=consumer, **allowed), self.ports)

    async def remove(self, *, consumer: str | None = "team-a") -> Outcome:
        """Delete the endpoint."""
        return await remove("nim", consumer, self.ports)

    def actions(self) -> list[Action]:
        """Return the actions that were begun, without waiting and repeats."""
        begun = [each.step.action for each in self.told if each.step.action is not Action.WAIT]
        return list(dict.fromkeys(begun))


@dataclass
class DeployAccount:
    """The control plane, its clock and its clients."""

    plane: SimulatedControlPlane
    clock: SteppedClock
    clients: Mapping[str, Any]
    hosting: Hosting
    secrets: dict[str, str] = field(default_factory=dict)

    def deployer(self, **changes: Any) -> Deployer:  # noqa: ANN401 - any of the ports
        """Return a deployer."""
        reader = Reader(
            self.clients["sagemaker"],
            self.clients["application-autoscaling"],
            self.clients["service-quotas"],
            self.clock,
        )
        told: list[Progress] = []
        made: Deployer

        async def probe() -> None:
            made.probes += 1
            if not made.answers:
                raise ModelBrokeOff("nim", "the answer is none")

        async def key(name: str) -> str:
            return self.secrets[name]

        ports = Ports(
            reader=reader,
            hands=lambda: self.hosting,
            leases=Leases(self.clients["sagemaker"], reader, self.clock),
            clock=self.clock,
            told=told.append,
            key=key,
            probe=probe,
            poll_seconds=50.0,
        )
        made = Deployer(self, Ports(**{**_fields(ports), **changes}), told)
        return made

    async def found(self) -> Found:
        """Return what is there."""
        return await self.deployer().ports.reader.endpoint("nim")

    async def foreign(self) -> None:
        """Create an endpoint by hand, as somebody else would."""
        call = self.clients["sagemaker"]
        await call.create_model(ModelName="theirs", PrimaryContainer={"Image": IMAGE}, ExecutionRoleArn=ROLE)
        variant = {"VariantName": "A", "ModelName": "theirs", "InstanceType": KIND, "InitialInstanceCount": 1}
        await call.create_endpoint_config(EndpointConfigName="theirs", ProductionVariants=[variant])
        await call.create_endpoint(EndpointName="nim", EndpointConfigName="theirs")
        self.clock.forward(DURATIONS.create_endpoint_seconds)


@asynccontextmanager
async def deploy_account(
    hands: str,
    *,
    durations: Durations = DURATIONS,
    quotas: Mapping[str, int] | None = None,
    packages: Mapping[str, tuple[str, ...]] | None = None,
) -> AsyncIterator[DeployAccount]:
    """Run a control plane with a quota of four GPU instances.

    Args:
        hands: `sdk` for the SageMaker SDK, `plain` for what stands in for it.
        durations: how long changes take.
        quotas: how many instances of each type may be held.
        packages: ARNs of the model packages that the account is subscribed to, and the instance types of each.
    """
    clock = SteppedClock()
    given = {KIND: 4, OTHER_KIND: 2} if quotas is None else quotas
    async with (
        SimulatedControlPlane(clock=clock, durations=durations, place=PLACE, quotas=given, packages=packages) as plane,
        AsyncExitStack() as stack,
    ):
        clients = {each: await _opened(stack, each, plane.url) for each in SERVICES}
        hosting = _sdk_hosting(stack, plane) if hands == "sdk" else _plain_hosting(stack, plane)
        yield DeployAccount(plane, clock, clients, hosting)


async def _opened(stack: AsyncExitStack, service: str, url: str) -> object:
    opening = aws.session().create_client(
        service,
        region_name=PLACE.region,
        endpoint_url=url,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=aws.config(read_timeout_seconds=10, attempts=4),
    )
    return await stack.enter_async_context(opening)


def _plain_hosting(stack: AsyncExitStack, plane: SimulatedControlPlane) -> Hosting:
    client = aws_client("sagemaker", plane.url, attempts=4)
    stack.callback(client.close)
    return Hosting(resources=PlainResources(client), session=None, region=PLACE.region)


def _sdk_hosting(stack: AsyncExitStack, plane: SimulatedControlPlane) -> Hosting:
    patch = pytest.MonkeyPatch()
    stack.callback(patch.undo)
    for name, value in {**plane.environment(), "AWS_DEFAULT_REGION": PLACE.region}.items():
        patch.setenv(name, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        resources = importlib.import_module("sagemaker.core.resources")
    session = boto3.Session("testing", "testing", region_name=PLACE.region)
    return Hosting(resources=resources, session=session, region=PLACE.region)


def _fields(ports: Ports) -> dict[str, Any]:
    return {name: getattr(ports, name) for name in ports.__slots__}
