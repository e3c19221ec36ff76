"""The deployment as a person runs it: the real command line of AWS and the real SageMaker SDK, against stand-ins."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import aiohttp
import pytest
from deployed_world import ENDPOINT, KIND, World, opened_world
from processes import STOP_SECONDS, command, started

# How many processes a look every few milliseconds catches depends on how long each of them lives.
SEEN_AT_LEAST = 20
READY_SECONDS = 60
ECS = ("--worker", "ecs", "--subnets", "subnet-1", "--security-groups", "sg-1")
FIRST = ("--prefix", "first", "--spec", "llm-ecr", "--key-in-environment", "--endpoint", ENDPOINT, *ECS)
CHANGES = ("Create", "Update", "Delete")


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


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """An account without anything of ours, and everything that stands in for AWS."""
    async with opened_world(tmp_path, os.environ["AUTOCLOUDOPS_TEST_AWS"]) as opened:
        yield opened


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


def _changes(world: World, since: int) -> list[str]:
    return [name for name in world.plane.calls[since:] if name.startswith(CHANGES)]


async def _planned(world: World) -> None:
    """A plan says what would be made, and changes nothing."""
    said = await world.deploy("plan", "--prefix", "first", "--spec", "llm-s3", "--endpoint", ENDPOINT, *ECS)
    assert (said.code, said.err) == (0, "")
    names = ("foundation", "audit", "roles", "runbooks", "image", "worker-ecs", "observability", "dashboard")
    assert _stacks(said.out) == {f"first-{name}": "create" for name in names}
    assert f"endpoint {ENDPOINT}: create, {KIND}" in said.out
    assert "2631.65 USD a month" in said.out
    assert not _changes(world, 0)


async def _applied(world: World) -> None:
    """Killed in the middle of a stack, and when the endpoint is begun, it goes on; nothing is made twice."""
    without = await world.deploy("apply", *FIRST, "--yes")
    assert (without.code, "put the NGC key there with" in without.err) == (253, True)
    await world.keep_key("first/ngc")
    cut = await world.cut("apply", *FIRST, "--yes", when=lambda said: "stack first-roles: create" in said.err)
    assert cut.code == -signal.SIGKILL
    cut = await world.cut("apply", *FIRST, "--yes", when=lambda _: "CreateEndpoint" in world.plane.calls)
    assert cut.code == -signal.SIGKILL
    said = await world.deploy("apply", *FIRST, "--yes")
    assert said.code == 0, said.err
    assert (world.plane.instances(ENDPOINT), world.plane.calls.count("CreateEndpoint")) == (1, 1)
    await world.push_image("first", said)


async def _unchanged(world: World) -> None:
    """Applied again, everything is kept."""
    calls = len(world.plane.calls)
    said = await world.deploy("apply", *FIRST, "--yes")
    assert said.code == 0, said.err
    assert set(_stacks(said.err).values()) == {"keep"}
    assert "control item: stays as it is" in said.err
    assert not _changes(world, calls)


async def _shared(world: World, *second: str) -> None:
    """A worker on Lambda uses the endpoint of the first deployment, and nothing of it changes."""
    calls = len(world.plane.calls)
    said = await world.deploy("apply", *second, "--yes")
    assert said.code == 0, said.err
    assert not _changes(world, calls)
    await _answers(world, *second)


async def _answers(world: World, *options: str) -> None:
    """A synthetic alarm ends as a decision in the audit."""
    said = await world.deploy("smoke", *options)
    assert said.code == 0, said.err
    assert said.out.startswith("decided: ")


async def _given_back(world: World, *second: str) -> None:
    """The endpoint goes with its last lease; audit and state stay."""
    refused = await world.deploy("destroy", *FIRST, "--yes")
    assert (refused.code, f"others use the endpoint {ENDPOINT}: second" in refused.err) == (1, True)
    left = await world.deploy("destroy", *second, "--yes")
    assert left.code == 0, left.err
    assert world.plane.instances(ENDPOINT) == 1
    destroyed = await world.deploy("destroy", *FIRST, "--yes")
    assert destroyed.code == 0, destroyed.err
    assert world.plane.instances(ENDPOINT) == 0
    status = await world.deploy("status", *FIRST)
    kept = {f"first-{name}" for name in ("foundation", "audit")}
    assert {name for name, said in _stacks(status.out).items() if said != "absent"} == kept
    assert await world.objects("first-audit")


async def _the_key_is_nowhere_but_in_the_model(world: World, folder: Path) -> None:
    """No process showed it, nothing printed it, and no template, parameter, setting, object or item holds it."""
    assert world.key in await world.environment_of_the_model()
    assert len(world.seen) > SEEN_AT_LEAST
    assert not [said for said in world.seen if world.key in said]
    assert not [said for said in world.said if world.key in said.out + said.err]
    written = [path for name in ("rendered", "worker.log") for path in [folder / name, *(folder / name).rglob("*")]]
    texts = [path.read_text() for path in written if path.is_file()]
    assert len(texts) > len(list((folder / "rendered").glob("*.yaml")))
    assert not [text for text in texts if world.key in text]
    kept = await world.everything_kept()
    assert {"first-worker", "second-worker", "first-image"} <= kept.keys()
    assert any(name.startswith("s3://first-audit") for name in kept)
    assert not [name for name, text in kept.items() if world.key in text]


async def test_an_account_goes_from_nothing_to_a_working_system_and_back(world: World, tmp_path: Path) -> None:
    """Planned, applied, tried, applied again without a change, shared with a second consumer, and given back."""
    image = f"{world.resources.account}.dkr.ecr.{world.resources.region}.amazonaws.com/autocloudops:1"
    second = ("--prefix", "second", "--endpoint", ENDPOINT, "--adopt", "--image", image, "--worker", "lambda")
    await _planned(world)
    await _applied(world)
    async with _worker(world, "first", tmp_path):
        await _answers(world, *FIRST)
    await _unchanged(world)
    await _shared(world, *second)
    rendered = await world.deploy("render", *FIRST, "--out", str(tmp_path / "rendered"))
    assert rendered.code == 0, rendered.err
    await _the_key_is_nowhere_but_in_the_model(world, tmp_path)
    await _given_back(world, *second)
