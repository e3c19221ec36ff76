import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from uuid import UUID

import pytest
from recorded import recorded
from remembered import past
from typer.testing import CliRunner, Result

from autocloudops.audit.record import Outcome
from autocloudops.cli import noting
from autocloudops.cli.app import app
from autocloudops.clock import SystemClock
from autocloudops.entrypoints.wiring import open_table
from autocloudops.incidents.past import Judgement, PastIncident
from autocloudops.registered_writer import RegisteredWriter
from autocloudops.sandbox import SandboxResources
from autocloudops.state.past import DynamoPast
from autocloudops.state.writers import DynamoWriters

ONE = UUID("7f3a0000-aaaa-4000-8000-000000000001")
TWO = UUID("7f3a0000-bbbb-4000-8000-000000000002")


@pytest.fixture
def table(deployed: SandboxResources) -> str:
    """Return a state table that remembers two incidents, with the environment set to it."""
    asyncio.run(_kept(deployed.state_table))
    return deployed.state_table


async def _kept(table: str) -> None:
    async with AsyncExitStack() as stack:
        store = DynamoPast(await open_table(stack), table, SystemClock())
        for incident_id in (ONE, TWO):
            await store.keep(past(incident_id=incident_id))


async def _named(table: str, incident_id: UUID) -> PastIncident:
    async with AsyncExitStack() as stack:
        (found,) = await DynamoPast(await open_table(stack), table, SystemClock()).named(str(incident_id))
        return found


def label(wanted: str, judgement: str = "right", *more: str) -> Result:
    """Label an incident as a person does."""
    return CliRunner().invoke(app, ["label", wanted, judgement, "--by", "ana", *more])


def test_a_label_is_kept_with_who_and_why(table: str) -> None:
    """What a person says of a decision stands with its incident, on the decision that was the last one then."""
    assert label(f"inc-{ONE}", "wrong-cause", "--note", "it was\nthe cache").exit_code == 0
    found = asyncio.run(_named(table, ONE))
    (kept,) = found.labels
    assert (kept.judgement, kept.by, kept.note) == (Judgement.WRONG_CAUSE, "ana", "it was the cache")
    assert kept.decision_id == found.decision_id
    assert asyncio.run(_named(table, TWO)).labels == ()
    assert label(str(ONE), "not-actionable", "--note", "x" * 201).exit_code == 252


def test_an_id_may_be_short_but_not_ambiguous(table: str) -> None:
    """As many characters as tell two incidents apart are enough; fewer name both, and label neither."""
    assert label("7F3A0000-b").exit_code == 0
    assert len(asyncio.run(_named(table, TWO)).labels) == 1
    refused = label("inc-7f3a0000")
    assert refused.exit_code == 252
    assert str(ONE) in refused.stderr
    assert str(TWO) in refused.stderr


def test_an_unknown_incident_is_named(table: str) -> None:
    """What is not remembered cannot be labelled, and the error names the id that was typed."""
    refused = label("00000000")
    assert refused.exit_code == 252
    assert "no decided incident starts with 00000000" in refused.stderr
    assert asyncio.run(_named(table, ONE)).labels == ()


def test_a_wrong_cause_is_corrected(table: str) -> None:
    """What it really was is kept with the label; beside any other label it is refused, and nothing is kept."""
    assert label(str(ONE), "wrong-cause", "--cause", "the cache\nwas cold").exit_code == 0
    assert label(str(ONE), "right", "--cause", "the cache").exit_code == 252
    found = asyncio.run(_named(table, ONE))
    assert (found.corrected, len(found.labels)) == ("the cache was cold", 1)


def test_a_label_is_a_line_of_the_audit(table: str, deployed: SandboxResources) -> None:
    """Who said what of which decision is durable, in an audit whose writer is registered and has ended."""
    assert label(str(TWO), "wrong-action", "--note", "scale the pool").exit_code == 0
    (found,) = asyncio.run(recorded(deployed.audit_bucket))
    (kept,) = asyncio.run(_named(table, TWO)).labels
    assert (found.record.outcome, found.record.incident_id, found.record.label) == (Outcome.NOTE, TWO, kept)
    assert found.record.note == "ana says wrong-action: scale the pool"
    (writer,) = asyncio.run(_writers(table))
    assert (writer.writer_id, writer.sequence, writer.ended) == (found.record.writer, 0, True)


def test_what_cannot_be_audited_is_not_said(table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an audit nothing is kept."""
    monkeypatch.delenv("AUTOCLOUDOPS_AUDIT_LOCATION")
    assert label(str(ONE)).exit_code == 253
    assert asyncio.run(_named(table, ONE)).labels == ()


def test_what_does_not_become_durable_is_not_said(table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where S3 refuses the line it is tried for a while; then the error says why, and nothing is kept."""
    monkeypatch.setenv("AUTOCLOUDOPS_AUDIT_LOCATION", "s3://no-such-bucket-of-ours")
    monkeypatch.setattr(noting, "DURABLE_SECONDS", 3.0)
    refused = label(str(ONE))
    assert refused.exit_code == 254
    assert "NoSuchBucket" in refused.stderr
    assert asyncio.run(_named(table, ONE)).labels == ()


async def _writers(table: str) -> Sequence[RegisteredWriter]:
    async with AsyncExitStack() as stack:
        return await DynamoWriters(await open_table(stack), table, SystemClock()).registered()
