"""Where audit objects are: an S3 bucket or a folder, both create-only."""

import base64
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypedDict

from botocore.exceptions import ClientError

from autocloudops.aws import error_code, translated
from autocloudops.errors import AuditConflict, ServiceUnavailable, TargetMissing

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client

EXISTS = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
PARTIAL = ".partial"


class _Encryption(TypedDict, total=False):
    ServerSideEncryption: Literal["aws:kms"]
    SSEKMSKeyId: str
    BucketKeyEnabled: bool


class AuditObjects(Protocol):
    """Audit objects by key. Raises `ServiceFailed` where they cannot be reached."""

    location: str

    async def create(self, key: str, body: bytes) -> None:
        """Write an object that does not exist; success if the same bytes are there already.

        Raises:
            AuditConflict: other bytes are there.
        """
        ...

    async def read(self, key: str) -> bytes:
        """Return an object's bytes.

        Raises:
            TargetMissing: it is not there.
        """
        ...

    def keys(self, prefix: str) -> AsyncIterator[str]:
        """Yield the keys below `prefix` in order."""
        ...


class S3Objects:
    """Audit objects in a bucket.

    Args:
        client: an S3 client.
        bucket: the bucket's name.
        prefix: what stands before every key, empty or ending in a slash.
        kms_key: id or ARN of the KMS key that objects are encrypted with, empty for the bucket's own default. A bucket
            key keeps its calls few.

    Retention is left to the bucket's default. A bucket under Object Lock takes no object without a checksum (S3 User
    Guide, Object Lock considerations), so each has one.
    """

    def __init__(self, client: "S3Client", bucket: str, prefix: str = "", kms_key: str = "") -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix
        self._encryption: _Encryption = {}
        if kms_key:
            self._encryption = {
                "ServerSideEncryption": "aws:kms",
                "SSEKMSKeyId": kms_key,
                "BucketKeyEnabled": True,
            }
        self.location = f"s3://{bucket}/{prefix}".rstrip("/")

    async def create(self, key: str, body: bytes) -> None:
        """Write an object that does not exist; success if the same bytes are there already."""
        checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
        with translated("s3:PutObject", self._bucket):
            try:
                await self._client.put_object(
                    Bucket=self._bucket,
                    Key=self._prefix + key,
                    Body=body,
                    ChecksumAlgorithm="SHA256",
                    ChecksumSHA256=checksum,
                    IfNoneMatch="*",
                    ContentType="application/gzip" if key.endswith(".gz") else "application/json",
                    **self._encryption,
                )
            except ClientError as error:
                if error_code(error) not in EXISTS or not await self._holds(key, body):
                    raise

    async def _holds(self, key: str, body: bytes) -> bool:
        """Return whether a lost response hid our own success; after a 409 nothing may be there yet.

        The bytes are compared, because not every S3 returns the checksum of an object (moto 5.2.5 does not).
        """
        try:
            there = await self._bytes(key)
        except ClientError as error:
            if error_code(error) == "NoSuchKey":
                return False
            raise
        if there == body:
            return True
        raise AuditConflict(
            f"{self.location}/{key} holds bytes that this writer did not write",
            "find out who else writes to the audit bucket before you trust it",
        )

    async def _bytes(self, key: str) -> bytes:
        answer = await self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)
        async with answer["Body"] as stream:
            return await stream.read()

    async def read(self, key: str) -> bytes:
        """Return an object's bytes."""
        with translated("s3:GetObject", self._bucket):
            return await self._bytes(key)

    async def keys(self, prefix: str) -> AsyncIterator[str]:
        """Yield the keys below `prefix` in order."""
        pages = self._client.get_paginator("list_objects_v2")
        with translated("s3:ListBucket", self._bucket):
            async for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix + prefix):
                for entry in page.get("Contents", ()):
                    yield entry["Key"].removeprefix(self._prefix)


class FolderObjects:
    """Audit objects in a folder, in the layout of the bucket."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.location = str(folder)

    async def create(self, key: str, body: bytes) -> None:
        """Write an object that does not exist; success if the same bytes are there already."""
        path = self._folder / key
        partial = path.with_name(path.name + PARTIAL)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            os.link(partial, path)
        except FileExistsError as error:
            if path.read_bytes() != body:
                raise AuditConflict(f"{path} holds other bytes", "choose an empty folder") from error
        except OSError as error:
            raise ServiceUnavailable("file:create", str(path), error.strerror or str(error)) from error
        finally:
            partial.unlink(missing_ok=True)

    async def read(self, key: str) -> bytes:
        """Return an object's bytes."""
        path = self._folder / key
        try:
            return path.read_bytes()
        except FileNotFoundError as error:
            raise TargetMissing("file:read", str(path), "no such file") from error

    async def keys(self, prefix: str) -> AsyncIterator[str]:
        """Yield the keys below `prefix` in order."""
        for path in sorted((self._folder / prefix).rglob("*")):
            if path.is_file() and path.suffix != PARTIAL:
                yield path.relative_to(self._folder).as_posix()
