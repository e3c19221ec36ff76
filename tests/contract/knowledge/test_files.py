from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, cast
from uuid import uuid4

import pytest

from autocloudops import aws
from autocloudops.entrypoints.library import open_files
from autocloudops.errors import SettingsInvalid, TargetMissing
from autocloudops.knowledge.files import Files, FolderFiles

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client


async def bucket_of(stack: AsyncExitStack) -> str:
    """Return the name of a new bucket."""
    name = f"library-{uuid4()}"
    context = aws.session().create_client("s3", config=aws.config(read_timeout_seconds=10))
    client = cast("S3Client", await stack.enter_async_context(context))
    await client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return name


async def keeps_files(files: Files) -> None:
    """Assert what both kinds of libraries promise."""
    assert dict(await files.versions()) == {}
    await files.write("db/pool.md", b"one")
    await files.write("top.md", b"two")
    before = dict(await files.versions())
    assert sorted(before) == ["db/pool.md", "top.md"]
    await files.write("db/pool.md", b"three, and longer")
    after = dict(await files.versions())
    assert after["db/pool.md"] != before["db/pool.md"]
    assert after["top.md"] == before["top.md"]
    assert await files.read("db/pool.md") == b"three, and longer"
    with pytest.raises(TargetMissing):
        await files.read("nowhere.md")


@pytest.mark.usefixtures("emulator")
@pytest.mark.parametrize("prefix", ["", "/team/runbooks"])
async def test_a_prefix_of_a_bucket_keeps_files(stack: AsyncExitStack, prefix: str) -> None:
    """Files are listed with a mark that changes with them, read, replaced, and missed by name."""
    bucket = await bucket_of(stack)
    files = await open_files(stack, f"s3://{bucket}{prefix}")
    await keeps_files(files)
    assert files.location == f"s3://{bucket}{prefix}"
    assert files.permissions == {"s3:GetObject", "s3:ListBucket"}


@pytest.mark.usefixtures("emulator")
async def test_a_bucket_that_is_not_there_is_named(stack: AsyncExitStack) -> None:
    """A wrong name is an error that carries it, not an empty library."""
    files = await open_files(stack, f"s3://nowhere-{uuid4()}")
    with pytest.raises(TargetMissing, match="nowhere-"):
        await files.versions()


async def test_a_folder_keeps_files(tmp_path: Path) -> None:
    """A folder that does not exist yet keeps the same promises as a bucket."""
    await keeps_files(FolderFiles(tmp_path / "new"))
    assert not list((tmp_path / "new").rglob("*.partial"))


async def test_no_library_is_a_setting_to_make(stack: AsyncExitStack) -> None:
    """Without a location the error names the variable."""
    with pytest.raises(SettingsInvalid, match="AUTOCLOUDOPS_KNOWLEDGE_LIBRARY"):
        await open_files(stack, None)
