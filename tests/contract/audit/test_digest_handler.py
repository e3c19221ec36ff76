"""The function that signs and verifies, as schedules call it, over S3, DynamoDB and KMS of the emulator."""

import asyncio
import json
import os
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import boto3
import pytest
from audit_actions import entry
from audit_history import LINES, StandingClock, record
from state_tables import new_table

from autocloudops.audit.actions import ActionObjects
from autocloudops.audit.keys import HOUR, digest_key, hour_of
from autocloudops.audit.writer import AuditWriter, CommitPolicy
from autocloudops.entrypoints import digest_handler
from autocloudops.entrypoints.digest_handler import DIGEST, VERIFY, handler
from autocloudops.entrypoints.wiring import open_audit, open_table
from autocloudops.errors import InputUnreadable, SettingsInvalid
from autocloudops.state.writers import DynamoWriters


@dataclass
class Audit:
    """An audit of the hour before the last one, and what was printed about it."""

    bucket: str
    records: tuple[str, ...]
    capsys: pytest.CaptureFixture[str]

    def call(self, event: Mapping[str, object]) -> tuple[dict[str, object], dict[str, list[float]]]:
        """Return what the function says, and the metrics that it prints."""
        said = handler(event, None)
        lines = map(json.loads, self.capsys.readouterr().out.splitlines())
        return said, {name: value for line in lines for name, value in line.items() if isinstance(value, list)}


@pytest.fixture
def audit(
    ministack: str,
    point_at: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Audit:
    """Return an audit that is due to be signed, with the environment that the stack gives the function."""
    point_at(ministack)
    bucket = f"audit-{uuid4().hex[:8]}"
    _client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    monkeypatch.setenv("AUTOCLOUDOPS_AUDIT_LOCATION", f"s3://{bucket}")
    monkeypatch.setenv("AUTOCLOUDOPS_AUDIT_DIGEST_KEY", _new_key())
    monkeypatch.setattr(digest_handler, "configure_logging", lambda _: None)
    monkeypatch.setenv("AUTOCLOUDOPS_METRICS_NAMESPACE", "AutoCloudOps")
    table, *records = asyncio.run(_written(bucket))
    monkeypatch.setenv("AUTOCLOUDOPS_STATE_TABLE", table)
    return Audit(bucket, tuple(records), capsys)


def _client(service: str) -> Any:  # noqa: ANN401 - clients of services without stubs
    return boto3.client(service, region_name="eu-west-1")


def _new_key() -> str:
    made = _client("kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    return f"kms://{made['KeyMetadata']['KeyId']}"


async def _written(bucket: str) -> list[str]:
    """Write an hour of records and one step of an action; return the state table, and the keys of the records."""
    clock = StandingClock()
    clock.at = hour_of(datetime.now(UTC)) - 2 * HOUR + timedelta(minutes=1)
    async with AsyncExitStack() as stack:
        client, objects = await open_table(stack), await open_audit(stack, f"s3://{bucket}")
        table = await new_table(client)
        writer = AuditWriter(objects, clock, CommitPolicy(records=LINES), DynamoWriters(client, table, clock))
        running = asyncio.create_task(writer.run())
        made = await asyncio.gather(*(writer.append(record(line)) for line in range(LINES)))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        step = entry()
        claim = step.claim.model_copy(update={"claimed_at": clock.at})
        await ActionObjects(objects).write(step.model_copy(update={"claim": claim, "at": clock.at}))
    return [table, *{each.location for each in made}]


def test_hours_are_signed_once_and_their_age_is_measured(audit: Audit) -> None:
    """What is over is signed for, a second call has nothing to do, and both tell how old the newest digest is."""
    said, metrics = audit.call(DIGEST)
    hours = said["hours"]
    assert isinstance(hours, list)
    assert metrics["DigestsSigned"] == [len(hours)]
    assert 1 <= len(hours) <= 2
    assert 0 < metrics["DigestAge"][0] < 2 * HOUR.total_seconds()
    again, metrics = audit.call(DIGEST)
    assert (again, metrics["DigestsSigned"]) == ({"hours": []}, [0])


def test_what_was_signed_for_is_verified(audit: Audit, caplog: pytest.LogCaptureFixture) -> None:
    """A clean audit has no failure; one whose object was replaced has, and the log names it."""
    audit.call(DIGEST)
    said, metrics = audit.call(VERIFY)
    assert (said["records"], said["findings"], metrics["VerifyFailures"]) == (LINES, 0, [0])
    _client("s3").put_object(Bucket=audit.bucket, Key=audit.records[0], Body=b"rubbish")
    said, metrics = audit.call(VERIFY)
    assert (said["findings"], metrics["VerifyFailures"]) == (1, [1])
    assert f"changed {audit.records[0]}" in caplog.text


def test_a_key_is_changed_by_naming_the_one_before(audit: Audit, monkeypatch: pytest.MonkeyPatch) -> None:
    """With another key the function signs nothing until a setting names the former one, and then verifies both."""
    former, new = os.environ["AUTOCLOUDOPS_AUDIT_DIGEST_KEY"], _new_key()
    audit.call(DIGEST)
    _client("s3").delete_object(Bucket=audit.bucket, Key=digest_key(hour_of(datetime.now(UTC)) - HOUR))
    monkeypatch.setenv("AUTOCLOUDOPS_AUDIT_DIGEST_KEY", new)
    with pytest.raises(SettingsInvalid, match="AUTOCLOUDOPS_AUDIT_FORMER_KEYS"):
        handler(DIGEST, None)
    monkeypatch.setenv("AUTOCLOUDOPS_AUDIT_FORMER_KEYS", former)
    audit.call(DIGEST)
    said, _ = audit.call(VERIFY)
    assert (said["records"], said["findings"]) == (LINES, 0)


@pytest.mark.usefixtures("audit")
def test_what_is_neither_is_refused() -> None:
    """Another event names what it holds, and what would be understood."""
    with pytest.raises(InputUnreadable, match="Records"):
        handler({"Records": []}, None)


@pytest.mark.usefixtures("audit")
def test_without_a_key_nothing_is_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The missing variable is named."""
    monkeypatch.delenv("AUTOCLOUDOPS_AUDIT_DIGEST_KEY")
    with pytest.raises(SettingsInvalid, match="AUTOCLOUDOPS_AUDIT_DIGEST_KEY"):
        handler(DIGEST, None)
