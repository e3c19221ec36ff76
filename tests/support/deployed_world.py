"""An account that the deployment script works in: stand-ins for AWS, the script, and everything that it leaves."""

import asyncio
import gzip
import json
import os
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emulated_stacks import ROOT, with_functions_that_run, without_lacking
from processes import clean_environment, command

from autocloudops.sandbox.aws import EmbeddedAws
from autocloudops.sandbox.control_plane import Durations, Place, SimulatedControlPlane
from autocloudops.sandbox.endpoint import RulesEngine, SimulatedEndpoint
from autocloudops.sandbox.foundation import DUMMY_CREDENTIAL, SandboxResources, client

KIND = "ml.g6e.xlarge"
ENDPOINT = "shared-llm"
MODEL = "nvidia/llama-3.1-nemotron-nano-8b-v1"
PLANTED = "-".join(("nv" + "api", "Zq" * 32))
"""A key in the form of NVIDIA's, made at run time."""
SOURCE = ("worker/Dockerfile", "pyproject.toml", "constraints.txt", "README.md", "LICENSE")
LOOK_SECONDS = 0.1


class Nano(RulesEngine):
    """The rules under the name that the spec's model is served under."""

    model = MODEL


@dataclass(frozen=True, slots=True)
class Said:
    """How a run of the script ended, and what it said."""

    code: int
    out: str
    err: str


@dataclass
class World:
    """The account and the script.

    Attributes:
        seen: command line and environment of each process that the script had started when somebody looked.
        said: what each run said.
    """

    script: Path
    environment: Mapping[str, str]
    resources: SandboxResources
    plane: SimulatedControlPlane
    key: str = PLANTED
    seen: set[str] = field(default_factory=set)
    said: list[Said] = field(default_factory=list)

    async def deploy(self, *arguments: str) -> Said:
        """Run the script as a shell does."""
        return await self._run([str(self.script), *arguments], lambda _: False)

    async def cut(self, *arguments: str, when: Callable[[Said], bool]) -> Said:
        """Run the script, and kill it and its children when something is so."""
        return await self._run([str(self.script), *arguments], when)

    async def keep_key(self, secret: str) -> None:
        """Type the planted key in."""
        said = await self._run(command("endpoint", "key", "--secret", secret), lambda _: False, typed=self.key)
        assert said.code == 0, said.err

    async def _run(self, arguments: list[str], cut: Callable[[Said], bool], *, typed: str = "") -> Said:
        folder = self.script.parent
        out, err = folder / "out.log", folder / "err.log"
        with out.open("w") as out_file, err.open("w") as err_file:
            process = await asyncio.create_subprocess_exec(
                *arguments,
                env=dict(self.environment),
                stdin=asyncio.subprocess.PIPE,
                stdout=out_file,
                stderr=err_file,
                start_new_session=True,
            )
            assert process.stdin
            process.stdin.write(typed.encode())
            process.stdin.close()
            while process.returncode is None:
                self.seen |= _shown(process.pid)
                if cut(Said(0, out.read_text(), err.read_text())):
                    os.killpg(process.pid, signal.SIGKILL)
                with suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), LOOK_SECONDS)
        said = Said(process.returncode, out.read_text(), err.read_text())
        self.said.append(said)
        return said

    async def call(self, service: str, operation: str, **request: object) -> dict[str, Any]:
        """Call the emulator."""
        async with client(service, self.resources.endpoint_url) as made:
            said: dict[str, Any] = await getattr(made, operation)(**request)
        return said

    async def push_image(self, prefix: str, applied: Said) -> None:
        """Push what the build was asked for, since the emulator's CodeBuild builds nothing."""
        (tag,) = re.findall(r"CodeBuild builds \S+:(\w+)", applied.err)
        await self.call("ecr", "put_image", repositoryName=prefix, imageManifest="{}", imageTag=tag)

    async def environment_of_the_model(self) -> str:
        """Return what the model's container of the endpoint's configuration is given."""
        async with client("sagemaker", self.plane.url) as made:
            config = (await made.describe_endpoint(EndpointName=ENDPOINT))["EndpointConfigName"]
            variants = (await made.describe_endpoint_config(EndpointConfigName=config))["ProductionVariants"]
            model = await made.describe_model(ModelName=variants[0]["ModelName"])
        return json.dumps(model["PrimaryContainer"]["Environment"])

    async def objects(self, bucket: str) -> dict[str, str]:
        """Return the objects of the bucket whose name begins so, as text."""
        name = f"{bucket}-{self.resources.account}-{self.resources.region}"
        found = {}
        async with client("s3", self.resources.endpoint_url) as s3:
            for each in (await s3.list_objects_v2(Bucket=name)).get("Contents", ()):
                body = await (await s3.get_object(Bucket=name, Key=each["Key"]))["Body"].read()
                plain = gzip.decompress(body) if each["Key"].endswith(".gz") else body
                found[f"s3://{bucket}/{each['Key']}"] = plain.decode(errors="replace")
        return found

    async def everything_kept(self) -> dict[str, str]:
        """Return what stacks, workers, the builder, buckets, tables, logs and messages hold, by what it is of."""
        kept: dict[str, str] = {}
        for stack in (await self.call("cloudformation", "describe_stacks"))["Stacks"]:
            template = await self.call("cloudformation", "get_template", StackName=stack["StackName"])
            kept[stack["StackName"]] = json.dumps([stack, template], default=str)
        reads: Mapping[str, Awaitable[dict[str, Any]]] = {
            "first-worker": self.call("ecs", "describe_task_definition", taskDefinition="first-worker"),
            "second-worker": self.call("lambda", "get_function", FunctionName="second-worker"),
            "first-image": self.call("codebuild", "batch_get_projects", names=["first-image"]),
            "first-state": self.call("dynamodb", "scan", TableName="first-state"),
            "second-state": self.call("dynamodb", "scan", TableName="second-state"),
            "second-logs": self.call("logs", "filter_log_events", logGroupName="/autocloudops/second/worker-lambda"),
        }
        kept |= {name: json.dumps(await read, default=str) for name, read in reads.items()}
        for bucket in ("first-audit", "first-uploads", "second-audit", "second-uploads"):
            kept |= await self.objects(bucket)
        return kept


