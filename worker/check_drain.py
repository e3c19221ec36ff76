"""Runs the unpacked image as ECS runs the worker, stops it in the middle of its work, and looks at what it left.

    buildah inspect --type image IMAGE | worker/check_drain.py ROOT

ROOT is the image's file system. The container is nobody, may write nothing but below `/tmp`, and shares the network of
this machine, where the stand-ins listen.
"""

# ruff: noqa: S101, T201 # a check that fails has to stop, and it prints what it saw
import asyncio
import gzip
import json
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from autocloudops.alarms.model import Alarm
from autocloudops.alarms.parse import parse
from autocloudops.sandbox import sandbox
from autocloudops.sandbox.foundation import client

ALARMS = 400
BATCH = 10
STOP_SECONDS = 60
NAME = "autocloudops-check"
SEEN_QUEUES = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")


def alarm(number: int) -> str:
    """Return one alarm in CloudWatch's own form, about a metric of its own."""
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    metric = {"namespace": "Shop", "name": "Errors", "dimensions": {"Service": f"shop-{number}"}}
    stat = {"metric": metric, "period": 60, "stat": "Sum"}
    return json.dumps(
        {
            "version": "0",
            "id": f"check-{number}",
            "source": "aws.cloudwatch",
            "detail-type": "CloudWatch Alarm State Change",
            "account": "111122223333",
            "region": "us-east-1",
            "time": at.replace(".000+0000", "Z"),
            "resources": [f"arn:aws:cloudwatch:us-east-1:111122223333:alarm:shop-{number}"],
            "detail": {
                "alarmName": f"shop-{number}",
                "state": {"value": "ALARM", "reason": "the check of the image", "timestamp": at},
                "previousState": {"value": "OK", "timestamp": at},
                "configuration": {"metrics": [{"id": "m1", "metricStat": stat, "returnData": True}]},
            },
        }
    )


def event_ids(bodies: Sequence[str]) -> set[str]:
    """Return the event ids of messages."""
    return {str(part.event_id) for body in bodies for part in parse(body) if isinstance(part, Alarm)}


class Account:
    """What is asked of the stand-ins."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._url = environment["AWS_ENDPOINT_URL"]
        self._queue = environment["AUTOCLOUDOPS_QUEUE_URL"]
        self._bucket = environment["AUTOCLOUDOPS_AUDIT_LOCATION"].removeprefix("s3://")

    async def send(self, bodies: Sequence[str]) -> None:
        """Put messages into the queue of alarms."""
        async with client("sqs", self._url) as sqs:
            for start in range(0, len(bodies), BATCH):
                entries = [
                    {"Id": str(at), "MessageBody": body} for at, body in enumerate(bodies[start : start + BATCH])
                ]
                await sqs.send_message_batch(QueueUrl=self._queue, Entries=entries)

    async def ended(self) -> set[str]:
        """Return the event ids that a durable record ends."""
        async with client("s3", self._url) as s3:
            listed = await s3.list_objects_v2(Bucket=self._bucket, Prefix="audit/v1/decisions/")
            found = [await s3.get_object(Bucket=self._bucket, Key=each["Key"]) for each in listed.get("Contents", ())]
            bodies = [await each["Body"].read() for each in found]
        return {json.loads(line)["event_id"] for body in bodies for line in gzip.decompress(body).splitlines()}

    async def held(self) -> tuple[int, int]:
        """Return how many messages are visible, and how many somebody holds."""
        async with client("sqs", self._url) as sqs:
            said = await sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=list(SEEN_QUEUES))
        visible, hidden = (int(said["Attributes"][each]) for each in SEEN_QUEUES)
        return visible, hidden

    async def left(self) -> set[str]:
        """Take what is still in the queue, and return its event ids."""
        bodies: list[str] = []
        async with client("sqs", self._url) as sqs:
            while said := (await sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=BATCH)).get("Messages"):
                bodies += [each["Body"] for each in said]
        return event_ids(bodies)


def bundle(folder: Path, root: Path, image: Mapping[str, Any], environment: Mapping[str, str]) -> None:
    """Write what runc needs to run the image's own command as the task definition does."""
    user, group = (int(each) for each in image["User"].split(":"))
    # As on Fargate: a volume that the image does not declare is root's, and nobody else writes to it.
    mode = (root / "tmp").stat().st_mode & 0o7777 if "/tmp" in image.get("Volumes", ()) else 0o755  # noqa: S108 - theirs
    config = {
        "ociVersion": "1.0.2",
        "root": {"path": str(root), "readonly": True},
        "process": {
            "user": {"uid": user, "gid": group},
            "args": [*image["Entrypoint"], "worker"],
            "env": [*image["Env"], *(f"{name}={value}" for name, value in environment.items())],
            "cwd": image["WorkingDir"],
            "noNewPrivileges": True,
        },
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
            {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": [f"mode={mode:o}"]},  # noqa: S108
        ],
        "linux": {"namespaces": [{"type": each} for each in ("pid", "ipc", "uts", "mount")]},
    }
    (folder / "config.json").write_text(json.dumps(config))


async def runc(*arguments: str) -> int:
    """Run a command of runc, and return how it ended."""
    process = await asyncio.create_subprocess_exec("runc", *arguments)
    return await process.wait()


@asynccontextmanager
async def running(folder: Path, log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the bundle; what outlives the block is killed."""
    with log.open("w") as file:
        process = await asyncio.create_subprocess_exec(
            "runc", "run", "--bundle", str(folder), NAME, stdout=file, stderr=file
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                await runc("kill", NAME, "KILL")
                await process.wait()


async def stopped(environment: Mapping[str, str], account: Account, root: Path, image: Mapping[str, Any]) -> str:
    """Run the worker until it has ended some alarms, send SIGTERM, and return its log."""
    with TemporaryDirectory() as name:
        folder, log = Path(name), Path(name) / "log"
        bundle(folder, root, image, environment)
        async with running(folder, log) as process, asyncio.timeout(STOP_SECONDS * 2):
            while not await account.ended():
                assert process.returncode is None, log.read_text()
                await asyncio.sleep(0.1)
            assert await runc("exec", NAME, "autocloudops", "worker", "health") == 0
            await runc("kill", NAME, "TERM")
            code = await asyncio.wait_for(process.wait(), STOP_SECONDS)
            assert code == 0, log.read_text()
        return log.read_text()


async def check(root: Path, image: Mapping[str, Any]) -> None:
    """Compare what was sent with what was recorded and what is still there."""
    bodies = [alarm(number) for number in range(ALARMS)]
    async with sandbox() as local:
        environment = local.environment()
        account = Account(environment)
        await account.send(bodies)
        said = [json.loads(line)["message"] for line in (await stopped(environment, account, root, image)).splitlines()]
        visible, hidden = await account.held()
        ended, left = await account.ended(), await account.left()
    assert said[-1] == "worker stopped", said
    assert hidden == 0, f"{hidden} messages are still held"
    assert ended, "nothing was recorded"
    assert left, "everything was done before SIGTERM: send more"
    assert ended | left == event_ids(bodies), "an alarm is lost"
    both = len(ended & left)
    print(f"drained: {len(ended)} of {ALARMS} recorded, {visible} in the queue ({both} of both), none lost, none held")


if __name__ == "__main__":
    asyncio.run(check(Path(sys.argv[1]), json.load(sys.stdin)["OCIv1"]["config"]))
