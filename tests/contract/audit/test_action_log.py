from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, cast
from uuid import uuid4

import pytest
from audit_actions import entry

from autocloudops import aws
from autocloudops.audit.actions import ActionObjects, key_of
from autocloudops.audit.keys import ACTIONS
from autocloudops.audit.objects import AuditObjects, FolderObjects, S3Objects
from autocloudops.decisions.claims import ActionEntry, Step
from autocloudops.errors import AuditConflict, TargetMissing

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client


@pytest.fixture(params=["folder", "ministack", "moto"])
def place(request: pytest.FixtureRequest, point_at: Callable[[str], None]) -> str:
    """A folder, and each emulator in turn."""
    if request.param != "folder":
        point_at(str(request.getfixturevalue(request.param)))
    return str(request.param)


@pytest.fixture
async def objects(place: str, tmp_path: Path, stack: AsyncExitStack) -> AuditObjects:
    """Where the audit is: the folder, or a new bucket of the emulator."""
    if place == "folder":
        return FolderObjects(tmp_path)
    context = aws.session().create_client("s3", config=aws.config(read_timeout_seconds=10))
    client = cast("S3Client", await stack.enter_async_context(context))
    bucket = f"actions-{uuid4().hex[:8]}"
    await client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return S3Objects(client, bucket)


async def test_each_step_is_an_object_that_reads_back_as_it_was(objects: AuditObjects) -> None:
    """Intent, outcome and verification of one claim stand beside each other, each a whole entry."""
    log = ActionObjects(objects)
    entries = [entry(step) for step in Step]
    for each in entries:
        await log.write(each)
    assert [key async for key in objects.keys(ACTIONS)] == sorted(key_of(each) for each in entries)
    read = [ActionEntry.model_validate_json(await objects.read(key_of(each))) for each in entries]
    assert read == entries


async def test_the_same_entry_again_is_no_error(objects: AuditObjects) -> None:
    """A write whose answer was lost is made again and leaves one object."""
    log = ActionObjects(objects)
    await log.write(entry())
    await log.write(entry())
    assert [key async for key in objects.keys(ACTIONS)] == [key_of(entry())]


async def test_another_entry_in_its_place_is_named_and_changes_nothing(objects: AuditObjects) -> None:
    """Of two intents of one claim the first stays, whoever wrote it."""
    log = ActionObjects(objects)
    await log.write(entry(said="first"))
    with pytest.raises(AuditConflict):
        await log.write(entry(said="second"))
    assert ActionEntry.model_validate_json(await objects.read(key_of(entry()))).claim.said == "first"


async def test_secrets_in_an_entry_are_not_kept(objects: AuditObjects) -> None:
    """What a service said goes through the same redaction as every record."""
    secret = "hunter2-hunter2"
    await ActionObjects(objects).write(entry(said=f"password={secret}"))
    assert secret.encode() not in await objects.read(key_of(entry()))


async def test_what_is_not_there_is_named_as_missing(objects: AuditObjects) -> None:
    """Reading an object that is not there says so in the same way everywhere."""
    with pytest.raises(TargetMissing):
        await objects.read(key_of(entry()))


def test_a_key_names_its_incident_its_runbook_and_its_step() -> None:
    """The day is that of the claim, so that a takeover after midnight finds the first worker's object."""
    claim = entry().claim
    name = f"{claim.incident_id}-AutoCloudOps-ScaleOutService-{claim.claim_id.hex[:8]}-intent.json"
    assert key_of(entry()) == f"audit/v1/actions/dt=2026-03-01/{name}"