def _shown(session: int) -> set[str]:
    """Return command lines and environments of the processes of a session, as a list of processes shows them."""
    shown = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ProcessLookupError):
            if os.getsid(int(folder.name)) == session:
                shown |= {(folder / name).read_text(errors="replace") for name in ("cmdline", "environ")}
    return shown


@asynccontextmanager
async def opened_world(folder: Path, aws: str) -> AsyncIterator[World]:
    """Run the stand-ins; the foundation stack that the emulator begins with has names of its own.

    Args:
        folder: where the script and what it reads is copied to.
        aws: the folder of the AWS command line.
    """
    async with (
        EmbeddedAws(prefix="not-ours") as resources,
        SimulatedEndpoint(ENDPOINT, Nano()) as endpoint,
        SimulatedControlPlane(
            place=Place(account=resources.account, region=resources.region),
            durations=Durations(create_endpoint_seconds=0, delete_endpoint_seconds=0),
            quotas={KIND: 2},
            prices={KIND: 2.605},
        ) as plane,
    ):
        services = {**plane.environment(), "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": endpoint.url}
        environment = {
            **clean_environment(),
            **services,
            "AUTOCLOUDOPS_DEPLOY_POLL_SECONDS": "0.5",
            "AWS_ENDPOINT_URL": resources.endpoint_url,
            "AWS_ACCESS_KEY_ID": DUMMY_CREDENTIAL,
            "AWS_SECRET_ACCESS_KEY": DUMMY_CREDENTIAL,
            "AWS_REGION": resources.region,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "NO_PROXY": "127.0.0.1",
            "PATH": os.pathsep.join(
                [str(_no_builders(folder)), aws, str(Path(sys.executable).parent), os.environ["PATH"]]
            ),
        }
        yield World(_copied(folder / "checkout", services), environment, resources, plane)


def _no_builders(folder: Path) -> Path:
    """Return a folder whose builders of images do not work, whatever is installed here."""
    made = folder / "builders"
    made.mkdir()
    for name in ("docker", "podman", "finch"):
        (made / name).write_text("#!/bin/sh\nexit 1\n")
        (made / name).chmod(0o755)
    return made


def _copied(checkout: Path, services: Mapping[str, str]) -> Path:
    """Copy what the script needs, with templates that the emulator takes and functions that it runs."""
    shutil.copytree(ROOT / "infrastructure", checkout / "infrastructure")
    shutil.copytree(ROOT / "sagemaker" / "endpoints", checkout / "sagemaker" / "endpoints")
    for name in SOURCE:
        (checkout / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, checkout / name)
    for template in (checkout / "infrastructure" / "cloudformation").glob("*.yaml"):
        text, _ = with_functions_that_run(without_lacking(template.read_text())[0], services)
        template.write_text(text)
    return Path(shutil.copy(ROOT / "deploy-sagemaker-nim.sh", checkout))
