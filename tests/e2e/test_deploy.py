"""The deployment as a person runs it: the real command line of AWS and the real SageMaker SDK, against stand-ins."""

import asyncio
import os
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from emulated_stacks import ROOT, without_lacking
from processes import STOP_SECONDS, clean_environment, command, started

from autocloudops.sandbox.aws import EmbeddedAws
from autocloudops.sandbox.control_plane import Durations, Place, SimulatedControlPlane
from autocloudops.sandbox.endpoint import RulesEngine, SimulatedEndpoint
from autocloudops.sandbox.foundation import DUMMY_CREDENTIAL, SandboxResources, client

KIND, SPEC = "ml.g6e.xlarge", "llm-s3"
MODEL = "nvidia/llama-3.1-nemotron-nano-8b-v1"
ENDPOINT = "shared-llm"
READY_SECONDS = 60
ECS = ("--worker", "ecs", "--subnets", "subnet-1", "--security-groups", "sg-1")


def _sdk_is_there() -> bool:
    """Say whether the SDK is installed, without importing it, which takes seconds."""
    try:
        return bool(version("sagemaker-core"))
    except PackageNotFoundError:
        return False


pytestmark = [
    pytest.mark.skipif(not _sdk_is_there(), reason="the SageMaker SDK (extra `deploy`) is not installed"),
    pytest.mark.skipif("AUTOCLOUDOPS_TEST_AWS" not in os.environ, reason="`make test-deploy` names the AWS CLI"),
]


class Nano(RulesEngine):
    """The rules under the name that the spec's model is served under."""

    model = MODEL


@dataclass(frozen=True, slots=True)
class Said:
    """How a run of the script ended, and what it said."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class World:
    """An account without anything of ours, and a copy of the script whose templates the emulator takes."""

    script: Path
    environment: Mapping[str, str]
    resources: SandboxResources
    plane: SimulatedControlPlane

    async def deploy(self, verb: str, *options: str) -> Said:
        """Run the script as a shell does."""
        process = await asyncio.create_subprocess_exec(
            str(self.script),
            verb,
            *options,
            env=dict(self.environment),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        assert process.returncode is not None
        return Said(process.returncode, out.decode(), err.decode())

    async def call(self, service: str, operation: str, **request: object) -> dict[str, Any]:
        """Call the emulator."""
        async with client(service, self.resources.endpoint_url) as made:
            said: dict[str, Any] = await getattr(made, operation)(**request)
        return said


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Run the stand-ins; the foundation stack that the emulator begins with has names of its own."""
    script = _copied(tmp_path / "checkout")
    async with (
        EmbeddedAws(prefix="not-ours") as resources,
        SimulatedEndpoint(ENDPOINT, Nano()) as endpoint,
        SimulatedControlPlane(
            place=Place(account=resources.account, region=resources.region),
            durations=Durations(create_endpoint_seconds=1, delete_endpoint_seconds=1),
            quotas={KIND: 2},
            prices={KIND: 2.605},
        ) as plane,
    ):
        environment = {
            **clean_environment(),
            **plane.environment(),
            "AWS_ENDPOINT_URL": resources.endpoint_url,
            "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": endpoint.url,
            "AWS_ACCESS_KEY_ID": DUMMY_CREDENTIAL,
            "AWS_SECRET_ACCESS_KEY": DUMMY_CREDENTIAL,
            "AWS_REGION": resources.region,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "NO_PROXY": "127.0.0.1",
            "PATH": os.pathsep.join(
                [os.environ["AUTOCLOUDOPS_TEST_AWS"], str(Path(sys.executable).parent), os.environ["PATH"]]
            ),
        }
        yield World(script, environment, resources, plane)


def _copied(checkout: Path) -> Path:
    """Copy what the script needs, without the resources that the emulator lacks."""
    shutil.copytree(ROOT / "infrastructure", checkout / "infrastructure")
    for template in (checkout / "infrastructure" / "cloudformation").glob("*.yaml"):
        template.write_text(without_lacking(template.read_text())[0])
    return Path(shutil.copy(ROOT / "deploy-sagemaker-nim.sh", checkout))


