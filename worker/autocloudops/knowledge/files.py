"""Where a library is: a folder, or a prefix of a bucket. Files are named by their path in it, with slashes."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from autocloudops.aws import translated
from autocloudops.errors import ServiceUnavailable, TargetMissing

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client


class Files(Protocol):
    """Files by name. Every method raises `ServiceFailed` where they cannot be reached."""

    @property
    def location(self) -> str:
        """Where they are, as people configured it."""
        ...

    @property
    def permissions(self) -> frozenset[str]:
        """The IAM actions that reading needs."""
        ...

    async def versions(self) -> Mapping[str, str]:
        """Return every file's name, and a mark that changes with its content."""
        ...

    async def read(self, name: str) -> bytes:
        """Return a file's bytes.

        Raises:
            TargetMissing: there is none of this name.
        """
        ...

    async def write(self, name: str, body: bytes) -> None:
        """Put a file in the place of whatever has its name, whole or not at all."""
        ...


class FolderFiles:
    """Files in a folder; it may not exist yet."""

    permissions: frozenset[str] = frozenset()

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.location = str(folder)

    async def versions(self) -> Mapping[str, str]:
        """Return every file's name with its time of change and size."""
        found = (path for path in sorted(self._folder.rglob("*")) if path.is_file())
        return {path.relative_to(self._folder).as_posix(): _mark(path) for path in found}

    async def read(self, name: str) -> bytes:
        """Return a file's bytes."""
        path = self._folder / name
        try:
            return path.read_bytes()
        except FileNotFoundError as error:
            raise TargetMissing("file:read", str(path), "there is no such file") from error
        except OSError as error:
            raise ServiceUnavailable("file:read", str(path), error.strerror or str(error)) from error

    async def write(self, name: str, body: bytes) -> None:
        """Replace a file by one rename, so that no reader sees half of it."""
        path = self._folder / name
        partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(body)
            partial.replace(path)
        except OSError as error:
            raise ServiceUnavailable("file:write", str(path), error.strerror or str(error)) from error
        finally:
            partial.unlink(missing_ok=True)


class S3Files:
    """Files below a prefix of a bucket.

    Args:
        client: an S3 client.
        bucket: the bucket's name.
        prefix: what stands before every name, empty or ending in a slash.
    """

    permissions = frozenset({"s3:GetObject", "s3:ListBucket"})

    def __init__(self, client: "S3Client", bucket: str, prefix: str = "") -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix
        self.location = f"s3://{bucket}/{prefix}".rstrip("/")

    async def versions(self) -> Mapping[str, str]:
        """Return every object's name with its ETag."""
        found: dict[str, str] = {}
        pages = self._client.get_paginator("list_objects_v2")
        with translated("s3:ListBucket", self._bucket):
            async for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix):
                entries = page.get("Contents", ())
                found |= {entry["Key"].removeprefix(self._prefix): entry["ETag"] for entry in entries}
        return found

    async def read(self, name: str) -> bytes:
        """Return an object's bytes."""
        with translated("s3:GetObject", f"{self.location}/{name}"):
            answer = await self._client.get_object(Bucket=self._bucket, Key=self._prefix + name)
            async with answer["Body"] as stream:
                return await stream.read()

    async def write(self, name: str, body: bytes) -> None:
        """Put an object."""
        with translated("s3:PutObject", f"{self.location}/{name}"):
            await self._client.put_object(Bucket=self._bucket, Key=self._prefix + name, Body=body)


def _mark(path: Path) -> str:
    status = path.stat()
    return f"{status.st_mtime_ns}-{status.st_size}"
