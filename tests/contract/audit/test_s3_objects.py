from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from autocloudops.audit.objects import S3Objects
from autocloudops.errors import AuditConflict, TargetMissing

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client

KEY = "audit/v1/decisions/dt=2026-03-01/hour=12/w-0000000000.jsonl.gz"


@pytest.fixture
async def objects(s3: "S3Client") -> S3Objects:
    """An empty bucket, used below a prefix."""
    bucket = f"audit-{uuid4().hex[:8]}"
    await s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return S3Objects(s3, bucket, "team/")


async def test_what_is_created_is_read_and_listed(objects: S3Objects) -> None:
    """An object is found again by its key, with the prefix out of sight."""
    await objects.create(KEY, b"body")
    assert await objects.read(KEY) == b"body"
    assert [key async for key in objects.keys("audit/v1/")] == [KEY]
    assert [key async for key in objects.keys("audit/v2/")] == []


async def test_a_write_whose_answer_was_lost_succeeds_again(objects: S3Objects) -> None:
    """The same bytes under the same key are success."""
    await objects.create(KEY, b"body")
    await objects.create(KEY, b"body")
    assert await objects.read(KEY) == b"body"


async def test_other_bytes_are_never_overwritten(objects: S3Objects) -> None:
    """Create-only: an alien object is named and stays."""
    await objects.create(KEY, b"body")
    with pytest.raises(AuditConflict, match="w-0000000000"):
        await objects.create(KEY, b"other")
    assert await objects.read(KEY) == b"body"


async def test_a_missing_bucket_is_named(s3: "S3Client") -> None:
    """A wrong bucket name is an error that carries the name."""
    with pytest.raises(TargetMissing, match="no-such-bucket"):
        await S3Objects(s3, "no-such-bucket").create(KEY, b"body")


async def test_a_locked_bucket_takes_objects_and_keeps_them(s3: "S3Client") -> None:
    """Under Object Lock an object is created once, under the bucket's own retention, and its version stays."""
    bucket = f"audit-{uuid4().hex[:8]}"
    await s3.create_bucket(
        Bucket=bucket,
        CreateBucketConfiguration={"LocationConstraint": "eu-west-1"},
        ObjectLockEnabledForBucket=True,
    )
    await s3.put_object_lock_configuration(
        Bucket=bucket,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}},
        },
    )
    objects = S3Objects(s3, bucket)
    await objects.create(KEY, b"body")
    await objects.create(KEY, b"body")
    (version,) = (await s3.list_object_versions(Bucket=bucket))["Versions"]
    with pytest.raises(ClientError, match="AccessDenied"):
        await s3.delete_object(Bucket=bucket, Key=KEY, VersionId=version["VersionId"])
    assert await objects.read(KEY) == b"body"


async def test_objects_are_encrypted_with_the_key_that_is_named(s3: "S3Client") -> None:
    """With a KMS key each object names it; without one the bucket's own default counts."""
    bucket, key = f"audit-{uuid4().hex[:8]}", f"arn:aws:kms:eu-west-1:111122223333:key/{uuid4()}"
    await s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    await S3Objects(s3, bucket, kms_key=key).create(KEY, b"body")
    there = await s3.head_object(Bucket=bucket, Key=KEY)
    assert (there["ServerSideEncryption"], there["SSEKMSKeyId"]) == ("aws:kms", key)
    assert await S3Objects(s3, bucket).read(KEY) == b"body"