@asynccontextmanager
async def _worker(world: World, prefix: str, folder: Path) -> AsyncIterator[None]:
    """Run what the service's task definition says, since the emulator's ECS starts no container."""
    said = await world.call("ecs", "describe_task_definition", taskDefinition=f"{prefix}-worker")
    (container,) = said["taskDefinition"]["containerDefinitions"]
    settings = {each["name"]: each["value"] for each in container["environment"]}
    with started(command(*container["command"]), {**world.environment, **settings}, folder / "worker.log") as process:
        await _until_ready(int(settings["AUTOCLOUDOPS_HEALTH_PORT"]))
        yield
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, STOP_SECONDS) == 0


async def _until_ready(port: int) -> None:
    async with asyncio.timeout(READY_SECONDS), aiohttp.ClientSession() as http:
        while True:
            try:
                async with http.get(f"http://127.0.0.1:{port}/live") as answer:
                    if answer.ok:
                        return
            except aiohttp.ClientError:
                await asyncio.sleep(0.2)


def _stacks(said: str) -> Mapping[str, str]:
    """Return what is done to each stack, as a plan says it."""
    return dict(re.findall(r"^stack (\S+) +(\w+)$", said, re.MULTILINE))


async def test_an_account_goes_from_nothing_to_a_working_system_and_back(world: World, tmp_path: Path) -> None:
    """Planned, applied, tried, applied again without a change, shared with a second consumer, and given back."""
    account = world.resources.account
    image = f"{account}.dkr.ecr.{world.resources.region}.amazonaws.com/autocloudops:1"
    first = ("--prefix", "first", "--spec", SPEC, "--endpoint", ENDPOINT, "--image", image, *ECS)
    second = ("--prefix", "second", "--endpoint", ENDPOINT, "--adopt", "--image", image, "--worker", "lambda")

    planned = await world.deploy("plan", *first)
    assert (planned.code, planned.err) == (0, "")
    names = ("foundation", "audit", "roles", "runbooks", "worker-ecs", "observability", "dashboard")
    assert _stacks(planned.out) == {f"first-{name}": "create" for name in names}
    assert f"endpoint {ENDPOINT}: create, {KIND}" in planned.out
    assert "2631.65 USD a month" in planned.out
    assert not [name for name in world.plane.calls if name.startswith("Create")]

    dear = await world.deploy("apply", *first, "--max-monthly-usd", "100", "--yes")
    assert (dear.code, "more than --max-monthly-usd 100" in dear.err) == (1, True)
    unasked = await world.deploy("apply", *first)
    assert (unasked.code, "add --yes" in unasked.err) == (252, True)

    applied = await world.deploy("apply", *first, "--yes")
    assert applied.code == 0, applied.err
    assert world.plane.instances(ENDPOINT) == 1

    async with _worker(world, "first", tmp_path):
        tried = await world.deploy("smoke", *first)
    assert tried.code == 0, tried.err
    assert tried.out.startswith("decided: ")

    calls = len(world.plane.calls)
    again = await world.deploy("apply", *first, "--yes")
    assert again.code == 0, again.err
    assert set(_stacks(again.err).values()) == {"keep"}
    assert "control item: stays as it is" in again.err
    assert not [name for name in world.plane.calls[calls:] if name.startswith(("Create", "Update", "Delete"))]

    shared = await world.deploy("apply", *second, "--yes")
    assert shared.code == 0, shared.err
    assert not [name for name in world.plane.calls[calls:] if name.startswith(("Create", "Update", "Delete"))]

    refused = await world.deploy("destroy", *first, "--yes")
    assert (refused.code, f"others use the endpoint {ENDPOINT}: second" in refused.err) == (1, True)
    left = await world.deploy("destroy", *second, "--yes")
    assert left.code == 0, left.err
    assert world.plane.instances(ENDPOINT) == 1

    destroyed = await world.deploy("destroy", *first, "--yes")
    assert destroyed.code == 0, destroyed.err
    assert world.plane.instances(ENDPOINT) == 0
    status = await world.deploy("status", *first)
    kept = {f"first-{name}" for name in ("foundation", "audit")}
    assert {name for name, said in _stacks(status.out).items() if said != "absent"} == kept
    bucket = f"first-audit-{account}-{world.resources.region}"
    assert (await world.call("s3", "list_objects_v2", Bucket=bucket))["KeyCount"] > 0
