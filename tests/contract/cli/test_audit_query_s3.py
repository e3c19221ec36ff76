import asyncio
import json
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from acted import claim, lifecycle
from audit_folder import TODAYS, TOMORROWS
from audit_history import StandingClock
from reading_verbs import typed
from typer.testing import Result
from virtual_time import START

from autocloudops.audit.actions import ActionObjects
from autocloudops.audit.keys import ROOT, decisions_key
from autocloudops.audit.objects import S3Objects
from autocloudops.audit.writer import AuditWriter
from autocloudops.cli.audit_reading.copying import cache_of
from autocloudops.cli.audit_reading.days import DAY

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client

pytestmark = pytest.mark.skipif(find_spec("duckdb") is None, reason="the extra `query` is not installed")
COUNTED = "SELECT (SELECT count(*) FROM records) AS records, (SELECT count(*) FROM actions) AS actions"


@pytest.fixture
async def bucket(s3: "S3Client", tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A bucket with an audit of two days and one action, and an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    name = f"audit-{uuid4().hex[:12]}"
    await s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    objects, clock = S3Objects(s3, name, "deep/"), StandingClock()
    for records in (TODAYS, TOMORROWS):
        writer = AuditWriter(objects, clock)
        committing = asyncio.create_task(writer.run())
        await asyncio.gather(*map(writer.append, records))
        committing.cancel()
        clock.at += DAY
    for entry in lifecycle(claim(TODAYS[0])):
        await ActionObjects(objects).write(entry)
    return name


async def asked(bucket: str, sql: str = COUNTED, *more: str) -> Result:
    """Ask the audit in a bucket, as a shell does beside whatever runs here."""
    return await asyncio.to_thread(typed, "query", sql, "--location", f"s3://{bucket}/deep", *more)


async def test_a_bucket_is_copied_once(bucket: str) -> None:
    """The first query fetches every object, the next one none; both see the same rows."""
    first, second = await asked(bucket), await asked(bucket)
    assert json.loads(first.stdout) == json.loads(second.stdout) == {"records": 7, "actions": 3}
    assert "5 objects of" in first.stderr
    assert second.stderr == ""


async def test_only_the_days_that_are_named_are_fetched(bucket: str) -> None:
    """A day's query fetches that day; what an earlier one fetched is not shown."""
    tomorrow = f"{START + DAY:%Y-%m-%d}"
    result = await asked(bucket, COUNTED, "--from", tomorrow, "--to", tomorrow)
    assert "1 objects of" in result.stderr
    await asked(bucket)
    assert json.loads((await asked(bucket, COUNTED, "--from", tomorrow)).stdout) == {"records": 1, "actions": 0}


async def test_the_copy_is_the_owners_alone(bucket: str) -> None:
    """Nobody else on the machine can look into the copy."""
    await asked(bucket)
    assert cache_of(f"s3://{bucket}/deep").stat().st_mode & 0o077 == 0


async def test_a_strange_key_is_not_copied(bucket: str, s3: "S3Client") -> None:
    """An object whose key would lead out of the copy, or that no writer names like this, is left where it is."""
    for key in (f"{ROOT}decisions/../../../../../../stolen", f"{ROOT}decisions/dt=2026-03-01/other.jsonl.gz"):
        await s3.put_object(Bucket=bucket, Key=f"deep/{key}", Body=b"{}")
    assert json.loads((await asked(bucket)).stdout) == {"records": 7, "actions": 3}
    copied = {path.name for path in cache_of(f"s3://{bucket}/deep").rglob("*") if path.is_file()}
    assert len(copied) == 5
    assert not copied & {"stolen", "other.jsonl.gz"}


async def test_a_new_object_is_fetched(bucket: str, s3: "S3Client") -> None:
    """What was added since the last query is fetched by the next one."""
    await asked(bucket)
    later = START + DAY
    (first, *_) = (await s3.list_objects_v2(Bucket=bucket, Prefix=f"deep/{ROOT}decisions/"))["Contents"]
    key = decisions_key(str(uuid4()), 0, later)
    await s3.copy_object(Bucket=bucket, Key=f"deep/{key}", CopySource={"Bucket": bucket, "Key": first["Key"]})
    result = await asked(bucket)
    assert "1 objects of" in result.stderr
    assert json.loads(result.stdout)["records"] == 7 + len(TODAYS)
