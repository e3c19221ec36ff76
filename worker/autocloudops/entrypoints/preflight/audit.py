"""Where the audit goes."""

import gzip
from functools import partial
from pathlib import Path

from botocore.exceptions import ClientError

from autocloudops.audit.objects import AuditObjects, FolderObjects, S3Objects
from autocloudops.aws import error_code, translated
from autocloudops.entrypoints.models import own_region
from autocloudops.entrypoints.preflight.checks import Check, Weight
from autocloudops.entrypoints.preflight.clients import Clients
from autocloudops.errors import SettingsInvalid

MARKER = "audit/v1/preflight.jsonl.gz"
NO_RECORDS = gzip.compress(b"", mtime=0)
UNLOCKED = "ObjectLockConfigurationNotFoundError"


def audit_checks(clients: Clients, location: str) -> list[Check]:
    """Return the checks of the audit's bucket or folder."""
    if not location.startswith("s3://"):
        objects = FolderObjects(Path(location))
        return [Check("write the audit", location, Weight.VITAL, partial(_write, objects))]
    clients.needs("s3")
    bucket, _, prefix = location.removeprefix("s3://").partition("/")
    before = f"{prefix.rstrip('/')}/" if prefix else ""
    return [
        Check("write the audit", location, Weight.VITAL, partial(_write_object, clients, bucket, before)),
        Check("audit bucket's region", bucket, Weight.ADVISORY, partial(_region, clients, bucket)),
        Check("audit bucket's versions", bucket, Weight.ADVISORY, partial(_versions, clients, bucket)),
    ]


async def _write_object(clients: Clients, bucket: str, prefix: str) -> str:
    return await _write(S3Objects(await clients.get("s3"), bucket, prefix))


async def _write(objects: AuditObjects) -> str:
    """Create one object without records, once: by it later starts prove that they may write, and read their own."""
    await objects.create(MARKER, NO_RECORDS)
    return f"allowed, shown by {MARKER}"


async def _region(clients: Clients, bucket: str) -> str:
    s3 = await clients.get("s3")
    with translated("s3:ListBucket", bucket):
        region = (await s3.head_bucket(Bucket=bucket)).get("BucketRegion", "")
    if region != own_region():
        raise SettingsInvalid(
            f"the bucket is in {region}, this worker in {own_region()}", "use a bucket in the same region"
        )
    return str(region)


async def _versions(clients: Clients, bucket: str) -> str:
    s3 = await clients.get("s3")
    with translated("s3:GetBucketVersioning", bucket):
        status = (await s3.get_bucket_versioning(Bucket=bucket)).get("Status")
    if status != "Enabled":
        raise SettingsInvalid("what is overwritten or deleted is gone", "turn versioning on")
    return f"kept; {await _lock(clients, bucket)}"


async def _lock(clients: Clients, bucket: str) -> str:
    s3 = await clients.get("s3")
    with translated("s3:GetBucketObjectLockConfiguration", bucket):
        try:
            answer = await s3.get_object_lock_configuration(Bucket=bucket)
        except ClientError as error:
            if error_code(error) == UNLOCKED:
                return "no Object Lock"
            raise
    kept = answer["ObjectLockConfiguration"].get("Rule", {}).get("DefaultRetention", {})
    return f"Object Lock {kept['Mode'].lower()}" if kept else "Object Lock without a default"
